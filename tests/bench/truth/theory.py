"""What a scripted proxy must come to, worked out from its script and the moments at which operations are due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prober.load.arrivals import due
from prober.load.histogram import Histogram
from prober.load.words import Load, PhaseKind

PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0)
QUANTILES: Final = 200
ON_THE_WAY: Final = 0.010
"""Seconds that a CONNECT may take from when it is due until the proxy has it."""


def in_sustain(load: Load) -> list[float]:
    """When the operations that count are due, in seconds since the run's start."""
    return [moment for moment, kind in due(load) if kind is PhaseKind.SUSTAIN]


def single_server(load: Load, service: float) -> list[float]:
    """Seconds that each operation that counts spends at one server with a fixed service time (Lindley's recursion)."""
    found: list[float] = []
    free = 0.0
    for moment, kind in due(load):
        free = max(moment, free) + service
        if kind is PhaseKind.SUSTAIN:
            found.append(free - moment)
    return found


def stalled(load: Load, begin: float, seconds: float, *, service: float = 0.0) -> list[float]:
    """Seconds that each operation that counts spends at a server that gives no answer from `begin` on for so long, and
    then serves what has come meanwhile one after the other, each for `service` seconds.

    The stall begins with an operation, which is due a little before its CONNECT comes.
    """
    end = begin + seconds
    found: list[float] = []
    free = 0.0
    for moment, kind in due(load):
        held = end if begin - ON_THE_WAY <= moment < end else 0.0
        start = max(moment, held, free)
        free = start + service
        if kind is PhaseKind.SUSTAIN:
            found.append(free - moment)
    return found


def followed_by(values: Sequence[float], rest: Histogram, more: float) -> list[float]:
    """What comes of `values` if each is followed by something that is independent of it and is distributed as `rest`,
    and by `more` seconds: all sums with `rest`'s quantiles. (Medians do not add up; distributions do.)"""
    quantiles = [rest.percentile(100 * (place + 0.5) / QUANTILES) + more for place in range(QUANTILES)]
    return [value + other for value in values for other in quantiles]


def percentile(values: Sequence[float], percent: float) -> float:
    """As HdrHistogram counts: the least value at or below which that share lies."""
    ordered = sorted(values)
    return ordered[max(int(percent * len(ordered) / 100 + 0.5), 1) - 1]


def tolerance(theory: float) -> float:
    """Seconds that a percentile may be off: 5 % or 2 ms."""
    return max(0.05 * theory, 0.002)


def differences(measured: Histogram, theory: Sequence[float]) -> list[tuple[float, float, float, bool]]:
    """Percentile, what is measured, what it must be, and whether it agrees."""
    found = []
    for percent in PERCENTILES:
        wanted, seen = percentile(theory, percent), measured.percentile(percent)
        found.append((percent, seen, wanted, abs(seen - wanted) <= tolerance(wanted)))
    return found
