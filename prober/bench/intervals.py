"""Intervals that have a formula: shares, and Student's t, which the standard library lacks."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

NORMAL: Final = NormalDist()


def wilson(count: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share; (0, 1) of nothing."""
    if not of:
        return 0.0, 1.0
    z, share = NORMAL.inv_cdf((1 + confidence) / 2), count / of
    whole = 1 + z * z / of
    centre = (share + z * z / (2 * of)) / whole
    spread = z * math.sqrt((share * (1 - share) + z * z / (4 * of)) / of) / whole
    return max(0.0, min(centre - spread, share)), min(1.0, max(centre + spread, share))


def t_distribution(t: float, freedom: int) -> float:
    """Probability that Student's t of so many degrees of freedom is at most `t` (Abramowitz, Stegun 26.7.3, 26.7.4)."""
    angle = math.atan2(t, math.sqrt(freedom))
    cosine = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    series = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom, 2):
        term *= cosine * (k - 1) / k
        series += term
    within = 2 / math.pi * (angle + math.sin(angle) * series) if odd else math.sin(angle) * series
    return (1 + within) / 2


@lru_cache(maxsize=1024)
def t_quantile(probability: float, freedom: int) -> float:
    """The value below which Student's t lies with this probability, to nine digits. Raises ValueError."""
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError(f"no t for probability {probability} with {freedom} degrees of freedom")
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while t_distribution(high, freedom) < probability:
        low, high = high, high * 2
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_distribution(middle, freedom) < probability else (low, middle)
    return (low + high) / 2
