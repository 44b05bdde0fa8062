"""Asks the addresses at which certificates of a run have their revocation published, over the routes of the run.

Windows checks revocation and a TLS library need not: a target that answers may still be out of reach for a Windows
service. The addresses stand in certificates, and an interceptor's certificates name what their maker likes. So only
those of chains with a known anchor are followed, and those of hosts in the catalog; never an address that is not
public, unless the user named it; and no more of them than the limits below.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

from prober.check.revocation_fetch import Asked, Fetch
from prober.engine.address_policy import AddressPolicy, Network
from prober.engine.run import Pair
from prober.engine.terms import Terms
from prober.interception.certificates import certificate_facts
from prober.interception.revocation import CertificateRevocation, Revocation, SourceOutcome
from prober.interception.revocation_sources import Source, sources_of
from prober.interception.trust import Trust
from prober.model import Anchor, Observation, Purpose, Route, Target
from prober.model.inquiry import Inquiry
from prober.routes.overrides import Overrides
from prober.routes.rules import RouteRule

PairKey = tuple[str, str]
"""Target id and route name."""

MAX_URLS: Final = 20
"""Addresses asked over one route, redirects included."""
MAX_BYTES: Final = 32 * 1024 * 1024
"""Bytes read over one route."""
MAX_DEPTH: Final = 6
"""Certificates of a chain that are looked at."""
_KNOWN: Final = frozenset({Anchor.PUBLIC, Anchor.PUBLIC_LEGACY, Anchor.VENDOR_PRIVATE, Anchor.PINNED, Anchor.OS_ONLY})
_NO_ANCHOR: Final = "not followed: nobody known vouches for the chain, and the host is in no catalog"
_TOO_MANY: Final = f"not asked: {MAX_URLS} addresses and {MAX_BYTES // 1024 // 1024} MiB over one route are the limit"
_UNASKED: Final = "not asked: the run ended before"


@dataclass(frozen=True, slots=True)
class RevocationSettings:
    """How revocation is to be looked at."""

    rules: Mapping[str, RouteRule]
    """Every route that may be asked over, by name."""
    way: Callable[[RouteRule, Target], Route]
    """The way of a target under a rule; may block (a script is asked)."""
    over: str | None = None
    """The one that all addresses are asked over; None = each over its target's own."""
    hosts: frozenset[str] = frozenset()
    """Hosts that are followed whoever signed the chain: those of the catalog."""
    allowed: tuple[Network, ...] = ()
    """Networks that are not public and may be asked all the same."""


def named_addresses(overrides: Overrides) -> tuple[Network, ...]:
    """The addresses that the user led names to: asking those is meant."""
    return tuple(dict.fromkeys(ip_network(each.address) for each in overrides))


def follow_hosts(targets: Iterable[Target]) -> frozenset[str]:
    """The hosts of catalog targets that can be followed: names, not patterns."""
    return frozenset(target.host for target in targets if "*" not in target.host and "{" not in target.host)


@dataclass(slots=True)
class _Way:
    """What is asked over one route."""

    fetches: dict[Source, Fetch] = field(default_factory=dict)
    waiting: list[Fetch] = field(default_factory=list)
    asked: int = 0
    room: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class _Watched:
    """A certificate of a pair's path."""

    der: bytes
    issuer: bytes | None
    leaf: bool
    followed: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest()


class RevocationRound:
    """The sources of all chains of a run: first `watch` every pair, then ask in waves until there is none left."""

    def __init__(self, settings: RevocationSettings) -> None:
        self._settings = settings
        self._policy = AddressPolicy(settings.allowed)
        self._ways: dict[str, _Way] = {}
        self._watched: dict[PairKey, tuple[_Watched, ...]] = {}
        self._flying: dict[tuple[str, str], Fetch] = {}

    def watch(self, key: PairKey, chain: Sequence[bytes], trust: Trust, known: Mapping[str, bytes]) -> None:
        """A pair's chain as sent, with the judgement on it; `known` has certificates (DER) by SHA-256, those of the
        judgement's path among them."""
        path = [known[digest] for digest in trust.path if digest in known] or list(chain)
        anchored = trust.anchor in _KNOWN or trust.interceptor is not None
        links = list(zip(path, [*path[1:], None], strict=True))[:MAX_DEPTH]
        self._watched[key] = watched = tuple(
            _Watched(der, issuer, not place, anchored)
            for place, (der, issuer) in enumerate(links)
            if not place or not _is_root(der)
        )
        way = self._ways.setdefault(self._route(key), _Way())
        for each in watched:
            for source in sources_of(each.der).found:
                if self._follows(each, source):
                    self._want(way, each, source)

    def next_wave(self) -> list[Pair]:
        """What is to be asked now; nothing = all is done that may be. Give each observation to `keep`."""
        wave: list[Pair] = []
        for name, way in self._ways.items():
            room = way.room
            way.waiting.sort(key=Fetch.urgency)
            while way.waiting and way.asked < MAX_URLS and way.waiting[0].limit <= room:
                fetch = way.waiting.pop(0)
                way.asked += 1
                room -= fetch.limit
                wave.append(self._pair(name, fetch))
        return wave

    def keep(self, pair: Pair, observation: Observation) -> None:
        """What came of a pair of the last wave."""
        name = pair.route.name
        fetch = self._flying.pop((name, pair.target.id))
        way = self._ways[name]
        body = observation.http.body if observation.http is not None else None
        way.room -= 0 if body is None else body.read
        if fetch.take(observation, pair.route.after(len(observation.passed_over))) is Asked.ELSEWHERE:
            way.waiting.append(fetch)

    @property
    def left_out(self) -> dict[str, int]:
        """Route to the number of addresses that are beyond the limits, where there are any."""
        return {name: len(way.waiting) for name, way in self._ways.items() if way.waiting and _is_full(way)}

    def of(self, key: PairKey) -> Revocation | None:
        """What is known of a pair by now; None where it was not watched."""
        watched = self._watched.get(key)
        if watched is None:
            return None
        name = self._route(key)
        return Revocation(name, tuple(self._certificate(each, self._ways[name]) for each in watched))

    def _route(self, key: PairKey) -> str:
        return self._settings.over or key[1]

    def _follows(self, watched: _Watched, source: Source) -> bool:
        return watched.followed or source.target.host in self._settings.hosts

    def _want(self, way: _Way, watched: _Watched, source: Source) -> None:
        fetch = way.fetches.get(source)
        if fetch is None:
            fetch = way.fetches[source] = Fetch(source)
            way.waiting.append(fetch)
        fetch.wanted_by(watched.der, watched.issuer, leaf=watched.leaf)

    def _pair(self, name: str, fetch: Fetch) -> Pair:
        target: Target = fetch.request()
        inquiry = Inquiry(body_limit=fetch.limit, keep_body=True)
        self._flying[name, target.id] = fetch
        route = self._settings.way(self._settings.rules[name], target)
        return Pair(target, route, purpose=Purpose.REVOCATION, terms=Terms(guard=self._policy, inquiry=inquiry))

    def _certificate(self, watched: _Watched, way: _Way) -> CertificateRevocation:
        sources = sources_of(watched.der)
        fetches = [(source, way.fetches.get(source)) for source in sources.found]
        revoked = (fetch.revoked(watched.der, watched.issuer) for _, fetch in fetches if fetch is not None)
        return CertificateRevocation(
            watched.sha256,
            tuple(self._outcome(watched, source, fetch, way) for source, fetch in fetches),
            sources.ignored,
            next((each for each in revoked if each is not None), None),
        )

    def _outcome(self, watched: _Watched, source: Source, fetch: Fetch | None, way: _Way) -> SourceOutcome:
        if fetch is None or not self._follows(watched, source):
            return SourceOutcome(source.kind, source.target.id, None, says=_NO_ANCHOR)
        outcome = fetch.outcome(watched.der, watched.issuer)
        if outcome is not None:
            return outcome
        return SourceOutcome(
            source.kind, source.target.id, None, says=_TOO_MANY if fetch in way.waiting and _is_full(way) else _UNASKED
        )


def _is_full(way: _Way) -> bool:
    """Whether nothing that waits can be asked any more."""
    return way.asked >= MAX_URLS or all(fetch.limit > way.room for fetch in way.waiting)


def _is_root(der: bytes) -> bool:
    """Whether a certificate is its own issuer: nobody looks up the revocation of such a one."""
    facts = certificate_facts(der)
    return facts is not None and facts.self_issued
