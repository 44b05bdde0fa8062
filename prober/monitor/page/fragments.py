"""The matrix as pieces of HTML: cells, group heads, rows. Each is made again only when it would look different."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from markupsafe import Markup

from prober.model import DEFAULT_PORTS, Target
from prober.monitor.page.filters import Filter
from prober.monitor.page.marks import Cell, Mark
from prober.monitor.page.matrix import Group, Layout, Row, column, tally, worst
from prober.monitor.page.rendering import query, rendered
from prober.monitor.page.times import age
from prober.monitor.state import PairKey

_HIDDEN: Final = Markup(" hidden")


class Fragments:
    """Makes pieces of one layout, and keeps those that are still good."""

    def __init__(self, layout: Layout, cells: Mapping[PairKey, Cell]) -> None:
        self._layout = layout
        self._cells = cells
        self._names = [route.name for route in layout.routes]
        self._made: dict[PairKey, tuple[Cell, str, Markup]] = {}
        self._heads: dict[str, Markup] = {}
        self._rows: dict[str, tuple[list[Markup], bool, Markup]] = {}
        self._hrefs: dict[PairKey, str] = {}

    def cell(self, key: PairKey, now: float) -> Markup:
        """One pair's table cell."""
        cell = self._cells[key]
        ago = "" if cell.since is None else age(now - cell.since)
        made = self._made.get(key)
        if made is None or made[0] != cell or made[1] != ago:
            html = rendered("cell.html", id=self._layout.ids[key], href=self._href(key), cell=cell, ago=ago)
            made = self._made[key] = (cell, ago, html)
        return made[2]

    def row(self, row: Row, group: Group, chosen: Filter, now: float) -> Markup:
        """One target's table row; hidden where the filter leaves it out."""
        shown = [
            self._column(Markup("<td></td>") if key is None else self.cell(key, now), name, chosen)
            for name, key in zip(self._names, row.keys, strict=True)
        ]
        hidden = not self._fits(row, group, chosen)
        made = self._rows.get(row.id)
        if made is None or made[0] != shown or made[1] != hidden:
            html = rendered("row.html", row=row, head=self._head(row), cells=shown, hidden=hidden)
            made = self._rows[row.id] = (shown, hidden, html)
        return made[2]

    def count(self, group: Group, chosen: Filter) -> int:
        """How many rows of a group are shown."""
        return sum(self._fits(row, group, chosen) for row in group.rows)

    def group_head(self, group: Group) -> Markup:
        """What a group is summed up by: counts for each route."""
        tallies = [tally(column(group.rows, place), self._cells) for place in range(len(self._names))]
        return rendered("group_head.html", group=group, routes=self._names, tallies=tallies, worst=worst)

    def broken(self, group: Group) -> bool:
        """Whether any of its cells wants to be looked at."""
        return any(self._cells[key].mark.broken for key in _keys(group))

    def mark(self, group: Group) -> Mark:
        """The gravest mark in it."""
        return worst(self._cells[key].mark for key in _keys(group))

    def _fits(self, row: Row, group: Group, chosen: Filter) -> bool:
        if not chosen.active:
            return True
        cells = [(name, self._cells[key]) for name, key in zip(self._names, row.keys, strict=True) if key is not None]
        return chosen.takes_group(group.service, group.geography) and chosen.takes_row(row.text, cells)

    def _href(self, key: PairKey) -> str:
        """Where a pair's page is, relative to this one."""
        href = self._hrefs.get(key)
        if href is None:
            href = self._hrefs[key] = f"pair{query({'target': key[0], 'route': key[1]})}"
        return href

    def _head(self, row: Row) -> Markup:
        head = self._heads.get(row.id)
        if head is None:
            head = self._heads[row.id] = rendered("row_head.html", target=row.target, name=_short(row.target))
        return head

    def _column(self, cell: Markup, route: str, chosen: Filter) -> Markup:
        """The cell, hidden where its column is."""
        if chosen.takes_route(route):
            return cell
        return cell[:3] + _HIDDEN + cell[3:]


def _short(target: Target) -> str:
    """The host, with the port where it is not the scheme's own."""
    if target.port != DEFAULT_PORTS[target.scheme]:
        return target.address
    return f"[{target.host}]" if ":" in target.host else target.host


def _keys(group: Group) -> Iterable[PairKey]:
    return (key for row in group.rows for key in row.keys if key is not None)
