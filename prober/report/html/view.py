"""What the report shows of a run as a whole: routes, causes, groups of rows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prober.report.document import Result, RouteDoc, RouteHopDoc, Run, TargetDoc
from prober.report.finding import Finding
from prober.report.html.signs import SIGNS, Cell, Sign, cell_of, sign_of
from prober.report.matrix import GIVEN, SERVICE_ORDER, Way, way_name, ways_of

DEFAULT_PORTS = {"https": 443, "tls": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding with its number."""

    number: int
    sign: Sign
    finding: Finding


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a bar, in per cent."""

    word: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class WayView:
    """One way out: a column."""

    way: Way
    name: str
    hops: str
    """Its proxies, or what decides."""
    route: RouteDoc | None
    total: int
    reached: int
    counts: tuple[tuple[Sign, int], ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class RowView:
    """One target over all ways."""

    number: int
    target: TargetDoc
    name: str
    path: str
    """What is asked for, where it is not the root of an https host."""
    results: tuple[Result | None, ...]
    cells: tuple[Cell | None, ...]
    causes: tuple[int, ...]
    sign: Sign
    """The gravest of its cells."""


@dataclass(frozen=True, slots=True)
class GroupView:
    """The targets of one service in one geography."""

    service: str
    geography: str
    rows: tuple[RowView, ...]
    tallies: tuple[tuple[tuple[Sign, int], ...], ...]
    """For each way, how many cells have which sign."""
    broken: bool


def causes_of(findings: Iterable[Finding]) -> tuple[Cause, ...]:
    """Findings, numbered from 1."""
    return tuple(Cause(number, sign_of(each.kind), each) for number, each in enumerate(findings, 1))


def ways_view(run: Run, groups: Sequence[GroupView]) -> tuple[WayView, ...]:
    """The columns, with what their cells add up to."""
    ways = ways_of(run)
    routes = {route.name: route for route in run.routes}
    made = []
    for place, way in enumerate(ways):
        cells = [cell for group in groups for row in group.rows if (cell := row.cells[place]) is not None]
        route = routes.get(way[1])
        reached = sum(result.reachable for result in run.results if (result.egress, result.route) == way)
        counts = _tally(cells)
        name = way_name(way, ways)
        made.append(WayView(way, name, _way_text(route), route, len(cells), reached, counts, _shares(counts)))
    return tuple(made)


def groups_of(run: Run, causes: Sequence[Cause]) -> tuple[GroupView, ...]:
    """The matrix, in the order of the table: services, the whole world first in each."""
    ways = ways_of(run)
    targets: dict[str, TargetDoc] = {}
    by_pair: dict[tuple[str, Way], Result] = {}
    for result in run.results:
        targets.setdefault(result.target.id, result.target)
        by_pair[result.target.id, (result.egress, result.route)] = result
    places: dict[tuple[str, str], list[TargetDoc]] = {}
    for target in targets.values():
        places.setdefault((target.service or GIVEN, target.geography), []).append(target)
    explained: dict[str, list[int]] = {}
    for cause in causes:
        for id_ in dict.fromkeys(id_ for id_, _ in cause.finding.members):
            explained.setdefault(id_, []).append(cause.number)
    groups = []
    number = 0
    for place in sorted(places, key=_group_order):
        rows = []
        for target in sorted(places[place], key=lambda each: (each.group, each.host, each.port, each.id)):
            number += 1
            results = tuple(by_pair.get((target.id, way)) for way in ways)
            rows.append(_row(number, target, results, tuple(explained.get(target.id, ()))))
        groups.append(_group(place, rows, len(ways)))
    return tuple(groups)


def totals_of(groups: Iterable[GroupView]) -> tuple[tuple[Sign, int], ...]:
    """How many cells of all have which sign for their own, gravest first."""
    return _tally(cell for group in groups for row in group.rows for cell in row.cells if cell is not None)


def hops_text(hops: Sequence[RouteHopDoc]) -> str:
    """`http://10.0.0.6:8080 → socks5h://[fd00::7]:1080`; `direct` without any."""
    return " → ".join(f"{hop.scheme}://{_bracketed(hop.host)}:{hop.port}" for hop in hops) or "direct"


def _way_text(route: RouteDoc | None) -> str:
    if route is None:
        return "not described in this run"
    return f"{route.rule}, target by target" if route.rule else hops_text(route.hops)


def _row(number: int, target: TargetDoc, results: tuple[Result | None, ...], causes: tuple[int, ...]) -> RowView:
    cells = tuple(None if result is None else cell_of(result) for result in results)
    host = _bracketed(target.host)
    usual = DEFAULT_PORTS.get(target.scheme) == target.port
    return RowView(
        number=number,
        target=target,
        name=host if usual else f"{host}:{target.port}",
        path=("" if target.scheme == "https" else f"{target.scheme} ") + ("" if target.path == "/" else target.path),
        results=results,
        cells=cells,
        causes=causes,
        sign=worst(cell.sign for cell in cells if cell is not None),
    )


def _group(place: tuple[str, str], rows: Sequence[RowView], columns: int) -> GroupView:
    tallies = tuple(
        _tally([cell for row in rows if (cell := row.cells[column]) is not None]) for column in range(columns)
    )
    broken = any(row.sign is not SIGNS["ok"] and row.sign is not SIGNS["login"] for row in rows)
    return GroupView(*place, tuple(rows), tallies, broken)


def worst(signs: Iterable[Sign]) -> Sign:
    """The gravest of all; that of nothing wrong where there is none."""
    order = list(SIGNS.values())
    return min(signs, key=order.index, default=SIGNS["ok"])


def _tally(cells: Iterable[Cell]) -> tuple[tuple[Sign, int], ...]:
    """How many cells have each sign for their own, gravest first."""
    counted = Counter(cell.sign.word for cell in cells)
    return tuple((sign, counted[word]) for word, sign in SIGNS.items() if counted[word])


def _shares(counts: Sequence[tuple[Sign, int]]) -> tuple[Share, ...]:
    """What is well first, as the eye reads a bar."""
    total = sum(count for _, count in counts)
    shares = []
    start = 0.0
    for sign, count in reversed(counts):
        width = 100 * count / total
        shares.append(Share(sign.word, round(start, 2), round(width, 2)))
        start += width
    return tuple(shares)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _group_order(place: tuple[str, str]) -> tuple[int, str, bool, str]:
    service, geography = place
    known = SERVICE_ORDER.index(service) if service in SERVICE_ORDER else len(SERVICE_ORDER)
    return known, service, geography != "WW", geography


def explained_by(causes: Iterable[Cause]) -> Mapping[tuple[str, Way], tuple[int, ...]]:
    """Numbers of the causes that explain each target over each way."""
    found: dict[tuple[str, Way], tuple[int, ...]] = {}
    for cause in causes:
        for member in cause.finding.members:
            found[member] = (*found.get(member, ()), cause.number)
    return found
