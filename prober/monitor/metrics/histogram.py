"""Classic histograms as plain numbers: observing costs a bisection, nothing is locked, nothing is named."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate
from typing import Final, Protocol

STAGE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""For parts of a probe. A local cache answers within a millisecond; three bounds a decade tell a neighbour (1 ms), a
country (25 ms) and an ocean (100–250 ms) apart; SYN retransmissions show at 1 s and above; 10 s is the default
deadline, and what is beyond belongs to a configured longer one."""
LATE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""For lateness. Its limit, 50 ms at the 99th percentile, is a bound itself, so that no interpolation blurs it."""


class Counted(Protocol):
    """What can be exported as a histogram, whoever counts it."""

    @property
    def buckets(self) -> tuple[tuple[float, int], ...]:
        """Each bound in seconds with how many are not above it; the last bound is infinite."""

    @property
    def sum(self) -> float:
        """Seconds."""


class Histogram:
    """How many durations fell under which bound. It only grows."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one. A clock that went backwards counts as 0; what is no number or infinite is left out."""
        if not math.isfinite(seconds):
            return
        seconds = max(0.0, seconds)
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self._counts)

    @property
    def buckets(self) -> tuple[tuple[float, int], ...]:
        """Each bound with how many are not above it; the last bound is infinite."""
        return tuple(zip((*self._bounds, math.inf), accumulate(self._counts), strict=True))
