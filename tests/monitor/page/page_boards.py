"""Boards for tests of the page: real targets of the catalogs, certificates made here, observations made by hand.

A `Play` is a `PageSource`: what is played on it comes to its board as from a probe, with a clock that the test moves.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from prober.check.plan import Plan, make_plan
from prober.config import load
from prober.engine.run import Pair
from prober.interception import TrustStore
from prober.lab.authorities import Authority, Credential, make_key, pem
from prober.model import (
    Failure,
    Hop,
    HopFacts,
    HopScheme,
    HopTimings,
    HttpFacts,
    Observation,
    Reason,
    Route,
    Scheme,
    ServerHello,
    Stage,
    Target,
    Timings,
    TlsFacts,
)
from prober.monitor.board import Board
from prober.monitor.memory.history import Filter, Recorded
from prober.monitor.page.source import Status, TransitionQuery
from prober.monitor.state import PairKey, Transition

NOW = 1_795_332_600.0
"""2026-11-22T07:30:00Z."""
HOUR = 3600.0
DAY = 86_400.0

DIRECT = Route("direct")
HQ = Route("hq", (Hop(HopScheme.HTTP, "10.0.0.6", 8080),))
CLOUD = Route(
    "cloud", (Hop(HopScheme.SOCKS5H, "10.0.0.7", 1080), Hop(HopScheme.HTTPS, "swg.contoso.example", 8443, user="svc"))
)
BRANCH = Route("branch", (Hop(HopScheme.HTTP, "10.20.0.6", 3128),))
ROUTES = (DIRECT, HQ, CLOUD, BRANCH)


def when(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def name(organization: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def authority(organization: str, common: str, issuer: Authority | None = None) -> Authority:
    years = (when(NOW - 500 * DAY), when(NOW + 2000 * DAY))
    return Authority(common, key="ecdsa", issuer=issuer, logged=True, subject=name(organization, common), valid=years)


def leaf(
    signer: Authority, host: str, *, days: tuple[float, float] = (-20, 70), names: Sequence[str] = ()
) -> Credential:
    valid = (when(NOW + days[0] * DAY), when(NOW + days[1] * DAY))
    return signer.leaf(names or [host], valid=valid, key=make_key("ecdsa"))


def ders(credential: Credential) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in (credential.certificate, *credential.chain))


@dataclass(frozen=True)
class Trusts:
    """Who signs."""

    one: Authority
    two: Authority
    inspection: Authority

    def of(self, target: Target) -> Authority:
        return self.one if sum(target.host.encode()) % 3 else self.two


@functools.cache
def trusts() -> Trusts:
    public, other = authority("First Trust Inc", "First Trust Root"), authority("Second Trust Ltd", "Second Trust Root")
    company = authority("Contoso Ltd", "Contoso Root CA")
    return Trusts(
        authority("First Trust Inc", "First Trust TLS CA 01", public),
        authority("Second Trust Ltd", "Second Trust Server CA", other),
        authority("Contoso Ltd", "Contoso Inspection CA 07", company),
    )


@functools.cache
def plan() -> Plan:
    """The plan of a run over the bundled catalogs, with what is this machine's left out."""
    made = make_plan(load(None, {}, {"egress": "paris", "select.required": "all"}, via=(), no_direct=False))
    return replace(made, rules=ROUTES, warnings=())


@functools.cache
def genuine(target: Target) -> tuple[bytes, ...]:
    return ders(leaf(trusts().of(target), target.host))


@functools.cache
def forged(target: Target) -> tuple[bytes, ...]:
    return ders(leaf(trusts().inspection, target.host, days=(-1, 364)))


def tls(chain: tuple[bytes, ...]) -> TlsFacts:
    return TlsFacts(
        version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        group="x25519",
        alpn="http/1.1",
        client_cert_requested=False,
        ocsp_stapled=False,
        chain=chain,
        hello=ServerHello(0x0304, 0x1302, 29, (43, 51)),
    )


def reached(
    target: Target,
    route: Route,
    at: float,
    chain: tuple[bytes, ...] | None = None,
    *,
    status: int | None = None,
    headers: tuple[tuple[str, str], ...] = (("server", "Microsoft-HTTPAPI/2.0"),),
) -> Observation:
    """An observation of a target that answers."""
    n = (sum(target.host.encode()) * 7 + int(at)) % 23
    hops = tuple(HopTimings(connect=0.003, tls=0.011 if hop.scheme is HopScheme.HTTPS else None, negotiate=0.02)
                 for hop in route.hops)  # fmt: skip
    through = sum(0.034 if hop.tls else 0.023 for hop in hops)
    secure = target.scheme is not Scheme.HTTP
    handshake = (0.021 + n / 1000) if secure else None
    first = (0.030 + n / 700) if target.scheme is not Scheme.TLS else None
    dns = None if route.hops else 0.004
    connect = None if route.hops else 0.012 + n / 2000
    expected = target.expected[0] if target.expected else 200
    return Observation(
        target=target.id,
        route=route.name,
        at=at,
        timings=Timings(
            dns, connect, hops, handshake, first,
            total=through + sum(filter(None, (dns, connect, handshake, first))) + 0.001,
        ),
        peer=route.hops[0].address if route.hops else "203.0.113.7:443",
        tls=tls(genuine(target) if chain is None else chain) if secure else None,
        http=HttpFacts(status or expected, headers) if target.scheme is not Scheme.TLS else None,
        hops=tuple(HopFacts(status=0 if "socks" in hop.scheme else 200) for hop in route.hops),
    )  # fmt: skip


def failed(
    target: Target,
    route: Route,
    at: float,
    reason: Reason = Reason.TCP_TIMEOUT,
    *,
    stage: Stage = Stage.CONNECT,
    hop: int = 0,
    detail: str = "no answer within 10 s",
    status: int | None = None,
) -> Observation:
    """An observation of a target that does not."""
    slow = reason in (Reason.TCP_TIMEOUT, Reason.TLS_TIMEOUT, Reason.PROXY_TIMEOUT, Reason.PROXY_UPSTREAM_TIMEOUT)
    hops = (HopTimings(connect=0.003, negotiate=None if slow else 0.006),) if route.hops else ()
    return Observation(
        target=target.id,
        route=route.name,
        at=at,
        failure=Failure(stage, hop, reason, detail, status),
        timings=Timings(dns=None if route.hops else 0.004, hops=hops, total=10.0 if slow else 0.012),
        peer=route.hops[0].address if route.hops else None,
        hops=(HopFacts(status=status),) if route.hops else (),
    )


def denied(target: Target, route: Route, at: float) -> Observation:
    return failed(
        target, route, at, Reason.PROXY_DENIED, stage=Stage.PROXY, hop=1, status=403,
        detail=f"403 Forbidden to CONNECT {target.address}; Server: squid/6.13; X-Squid-Error: ERR_ACCESS_DENIED 0",
    )  # fmt: skip


@dataclass
class Play:
    """A `PageSource` whose board is played to by hand."""

    board: Board
    plan: Plan
    clock: float = NOW
    told: list[Transition] = field(default_factory=list)
    facts: Status = field(
        default_factory=lambda: Status(
            version="1.0",
            started=NOW - 9 * DAY,
            ready=True,
            in_flight=3,
            late=0.004,
            lag=0.006,
            skipped=0,
            workers=2,
            restarts=0,
            lost=0,
            reload_ok=True,
            reload_at=NOW - 2 * DAY,
            reload_errors=0,
            store="prober.db",
            store_trouble=None,
        )
    )
    asked: list[TransitionQuery] = field(default_factory=list)

    def now(self) -> float:
        return self.clock

    def status(self) -> Status:
        return self.facts

    def interval(self, key: PairKey) -> float:
        return 30.0

    async def transitions(self, query: TransitionQuery) -> Sequence[Recorded]:
        self.asked.append(query)
        asked = Filter(query.target, query.route, query.track, query.since, query.cursor, query.before)
        numbered = [Recorded(number, each) for number, each in enumerate(self.told, 1)]
        return [each for each in reversed(numbered) if asked.takes(each)][: query.limit]

    def play(self, *observations: Observation) -> None:
        for each in observations:
            taken = self.board.take((each.target, each.route), each)
            assert taken is not None
            self.told.extend(taken.transitions)

    def target(self, part: str) -> Target:
        """The first target whose id or host has this in it."""
        return next(s.target for s in self.board.pairs.values() if part in s.target.id or part in s.target.host)

    def first(self) -> Target:
        """A target with TLS and an answer to it."""
        return next(state.target for state in self.board.pairs.values() if state.target.scheme is Scheme.HTTPS)

    def change(self, targets: Iterable[Target], routes: Sequence[Route] = ROUTES) -> None:
        """A reload."""
        self.board.change("paris", pairs_of(targets, routes), self.board.judge, confirm=2, same_trust=True)


def pairs_of(targets: Iterable[Target], routes: Sequence[Route]) -> list[Pair]:
    return [Pair(target, route) for target in targets for route in routes]


def empty_stage(targets: Sequence[Target], routes: Sequence[Route] = ROUTES, *, confirm: int = 2) -> Play:
    """Nothing seen yet."""
    made = plan()
    roots = pem(*(each.root for each in (trusts().one, trusts().two)))
    judge = TrustStore(roots, b"", (), None, with_shipped=False)
    pairs = pairs_of(targets, routes)
    board = Board("paris", pairs, judge, confirm=confirm)
    return Play(board, replace(made, rules=tuple(routes), pairs=tuple(pairs), judge=judge, targets=tuple(targets)))


def catalog(number: int | None = None) -> tuple[Target, ...]:
    """Targets of the bundled catalogs; copies of them under other names where more are wanted."""
    targets = plan().targets
    if number is None:
        return targets
    found = list(targets[:number])
    while len(found) < number:
        each = targets[len(found) % len(targets)]
        extra = len(found) // len(targets)
        found.append(replace(each, id=f"{each.id}-{extra}", host=f"x{extra}.{each.host}"))
    return tuple(found)


def well_stage(targets: Sequence[Target], routes: Sequence[Route] = ROUTES, *, since: float = 3 * DAY) -> Play:
    """Everything is well, and has been for `since` seconds."""
    stage = empty_stage(targets, routes)
    for at in (NOW - since, NOW - 90, NOW - 60, NOW - 30, NOW - 5):
        for target in targets:
            stage.play(*(reached(target, route, at) for route in routes))
    return stage


def troubled_stage(targets: Sequence[Target] | None = None) -> Play:
    """A bad morning: a proxy that refuses, a region that is down, inspection, a certificate that ran out, a flicker."""
    targets = [each for each in (targets or catalog()) if each.geography in ("WW", "EU", "US", "UK", "CH")]
    stage = empty_stage(targets)
    secure = [each for each in targets if each.scheme is Scheme.HTTPS]
    refused = {each.id for each in targets if each.group == "core-service" or "events" in each.host}
    opened = {each.id for each in secure if each.geography == "EU"} - refused
    silent = {each.id for each in targets if each.geography == "CH"}
    expired = next(each for each in secure if each.geography == "UK" and each.id not in refused)
    documented = [each for each in secure if each.expected and each.id not in refused and each is not expired]
    odd = next((each for each in documented if each.geography == "WW"), documented[-1])
    flicker = next(each for each in secure if each.geography == "US" and each.id not in refused)
    old = ders(leaf(trusts().of(expired), expired.host, days=(-90, -0.2)))

    def seen(target: Target, route: Route, at: float) -> Observation:
        ago = NOW - at
        if route is HQ and target.id in refused and ago < 2 * HOUR + 800:
            return denied(target, route, at)
        if route is BRANCH and target.id in silent and ago < 26 * HOUR:
            return failed(target, route, at, Reason.PROXY_UPSTREAM_TIMEOUT, stage=Stage.PROXY, hop=1, status=504,
                          detail="504 Gateway Timeout to CONNECT")  # fmt: skip
        if route is CLOUD and target.id in opened and ago < 5 * HOUR:
            return reached(target, route, at, forged(target), headers=(("via", "1.1 swg.contoso.example"),))
        if target is expired and ago < 4.8 * HOUR:
            return reached(target, route, at, old)
        if target is odd and route is DIRECT and ago < HOUR:
            return reached(target, route, at, status=500)
        if target is flicker and route is HQ and ago < 10:
            return failed(target, route, at)
        return reached(target, route, at)

    moments = (NOW - 4 * DAY, NOW - 27 * HOUR, NOW - 25 * HOUR, NOW - 24.9 * HOUR, NOW - 4.9 * HOUR, NOW - 4.7 * HOUR,
               NOW - 4.6 * HOUR, NOW - 2.1 * HOUR, NOW - 7240, NOW - 95, NOW - 65, NOW - 35, NOW - 5)  # fmt: skip
    for at in moments:
        for number, target in enumerate(targets):
            stage.play(*(seen(target, route, at + number / 1000) for route in ROUTES))
    return stage


def sample(each: int = 3) -> tuple[Target, ...]:
    """A few targets of every service and geography."""
    counts: dict[tuple[str, str], int] = {}
    found: list[Target] = []
    for target in catalog():
        place = target.service, target.geography
        counts[place] = counts.get(place, 0) + 1
        if counts[place] <= each:
            found.append(target)
    return tuple(found)
