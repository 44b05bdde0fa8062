"""When each pair is due: evenly spread, with a phase that outlives restarts. No clock in here, the caller has one.

Theory. A pair with interval T is due at the moments (n + p) · T of the wall clock's axis, where p in [0, 1) comes from
a digest of its name: a restart, a reload or a second replica finds the same moments, and any set of pairs is spread
evenly without knowing of one another. Around each moment there is a jitter, so that the pairs of two probers do not
march in step. Time is counted on a monotonic clock from the start on: a jump of the wall clock moves nothing.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

JITTER: Final = 0.05
"""Share of the interval by which a start may come earlier or later."""
SOON: Final = 30.0
"""Seconds, and some jitter, within which what was never seen is started for the first time."""
_STALE: Final = 64
"""Stale entries of the heap that are let be, beside as many as there are keys."""


@dataclass(frozen=True, slots=True)
class Due(Generic[K]):
    """A start whose time has come."""

    key: K
    planned: float
    """Seconds on the monotonic clock; the difference to the real start is the schedule's lateness."""


@dataclass(slots=True)
class _Entry:
    interval: float
    phase: float
    slot: int
    """Number of the next slot on the wall clock's axis."""
    planned: float
    running: bool = False
    hurried: bool = False
    """Whether `planned` is a start between its slots."""
    hurries: int = 0
    """Such starts since its last slot."""
    version: int = 0
    """The number of its valid entry in the heap; others are stale."""
    behind: bool = False
    """Whether its turn came before its moment, while it still ran: it waits for its end."""


@dataclass(slots=True)
class Schedule(Generic[K]):
    """Keys with their intervals.

    `offset` is the wall clock less the monotonic one when the program began, in seconds: it ties slots to the wall
    clock's axis once. `name` goes into every phase (the egress, say), so that two places do not probe in step.
    """

    offset: float
    name: str = ""
    jitter: float = JITTER
    random: Random = field(default_factory=Random)
    skipped: int = 0
    """Slots that passed while the pair was still running."""
    _entries: dict[K, _Entry] = field(default_factory=dict)
    _leaving: set[K] = field(default_factory=set)
    """Keys that were taken out while they ran: should one come back, it still does."""
    _heap: list[tuple[float, int, K]] = field(default_factory=list)
    _behind: list[tuple[float, int, K]] = field(default_factory=list)
    """A heap of those that wait for their own end; stale where the key is not `behind` any more."""
    _count: int = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, intervals: Mapping[K, float], now: float, *, name: str | None = None) -> None:
        """Have exactly these keys. Those that stay with their interval keep their next moment, unless another `name`
        gives all of them other phases. ValueError if an interval is not a positive number of seconds."""
        wrong = [str(key) for key, interval in intervals.items() if not (math.isfinite(interval) and interval > 0)]
        if wrong:
            raise ValueError(f"an interval must be positive: {', '.join(wrong)}")
        renamed = name is not None and name != self.name
        self.name = self.name if name is None else name
        for key in [key for key in self._entries if key not in intervals]:
            if self._entries.pop(key).running:
                self._leaving.add(key)
        for key, interval in intervals.items():
            known = self._entries.get(key)
            if known is None or known.interval != interval or renamed:
                running = key in self._leaving if known is None else known.running
                self._leaving.discard(key)
                self._enter(key, interval, now, running=running)

    def due(self, now: float, ahead: float = 0.0) -> list[Due[K]]:
        """Keys to start within `ahead` seconds, the most overdue first; each counts as running until `done`.

        One that still runs when its moment comes is left out; one that may end before it is waited for.
        """
        self._leave_out(now)
        found: list[Due[K]] = []
        while self._heap and self._heap[0][0] <= now + ahead:
            planned, version, key = heapq.heappop(self._heap)
            entry = self._entries.get(key)
            if entry is None or entry.version != version:
                continue
            if not entry.running:
                entry.running = True
                entry.hurries = entry.hurries + 1 if entry.hurried else 0
                found.append(Due(key, entry.planned))
                self._plan(key, entry, now)
            elif planned > now:
                entry.behind = True
                heapq.heappush(self._behind, (planned, version, key))
            else:
                self._skip(key, entry, now)
        return found

    def next_at(self) -> float | None:
        """When something is due next, on the monotonic clock; None if nothing ever is."""
        while self._heap:
            planned, version, key = self._heap[0]
            entry = self._entries.get(key)
            if entry is not None and entry.version == version:
                return planned
            heapq.heappop(self._heap)
        return None

    def done(self, key: K, now: float) -> bool:
        """A key runs no more. One that has gone meanwhile is none of this schedule's business. Whether its next moment
        was waiting for that."""
        self._leaving.discard(key)
        entry = self._entries.get(key)
        if entry is None:
            return False
        entry.running = False
        if not entry.behind:
            return False
        if entry.planned <= now:
            self._skip(key, entry, now)
            return False
        self._push(key, entry, entry.planned)
        return True

    def soon(self, key: K, now: float) -> None:
        """Start a key within `SOON` seconds: nothing is known of it. If none of its slots comes so soon, there is a
        start before them, spread as they are."""
        entry = self._entries.get(key)
        if entry is not None and entry.planned > now + SOON * (1 + self.jitter):
            self.hurry(key, now + entry.phase * SOON)

    def hurry(self, key: K, at: float, *, most: int | None = None) -> None:
        """Start a key earlier than planned (a confirmation); its slots stay what they are. `most` such starts between
        two slots."""
        entry = self._entries.get(key)
        if entry is not None and at < entry.planned and (most is None or entry.hurries < most):
            entry.hurried = True
            self._push(key, entry, at)

    def phase_of(self, key: K) -> float:
        """The key's place within its interval, in [0, 1): the same in every run."""
        digest = hashlib.sha256(f"{self.name}\0{key!r}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) / 2**64

    def _enter(self, key: K, interval: float, now: float, *, running: bool) -> None:
        phase = self.phase_of(key)
        slot = math.ceil((now + self.offset) / interval - phase)
        entry = _Entry(interval, phase, slot, 0.0, running)
        self._entries[key] = entry
        self._push(key, entry, self._moment(entry, now))

    def _leave_out(self, now: float) -> None:
        """What has waited in vain: its moment has come."""
        while self._behind and self._behind[0][0] <= now:
            _, version, key = heapq.heappop(self._behind)
            entry = self._entries.get(key)
            if entry is not None and entry.version == version and entry.behind:
                self._skip(key, entry, now)

    def _skip(self, key: K, entry: _Entry, now: float) -> None:
        self.skipped += not entry.hurried
        self._plan(key, entry, now)

    def _plan(self, key: K, entry: _Entry, now: float) -> None:
        """The next slot that is still to come: what was missed is not made up for."""
        following = entry.slot if entry.hurried else entry.slot + 1
        entry.hurried = False
        entry.slot = max(following, math.floor((now + self.offset) / entry.interval - entry.phase) + 1)
        self._push(key, entry, self._moment(entry, now))

    def _moment(self, entry: _Entry, now: float) -> float:
        exact = (entry.slot + entry.phase) * entry.interval - self.offset
        return max(now, exact + self.random.uniform(-self.jitter, self.jitter) * entry.interval)

    def _push(self, key: K, entry: _Entry, at: float) -> None:
        entry.planned, entry.behind = at, False
        self._count += 1
        entry.version = self._count
        heapq.heappush(self._heap, (at, self._count, key))
        if len(self._heap) > 2 * len(self._entries) + _STALE:
            self._sweep()

    def _sweep(self) -> None:
        """Drop what is stale: with long intervals and many reloads it would wait there for its time."""
        self._heap = [(entry.planned, entry.version, key) for key, entry in self._entries.items() if not entry.behind]
        heapq.heapify(self._heap)
