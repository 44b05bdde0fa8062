"""What was seen without an anchor on each route, so that one target's certificate can be held against the others'.

Only looks with a foreign or missing signer are entered; a network without interception leaves this empty.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from prober.interception.evidence import Surroundings
from prober.interception.looks import Ground, Look
from prober.interception.names import normal_host
from prober.model import Target, TrustClass, authority

NAMED: Final = 8
"""Hosts found for one evidence; there may be more."""

T = TypeVar("T")

Site = tuple[str, int]
"""Host and port: targets that differ in their path only are one."""


def site_of(target: Target) -> Site:
    """Where a target is."""
    return normal_host(target.host), target.port


def domain_of(host: str) -> str:
    """The last two labels: near enough to a registrable domain for hosts that catalogs name."""
    return ".".join(host.split(".")[-2:])


@dataclass(frozen=True, slots=True)
class Expected:
    """Who should sign for a site: known from a reference, or stated by a catalog."""

    public: bool
    """Whether browsers are meant to trust it."""
    family: str | None
    """Family of the issuer that a reference shows; None without one."""
    domain: str

    def unrelated(self, other: Expected) -> bool:
        """Whether the two can have no private authority and no key in common."""
        if not (self.public or other.public):
            return False
        if self.family is not None and other.family is not None:
            return self.family != other.family
        return self.public != other.public or self.domain != other.domain


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a site."""

    keys: frozenset[str]
    """Leaf keys that an anchor vouches for, over any route or in the baseline."""
    expected: Expected | None

    @property
    def is_others(self) -> bool:
        """Whether an authority without an anchor has no business signing for it, as far as is known."""
        return bool(self.keys) or (self.expected is not None and self.expected.public)


def expected_of(target: Target) -> Expected | None:
    """What the target's catalog expects; None where nothing is stated."""
    if target.trust is None:
        return None
    return Expected(target.trust is TrustClass.PUBLIC, None, domain_of(normal_host(target.host)))


Place = tuple[str, str]
"""A route's name and what is shared on it: the digest of a key, or a signer."""


class RouteIndex:
    """Leaf keys and signers by route, counted so that looks can be taken out again."""

    def __init__(self) -> None:
        self._keys: dict[Place, Counter[tuple[Site, str]]] = defaultdict(Counter)
        """Sites with the digest of the certificate in which they showed the key."""
        self._signers: dict[Place, Counter[Site]] = defaultdict(Counter)
        self._fitting: dict[Place, Counter[Site]] = defaultdict(Counter)
        self._authorities: dict[Place, Counter[Site]] = defaultdict(Counter)
        self._certificates: dict[Place, dict[str, list[Site]]] = {}
        self._forgers: dict[Place, bool] = {}
        self._forged: dict[Place, list[Site]] = {}
        self._grouped: dict[Place, dict[Expected | None, list[Site]]] = {}
        self._revision = -1

    def clear(self) -> None:
        """Forget everything."""
        self._keys.clear()
        for index in (self._signers, self._fitting, self._authorities):
            index.clear()

    def add(self, look: Look) -> None:
        """Enter a look. Those that are anchored are none of this index's business."""
        for index, name in self._places(look):
            index[look.route, name][site_of(look.target)] += 1
        if _counts(look) and look.view.leaf is not None:
            self._keys[look.route, look.view.key][site_of(look.target), look.view.leaf.sha256] += 1

    def remove(self, look: Look) -> None:
        """Take a look out again."""
        for index, name in self._places(look):
            _less(index, (look.route, name), site_of(look.target))
        if _counts(look) and look.view.leaf is not None:
            _less(self._keys, (look.route, look.view.key), (site_of(look.target), look.view.leaf.sha256))

    def around(self, look: Look, known_of: Callable[[Site], Known], revision: int) -> Surroundings:
        """What other hosts show on the look's route. `known_of` says what is known of a site; `revision` grows with
        everything that it or this index depends on."""
        if revision != self._revision:
            self._revision = revision
            for kept in (self._certificates, self._forgers, self._forged, self._grouped):
                kept.clear()
        view, own = look.view, site_of(look.target)
        mine = known_of(own)
        # A signer of the vendor's or a public authority's name may be its next root, not known here yet.
        doubtful = view.familiar

        def apart(other: Expected | None) -> bool:
            return not doubtful and _unrelated(mine.expected, other)

        def own_key(other: Known) -> bool:
            return not mine.keys & other.keys if mine.keys and other.keys else apart(other.expected)

        sharing: Iterator[Site] = (site for site in self._sharing(look) if site != own)
        if mine.keys or not self._is_forgers(look, known_of):
            sharing = (site for site in sharing if own_key(known_of(site)))
        return Surroundings(
            sharing=_hosts(islice(sharing, NAMED)),
            converging=_hosts(islice(self._converging(look, apart, known_of), NAMED)),
            signing_key=bool(self._authorities.get((look.route, view.key))),
            names_fit=any(site != own for site in self._forged_for(look, known_of)),
            stated=mine.is_others,
        )

    def _sharing(self, look: Look) -> Iterator[Site]:
        """Sites that show the look's key in another certificate. The very same one, with several names in it, a server
        may share by right; an interceptor makes one for each host. The order is not that in which they answered."""
        view = look.view
        found = self._certificates.get((look.route, view.key))
        if found is None:
            found = self._certificates[look.route, view.key] = defaultdict(list)
            for site, certificate in sorted(self._keys.get((look.route, view.key), ())):
                found[certificate].append(site)
        own = view.leaf.sha256 if view.leaf is not None else ""
        for certificate, sites in found.items():
            if certificate != own:
                yield from sites

    def _is_forgers(self, look: Look, known_of: Callable[[Site], Known]) -> bool:
        """Whether the look's key was served, in different certificates, for two hosts that have keys of their own, each
        another. Whoever holds it forges, also for a host whose own key is not known."""
        place = (look.route, look.view.key)
        found = self._forgers.get(place)
        if found is None:
            served = ((certificate, known_of(site).keys) for site, certificate in self._keys.get(place, ()))
            anchored = [(certificate, keys) for certificate, keys in served if keys and look.view.key not in keys]
            found = self._forgers[place] = any(
                certificate != anchored[0][0] and not keys & anchored[0][1] for certificate, keys in anchored[1:]
            )
        return found

    def _forged_for(self, look: Look, known_of: Callable[[Site], Known]) -> list[Site]:
        """Sites for which the look's signer signs in their right names, though it has no business to: two are enough to
        know whether there is one beside the look's own."""
        place = (look.route, look.view.signer)
        found = self._forged.get(place)
        if found is None:
            fitting = (site for site in self._fitting.get(place, ()) if known_of(site).is_others)
            found = self._forged[place] = list(islice(fitting, 2))
        return found

    def _converging(
        self, look: Look, apart: Callable[[Expected | None], bool], known_of: Callable[[Site], Known]
    ) -> Iterator[Site]:
        """Sites of the same signer on the route that have nothing to do with the look's. Grouped by what is expected of
        them: thousands of targets have a handful of families."""
        if look.view.ground is not Ground.FOREIGN:
            return
        place = (look.route, look.view.signer)
        groups = self._grouped.get(place)
        if groups is None:
            groups = self._grouped[place] = defaultdict(list)
            for site in sorted(self._signers.get(place, ())):
                groups[known_of(site).expected].append(site)
        own = site_of(look.target)
        for expected, sites in groups.items():
            if apart(expected):
                yield from (site for site in sites if site != own)

    def seen_elsewhere(self, look: Look) -> bool:
        """Whether another host of the route shows the same signer or the same key."""
        own, route, view = site_of(look.target), look.route, look.view
        if any(site != own for site in self._signers.get((route, view.signer), ())):
            return True
        return any(site != own for site, _ in self._keys.get((route, view.key), ()))

    def _places(self, look: Look) -> Iterator[tuple[dict[Place, Counter[Site]], str]]:
        """Where a look is entered by its site alone."""
        view = look.view
        if not _counts(look):
            return
        yield self._signers, view.signer
        if not look.for_another_name:
            yield self._fitting, view.signer
        if view.issuer is not None and view.issuer is not view.leaf and view.ground is Ground.FOREIGN:
            yield self._authorities, view.issuer.spki_sha256


def _counts(look: Look) -> bool:
    return look.unanchored and look.tls.key_proven and look.view.leaf is not None


def _less(index: dict[Place, Counter[T]], place: Place, entry: T) -> None:
    entries = index[place]
    entries[entry] -= 1
    if entries[entry] <= 0:
        del entries[entry]
    if not entries:
        del index[place]


def _unrelated(one: Expected | None, other: Expected | None) -> bool:
    return one is not None and other is not None and one.unrelated(other)


def _hosts(sites: Iterable[Site]) -> tuple[str, ...]:
    return tuple(sorted({authority(host, port).removesuffix(":443") for host, port in sites}))
