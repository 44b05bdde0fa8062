"""Which entries of two lists speak of the same endpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import Final

from prober.catalog.entry import Entry

_NOWHERE_IN_PARTICULAR: Final = frozenset({"WW", "USGov", "GCC", "GCCHigh", "DoD"})
"""Geographies that mean "everywhere in this cloud"."""


class Known:
    """Entries to be found by host and port."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_address: dict[tuple[str, int], list[Entry]] = defaultdict(list)
        for entry in entries:
            self._by_address[(entry.target.host, entry.target.port)].append(entry)

    def same_as(self, entry: Entry) -> list[Entry]:
        """The entries for the same host and port in a common cloud and, where a path is given, for that path."""
        path = entry.target.path
        near = [each for each in self.near(entry) if path == "/" or _covers(path, each.target.path)]
        # One host may stand there for several regions: those of the same region answer for it.
        return [each for each in near if same_region(each.target.geography, entry.target.geography)] or near

    def near(self, entry: Entry) -> list[Entry]:
        """The entries for the same host and port in a common cloud, whatever their path and region."""
        candidates = self._by_address.get((entry.target.host, entry.target.port), [])
        return [each for each in candidates if not set(each.target.cloud).isdisjoint(entry.target.cloud)]

    def has_region_of(self, entry: Entry) -> bool:
        """Whether one of them is for the same region."""
        return any(same_region(each.target.geography, entry.target.geography) for each in self.near(entry))


def same_region(one: str, other: str) -> bool:
    """Whether two geographies mean the same: worldwide has several names, one for each kind of cloud."""
    return one == other or {one, other} <= _NOWHERE_IN_PARTICULAR


def _covers(pattern: str, path: str) -> bool:
    """`*` stands for anything in a path, as in the lists; what else means something to fnmatch is taken as it is."""
    return pattern == path or ("*" in pattern and fnmatchcase(path, pattern.replace("[", "[[]").replace("?", "[?]")))


def covering(host: str, wildcards: Collection[str]) -> str | None:
    """The narrowest of these wildcards (`*.name`) that stands for a host, or for a narrower wildcard."""
    labels = host.removeprefix("*.").split(".")
    above = (f"*.{'.'.join(labels[n:])}" for n in range(1, len(labels)))
    return next((each for each in above if each in wildcards), None)
