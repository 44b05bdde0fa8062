"""What may be loaded, and how hard. A load is aimed at what one owns, never at the vendor.

Three looks: at the names that were given, at the addresses they have (which are then the ones that are loaded: nothing
is looked up again), and at the names in the certificate that a first, single probe gets to see.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from prober.catalog import Entry
from prober.engine.address_policy import meant_address
from prober.engine.resolver import ResolutionError, Resolver
from prober.interception.certificates import certificate_facts
from prober.model import Route, Target
from prober.routes.overrides import Override, Overrides

MAX_RATE_HERE: Final = 5_000.0
"""Operations per second that may be asked for without `--max-rate` where everything is on this machine."""
MAX_RATE_ELSEWHERE: Final = 200.0
"""The same where anything is not: what a branch office's proxy takes without anybody noticing."""
CONSENT: Final = "--i-may-load-this"


class Vendor:
    """Whose hosts are never loaded: every name, wildcard and template of the bundled catalogs, in every cloud."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._hosts: set[str] = set()
        self._suffixes: set[str] = set()
        for entry in entries:
            host = _plain(entry.target.host)
            if "*" in host or "{" in host:
                self._suffixes.add(_below_variable(host))
            else:
                self._hosts.add(host)

    def claims(self, host: str) -> str | None:
        """The catalog's name that a host falls under; None if it is not the vendor's as far as is known."""
        name = _plain(host)
        if name in self._hosts:
            return name
        labels = name.split(".")
        above = (".".join(labels[place:]) for place in range(len(labels)))
        return next((f"*.{each}" for each in above if each in self._suffixes), None)

    def claims_certificate(self, der: bytes) -> str | None:
        """A name in a leaf certificate that is the vendor's; None if there is none."""
        facts = certificate_facts(der)
        names = () if facts is None else facts.sans
        return next((name for name in names if self._claims_pattern(name)), None)

    def _claims_pattern(self, name: str) -> bool:
        name = _plain(name)
        if not name.startswith("*."):
            return self.claims(name) is not None
        below = name[1:]
        return self.claims(f"any{below}") is not None or any(host.endswith(below) for host in self._hosts)


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _below_variable(host: str) -> str:
    """`{id}.ods.example.com` and `*.ods.example.com` stand for everything below `ods.example.com`."""
    labels = host.split(".")
    last = max(place for place, label in enumerate(labels) if "*" in label or "{" in label or "}" in label)
    return ".".join(labels[last + 1 :])


@dataclass(frozen=True, slots=True)
class Place:
    """A machine that would be loaded, as it was looked at."""

    what: str
    """`target` or `proxy 1 of hq`."""
    host: str
    addresses: tuple[str, ...]
    """None if it is looked up elsewhere (by a proxy), or nowhere."""
    why: str = ""
    """Why it has no address."""
    seen_from: str | None = None
    """The machine that looked; None = this one."""

    @property
    def here(self) -> bool:
        """Whether it is on this machine for sure."""
        own = self.seen_from is None
        return own and bool(self.addresses) and all(_is_loopback(each) for each in self.addresses)


@dataclass(frozen=True, slots=True)
class Looked:
    """Everything that would be loaded."""

    places: tuple[Place, ...]
    overrides: Overrides = field(default_factory=Overrides)
    """Every name that was looked up, bound to the address it had: what is loaded is what was looked at."""

    @property
    def here(self) -> bool:
        """Whether all of it is on this machine."""
        return all(place.here for place in self.places)

    @property
    def target(self) -> tuple[str, ...]:
        """The target's addresses, where they were looked up."""
        return next((place.addresses for place in self.places if place.what == "target"), ())


async def look(target: Target, routes: Sequence[Route], overrides: Overrides, resolver: Resolver) -> Looked:
    """Look up every name once. `resolver` has the same `overrides`."""
    places: dict[tuple[str, int, str], Place] = {}
    bound = {(each.host, each.port): each for each in overrides}

    async def add(what: str, host: str, port: int, *, resolved_here: bool) -> None:
        key = (host, port, "here" if resolved_here else "there")
        if key in places:
            return  # a second answer could be another one
        place = places[key] = await _place(what, host, port, resolver, resolved_here=resolved_here)
        if resolved_here and place.addresses and overrides.find(host, port) is None:
            bound[host, port] = Override(host, port, place.addresses[0], None)

    for route in routes:
        last = route.hops[-1] if route.hops else None
        await add("target", target.host, target.port, resolved_here=last is None or last.scheme.resolves_here)
        for number, hop in enumerate(route.hops, 1):
            before = route.hops[number - 2] if number > 1 else None
            here = before is None or before.scheme.resolves_here
            await add(f"proxy {number} of {route.name}", hop.host, hop.port, resolved_here=here)
    return Looked(tuple(places.values()), Overrides(bound.values()))


async def _place(what: str, host: str, port: int, resolver: Resolver, *, resolved_here: bool) -> Place:
    if not resolved_here:
        try:
            meant = meant_address(host)
        except ValueError as error:
            return Place(what, host, (), str(error))
        if meant is None:
            return Place(what, host, (), "the proxy before it looks the name up")
        return Place(what, host, (str(meant),))
    try:
        found = await resolver.resolve(host, port)
    except ResolutionError as error:
        return Place(what, host, (), str(error) or "it cannot be looked up")
    return Place(what, host, tuple(address for address, _ in found.endpoints))


def _is_loopback(text: str) -> bool:
    address = ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def refusals(target: Target, routes: Sequence[Route], vendor: Vendor) -> list[str]:
    """Names that are never loaded, whoever may and wherever they lead: sentences, empty if there is none."""
    named = [("--target", target.host)]
    named += [(f"--via {route.name}, hop {n}", hop.host) for route in routes for n, hop in enumerate(route.hops, 1)]
    found = [
        f"{what} {host}: this is the vendor's ({claimed} in the catalogs) and is never loaded; load an origin of your "
        "own, or --target lab"
        for what, host in named
        if (claimed := vendor.claims(host)) is not None
    ]
    return list(dict.fromkeys(found))


def unconsented(looked: Looked) -> list[str]:
    """Everything beyond this machine, for which its owner's word is needed: sentences."""
    found = [
        f"{place.what} {place.host}: {_where(place)}, not this machine; {CONSENT} if it is yours to load"
        for place in looked.places
        if not place.here
    ]
    return list(dict.fromkeys(found))


def _where(place: Place) -> str:
    if not place.addresses:
        return f"where it is cannot be said ({place.why})"
    seen_from = f", seen from {place.seen_from}" if place.seen_from is not None else ""
    return f"it is at {', '.join(place.addresses[:3])}{seen_from}"


def vendor_addresses(looked: Looked, overrides: Overrides, vendor: Vendor) -> list[str]:
    """Places whose address is one that the configuration gives to a host of the vendor's: sentences."""
    theirs = {
        each.address: each.host for each in overrides if vendor.claims(each.host) and not _is_loopback(each.address)
    }
    return [
        f"{place.what} {place.host}: it is at {address}, which is given to {theirs[address]} (resolve): the vendor's, "
        "and never loaded"
        for place in looked.places
        for address in place.addresses
        if address in theirs
    ]


def rate_cap(looked: Looked, asked: float | None) -> float:
    """The highest rate that may be loaded: `--max-rate`, or what is sensible."""
    if asked is not None:
        return asked
    return MAX_RATE_HERE if looked.here else MAX_RATE_ELSEWHERE
