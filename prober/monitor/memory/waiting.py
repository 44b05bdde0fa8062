"""What waits to be written: filled by the event loop at a few hundred nanoseconds a piece, emptied by the store's
thread. Bounded, however long the disk does not answer: of a pair the newest state counts, of changes the newest ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from prober.monitor.memory.history import Filter, Recorded
from prober.monitor.memory.rows import Key
from prober.monitor.state import Remembered, Transition

MAX_PAIRS: Final = 50_000
MAX_CHANGES: Final = 10_000


class Waiting:
    """Pairs and changes that are not in the file yet. For any thread.

    What was taken stays until it is `done`: a write that fails loses nothing.
    """

    def __init__(self, max_pairs: int = MAX_PAIRS, max_changes: int = MAX_CHANGES) -> None:
        self._guard = threading.Lock()
        self._max_pairs = max_pairs
        self._pairs: dict[Key, Remembered] = {}
        self._changes: deque[Recorded] = deque(maxlen=max_changes)
        self._number = 1

    def __bool__(self) -> bool:
        return bool(self._pairs or self._changes)

    @property
    def pairs(self) -> int:
        """Pairs that wait."""
        return len(self._pairs)

    def remember(self, egress: str, pairs: Iterable[Remembered]) -> None:
        """Have the newest of each pair written."""
        with self._guard:
            waiting = self._pairs
            for each in pairs:
                waiting[egress, each.key] = each
            while len(waiting) > self._max_pairs:
                del waiting[next(iter(waiting))]

    def record(self, changes: Iterable[Transition]) -> None:
        """Have changes written, numbered in this order."""
        with self._guard:
            for change in changes:
                self._changes.append(Recorded(self._number, change))
                self._number += 1

    def taken(self) -> tuple[list[tuple[Key, Remembered]], list[Recorded]]:
        """All that waits."""
        with self._guard:
            return list(self._pairs.items()), list(self._changes)

    def done(self, pairs: Sequence[tuple[Key, Remembered]], changes: Sequence[Recorded]) -> None:
        """These are in the file; of a pair only if nothing newer came meanwhile."""
        with self._guard:
            for key, remembered in pairs:
                if self._pairs.get(key) is remembered:
                    del self._pairs[key]
            last = changes[-1].id if changes else 0
            while self._changes and self._changes[0].id <= last:
                self._changes.popleft()

    def find(self, asked: Filter, limit: int) -> list[Recorded]:
        """Changes that wait, newest first."""
        with self._guard:
            found = [each for each in reversed(self._changes) if asked.takes(each)]
        return found[:limit]

    def number_from(self, number: int) -> None:
        """Number changes from here at least: those with smaller numbers are others, in the file."""
        with self._guard:
            first = self._changes[0].id if self._changes else self._number
            shift = number - first
            if shift > 0:
                moved = [Recorded(each.id + shift, each.transition) for each in self._changes]
                self._changes.clear()
                self._changes.extend(moved)
                self._number += shift
