"""The measurer measures itself: how late the event loop runs what it promised to run."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

_INTERVAL: Final = 0.05
STANDSTILL: Final = 0.2
"""Seconds of lateness at once that count as one."""
_STANDSTILLS: Final = 64
"""The newest of them are kept."""

BOUNDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the histogram's buckets, inclusive, in seconds; what is later is in none but `+Inf`."""


@dataclass(slots=True)
class LagHistogram:
    """Latenesses in buckets. It only grows; the sum of two is a third."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """How many fell between each bound and the one before; the last is beyond all bounds."""
    sum: float = 0.0
    """Seconds."""

    def observe(self, seconds: float) -> None:
        """Count one lateness."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts)

    @property
    def buckets(self) -> tuple[tuple[float, int], ...]:
        """Each bound with how many are not later, as Prometheus counts; the last bound is infinite."""
        return tuple(zip((*BOUNDS, float("inf")), accumulate(self.counts), strict=True))

    def __add__(self, other: LagHistogram) -> LagHistogram:
        both = zip(self.counts, other.counts, strict=True)
        return LagHistogram([mine + theirs for mine, theirs in both], self.sum + other.sum)


class LoopLag:
    """Samples the lateness of a timer while it is started; `worst` and `mean` are seconds."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._sum = 0.0
        self._samples = 0
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0

    @property
    def mean(self) -> float:
        """Mean lateness in seconds."""
        return self._sum / self._samples if self._samples else 0.0

    def start(self) -> None:
        """Begin sampling on the running loop."""
        self._due = time.perf_counter() + _INTERVAL
        self._handle = asyncio.get_running_loop().call_later(_INTERVAL, self._tick)

    def _tick(self) -> None:
        self._note(max(0.0, time.perf_counter() - self._due))
        self.start()

    def _note(self, late: float) -> None:
        self.worst = max(self.worst, late)
        self._sum += late
        self._samples += 1

    def stop(self) -> None:
        """End sampling."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class LagSampler(LoopLag):
    """The same for a process that runs for ever: it keeps them all, in `histogram`."""

    def __init__(self) -> None:
        super().__init__()
        self.histogram = LagHistogram()
        self._standstills: deque[tuple[float, float]] = deque(maxlen=_STANDSTILLS)

    def _note(self, late: float) -> None:
        super()._note(late)
        self.histogram.observe(late)
        if late >= STANDSTILL:
            self._standstills.append((time.monotonic(), late))

    def stood_still(self, since: float) -> float:
        """For how many seconds, since a moment on the monotonic clock, nothing happened here for `STANDSTILL` or longer
        at a stretch: a machine that was paused or is in distress. What was waited for meanwhile may have come."""
        return sum(min(late, end - since) for end, late in self._standstills if end > since)
