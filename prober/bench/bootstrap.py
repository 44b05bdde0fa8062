"""An interval for one route's percentile, by bootstrap over its blocks.

Whole blocks are drawn again with replacement, their histograms merged, the percentile taken of the merged one: requests
of a block depend on one another, blocks hardly. Two steps make it honest with few blocks and quick without numpy:

* The plain percentile interval is too narrow by sqrt((n-1)/n) and by the normal's quantile where Student's belongs:
  with five blocks a nominal 95 % covers about 80 %. Hesterberg's expanded percentile interval asks the same bootstrap
  distribution for wider quantiles instead, normal(−sqrt(n/(n−1))·t(n−1)).
* Blocks are kept as running counts over the values all of them have; a resample is a weight for each block, and its
  percentile is found by bisection. A merge would cost a thousand times that.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from prober.bench.intervals import NORMAL, t_quantile
from prober.load.histogram import Histogram

RESAMPLES: Final = 1_000


class Blocks:
    """Histograms of one route's blocks, ready to be merged in any mixture."""

    __slots__ = ("_rows", "_totals", "_values", "size")

    def __init__(self, histograms: Sequence[Histogram]) -> None:
        found = [dict(each.counts()) for each in histograms]
        self.size = len(found)
        self._values = sorted(set().union(*found))
        columns = [list(accumulate(each.get(value, 0) for value in self._values)) for each in found]
        self._totals = [column[-1] if column else 0 for column in columns]
        self._rows = list(zip(*columns, strict=True))

    def percentile(self, percent: float, weights: Sequence[int] | None = None) -> float:
        """Seconds; each block counted as often as its weight says, all once without weights. 0 without values."""
        weights = weights or (1,) * self.size
        total = _dot(weights, self._totals)
        if not total:
            return 0.0
        target = max(int(total * percent / 100 + 0.5), 1)  # rounded as HdrHistogram does it
        place = bisect_left(self._rows, target, key=lambda row: _dot(weights, row))
        return self._values[min(place, len(self._values) - 1)] / 1e6

    def interval(
        self, percent: float, *, seed: int, confidence: float = 0.95, resamples: int = RESAMPLES
    ) -> tuple[float, float] | None:
        """The percentile's interval in seconds; None with fewer than three blocks, of which nothing can be learnt."""
        if self.size < 3:
            return None
        dice = random.Random(seed)  # noqa: S311 - the same interval each time
        drawn = sorted(self.percentile(percent, self._draw(dice)) for _ in range(resamples))
        stretched = math.sqrt(self.size / (self.size - 1)) * t_quantile((1 + confidence) / 2, self.size - 1)
        tail = NORMAL.cdf(-stretched)
        return drawn[int(tail * resamples)], drawn[min(math.ceil((1 - tail) * resamples), resamples) - 1]

    def _draw(self, dice: random.Random) -> list[int]:
        weights = [0] * self.size
        for block in dice.choices(range(self.size), k=self.size):
            weights[block] += 1
        return weights


def _dot(weights: Sequence[int], row: Sequence[int]) -> int:
    return sum(map(int.__mul__, weights, row))
