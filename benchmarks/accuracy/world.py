"""A random network: sites, routes, what stands between, and what a run of prober would observe there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from random import Random

from cryptography import x509

from benchmarks.accuracy.adversaries import Adversary, install
from benchmarks.accuracy.landscape import Backing, Landscape, build
from benchmarks.accuracy.pki import NOW, Keys, LeafPlan, der, sign_leaf
from benchmarks.accuracy.sites import TLS_1_3, Habits, Pop, Presented, Site, SiteMaker
from prober.model import (
    Failure,
    Hop,
    HopFacts,
    HopScheme,
    HttpFacts,
    Observation,
    Purpose,
    Reason,
    Route,
    Scheme,
    ServerHello,
    Stage,
    TlsFacts,
)

Chain = tuple[x509.Certificate, ...]

ROUND_SECONDS = 20.0
"""From one attempt at a target to the next."""


class Scenario(StrEnum):
    """What there is to know about an interceptor, and where it stands."""

    CLEAN = "clean"
    PROXY = "proxy"
    """On a proxy, while the direct route works."""
    OTHER_PROXY = "other-proxy"
    """On a proxy; no direct route, but another proxy."""
    ALL_PROXIES = "all-proxies"
    """On every proxy; no direct route."""
    ONE_TARGET = "one-target"
    """The same with a single target."""
    BASELINE = "baseline"
    """On every proxy; an earlier run is at hand."""
    MIXED = "mixed"
    """On a proxy, one connection in ten."""
    HOST = "host"
    """On this machine: on every route."""
    EDGE = "edge"
    """On the direct way out only."""


ORDER = (
    Scenario.CLEAN, Scenario.PROXY, Scenario.CLEAN, Scenario.OTHER_PROXY, Scenario.CLEAN, Scenario.ALL_PROXIES,
    Scenario.ONE_TARGET, Scenario.CLEAN, Scenario.BASELINE, Scenario.MIXED, Scenario.HOST, Scenario.EDGE,
)  # fmt: skip
"""Scenario by seed, over and over."""


@dataclass(slots=True)
class Way:
    """A route, with what lies on it."""

    route: Route
    places: dict[str, int] = field(default_factory=dict)
    """Which point of presence it reaches, by host."""
    inside: bool = False
    """Whether it sees the twins inside the network."""
    portal: Presented | None = None
    """A captive portal that answers in everybody's place."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation with the truth about it."""

    observation: Observation
    forged: bool = False
    presented: Presented | None = None
    """What the origin, or whoever stands in its place, presented."""
    portal: bool = False
    twin: bool = False


class World:
    """Everything that follows from a seed."""

    def __init__(self, seed: int, keys: Keys) -> None:
        keys.rewind()
        self.seed = seed
        self.scenario = ORDER[seed % len(ORDER)]
        self._rng = rng = Random(seed)  # noqa: S311  # a world to try, not a secret
        self._keys = keys
        self.attempts = 10 if self.scenario is Scenario.MIXED else rng.choice((1, 1, 1, 2, 3))
        count = 1 if self.scenario is Scenario.ONE_TARGET else rng.randint(5, 11)
        domains = [f"d{number}.example" for number in range(rng.randint(2, 5))]
        vendor_domains = (f"v{seed % 7}.vendor",)
        self.land: Landscape = build(rng, keys, vendor_domains)
        maker = SiteMaker(rng, keys, self.land, self.attempts * ROUND_SECONDS)
        self.sites = [maker.make(number, *self._place(domains, vendor_domains[0])) for number in range(count)]
        self.ways = self._make_ways()
        self.adversary = self._make_adversary()
        self.skew = self._make_skew()
        if self.adversary is not None and rng.random() < 0.6:
            self.land.machine.append(self.adversary.root)

    def _place(self, domains: list[str], vendor: str) -> tuple[str, bool]:
        private = self._rng.random() < 0.15
        return (vendor if private else self._rng.choice(domains)), private

    # routes

    def _make_ways(self) -> list[Way]:
        rng = self._rng
        blocked = self.scenario in (Scenario.OTHER_PROXY, Scenario.ALL_PROXIES, Scenario.BASELINE, Scenario.ONE_TARGET)
        present = self.scenario in (Scenario.PROXY, Scenario.HOST, Scenario.EDGE)
        direct = [Way(Route("direct"))] if present or (not blocked and rng.random() < 0.8) else []
        least = 2 if self.scenario is Scenario.OTHER_PROXY else 1
        singles = [Way(Route(f"p{number}", (self._hop(number),))) for number in range(rng.randint(least, 4))]
        for way in (*direct, *singles):
            way.places = {site.target.host: rng.randrange(len(site.pops)) for site in self.sites}
            way.inside = rng.random() < (0.5 if not way.route.hops else 0.2)
            if rng.random() < 0.04:
                way.portal = self._portal()
        chains = []
        if len(singles) > 1 and rng.random() < 0.4:
            first, last = rng.sample(singles, 2)
            name = f"{first.route.name}-{last.route.name}"
            chains.append(Way(Route(name, first.route.hops + last.route.hops), last.places, last.inside, last.portal))
        return [*direct, *singles, *chains]

    def _hop(self, number: int) -> Hop:
        scheme = HopScheme.HTTPS if self._rng.random() < 0.3 else HopScheme.HTTP
        return Hop(scheme, f"proxy{number}.corp.internal", 8080)

    def _portal(self) -> Presented:
        """A page of somebody else's: mostly with a proper certificate, in its own name."""
        rng = self._rng
        backing = Backing.CORPORATE if rng.random() < 0.2 else Backing.PUBLIC
        issuer = rng.choice(rng.choice(self.land.backed(backing)).issuers)
        valid = (NOW - timedelta(days=9), NOW + timedelta(days=60))
        leaf = sign_leaf(LeafPlan(names=["portal.hotspot.example"], valid=valid), issuer, self._keys.make("ecdsa"))
        return Presented((leaf, *issuer.ways[0]), anchored=False, name_fits=False)

    def _make_adversary(self) -> Adversary | None:
        rng = self._rng
        exits = sorted({way.route.hops[-1].host for way in self.ways if way.route.hops})
        match self.scenario:
            case Scenario.CLEAN:
                return None
            case Scenario.HOST:
                routes = {way.route.name for way in self.ways}
            case Scenario.EDGE:
                routes = {"direct"}
            case Scenario.ALL_PROXIES | Scenario.BASELINE | Scenario.ONE_TARGET:
                routes = {way.route.name for way in self.ways if way.route.hops}
            case _:
                owned = rng.choice(exits)
                routes = {way.route.name for way in self.ways if way.route.hops and way.route.hops[-1].host == owned}
        for way in self.ways:
            if way.route.name in routes:
                way.portal = None
        every = 10 if self.scenario is Scenario.MIXED else 1
        return install(rng, self._keys, frozenset(routes), every)

    def _make_skew(self) -> float:
        """How wrong this machine's clock is, in seconds."""
        rng = self._rng
        if rng.random() >= (0.06 if self.adversary is None else 0.02):
            return 0.0
        return rng.choice((-1, 1)) * 86_400 * rng.choice((0.2, 3, 40, 400, 4000))

    # observing

    def attempts_of_all(self) -> Iterator[tuple[Site, Way, Seen]]:
        """The probes asked for, as a run makes them: all routes to a target within a second, round after round."""
        for attempt in range(self.attempts):
            for place, site in enumerate(self.sites):
                for way in self._rng.sample(self.ways, len(self.ways)):
                    elapsed = attempt * ROUND_SECONDS + place + self._rng.random()
                    yield site, way, self.observe(site, way, elapsed, Purpose.ATTEMPT)

    def confirm(self, site: Site, way: Way, number: int) -> Seen:
        """One more probe, after the attempts."""
        elapsed = self.attempts * ROUND_SECONDS + number * 0.5 + self._rng.random() * 0.1
        return self.observe(site, way, elapsed, Purpose.CONFIRMATION)

    def earlier(self) -> Iterator[tuple[Site, Way, Seen]]:
        """A run of some days ago, when nobody intercepted; some have got new certificates since."""
        adversary, self.adversary = self.adversary, None
        for site in self.sites:
            for way in self.ways:
                yield site, way, self.observe(site, way, -86_400.0, Purpose.ATTEMPT)
        self.adversary = adversary

    def observe(self, site: Site, way: Way, elapsed: float, purpose: Purpose) -> Seen:
        """One probe."""
        rng = self._rng
        at = NOW.timestamp() + elapsed + self.skew
        name = way.route.name
        if rng.random() < 0.02:
            return Seen(self._failed(site, name, at, purpose))
        presented, habits, twin = self._end(site, way, elapsed)
        adversary = self.adversary
        chain: Chain | None = presented.chain
        forged = adversary is not None and way.portal is None and adversary.answers(site, name)
        if adversary is not None and forged:
            chain = adversary.chain(site, presented)
            habits = adversary.shows(habits)
        if chain is None:
            return Seen(self._failed(site, name, at, purpose))
        proven = forged or rng.random() >= 0.01
        observation = Observation(
            target=site.target.id,
            route=name,
            at=at,
            purpose=purpose,
            tls=_facts(site, chain, habits, proven=proven),
            http=HttpFacts(200, habits.headers) if site.target.scheme is Scheme.HTTPS else None,
            hops=tuple(self._hop_facts(hop) for hop in way.route.hops),
        )
        return Seen(observation, forged, presented, way.portal is not None, twin)

    def _end(self, site: Site, way: Way, elapsed: float) -> tuple[Presented, Habits, bool]:
        if way.portal is not None:
            return way.portal, Habits(headers=(("server", "portal"),)), False
        inside = site.twin is not None and way.inside
        pop: Pop = site.twin if site.twin is not None and inside else site.pops[way.places[site.target.host]]
        return pop.presented(self._rng, elapsed), pop.habits, inside

    def _failed(self, site: Site, route: str, at: float, purpose: Purpose) -> Observation:
        failure = Failure(Stage.CONNECT, 0, Reason.TCP_TIMEOUT)
        return Observation(target=site.target.id, route=route, at=at, purpose=purpose, failure=failure)

    def _hop_facts(self, hop: Hop) -> HopFacts:
        """TLS to a proxy under a company's authority: none of the target's business."""
        if hop.scheme is not HopScheme.HTTPS:
            return HopFacts(status=200)
        owner = self.land.backed(Backing.CORPORATE)[0]
        chain = tuple(der(each) for each in owner.issuers[0].ways[0])
        facts = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", None, False, False, chain)
        return HopFacts(status=200, tls=facts)


def _facts(site: Site, chain: Chain, habits: Habits, *, proven: bool) -> TlsFacts:
    new = habits.version == TLS_1_3
    return TlsFacts(
        version="TLSv1.3" if new else "TLSv1.2",
        cipher="TLS_AES_256_GCM_SHA384" if new else "ECDHE-ECDSA-AES256-GCM-SHA384",
        group="x25519",
        alpn=None if not habits.alpn else ("h2" if site.target.scheme is Scheme.TLS else "http/1.1"),
        client_cert_requested=habits.asks,
        ocsp_stapled=False,
        chain=tuple(der(each) for each in chain),
        hello=ServerHello(habits.version, 0x1302 if new else 0xC02C, 29 if new else None, habits.extensions),
        key_proven=proven,
    )
