"""Starts what is due. Nothing that happens to earlier operations moves a moment; what the pacer misses is lateness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from math import inf

from prober.engine.load.alarm import alarm
from prober.load.words import PhaseKind

Due = Iterator[tuple[float, PhaseKind]]
"""Seconds since the run's start, in order; as `prober.load.arrivals.due` gives them."""


class Pacer:
    """Calls `start` with each moment that has come. It wakes by itself, and whoever handles an event may let it look:
    a loop that has much to do gets to the alarm late."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        due: Due,
        start: Callable[[float], None],
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._due = due
        self._start = start
        self._clock = clock
        self._alarm = alarm(loop, self._wake)
        self._looking = False
        self._begun = 0.0
        self._moment = next(due, (inf, PhaseKind.COLLECTION))[0]
        self.next = inf
        """When the next operation is due, on the clock; infinite when there is none."""

    def go(self, begun: float) -> None:
        """Begin; second 0 is at `begun` on the clock."""
        self._begun = begun
        self.next = begun + self._moment
        self._set()

    def look(self) -> None:
        """Start all that is due by now."""
        if self._looking or self.next > self._clock():
            return
        self._looking = True
        try:
            while self.next <= self._clock():
                moment = self._moment
                self._moment = next(self._due, (inf, PhaseKind.COLLECTION))[0]
                self.next = self._begun + self._moment
                self._start(moment)
        finally:
            self._looking = False
        self._set()

    def _wake(self) -> None:
        self.look()
        self._set()  # it may have rung a little early

    def _set(self) -> None:
        if self.next < inf:
            self._alarm.set(self.next)

    def rest(self, until: float) -> int:
        """Stop. How many more would have been due before `until`, in seconds since the start."""
        count = 0
        while self._moment < until:
            count += 1
            self._moment = next(self._due, (inf, PhaseKind.COLLECTION))[0]
        self.next = inf
        self.close()
        return count

    def close(self) -> None:
        """Start nothing more."""
        self.next = inf
        self._alarm.close()
