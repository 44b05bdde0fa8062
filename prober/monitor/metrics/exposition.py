"""Scrapes, fast: all series of the monitor as text, in the bytes that prometheus-client's own encoders print.

Theory. A snapshot is made on the event loop in slices of half a millisecond: first every pair's lines (kept, and made
anew only where the state has changed), then the metrics, column by column. Nothing in it ever changes, so that all
formats, filters and gzip are made from it later, in a thread, and a thousand slow readers share one body.

Who asks while a snapshot is being made gets the next one: an answer never holds what is older than its question, and
a thousand scrapes at once cost two snapshots. Nothing is kept while nobody asks, but the pairs' lines.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from prober.monitor.board import Board
from prober.monitor.metrics.collector import Intervals, MonitorCollector, family
from prober.monitor.metrics.columns import COLUMNS
from prober.monitor.metrics.counters import Counters, Group
from prober.monitor.metrics.facts import ProcessFacts
from prober.monitor.metrics.formats import Block, Style, blocks_of, put_together
from prober.monitor.metrics.lines import PairLines, ProgramLines, column_lines
from prober.monitor.slices import Slices
from prober.monitor.state import PairKey

_PAIRS: Final = 192
_SERIES: Final = 8
"""Pairs of a column, and series of a counter or histogram, that are put together in one go."""
_LEVEL: Final = 1
"""Of gzip: see benchmarks/scrape.py. Level 6 takes three times as long and saves the network a third."""
_GZIP: Final = 31
"""zlib's window bits for a gzip container."""
_PIECE: Final = 65_536
"""Bytes; what is handed to a client at a time."""


@dataclass(frozen=True, slots=True)
class Body:
    """An answer, to be shared: nobody changes it."""

    content_type: str
    encoding: str | None
    """`gzip`, or None."""
    pieces: tuple[memoryview, ...]
    """Of some 64 KiB at most."""
    length: int
    """Bytes of all pieces."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """All lines at one moment."""

    number: int
    blocks: tuple[Block, ...]
    bodies: dict[tuple[Style, bool], Body] = field(default_factory=dict)
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


class Exposition:
    """Answers scrapes. Belongs to the event loop.

    `facts` and `intervals` are asked on the loop at every scrape and have to be quick.
    """

    def __init__(
        self, board: Board, counters: Counters, facts: Callable[[], ProcessFacts], intervals: Intervals
    ) -> None:
        self._board = board
        self._counters = counters
        self._facts = facts
        self._intervals = intervals
        self._pairs: dict[PairKey, PairLines] = {}
        self._program = ProgramLines()
        self._process = CollectorRegistry()
        for collector in (ProcessCollector, GCCollector, PlatformCollector):
            collector(registry=self._process)
        self._turn = asyncio.Lock()
        self._latest: _Snapshot | None = None
        self._begun = 0
        self._asking = 0

    @property
    def snapshots(self) -> int:
        """How many have been begun."""
        return self._begun

    def registry(self) -> CollectorRegistry:
        """The same series for prometheus-client's own means, slowly: for tests and benchmarks."""
        found = CollectorRegistry()
        found.register(MonitorCollector(self._board, self._counters, self._facts, self._intervals))
        for collector in (ProcessCollector, GCCollector, PlatformCollector):
            collector(registry=found)
        return found

    async def scrape(self, style: Style, *, gzip: bool = False, names: frozenset[str] | None = None) -> Body:
        """An answer with the state as it is now or a moment later. `names` = only samples of these names."""
        snapshot = await self._snapshot()
        async with snapshot.making:
            if names is not None:
                return await asyncio.to_thread(_body, snapshot.blocks, style, gzip, names)
            body = snapshot.bodies.get((style, gzip))
            if body is None:
                if gzip or style.renames:
                    body = await asyncio.to_thread(_body, snapshot.blocks, style, gzip)
                else:
                    body = _body(snapshot.blocks, style, gzip)
                snapshot.bodies[style, gzip] = body
            return body

    async def _snapshot(self) -> _Snapshot:
        """One that was begun after this call."""
        begun_before = self._begun
        self._asking += 1
        try:
            async with self._turn:
                if self._latest is None or self._latest.number <= begun_before:
                    self._begun += 1
                    self._latest = _Snapshot(self._begun, await self._blocks())
                return self._latest
        finally:
            self._asking -= 1
            if not self._asking:
                self._latest = None

    # making one

    async def _blocks(self) -> tuple[Block, ...]:
        of_process = await asyncio.to_thread(lambda: tuple(blocks_of(self._process.collect())))  # reads /proc
        slices = Slices()
        pairs = await self._pair_lines(slices)
        found: dict[str, list[bytes]] = {}
        for place, column in enumerate(COLUMNS):
            pieces = found.setdefault(column.metric, [])
            for start in range(0, len(pairs), _PAIRS):
                pieces.append(column_lines(column, place, pairs[start : start + _PAIRS]).encode())
                await slices.keep()
        self._program.use(self._board.egress, self._counters.generation)
        for group in (*self._counters.groups(), *self._facts().groups()):
            found[group.metric] = [piece async for piece in self._group_lines(group, slices)]
        ours = (Block(family(name), tuple(filter(None, pieces))) for name, pieces in found.items())
        return (*ours, *of_process)

    async def _pair_lines(self, slices: Slices) -> list[PairLines]:
        """Every pair's lines; those of pairs that have gone are dropped."""
        known, found = self._pairs, {}
        # Asked for all at once: a reload may come between two slices, and then there is none of a pair that has gone.
        rows = [(key, state, self._intervals(key)) for key, state in self._board.pairs.items()]
        for number, (key, state, interval) in enumerate(rows):
            lines = known.get(key)
            if lines is None or not lines.are_of(state, interval):
                lines = PairLines(state, interval, lines)
            found[key] = lines
            if number % 8 == 0:
                await slices.keep()
        self._pairs = found
        return list(found.values())

    async def _group_lines(self, group: Group, slices: Slices) -> AsyncIterator[bytes]:
        series = list(group.series.items())
        for start in range(0, len(series), _SERIES):
            batch = series[start : start + _SERIES]
            yield "".join([self._program.lines(group.metric, own, value) for own, value in batch]).encode()
            await slices.keep()


def _body(blocks: Iterable[Block], style: Style, gzip: bool, names: frozenset[str] | None = None) -> Body:
    pieces = put_together(blocks, style, names)
    if gzip:
        pieces = _compressed(pieces)
    cut = tuple(_cut(pieces))
    return Body(style.content_type, "gzip" if gzip else None, cut, sum(map(len, cut)))


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _cut(pieces: Iterable[bytes]) -> Iterator[memoryview]:
    """Pieces of a size fit for a socket: small ones joined, large ones cut without a copy."""
    small: list[bytes] = []
    size = 0
    for piece in pieces:
        if size + len(piece) > _PIECE and small:
            yield memoryview(b"".join(small))
            small, size = [], 0
        if len(piece) > _PIECE:
            whole = memoryview(piece)
            yield from (whole[start : start + _PIECE] for start in range(0, len(piece), _PIECE))
        elif piece:
            small.append(piece)
            size += len(piece)
    if small:
        yield memoryview(b"".join(small))
