"""Pairs of routes, told apart or not: exact tests over rounds, Holm's correction over all, tiers. See `comparison`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

from prober.bench.ranks import Shift, shift

LEVEL: Final = 0.05
"""Chance that something is called different where nothing is."""
PERCENTS: Final = (50.0, 95.0, 99.0)
SHARE: Final = 0.10
"""A difference worth finding."""
NOT_COMPARABLE: Final = "not-comparable"

Rounds = Mapping[int, Sequence[float | None]]
"""A route's percentiles (seconds, as many as `PERCENTS`) by round; None where samples were too few."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One percentile of a pair: `b` less `a`, from the rounds that have both."""

    a: str
    b: str
    percentile: str
    difference: float
    """Seconds."""
    low: float
    high: float
    share: float
    """Of a's."""
    share_low: float
    share_high: float
    confidence: float
    """Of both intervals: 0.95, or more where Holm's correction asked for it."""
    probability: float
    """That rounds as unlike as these, or more, come about between equals; not corrected."""
    distinguishable: bool
    """After the correction."""
    detectable: float
    """Seconds: a difference of this size would have been found nine times in ten, whatever the others' levels."""
    detectable_share: float
    rounds: int
    word: str = ""
    """Why the two are not comparable (`fitness.Unfit`); empty where they are. They are then never distinguishable."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Routes of which none can be told apart from the first, the one with the lowest percentile. Two of them may still
    be distinguishable from one another: the differences say so."""

    percentile: str
    place: int
    """From 1."""
    routes: tuple[str, ...]
    word: str = ""
    """`NOT_COMPARABLE`: no tier, but those that have no place among the others."""


def distinguish(
    tables: Mapping[str, Rounds],
    values: Mapping[tuple[str, str], float],
    percents: Sequence[float] = PERCENTS,
    level: float = LEVEL,
    unfit: Mapping[str, str] | None = None,
) -> tuple[Difference, ...]:
    """Every pair's differences, Holm's correction applied over all. `values` are the percentiles of each route over all
    rounds, by route and percentile's name. A pair with fewer than two rounds in common has none. `unfit` says by route
    why it is not comparable: its pairs are tested (which makes the correction no milder) and called nothing."""
    unfit = unfit or {}
    tests: list[tuple[str, str, str, Shift]] = []
    for a, b in combinations(tables, 2):
        for place, percent in enumerate(percents):
            ratios = _ratios(tables[a], tables[b], place)
            if len(ratios) >= 2:
                tests.append((a, b, percentile_name(percent), shift(ratios)))
    levels = holm([each[3].probability for each in tests], level)
    found = (
        _difference(a, b, name, seen, own, level / len(tests), values[a, name])
        for (a, b, name, seen), own in zip(tests, levels, strict=True)
    )
    return tuple(_judged(each, unfit.get(each.a) or unfit.get(each.b) or "") for each in found)


def _judged(each: Difference, word: str) -> Difference:
    return replace(each, word=word, distinguishable=False) if word else each


def holm(probabilities: Sequence[float], level: float) -> list[float]:
    """The level at which Holm's correction tests each: level / n for the least probable, level / (n - 1) for the next,
    and so on, until one is not significant; that one's level is then everybody's who is left."""
    levels = [level] * len(probabilities)
    own, failed = level, False
    for place, which in enumerate(sorted(range(len(probabilities)), key=lambda each: probabilities[each])):
        if not failed:
            own = level / (len(probabilities) - place)
            failed = probabilities[which] > own
        levels[which] = own
    return levels


def tiers(
    percentile: str,
    values: Mapping[tuple[str, str], float],
    differences: Sequence[Difference],
    unfit: Mapping[str, str] | None = None,
) -> Iterator[Tier]:
    """Routes from the lowest percentile up; whoever can be told apart from its tier's first begins the next tier. Those
    that are `unfit` stand by themselves at the end."""
    apart = {
        pair
        for each in differences
        if each.percentile == percentile and each.distinguishable
        for pair in ((each.a, each.b), (each.b, each.a))
    }
    tested = {name for each in differences if each.percentile == percentile for name in (each.a, each.b)}
    unfit = unfit or {}
    apart_from_all = sorted(unfit) if tested or not differences else []
    ordered = sorted(tested - unfit.keys(), key=lambda route: (values[route, percentile], route))
    own: list[str] = []
    place = 1
    for route in ordered if len(ordered) > 1 else ():  # one that is left alone is not the fastest of anything
        if own and (own[0], route) in apart:
            yield Tier(percentile, place, tuple(own))
            own, place = [], place + 1
        own.append(route)
    if own:
        yield Tier(percentile, place, tuple(own))
        place += 1
    if apart_from_all:
        yield Tier(percentile, place, tuple(apart_from_all), NOT_COMPARABLE)


def enough(differences: Sequence[Difference], share: float = SHARE) -> bool:
    """Whether every pair has a percentile at which a difference of `share` would have been found: then more rounds are
    not needed. Looking at this again and again, and stopping by it, does not make equals differ more often: it asks how
    far rounds scatter, and not which way (benchmarks/bench_statistics.py stops like this)."""
    best: dict[tuple[str, str], float] = {}
    for each in differences:
        best[each.a, each.b] = min(best.get((each.a, each.b), math.inf), each.detectable_share)
    return bool(best) and max(best.values()) <= share


def _ratios(a: Rounds, b: Rounds, place: int) -> list[float]:
    """Logarithms of b's percentile over a's, in the rounds that have both."""
    found: list[float] = []
    for turn in sorted(a.keys() & b.keys()):
        one, other = a[turn][place], b[turn][place]
        if one and other:
            found.append(math.log(other / one))
    return found


def _difference(a: str, b: str, name: str, seen: Shift, level: float, strictest: float, of: float) -> Difference:
    low, high = (math.expm1(each) for each in seen.interval(level))
    share, least = math.expm1(seen.estimate), math.expm1(seen.detectable(strictest))
    return Difference(
        a,
        b,
        name,
        difference=share * of,
        low=low * of,
        high=high * of,
        share=share,
        share_low=low,
        share_high=high,
        confidence=1 - level,
        probability=seen.probability,
        distinguishable=seen.different(level),
        detectable=least * of,
        detectable_share=least,
        rounds=seen.size,
    )


def percentile_name(percent: float) -> str:
    """`p50`, `p99`, `p99.9`."""
    return f"p{percent:g}"
