"""What stands above the matrix: each route, each service in each region, the prober itself. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prober.model import Route
from prober.monitor.page.marks import LABELS, Cell, Mark
from prober.monitor.page.matrix import WORLDWIDE, Group, Layout, column, tally
from prober.monitor.page.source import Status
from prober.monitor.state import PairKey
from prober.report.sanitize import duration, several


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a route's bar."""

    mark: Mark
    count: int
    start: float
    """Per cent."""
    width: float


@dataclass(frozen=True, slots=True)
class RouteTally:
    """How many targets one route reaches."""

    route: Route
    total: int
    reached: int
    counts: Mapping[Mark, int]
    """What is wrong, gravest first."""
    shares: tuple[Share, ...]

    @property
    def way(self) -> str:
        """Its proxies; never a user or a password."""
        return " → ".join(self.route.way) or "no proxy"


class Can(StrEnum):
    """Whether a service can work in a region over a route."""

    WORKS = "works"
    DOUBTFUL = "doubtful"
    BROKEN = "broken"
    UNKNOWN = "unknown"


CAN_GLYPHS: Mapping[Can, str] = {Can.WORKS: "✓", Can.DOUBTFUL: "~", Can.BROKEN: "✕", Can.UNKNOWN: "·"}


@dataclass(frozen=True, slots=True)
class OverRoute:
    """One service in one region over one route."""

    route: str
    can: Can
    text: str
    """Why: `3 of 14 unreachable`."""


@dataclass(frozen=True, slots=True)
class Region:
    """One service in one region."""

    service: str
    geography: str
    ways: tuple[OverRoute, ...]

    @property
    def can(self) -> Can:
        """The best of its routes: one that works is enough to work at all."""
        order = (Can.WORKS, Can.DOUBTFUL, Can.UNKNOWN, Can.BROKEN)
        return min((way.can for way in self.ways), key=order.index, default=Can.UNKNOWN)


def route_tallies(layout: Layout, cells: Mapping[PairKey, Cell]) -> list[RouteTally]:
    """Each route's count of everything."""
    return [_route_tally(layout, place, cells) for place in range(len(layout.routes))]


def _route_tally(layout: Layout, place: int, cells: Mapping[PairKey, Cell]) -> RouteTally:
    rows = [row for group in layout.groups for row in group.rows]
    counts = tally(column(rows, place), cells)
    total = sum(counts.values())
    shares: list[Share] = []
    start = 0.0
    for mark in (Mark.OK, *(mark for mark in Mark if mark is not Mark.OK)):
        if counts[mark]:
            width = 100 * counts[mark] / total
            shares.append(Share(mark, counts[mark], round(start, 3), round(width, 3)))
            start += width
    unknown = counts[Mark.UNKNOWN]
    return RouteTally(
        layout.routes[place],
        total,
        total - counts[Mark.UNREACHABLE] - unknown,
        {mark: counts[mark] for mark in Mark if mark is not Mark.OK and counts[mark]},
        tuple(shares),
    )


def regions(layout: Layout, cells: Mapping[PairKey, Cell]) -> list[list[Region | None]]:
    """Services down, geographies across; None where a service has no targets of its own."""
    groups = layout.group_by
    return [
        [
            _region(layout, group, groups.get((service, WORLDWIDE)), cells)
            if (group := groups.get((service, geography))) is not None
            else None
            for geography in layout.geographies
        ]
        for service in layout.services
    ]


def _region(layout: Layout, group: Group, worldwide: Group | None, cells: Mapping[PairKey, Cell]) -> Region:
    ways: list[OverRoute] = []
    for place, route in enumerate(layout.routes):
        own = tally(column(group.required, place), cells)
        can, text = _can(own)
        if worldwide is not None and worldwide is not group:
            shared, why = _can(tally(column(worldwide.required, place), cells))
            if _graver(shared, can):
                can, text = shared, f"{text}; {WORLDWIDE}: {why}"
        ways.append(OverRoute(route.name, can, text))
    return Region(group.service, group.geography, tuple(ways))


def _can(counts: Counter[Mark]) -> tuple[Can, str]:
    total = sum(counts.values())
    wrong = [mark for mark in Mark if mark.broken and counts[mark]]
    text = ", ".join(f"{counts[mark]} of {total} {LABELS[mark]}" for mark in wrong)
    if any(mark.stops for mark in wrong):
        return Can.BROKEN, text
    if wrong:
        return Can.DOUBTFUL, text
    if counts[Mark.UNKNOWN] or not total:
        return Can.UNKNOWN, f"{counts[Mark.UNKNOWN]} of {total} not known yet"
    return Can.WORKS, f"all {several(total, 'target')} well"


def _graver(one: Can, other: Can) -> bool:
    order = (Can.WORKS, Can.UNKNOWN, Can.DOUBTFUL, Can.BROKEN)
    return order.index(one) > order.index(other)


@dataclass(frozen=True, slots=True)
class Health:
    """One line on the prober itself."""

    name: str
    text: str
    bad: bool = False
    at: float | None = None
    """A moment that belongs to it."""


LATE = 0.05
"""Seconds of lateness that are worth a warning: timings are doubtful beyond."""


def health(status: Status, *, pairs: int, overdue: int) -> Iterator[Health]:
    """How the prober fares. `overdue` pairs have had no result for several intervals."""
    yield Health("Probing", f"{several(pairs, 'pair')}, {status.in_flight} under way")
    if overdue:
        yield Health("Overdue", f"{several(overdue, 'pair')} without a result for three intervals", bad=True)
    if status.late is not None:
        yield Health("Starts late by", f"{duration(status.late)} (99 %)", bad=status.late > LATE)
    if status.lag is not None:
        yield Health("Own lag at most", duration(status.lag), bad=status.lag > LATE)
    if status.skipped:
        yield Health("Starts left out", f"{status.skipped:,}: the pair's last probe was still under way", bad=True)
    if status.reload_ok:
        yield Health("Configuration taken up", "", at=status.reload_at)
    else:
        text = (
            f"the last reload was refused with {several(status.reload_errors, 'error')} (see the log); in force since"
        )
        yield Health("Configuration", text, bad=True, at=status.reload_at)
    if status.store_trouble is not None:
        yield Health("State", f"is not kept: {status.store_trouble}", bad=True)
    elif status.store is None:
        yield Health("State", "is not kept over a restart (serve.state: null)")
    else:
        yield Health("State", f"kept in {status.store}")
    yield Health("Worker processes", _workers(status), bad=bool(status.restarts))
    yield Health(f"prober {status.version}", "running since", at=status.started)


def _workers(status: Status) -> str:
    text = f"{status.workers}"
    if status.restarts:
        text += f", {several(status.restarts, 'restart')}, {several(status.lost, 'probe')} lost"
    return text
