"""What the engine sees of the sites over some routes, before anybody judges it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prober.engine.loop import run_loop
from prober.engine.run import Pair, Run
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.interception.certificates import CertificateFacts, certificate_facts
from prober.model import Hop, HopScheme, Observation, Route, Scheme, Target, TlsFacts, TrustClass
from prober.routes.overrides import Override, Overrides

from .names import HIJACKED
from .proxies import Proxy
from .sites import Site

TIMEOUT = 10.0


class Seen:
    """Observations by host and route."""

    def __init__(self, pairs: Sequence[tuple[Pair, Observation]]) -> None:
        self.all = tuple(pairs)
        self._by_key = {(pair.target.host, pair.route.name): seen for pair, seen in pairs}

    def over(self, *routes: str, without: Sequence[str] = ()) -> Iterator[tuple[Pair, Observation]]:
        """What was seen over these routes (none given = all), but those `without`."""
        for pair, seen in self.all:
            if (pair.route.name in routes or not routes) and pair.route.name not in without:
                yield pair, seen

    def of(self, host: str, route: str) -> Observation:
        """What was seen of this host over this route."""
        return self._by_key[host, route]

    def tls(self, host: str, route: str) -> TlsFacts:
        """Its handshake with the target."""
        found = self.of(host, route)
        assert found.tls is not None, f"{host} over {route}: {found.failure}"
        return found.tls

    def chain(self, host: str, route: str) -> list[CertificateFacts]:
        """The certificates that were sent, leaf first."""
        return [facts for der in self.tls(host, route).chain if (facts := certificate_facts(der)) is not None]

    def leaf(self, host: str, route: str) -> CertificateFacts:
        """The first of them."""
        return self.chain(host, route)[0]


def route(name: str, proxies: Sequence[Proxy]) -> Route:
    """The proxies as a route of the prober."""
    return Route(name, tuple(_hop(proxy) for proxy in proxies))


def target(site: Site, scheme: Scheme = Scheme.HTTPS, trust: TrustClass | None = None) -> Target:
    """The site as a target; `trust` is what a catalog would say of it."""
    return Target(id=f"{scheme}-{site.host}", scheme=scheme, host=site.host, port=site.port, trust=trust)


def observe(
    sites: Iterable[Site],
    routes: Mapping[str, Sequence[Proxy]],
    *,
    scheme: Scheme = Scheme.HTTPS,
    astray: Iterable[str] = (),
    trust: TrustClass | None = None,
) -> Seen:
    """Probe every site over every route once.

    `astray` are names that the prober itself takes to be sslsplit's; `trust` is what a catalog says of the sites.
    """
    ways = [route(name, proxies) for name, proxies in routes.items()]
    pairs = [Pair(target(site, scheme, trust), way) for site in sites for way in ways]
    seen: list[tuple[Pair, Observation]] = []
    gate = ProxyCertificates(hop for way in ways for hop in way.hops)

    async def probe() -> None:
        async with Run(_settings(astray), gate) as run:
            await run.probe(pairs, lambda pair, observation: seen.append((pair, observation)))

    run_loop(probe())
    return Seen(seen)


def _settings(astray: Iterable[str]) -> ProbeSettings:
    return ProbeSettings(
        timeout=TIMEOUT,
        retries=0,
        profile="schannel",
        family="ipv4-first",
        concurrency=16,
        per_route=8,
        per_host=8,
        rate=None,
        overrides=Overrides(
            [*(Override(name, None, HIJACKED, None) for name in astray), Override("*", None, "127.0.0.1", None)]
        ),
    )


def _hop(proxy: Proxy) -> Hop:
    assert proxy.user is None, "none of the routes here has a login"
    roots = None if proxy.roots is None else str(proxy.roots)
    return Hop(HopScheme(proxy.scheme), proxy.host, proxy.port, trust_roots=roots)
