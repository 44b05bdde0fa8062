"""How late the generator itself was, and whether that was more than chance.

The criterion is p99 <= 5 ms: no more than one start in a hundred may come later than that after it was due. From a
thousand starts on the p99 is a figure of the run (ten starts lie beyond it), and is asked of the run itself. Of fewer
starts it is none: the one start in sixty that came late is the greatest of sixty, and a generator that keeps the limit
has such a start in every second run (1 - 0.99^60 = 45 %). So there the late ones are counted, and the run is
generator-limited if a generator of which exactly one start in a hundred is late would show as many of them in at most
5 % of such runs (the exact binomial tail): 3 of 60, 7 of 300. Late starts come in clusters, since what stands still is
late for all that was due meanwhile; the true tail is therefore fatter, and the rule errs towards "generator-limited".
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, Protocol

from prober.load.histogram import Histogram

MAY_BE_LATE: Final = 0.01
"""Share of starts that may be later than the limit: the criterion is of the 99th percentile."""
MEASURED: Final = 1_000
"""Starts from which p99 is a figure of the run; as `kpis.LEAST_SAMPLES` has it."""
CHANCE: Final = 0.05
"""How often a generator that just keeps the limit may be condemned, at most."""


class Figures(Protocol):
    """Of the span `lateness`: `kpis.SpanFigures`, or the same from a saved document."""

    @property
    def count(self) -> int:
        """Starts."""

    @property
    def most(self) -> float:
        """Seconds."""

    @property
    def p95(self) -> float | None:
        """Seconds; None of too few."""

    @property
    def p99(self) -> float | None:
        """Seconds; None of too few."""


class Lateness(NamedTuple):
    """The generator's lateness in one figure."""

    name: str
    """What the figure is: `p99`, `p95` of fewer, `the latest of 60` of fewer still."""
    seconds: float


def lateness(figures: Figures | None) -> Lateness | None:
    """The figure that there are enough starts for; None without any. Every text that gives one figure has it from
    here."""
    if figures is None or not figures.count:
        return None
    if figures.p99 is not None:
        return Lateness("p99", figures.p99)
    if figures.p95 is not None:
        return Lateness("p95", figures.p95)
    return Lateness(f"the latest of {figures.count:,}", figures.most)


def most_late(starts: int) -> int:
    """So many of `starts` may be later than the limit; one more is no chance."""
    if starts >= MEASURED:
        return int(MAY_BE_LATE * starts)
    within = 0.0
    for late in range(starts + 1):
        within += math.comb(starts, late) * MAY_BE_LATE**late * (1 - MAY_BE_LATE) ** (starts - late)
        if 1 - within <= CHANCE:
            return late
    return starts


def late_starts(histogram: Histogram, limit: float) -> tuple[int, int]:
    """How many came more than `limit` seconds late, and how many may."""
    return histogram.beyond(limit), most_late(histogram.count)
