"""Wilcoxon's signed-rank test and the Hodges-Lehmann interval that belongs to it, exact for every number of rounds.

Both look at the means of all pairs of differences, each with itself too (Walsh averages). The test counts how many lie
on the far side of 0; the interval is cut off at the rank that the same count allows. So they never disagree.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

from prober.bench.intervals import t_quantile

POWER: Final = 0.95
"""What the detectable size is reckoned with. Nine in ten are promised: measuring until it is small enough picks moments
at which it looks a little too small, which costs five (benchmarks/bench_statistics.py)."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Paired differences, summed up."""

    size: int
    estimate: float
    """Their centre (Hodges-Lehmann): the median of all means of two. One odd round does not move it."""
    probability: float
    """Of differences at least this one-sided if there were none (two-sided; exact)."""
    walsh: tuple[float, ...]
    """All means of two, rising."""

    def interval(self, level: float) -> tuple[float, float]:
        """The interval that misses the truth with probability `level` at most. With too few rounds for the level it is
        all that was seen (`decidable` tells)."""
        cut = max(_cut(self.size, level), 1)
        return self.walsh[cut - 1], self.walsh[-cut]

    def different(self, level: float) -> bool:
        """Whether 0 is outside the interval of this level."""
        low, high = self.interval(level)
        return decidable(self.size, level) and not low <= 0 <= high

    def detectable(self, level: float) -> float:
        """Size of a difference that a test of this level would find nine times in ten with as many rounds as noisy as
        these, at least: half the interval, and as much again as the power asks for."""
        low, high = self.interval(level)
        needed = 1 + t_quantile(POWER, self.size - 1) / t_quantile(1 - level / 2, self.size - 1)
        return (high - low) / 2 * needed


def shift(differences: Sequence[float]) -> Shift:
    """Sum up differences of rounds; at least two. Raises ValueError."""
    size = len(differences)
    if size < 2:
        raise ValueError("one round has no spread")
    walsh = sorted((one + other) / 2 for place, one in enumerate(differences) for other in differences[place:])
    above, below = len(walsh) - bisect_right(walsh, 0.0), bisect_left(walsh, 0.0)
    against = min(above, below) + len(walsh) - above - below  # zeros count against a difference
    middle = len(walsh) // 2
    centre = walsh[middle] if len(walsh) % 2 else (walsh[middle - 1] + walsh[middle]) / 2
    probability = min(1.0, 2 * _at_most(size)[min(against, len(walsh))])
    return Shift(size, centre, probability, tuple(walsh))


def decidable(rounds: int, level: float) -> bool:
    """Whether so many rounds can show anything at this level: all on one side have probability 2 / 2^rounds."""
    return _cut(rounds, level) > 0


def rounds_needed(level: float) -> int:
    """The fewest rounds that can show anything at this level."""
    rounds = 2
    while not decidable(rounds, level):
        rounds += 1
    return rounds


def _cut(rounds: int, level: float) -> int:
    """Walsh averages to leave out at each end; 0 where not even the outermost may be."""
    return bisect_right(_at_most(rounds), level / 2)


@lru_cache(maxsize=64)
def _at_most(rounds: int) -> tuple[float, ...]:
    """Probability of a signed-rank sum of at most 0, 1, 2, … without a difference: signs are coins."""
    ways = [1]
    for rank in range(1, rounds + 1):
        longer = ways + [0] * rank
        for place, count in enumerate(ways):
            longer[place + rank] += count
        ways = longer
    total = 2**rounds
    return tuple(each / total for each in accumulate(ways))
