"""Two lists compared as a firewall sees them: what to open, what to close, what moved or is wanted otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from prober.catalog.entry import Entry
from prober.catalog.matching import covering
from prober.catalog.vocabulary import CLOUDS, GEOGRAPHIES, GEOGRAPHIES_ALWAYS_IN, REQUIRED

SCHEMA: Final = "prober.targets-diff/1"


@dataclass(slots=True)
class Endpoint:
    """All that one list says of a host and port."""

    host: str
    port: int
    geographies: set[str] = field(default_factory=set)
    clouds: set[str] = field(default_factory=set)
    required: str = REQUIRED[-1]
    """The strongest level."""
    bypass: set[bool] = field(default_factory=set)
    """What is stated about inspection; empty if nothing is."""
    ids: list[str] = field(default_factory=list)
    covered_by: str | None = None
    """A wildcard of the other list that stands for this host on this port."""

    def take(self, entry: Entry) -> None:
        """Add what an entry says."""
        target = entry.target
        self.geographies.add(target.geography)
        self.clouds.update(target.cloud)
        self.required = min(self.required, target.required.value, key=REQUIRED.index)
        if target.inspection_bypass is not None:
            self.bypass.add(target.inspection_bypass)
        if target.id:
            self.ids.append(target.id)

    def described(self) -> dict[str, object]:
        """As it stands in the JSON."""
        return {
            "host": self.host,
            "port": self.port,
            "geography": in_order(self.geographies, GEOGRAPHIES),
            "cloud": in_order(self.clouds, CLOUDS),
            "required": self.required,
            "ids": self.ids,
            "covered_by": self.covered_by,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A host and port that both lists have, and one thing they say differently."""

    host: str
    port: int
    what: str
    """`geography`, `cloud`, `required` or `inspection_bypass`."""
    old: str
    new: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different, each list in order of host and port."""

    to_open: tuple[Endpoint, ...]
    to_close: tuple[Endpoint, ...]
    changed: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.to_open or self.to_close or self.changed)

    def described(self, old: str, new: str) -> dict[str, object]:
        """The JSON document."""
        return {
            "schema": SCHEMA,
            "old": old,
            "new": new,
            "open": [each.described() for each in self.to_open],
            "close": [each.described() for each in self.to_close],
            "changed": [
                {"host": c.host, "port": c.port, "what": c.what, "old": c.old, "new": c.new, "ids": list(c.ids)}
                for c in self.changed
            ],
        }


def compare(old: Iterable[Entry], new: Iterable[Entry]) -> Changes:
    """What has to change for a network that lets the old list through so that it lets the new one through."""
    before, after = _endpoints(old), _endpoints(new)
    opened = _only_in(after, before)
    closed = _only_in(before, after)
    changed = [change for key in sorted(before.keys() & after.keys()) for change in _changes(before[key], after[key])]
    return Changes(opened, closed, tuple(changed))


def within(entries: Iterable[Entry], cloud: str, geographies: Sequence[str]) -> list[Entry]:
    """The entries in a cloud (`all` for every one) and in these geographies (none for all); worldwide is always in."""
    return [
        entry
        for entry in entries
        if (cloud == "all" or cloud in entry.target.cloud)
        and (not geographies or entry.target.geography in {*geographies, *GEOGRAPHIES_ALWAYS_IN})
    ]


def _endpoints(entries: Iterable[Entry]) -> dict[tuple[str, int], Endpoint]:
    found: dict[tuple[str, int], Endpoint] = {}
    for entry in entries:
        key = (entry.target.host, entry.target.port)
        found.setdefault(key, Endpoint(*key)).take(entry)
    return found


def _only_in(one: dict[tuple[str, int], Endpoint], other: dict[tuple[str, int], Endpoint]) -> tuple[Endpoint, ...]:
    wildcards: dict[int, set[str]] = {}
    for host, port in other:
        if host.startswith("*."):
            wildcards.setdefault(port, set()).add(host)
    found = [one[key] for key in sorted(one.keys() - other.keys(), key=_by_name)]
    for endpoint in found:
        endpoint.covered_by = covering(endpoint.host, wildcards.get(endpoint.port, ()))
    return tuple(found)


def _by_name(key: tuple[str, int]) -> tuple[list[str], int]:
    """Neighbours in the DNS stand together."""
    return key[0].split(".")[::-1], key[1]


def _changes(old: Endpoint, new: Endpoint) -> list[Change]:
    told = [
        (
            "geography",
            ", ".join(in_order(old.geographies, GEOGRAPHIES)),
            ", ".join(in_order(new.geographies, GEOGRAPHIES)),
        ),
        ("cloud", ", ".join(in_order(old.clouds, CLOUDS)), ", ".join(in_order(new.clouds, CLOUDS))),
        ("required", old.required, new.required),
    ]
    if old.bypass and new.bypass:  # a list that says nothing does not take it back
        told.append(("inspection_bypass", _bypass(old.bypass), _bypass(new.bypass)))
    ids = tuple(dict.fromkeys((*old.ids, *new.ids)))
    return [Change(old.host, old.port, what, was, now, ids) for what, was, now in told if was != now]


def _bypass(stated: set[bool]) -> str:
    return "yes" if True in stated else "no"


def in_order(words: set[str], order: Sequence[str]) -> list[str]:
    """These words as the vocabulary has them in order."""
    return [word for word in order if word in words]
