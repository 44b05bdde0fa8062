"""The parts above the matrix as HTML, made again when something changed or time has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from prober.monitor.page.causes import Causes
from prober.monitor.page.changes import gathered, worth_a_line
from prober.monitor.page.marks import Cell, Mark
from prober.monitor.page.matrix import Layout
from prober.monitor.page.overview import health, regions, route_tallies
from prober.monitor.page.rendering import rendered
from prober.monitor.page.source import PageSource, TransitionQuery
from prober.monitor.state import PairKey

DAY: Final = 86_400.0
SHOWN_CAUSES: Final = 12
SHOWN_CHANGES: Final = 10
_ASKED: Final = 1000
"""Transitions looked at for the last day's."""
_STALE: Final = 10.0
"""Seconds after which ages and the prober's own health are brought up to date though nothing changed."""
OVERDUE: Final = 3
"""Intervals without a result after which a pair counts as overdue."""


class Panels:
    """Routes, causes, regions, changes, health."""

    def __init__(self) -> None:
        self.html: dict[str, Markup] = {}
        self._causes = Causes()
        self._sequence = -1
        self._at = 0.0

    def forget(self) -> None:
        """The pairs have changed."""
        self._causes.forget()
        self._sequence = -1

    async def refresh(
        self, source: PageSource, layout: Layout, cells: Mapping[PairKey, Cell], sequence: int
    ) -> list[str]:
        """Bring everything up to date; `sequence` says which state of the cells. The names of what looks different."""
        now = source.now()
        if self.html and sequence == self._sequence and 0 <= now - self._at < _STALE:
            return []
        made = {"health": rendered("panel_health.html", health=self._health(source, now))}
        await asyncio.sleep(0)
        made["routes"] = rendered("panel_routes.html", tallies=route_tallies(layout, cells), now=now)
        await asyncio.sleep(0)
        made["regions"] = rendered(
            "panel_regions.html", regions=regions(layout, cells), geographies=layout.geographies,
            services=layout.services, routes=layout.routes,
        )  # fmt: skip
        await asyncio.sleep(0)
        board = source.board
        causes = await self._causes.of(board.pairs, cells, layout.routes, board.comparison, board.egress)
        unknown = sum(cell.mark is Mark.UNKNOWN for cell in cells.values())
        made["causes"] = rendered(
            "panel_causes.html", causes=causes[:SHOWN_CAUSES], more=max(0, len(causes) - SHOWN_CAUSES),
            unknown=unknown, pairs=len(cells), now=now,
        )  # fmt: skip
        transitions = await source.transitions(TransitionQuery(since=now - DAY, limit=_ASKED))
        changes = gathered(worth_a_line([each.transition for each in transitions]))
        made["changes"] = rendered(
            "panel_changes.html", changes=changes[:SHOWN_CHANGES], more=max(0, len(changes) - SHOWN_CHANGES), now=now
        )
        different = [name for name, html in made.items() if self.html.get(name) != html]
        self.html = made
        self._sequence, self._at = sequence, now
        return different

    def _health(self, source: PageSource, now: float) -> list[object]:
        status = source.status()
        overdue = 0
        for key, state in source.board.pairs.items():
            last = status.started if state.exported is None else max(state.exported.last_at, status.started)
            overdue += now - last > OVERDUE * source.interval(key)
        return list(health(status, pairs=len(source.board.pairs), overdue=overdue))
