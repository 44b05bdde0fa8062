"""Differences grouped by what is behind them: one proxy that now refuses a suffix is one line, not forty.

A group has one kind and one cause. Where a proxy is to blame, all ways out over that proxy go together, and then
proxies that do the same to the same targets; else ways with the same targets do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from prober.diff.changes import Change
from prober.diff.compare import Comparison
from prober.diff.kinds import ORDER, SEVERITY_ORDER, Kind, Severity
from prober.diff.suffixes import covering, suffixes_in
from prober.report.matrix import Way


@dataclass(frozen=True)
class Group:
    """Changes with one kind and one cause."""

    kind: Kind
    changes: tuple[Change, ...]
    """By egress, route and target."""
    ways: tuple[Way, ...]
    suffixes: tuple[str, ...]
    """The part of the DNS that holds just these hosts, where there is such a part."""
    whole: int | None
    """Targets compared on each of these ways; None where the ways differ in that."""

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return self.kind.severity

    @property
    def first(self) -> Change:
        """The one that stands for all where they are alike."""
        return self.changes[0]

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Ids, each once."""
        return tuple(sorted({change.key[1] for change in self.changes}))

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """`host`, or `host:port` where it is not 443; each once."""
        return tuple(dict.fromkeys(map(display_host, self.changes)))

    @cached_property
    def proxies(self) -> tuple[str, ...]:
        """URLs of the proxies to blame, each once."""
        last = (change.proxies[-1] for change in self.changes if change.proxies)
        return tuple(sorted({f"{hop.scheme}://{hop.host}:{hop.port}" for hop in last}))

    @property
    def flapping(self) -> int:
        """Pairs whose probes do not all agree."""
        return sum(change.flapping for change in self.changes)


def display_host(change: Change) -> str:
    """The target as an allow list names it."""
    target = change.state.target
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == 443 else f"{host}:{target.port}"


def groups_of(comparison: Comparison) -> list[Group]:
    """Every group: gravest severity and kind first, then the largest."""
    by_way: defaultdict[Hashable, list[Change]] = defaultdict(list)
    for change in comparison.changes:
        by_way[change.kind, change.cause, change.proxies, _way(change)].append(change)
    by_proxy: defaultdict[Hashable, list[Change]] = defaultdict(list)
    for found in by_way.values():
        change = found[0]
        targets = None if change.proxies else _targets(found)
        by_proxy[change.kind, change.cause, change.proxies, targets].extend(found)
    joined: defaultdict[Hashable, list[Change]] = defaultdict(list)
    for found in by_proxy.values():
        change = found[0]
        joined[change.kind, change.cause, bool(change.proxies), _targets(found)].extend(found)
    probed = _Probed(comparison)
    return sorted((_group(found, probed) for found in joined.values()), key=_place)


def _targets(changes: Iterable[Change]) -> frozenset[str]:
    return frozenset(change.key[1] for change in changes)


def _group(found: Sequence[Change], probed: _Probed) -> Group:
    changes = tuple(sorted(found, key=lambda change: (*_way(change), change.key[1])))
    hosts: defaultdict[Way, list[str]] = defaultdict(list)
    for change in changes:
        hosts[_way(change)].append(change.state.target.host)
    suffixes: tuple[str, ...] = ()
    several = len({change.state.target.host for change in changes}) > 1
    if several and any(len(mine) < probed.targets(way) for way, mine in hosts.items()):
        counted = [(suffixes_in(mine), probed.suffixes(way)) for way, mine in hosts.items()]
        suffixes = covering([change.state.target.host for change in changes], counted)
    totals = {probed.targets(way) for way in hosts}
    return Group(changes[0].kind, changes, tuple(hosts), suffixes, totals.pop() if len(totals) == 1 else None)


class _Probed:
    """What was probed over each way with a difference, by either side."""

    def __init__(self, comparison: Comparison) -> None:
        self._suffixes: dict[Way, Counter[str]] = {}
        self._hosts: dict[Way, dict[str, str]] = {_way(change): {} for change in comparison.changes}
        if not self._hosts:
            return
        for side in (comparison.sides.before, comparison.sides.after):
            for (egress, target, route), state in side.pairs.items():
                hosts = self._hosts.get((egress, route))
                if hosts is not None:
                    hosts[target] = state.target.host

    def targets(self, way: Way) -> int:
        """How many."""
        return len(self._hosts[way])

    def suffixes(self, way: Way) -> Counter[str]:
        """How many hosts lie beneath each suffix."""
        if way not in self._suffixes:
            self._suffixes[way] = suffixes_in(self._hosts[way].values())
        return self._suffixes[way]


def _way(change: Change) -> Way:
    return change.key[0], change.key[2]


def _place(group: Group) -> tuple[object, ...]:
    return (
        SEVERITY_ORDER[group.severity],
        ORDER[group.kind],
        -len(group.changes),
        group.ways,
        group.targets,
    )
