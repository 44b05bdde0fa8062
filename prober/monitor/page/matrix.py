"""The matrix of targets and routes: its groups, rows and columns, and what the cells of a part of it add up to.

A layout follows from the pairs in force alone; it is made anew when a reload changes them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prober.model import Required, Route, Target
from prober.monitor.page.filters import searched
from prober.monitor.page.marks import Cell, Mark
from prober.monitor.state import PairKey, PairState
from prober.report.matrix import GIVEN, SERVICE_ORDER

WORLDWIDE = "WW"
"""The geography whose targets every region needs as well."""


@dataclass(frozen=True, slots=True)
class Row:
    """One target over all routes."""

    id: str
    """For the page's element."""
    target: Target
    keys: tuple[PairKey | None, ...]
    """Its pairs, in the order of the routes; None where it is not probed over one."""
    text: str
    """What the text filter looks through."""


@dataclass(frozen=True, slots=True)
class Group:
    """The targets of one service in one geography."""

    id: str
    service: str
    geography: str
    rows: tuple[Row, ...]

    @property
    def required(self) -> tuple[Row, ...]:
        """The rows that the service cannot do without: all, where the catalog calls none so."""
        return tuple(row for row in self.rows if row.target.required is Required.YES) or self.rows


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything about the matrix that stays while the configuration does."""

    routes: tuple[Route, ...]
    """The columns."""
    groups: tuple[Group, ...]
    ids: Mapping[PairKey, str]
    """Names of the cells' elements."""
    group_of: Mapping[PairKey, Group]
    row_of: Mapping[PairKey, Row]

    @property
    def services(self) -> tuple[str, ...]:
        """Each once, in the order of the groups."""
        return tuple(dict.fromkeys(group.service for group in self.groups))

    @property
    def geographies(self) -> tuple[str, ...]:
        """Each once, the whole world first."""
        return tuple(sorted({group.geography for group in self.groups}, key=_geography_order))

    @property
    def group_by(self) -> dict[tuple[str, str], Group]:
        """Groups by service and geography."""
        return {(group.service, group.geography): group for group in self.groups}


def layout_of(pairs: Mapping[PairKey, PairState]) -> Layout:
    """The matrix for these pairs."""
    routes: dict[str, Route] = {}
    for state in pairs.values():
        routes.setdefault(state.route.name, state.route)
    names = list(routes)
    targets = {key[0]: state.target for key, state in pairs.items()}
    members: dict[tuple[str, str], list[Target]] = {}
    for target in targets.values():
        members.setdefault((target.service or GIVEN, target.geography), []).append(target)
    groups = tuple(
        Group(
            element("g", *place),
            *place,
            tuple(_row(target, names, pairs) for target in sorted(members[place], key=_target_order)),
        )
        for place in sorted(members, key=_group_order)
    )
    each = [(group, row, key) for group in groups for row in group.rows for key in row.keys if key is not None]
    return Layout(
        tuple(routes.values()),
        groups,
        {key: element("p", *key) for key in pairs},
        {key: group for group, _, key in each},
        {key: row for _, row, key in each},
    )


def element(kind: str, *names: str) -> str:
    """An element's name for a thing of ours: the same in every process, and harmless whatever the thing is called."""
    digest = hashlib.blake2s("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=8)
    return f"{kind}-{digest.hexdigest()}"


def tally(keys: Iterable[PairKey | None], cells: Mapping[PairKey, Cell]) -> Counter[Mark]:
    """How many cells have each mark."""
    return Counter(cells[key].mark for key in keys if key is not None)


def column(rows: Iterable[Row], place: int) -> Iterator[PairKey | None]:
    """The pairs of one route."""
    return (row.keys[place] for row in rows)


def worst(marks: Iterable[Mark]) -> Mark:
    """The gravest of all; `OK` where there is none."""
    order = list(Mark)
    return min(marks, key=order.index, default=Mark.OK)


def _row(target: Target, routes: list[str], pairs: Mapping[PairKey, PairState]) -> Row:
    keys = tuple(key if (key := (target.id, route)) in pairs else None for route in routes)
    return Row(element("t", target.id), target, keys, searched(target))


def _group_order(place: tuple[str, str]) -> tuple[int, str, tuple[bool, str]]:
    service, geography = place
    known = SERVICE_ORDER.index(service) if service in SERVICE_ORDER else len(SERVICE_ORDER)
    return known, service, _geography_order(geography)


def _geography_order(geography: str) -> tuple[bool, str]:
    return geography != WORLDWIDE, geography


def _target_order(target: Target) -> tuple[str, str, int, str]:
    return target.group, target.host, target.port, target.id
