"""Whether what became due was worked off as fast as it came.

Counting what ends within the same seconds in which things became due would call every slow way overloaded: what became
due in the last three seconds ends three seconds later, however steady the way is. So the time in which operations ended
is their own: it begins one duration after the first was due and ends one duration after the last. It is as long as the
time in which they became due, unless durations grew meanwhile, by a queue that nobody works off: 2,500 operations that
became due within 20 s and ended within 25 s are 100 of 125 a second. This asks nothing of ramps, phases or the time
that one operation takes, and with Poisson arrivals the operations that are compared are the very same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from prober.load.histogram import Histogram
from prober.load.slices import Slice
from prober.load.words import Measure, Span

RESPONSE: Final = Measure(Span.RESPONSE)
ERRORS: Final = 2.0
"""Standard errors by which durations have to differ: of few operations that take now one second and now three, the
first and the last ones differ by chance."""
_FEW: Final = 10
"""Operations that a mean duration is made of."""
_LEAST_TIME: Final = 0.1
"""Of the time in which operations became due: in no less of it have they ended, however much durations fell."""


def keeping_up(seconds: Sequence[Slice]) -> float | None:
    """Share of the offered rate that was achieved over these seconds, in order; None where nothing was offered.

    A queue that grows shows in the first and last quarter as it does in the very first and last operations. What shows
    in one of them alone is a stall that was over in the end, or chance: the lesser of both counts.
    """
    offered = sum(each.offered for each in seconds)
    if not offered:
        return None
    quarter = max(1, len(seconds) // 4)
    wide = _grown(seconds, quarter, quarter)
    close = _grown(seconds, _reach(seconds[:quarter]), _reach(seconds[: -quarter - 1 : -1]))
    grown = min(wide, close, key=abs) if wide * close > 0 else 0.0
    return sum(each.succeeded for each in seconds) / offered / max(1 + grown, _LEAST_TIME)


def _reach(seconds: Sequence[Slice]) -> int:
    """How many of them it takes to have a mean duration; all, if they have too few operations."""
    count = 0
    for number, each in enumerate(seconds, 1):
        count += each.succeeded
        if count >= _FEW:
            return number
    return len(seconds)


def _grown(seconds: Sequence[Slice], first: int, last: int) -> float:
    """Seconds by which durations grew in a second, from the first ones to the last ones."""
    between = len(seconds) - (first + last) / 2
    if between < 1:
        return 0.0
    return _difference(_durations(seconds[:first]), _durations(seconds[-last:])) / between


def paces(seconds: Sequence[Slice], stretches: int) -> list[float | None]:
    """The same of each of several stretches of them; the duration at a border is that of a few seconds about it."""
    length = len(seconds)
    borders = [place * length // stretches for place in range(stretches + 1)]
    reach = max(1, length // stretches // 4)
    around = [(max(0, border - reach), min(length, border + reach)) for border in borders]
    durations = [_durations(seconds[begin:end]) for begin, end in around]
    found: list[float | None] = []
    for place, (begin, end) in enumerate(pairwise(borders)):
        between = (sum(around[place + 1]) - sum(around[place])) / 2
        grown = _difference(durations[place], durations[place + 1]) if between else 0.0
        slowed = between / max(between + grown, _LEAST_TIME * between) if between else 1.0
        offered = sum(each.offered for each in seconds[begin:end])
        ended = sum(each.succeeded for each in seconds[begin:end])
        found.append(ended / offered * slowed if offered else None)
    return found


def _durations(seconds: Sequence[Slice]) -> Histogram:
    whole = Histogram()
    for each in seconds:
        found = each.spans.get(RESPONSE)
        if found is not None:
            whole.add(found)
    return whole


def _difference(first: Histogram, last: Histogram) -> float:
    """Seconds by which the mean of the last ones is greater, as far as that is no chance."""
    if not first.count or not last.count:
        return 0.0
    grown = last.mean - first.mean
    error = math.hypot(_standard_error(first), _standard_error(last))
    return math.copysign(max(0.0, abs(grown) - ERRORS * error), grown)


def _standard_error(histogram: Histogram) -> float:
    mean, count = histogram.mean, histogram.count
    squares = sum(times * (microseconds / 1e6 - mean) ** 2 for microseconds, times in histogram.counts())
    return math.sqrt(squares / count / max(1, count - 1))
