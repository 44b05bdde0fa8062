"""State files to try things on: opened, filled, looked into."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prober.engine.run import Pair
from prober.monitor.board import Board
from prober.monitor.memory.store import Store
from prober.monitor.state import Remembered, Track, Transition

from ..boards import NOW, REFUSED, board_of, key_of, pairs, seen

NEVER = 1e9
"""Seconds between two writes where a test says itself when to write."""


@dataclass
class Clock:
    """A wall clock and a monotonic one, moved by hand."""

    wall: float = NOW
    monotonic: float = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@asynccontextmanager
async def opened(path: Path | None, clock: Clock | None = None, **more: Any) -> AsyncIterator[Store]:
    """A store that writes when it is told to."""
    clock = clock or Clock()
    options: dict[str, Any] = {"history_days": 90, "every": NEVER, "patience": 0.0, **more}
    store = Store(path, wall=lambda: clock.wall, monotonic=lambda: clock.monotonic, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@dataclass
class World:
    """A board that sees things, round by round."""

    of: list[Pair] = field(default_factory=lambda: pairs(targets=4, routes=3))
    now: float = NOW

    def __post_init__(self) -> None:
        self.board: Board = board_of(self.of)

    def round(self, *, failing: Sequence[int] = ()) -> list[Remembered]:
        """All pairs are probed once; what is to be remembered then."""
        self.now += 30
        for number, pair in enumerate(self.of):
            observation = seen(pair, REFUSED if number in failing else None, at=self.now + number / 100)
            self.board.take(key_of(pair), observation)
        return list(self.board.remembered(self.board.pairs))


def by_key(remembered: Sequence[Remembered]) -> list[Remembered]:
    return sorted(remembered, key=lambda each: each.key)


def change(number: int = 0, **more: Any) -> Transition:
    """A change of `mde.c2.t<number>` over direct."""
    values: dict[str, Any] = {
        "at": NOW + number,
        "confirmed_at": NOW + number + 5,
        "target": f"mde.c2.t{number % 7}",
        "route": "direct" if number % 2 else "hq",
        "track": list(Track)[number % 4],
        "before": "reached",
        "after": "connect/0/tcp-refused",
        "since": NOW - 100,
        "detail": f"number {number}",
    }
    return Transition(**{**values, **more})


def ask(path: Path, question: str) -> list[Any]:
    """Ask a file that nobody has open."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a file that nobody has open."""
    return ask(path, "PRAGMA integrity_check") == [("ok",)]
