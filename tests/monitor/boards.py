"""Boards with pairs and observations to put on them, for whoever tests the monitor.

board = board_of(pairs(targets=3, routes=2))
board.take(key, seen(pair))                       # reached, with a certificate of a public family
board.take(key, seen(pair, REFUSED, at=NOW + 60))
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from prober.engine.run import Pair
from prober.interception import TrustStore
from prober.model import (
    Failure,
    Hop,
    HopScheme,
    HopTimings,
    HttpFacts,
    Observation,
    Reason,
    Route,
    Scheme,
    Stage,
    Target,
    Timings,
    TlsFacts,
)
from prober.monitor.board import Board
from prober.monitor.state import PairKey

from ..interception.forging import NOW, Made, root

__all__ = [
    "DIRECT",
    "HQ",
    "NOW",
    "REFUSED",
    "TWO",
    "board_of",
    "chain_for",
    "key_of",
    "pair",
    "pairs",
    "seen",
    "tls_of",
]

DIRECT = Route("direct")
HQ = Route("hq", (Hop(HopScheme.HTTP, "hq.corp.test", 3128),))
TWO = Route("two", (Hop(HopScheme.SOCKS5H, "10.0.0.7", 1080), Hop(HopScheme.HTTPS, "proxy.corp.test", 8443)))
REFUSED = Failure(Stage.CONNECT, 0, Reason.TCP_REFUSED, "connect to 203.0.113.7:443: nobody listens")

PUBLIC = root("First Trust Root", "First Trust Inc")
ISSUING = PUBLIC.authority("First Trust TLS CA 01", "First Trust Inc")
STRANGER = root("Corp Root CA", "Example Corp")
"""In no store."""


def target(number: int = 0, **more: Any) -> Target:
    """`mde.c0.t7`, service MDE, an https target; every third is MDAV's, every fifth in Europe."""
    service, group = ("MDAV", "c1") if number % 3 == 2 else ("MDE", "c2")
    values = {
        "id": f"{service.lower()}.{group}.t{number}",
        "scheme": Scheme.HTTPS,
        "host": f"t{number}.example.test",
        "port": 443,
        "service": service,
        "group": group,
        "geography": "EU" if number % 5 == 4 else "WW",
        **more,
    }
    return Target(**values)


def pair(number: int = 0, route: Route = DIRECT, **more: Any) -> Pair:
    """A target over a route."""
    return Pair(target(number, **more), route)


def pairs(targets: int = 1, routes: int | Sequence[Route] = 1) -> list[Pair]:
    """All targets over all routes, target by target. Routes by number: direct, hq, two, r3, r4 …"""
    if isinstance(routes, int):
        more = [Route(f"r{n}", (Hop(HopScheme.HTTP, f"p{n}.corp.test", 8080),)) for n in range(3, routes)]
        routes = [DIRECT, HQ, TWO, *more][:routes]
    return [Pair(one, route) for one in map(target, range(targets)) for route in routes]


def key_of(one: Pair) -> PairKey:
    """As the board has it."""
    return one.target.id, one.route.name


def board_of(of: Sequence[Pair], *, confirm: int = 2, egress: str = "paris", **more: Any) -> Board:
    """A board that trusts PUBLIC's family."""
    return Board(egress, of, TrustStore(PUBLIC.pem, b"", (), None, with_shipped=False), confirm=confirm, **more)


@cache
def leaf(host: str, signer: str = "public") -> Made:
    """The same certificate at each call."""
    return (ISSUING if signer == "public" else STRANGER).server(host)


def chain_for(host: str, signer: str = "public") -> tuple[bytes, ...]:
    """A chain as sent: from the public family, or (`stranger`) from an authority that no store has."""
    return (leaf(host, signer).der, ISSUING.der if signer == "public" else STRANGER.der)


def tls_of(chain: tuple[bytes, ...]) -> TlsFacts:
    """A finished handshake that showed this chain."""
    return TlsFacts(
        version="TLSv1.3",
        cipher="TLS_AES_128_GCM_SHA256",
        group="x25519",
        alpn="http/1.1",
        client_cert_requested=False,
        ocsp_stapled=False,
        chain=chain,
    )


def seen(
    of: Pair, failure: Failure | None = None, *, at: float = NOW, signer: str = "public", **more: Any
) -> Observation:
    """A probe of the pair: reached with certificate and status 200 and all timings, or failed with what it has then."""
    hops = tuple(
        HopTimings(
            connect=0.004 if number == 0 else None,
            tls=0.012 if hop.scheme is HopScheme.HTTPS else None,
            negotiate=0.008,
        )
        for number, hop in enumerate(of.route.hops)
    )
    values: dict[str, Any] = {"target": of.target.id, "route": of.route.name, "at": at, "failure": failure}
    if failure is None:
        connect = None if of.route.hops else 0.003
        values["timings"] = Timings(dns=0.001, connect=connect, hops=hops, tls=0.02, ttfb=0.03, total=0.075)
        values["tls"] = tls_of(chain_for(of.target.host, signer))
        values["http"] = HttpFacts(200)
    else:
        values["timings"] = Timings(dns=0.001, total=0.5)
    return Observation(**{**values, **more})
