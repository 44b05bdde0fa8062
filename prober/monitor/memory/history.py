"""Changes of state, kept and found again: the table `transitions`.

Rows are numbered in the order in which they were recorded, and that number is the cursor: a page that was asked for
twice is the same twice, whatever came meanwhile and wherever the clock jumped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from prober.monitor.state import Track, Transition

MAX_LIMIT: Final = 1000
"""Changes in one answer."""
DAY: Final = 86_400.0
_COLUMNS: Final = "at, confirmed_at, target, route, track, before, after, since, detail"
_DETAIL: Final = 1000
_AT_ONCE: Final = 5000
"""Rows deleted in one go."""


class Recorded(NamedTuple):
    """A change and its number."""

    id: int
    """Grows; the cursor of `before`."""
    transition: Transition


@dataclass(frozen=True, slots=True)
class Filter:
    """Which changes are asked for; None = whatever."""

    target: str | None = None
    route: str | None = None
    track: Track | None = None
    since: float | None = None
    """Confirmed then or later: seconds since the epoch."""
    before: int | None = None
    """Only those with a smaller number."""
    until: float | None = None
    """Confirmed earlier than that: seconds since the epoch."""

    def takes(self, recorded: Recorded) -> bool:
        """Whether a change is among them."""
        change = recorded.transition
        return (
            (self.before is None or recorded.id < self.before)
            and (self.target is None or change.target == self.target)
            and (self.route is None or change.route == self.route)
            and (self.track is None or change.track is self.track)
            and (self.since is None or change.confirmed_at >= self.since)
            and (self.until is None or change.confirmed_at < self.until)
        )


def insert(
    connection: sqlite3.Connection, changes: Iterable[Recorded], noted: float, hide: Callable[[str], str]
) -> None:
    """Write changes down at `noted` on the running clock. Texts go through `hide`."""
    connection.executemany(
        "INSERT OR IGNORE INTO transitions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                number,
                int(noted),
                change.at,
                change.confirmed_at,
                _text(change.target),
                _text(change.route),
                change.track.value,
                _text(change.before),
                _text(change.after),
                change.since,
                _text(hide(change.detail)[:_DETAIL]),
            )
            for number, change in changes
        ],
    )


def newest(connection: sqlite3.Connection) -> int:
    """The greatest number given so far; 0 = none."""
    found: int | None = connection.execute("SELECT max(id) FROM transitions").fetchone()[0]
    return found or 0


def find(connection: sqlite3.Connection, asked: Filter, limit: int) -> list[Recorded]:
    """The newest changes that were asked for, newest first."""
    terms: list[tuple[str, str | float | int]] = []
    if asked.target is not None:
        terms.append(("target = ?", asked.target))
    if asked.route is not None:
        terms.append(("route = ?", asked.route))
    if asked.track is not None:
        terms.append(("track = ?", asked.track.value))
    if asked.since is not None:
        terms.append(("confirmed_at >= ?", asked.since))
    if asked.until is not None:
        terms.append(("confirmed_at < ?", asked.until))
    if asked.before is not None:
        terms.append(("id < ?", asked.before))
    where = " AND ".join(term for term, _ in terms) or "1"
    rows = connection.execute(
        f"SELECT id, {_COLUMNS} FROM transitions WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608 # values are bound
        (*(value for _, value in terms), min(limit, MAX_LIMIT)),
    )
    known = set(Track)
    return [
        Recorded(number, Transition(at, confirmed_at, target, route, Track(track), before, after, since, detail))
        for number, at, confirmed_at, target, route, track, before, after, since, detail in rows
        if track in known  # a damaged word is passed over
    ]


def prune(connection: sqlite3.Connection, before: float, rows: int) -> int:
    """Delete the oldest: what was noted before that moment of the running clock, and what is beyond `rows`. A bounded
    number at once; returns how many."""
    first, last = connection.execute("SELECT min(id), max(id) FROM transitions").fetchone()
    if first is None:
        return 0
    oldest = "SELECT id, noted FROM transitions ORDER BY id LIMIT ?"
    (old,) = connection.execute(f"SELECT max(id) FROM ({oldest}) WHERE noted < ?", (_AT_ONCE, before)).fetchone()  # noqa: S608 # constant
    beyond = min(last - rows, first + _AT_ONCE)  # numbers have gaps only where changes were lost
    done = connection.execute("DELETE FROM transitions WHERE id <= ?", (max(old or 0, beyond),))
    return done.rowcount


def _text(text: str) -> str:
    """Half a surrogate pair cannot be stored, and must not keep all the rest from being so."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class RunningClock:
    """Seconds that probers have run with this file: by it things grow old.

    The wall clock would do, were it not for its jumps: one leap forward, by a wrong time server or a dead battery, and
    a history of ninety days would be too old altogether. Time in which no prober ran counts as well, but only up to
    a day for each start.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._began = monotonic()

    def now(self) -> float:
        """Seconds."""
        return self._monotonic() - self._began

    def take_up(self, running: float, at: float) -> None:
        """Go on from where a file left off: `running` on this clock, `at` on the wall's. Never goes back."""
        at_least = running + min(max(0.0, self._wall() - at), DAY)
        self._began -= max(0.0, at_least - self.now())
