"""What the page shows just now, and what of it has changed since a client looked last.

No queue is kept for anybody: every element has the number of its last change, a client has the number it has seen, and
gets whatever changed since, as it looks now. A slow client gets less often more; nothing piles up.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from prober.monitor.page.fragments import Fragments
from prober.monitor.page.marks import Cell, cell_of
from prober.monitor.page.matrix import Layout, layout_of
from prober.monitor.page.panels import Panels
from prober.monitor.page.source import PageSource
from prober.monitor.state import PairKey, PairState

_FRESH: Final = 1.0
"""Seconds for which the parts above the matrix are good in any case."""


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a token, as it looks now."""

    token: str
    cells: dict[str, str] = field(default_factory=dict)
    """HTML by the id of its element."""
    groups: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """HTML of the head, and whether anything in the group is broken."""
    panels: dict[str, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.cells or self.groups or self.panels)


class Live:
    """Follows the board. Belongs to the event loop; `close` ends every stream."""

    def __init__(self, source: PageSource) -> None:
        self.source = source
        self.clients = 0
        self._boot = secrets.token_hex(4)
        self._generation = 0
        self._sequence = 0
        self._wake = asyncio.Event()
        self._end = asyncio.Event()
        self._panels = Panels()
        self._panels_at: float | None = None
        self._refreshing = asyncio.Lock()
        self._lay_out()
        self._unlisten = source.board.listen(self._observed)

    def close(self) -> None:
        """End every stream, and follow the board no more."""
        if not self.closing:
            self._end.set()
            self._unlisten()
            self._call()

    # looking

    @property
    def closing(self) -> bool:
        """Whether streams are to end."""
        return self._end.is_set()

    @property
    def layout(self) -> Layout:
        """The matrix for the pairs in force."""
        self._follow()
        return self._layout

    @property
    def cells(self) -> Mapping[PairKey, Cell]:
        """Every pair's cell."""
        self._follow()
        return self._cells

    @property
    def fragments(self) -> Fragments:
        """Pieces of HTML for the matrix."""
        self._follow()
        return self._fragments

    @property
    def token(self) -> str:
        """Stands for what is shown now: ask with it for what changes from now on."""
        self._follow()
        return f"{self._boot}.{self._generation}.{self._sequence}"

    async def panels(self) -> Mapping[str, Markup]:
        """The parts above the matrix, a second old at most where something changed."""
        loop = asyncio.get_running_loop()
        async with self._refreshing:
            self._follow()
            if self._panels_at is None or loop.time() - self._panels_at >= _FRESH:
                changed = await self._panels.refresh(self.source, self._layout, self._cells, self._sequence)
                self._panels_at = loop.time()
                if changed:
                    self._sequence += 1
                    self._panel_changes.update(dict.fromkeys(changed, self._sequence))
                    self._call()
            return self._panels.html

    def since(self, token: str) -> News | None:
        """What changed since `token` was given; None if that cannot be said: everything must be asked for anew."""
        self._follow()
        boot, _, rest = token.partition(".")
        generation, _, number = rest.partition(".")
        if boot != self._boot or generation != str(self._generation) or not number.isdecimal() or len(number) > 15:
            return None
        seen, now, fragments = int(number), self.source.now(), self._fragments
        if seen > self._sequence:
            return None
        news = News(self.token)
        if seen == self._sequence:
            return news
        for key, changed in self._changes.items():
            if changed > seen:
                news.cells[self._layout.ids[key]] = str(fragments.cell(key, now))
                group = self._layout.group_of[key]
                if group.id not in news.groups:
                    news.groups[group.id] = (str(fragments.group_head(group)), fragments.broken(group))
        html = self._panels.html
        news.panels.update((name, str(html[name])) for name, at in self._panel_changes.items() if at > seen)
        return news

    async def changed(self, token: str, within: float) -> None:
        """Return when there may be news since `token`, when all ends, or after `within` seconds."""
        if self.closing or token != self.token:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._wake.wait()

    async def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()

    # following

    def _follow(self) -> None:
        """A reload gives the board another set of pairs: then nothing of before can be brought up to date."""
        if self._pairs is not self.source.board.pairs:
            self._lay_out()
            self._call()

    def _lay_out(self) -> None:
        self._pairs = self.source.board.pairs
        self._generation += 1
        self._sequence += 1
        self._layout = layout_of(self._pairs)
        self._cells = {key: cell_of(state) for key, state in self._pairs.items()}
        self._fragments = Fragments(self._layout, self._cells)
        self._changes: dict[PairKey, int] = {}
        self._panel_changes: dict[str, int] = {}
        self._panels.forget()
        self._panels_at = None

    def _observed(self, state: PairState) -> None:
        """After each observation: most change nothing that is shown."""
        if self._pairs is not self.source.board.pairs:
            return  # whoever looks next finds it out
        cell = cell_of(state)
        if cell != self._cells[state.key]:
            self._cells[state.key] = cell
            self._sequence += 1
            self._changes[state.key] = self._sequence
            self._call()

    def _call(self) -> None:
        called, self._wake = self._wake, asyncio.Event()
        called.set()
