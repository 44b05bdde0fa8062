"""Whether one set of durations is slower than another: the difference of their medians with a bootstrap interval.

The bootstrap is exact. A resample's median is one of the values, and how often which one is a matter of the binomial
distribution (Efron's own example of 1979), so nothing is drawn, nothing has a seed, and the same runs always compare
alike. Of an even number of values the lower middle one counts as their median here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, inf
from typing import Final

from prober.diff.saved import SavedTimings

ENOUGH: Final = 5
"""Attempts on each side from which a pair speaks for itself: with four, chance alone separates them too often."""
LEAST: Final = 3
"""Attempts from which it has a say where most of its route says the same."""
LEVEL: Final = 0.99
FLOOR: Final = 0.05
"""Seconds that nobody needs to hear of, whatever their share."""
SHARE: Final = 0.25
"""What the median must have changed by, as a share of the smaller one, unless the user says otherwise."""
_STAGES: Final = ("dns", "connect", "proxy-tls", "proxy", "tls", "http")
_GOOD_PART: Final = 0.4
"""Of the largest change of a stage: TLS 1.2 takes two round trips where a connection takes one."""
_MOST: Final = 1000
"""Values that are weighed at most, taken evenly from all: `--attempts` knows no more either."""
_ENDLESS: Final = 1e6
"""Seconds that no probe takes: somebody edited the file."""
_RARE: Final = 1e-6
"""Chance below which a resample's median is left out: of a thousand values some hundred remain."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A pair that is slower or faster. Seconds."""

    before: float
    after: float
    low: float
    high: float
    """The interval of the difference."""
    stage: str
    """The stage that it begins at."""
    hop: int
    """The proxy of that stage; 0 = the target itself."""
    attempts: int
    """Of the side with fewer."""

    @property
    def alone(self) -> bool:
        """Whether there are enough attempts to believe it of one pair alone."""
        return self.attempts >= ENOUGH


def shift_of(before: Sequence[SavedTimings], after: Sequence[SavedTimings], share: float = SHARE) -> Shift | None:
    """The change of the total time, if it is beyond chance and large enough; the two sides swapped give its mirror."""
    first, second = _totals(before), _totals(after)
    attempts = min(len(first), len(second))
    if attempts < LEAST:
        return None
    old, new = _median(first), _median(second)
    if abs(new - old) < FLOOR or abs(new - old) < share * min(old, new):
        return None
    low, high = interval(first, second)
    if low <= 0 <= high:
        return None
    stage, hop = _where(before, after, slower=new > old)
    return Shift(old, new, low, high, stage, hop, attempts)


def comparable(before: Sequence[SavedTimings], after: Sequence[SavedTimings]) -> bool:
    """Whether there are attempts enough on both sides to compare at all."""
    return min(len(before), len(after)) >= LEAST


def median_total(timings: Sequence[SavedTimings]) -> float | None:
    """The median of the whole durations; None of too few attempts."""
    totals = _totals(timings)
    return _median(totals) if len(totals) >= LEAST else None


def interval(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """The bootstrap interval, at `LEVEL`, of after's median less before's. Both hold something, in ascending order."""
    weighed = sorted(
        (new - old, chance * other) for old, chance in _resampled(before) for new, other in _resampled(after)
    )
    tail = (1 - LEVEL) / 2
    return _quantile(weighed, tail), -_quantile([(-value, chance) for value, chance in reversed(weighed)], tail)


def _quantile(weighed: Sequence[tuple[float, float]], tail: float) -> float:
    sum_ = 0.0
    for value, chance in weighed:
        sum_ += chance
        if sum_ >= tail:
            return value
    return weighed[-1][0]


def _resampled(values: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Each value with the chance that it is the median of a resample, ascending."""
    return zip(
        (values[index] for index, _ in _chances(len(values))), (p for _, p in _chances(len(values))), strict=True
    )


@lru_cache(maxsize=1024)
def _chances(count: int) -> tuple[tuple[int, float], ...]:
    """Place and chance of the ordered values to be a resample's (lower) median: at least so many are not above it."""
    needed = (count + 1) // 2

    def at_most(place: int) -> float:
        """Chance that the median is among the first `place` values."""
        share = place / count
        return float(sum(comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(needed, count + 1)))

    limits = [at_most(place) for place in range(count + 1)]
    found = ((place, limits[place + 1] - limits[place]) for place in range(count))
    return tuple((place, chance) for place, chance in found if chance >= _RARE)


def _totals(timings: Sequence[SavedTimings]) -> list[float]:
    ordered = sorted(each.total for each in timings if each.total is not None and 0 <= each.total < _ENDLESS)
    return ordered[:: -(-len(ordered) // _MOST)] if len(ordered) > _MOST else ordered


def _median(ordered: Sequence[float]) -> float:
    return ordered[(len(ordered) - 1) // 2]


def _where(before: Sequence[SavedTimings], after: Sequence[SavedTimings], *, slower: bool) -> tuple[str, int]:
    """Stage and hop that the change begins at, in the direction of the whole.

    A longer way is in every stage that crosses it, a round trip at a time, and which of them changed most is chance.
    So it is the first one, in the order of a connection, that has a good part of the largest change.
    """
    old, new = _stages(before), _stages(after)
    sign = 1 if slower else -1
    changes = {
        place: sign * (_median(sorted(new.get(place, [0.0]))) - _median(sorted(old.get(place, [0.0]))))
        for place in sorted({*old, *new}, key=_position)
    }
    most = max(changes.values(), default=0.0)
    return next((place for place, change in changes.items() if change >= most * _GOOD_PART), ("", 0))


def _position(place: tuple[str, int]) -> tuple[float, int]:
    """Proxies come in their order, the target behind them."""
    stage, hop = place
    return hop or inf, _STAGES.index(stage)


def _stages(timings: Sequence[SavedTimings]) -> dict[tuple[str, int], list[float]]:
    found: dict[tuple[str, int], list[float]] = {}
    for each in timings:
        parts = [("dns", 0, each.dns), ("connect", 0, each.connect), ("tls", 0, each.tls), ("http", 0, each.ttfb)]
        for number, hop in enumerate(each.hops, 1):
            parts += [("dns", number, hop.dns), ("connect", number, hop.connect)]
            parts += [("proxy-tls", number, hop.tls), ("proxy", number, hop.negotiate)]
        for stage, place, seconds in parts:
            if seconds is not None:
                found.setdefault((stage, place), []).append(seconds)
    return found
