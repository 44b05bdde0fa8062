"""Routes side by side: which are slower, by how much, and what these measurements could not have shown anyway.

Blocks of all routes are interleaved in rounds, each round with every route once, in random order. The unit of analysis
is the round: requests of a block depend on one another (one queue, one stall), so thousands of them are no thousands of
observations. In each round a route's percentile is taken of its block's merged histogram; what counts for a pair of
routes is the logarithm of their ratio, round by round, so that a machine that drifts has drifted for both.

If two routes are alike, the random order makes either sign of each round's difference equally likely, whatever the
distribution, the drift, the bursts or the stalls. An exact signed-rank test rests on this alone (`ranks`). Its interval
is that of the pair's ratio; seconds are the ratio times the first route's percentile over all rounds.

Every pair and percentile is one test. Holm's correction over all of them keeps the chance that a table of equals calls
anything different at 5 %. An interval is given at the confidence that the correction asked for, so that "the interval
spans 0" and "indistinguishable" are one thing.

What was tried: a route against itself at 200 operations a second, 5 rounds of 10 s, 50 to 200 times each; how often it
was called different at any of p50, p95, p99 (* at p50 alone). M/M/1 half busy; with a tide of 20 %; with stalls:

    Mann-Whitney on requests *                   34 %, 41 %, 70 %: requests are no independent observations
    seconds as units, normal interval *          6 %, 3 %, 10 %: a stall spans several
    bootstrap over blocks, unpaired              14 %, 0 %, 10 %; a tide hides the twin (found 6 %)
    bootstrap over rounds, percentile interval   18 %, 18 %, 16 %: five are too few for it
    bootstrap of rounds and of their seconds *   2 %, 3 %, 6 %: counts the seconds' noise twice, and is not exact
    jackknife of merged percentiles, Student     4 %, 6 %, 25 %: percentiles jump when one block has the stall
    expanded bootstrap (see `bootstrap`)         4 %, 2 %, 2 %, and up to 12 % elsewhere
    Student over rounds                          5 %, 5 %, 1 %; but one stall hides everything: twin found 79 % where
                                                 the signed-rank test finds 89 % (20 rounds)
    random signs: of the mean, of ranks          exact, whatever the queue; below 6 rounds nothing can be shown

Rounds: many short ones. Under the tide 15 of 10 s find the twin in 100 %, 7 of 30 s in 7 %: the machine drifts on.
Measuring until a difference of 10 % would be found (`LOOKS`, `sufficient`) leaves 3.4 % wrong on 1,001 simulated
comparisons and 4.4 % on 1,000 of recorded blocks, the twin found in 100 % and 95 %: benchmarks/bench_statistics.py.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prober.bench.bootstrap import Blocks
from prober.bench.fitness import Fitness, told
from prober.bench.kpis import LEAST_SAMPLES, counted, merged
from prober.bench.pairs import (
    LEVEL,
    PERCENTS,
    SHARE,
    Difference,
    Rounds,
    Tier,
    distinguish,
    enough,
    percentile_name,
    tiers,
)
from prober.bench.ranks import decidable, rounds_needed
from prober.bench.validity import Validity
from prober.load.histogram import Histogram
from prober.load.slices import Measured
from prober.load.words import Load, Measure, Span

LOOKS: Final = (20, 25, 32, 40, 50, 63, 80, 100, 120)
"""Numbers of rounds after which `sufficient` is asked; the last is the end in any case."""
SECONDS: Final = 10.0
"""Of a block's sustain phase. For the same time, many short rounds find what few long ones miss: the machine drifts."""


class RemarkWord(StrEnum):
    """What to bear in mind about a comparison."""

    FEW_ROUNDS = "few-rounds"
    FEW_SAMPLES = "few-samples"
    MISSING = "missing-blocks"
    LOST = "operations-lost"
    """Operations failed or were not started, or blocks were not valid."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark, as a word and as a sentence."""

    word: RemarkWord
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """One route in one round."""

    route: str
    round: int
    histogram: Histogram
    ended: int = 0
    failed: int = 0
    skipped: int = 0
    valid: bool = True
    generator_limited: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """One percentile of a route over all its rounds, in seconds."""

    route: str
    percentile: str
    """`p50`, `p95`, `p99`."""
    value: float
    """Of all its blocks' merged histograms."""
    low: float | None
    """95 % interval (bootstrap over blocks); None with fewer than three."""
    high: float | None
    ended: int
    failed: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """All routes against all."""

    rounds: int
    standings: tuple[Standing, ...]
    differences: tuple[Difference, ...]
    tiers: tuple[Tier, ...]
    remarks: tuple[Remark, ...]
    fitness: tuple[Fitness, ...] = ()


def blocks(names: Sequence[str], count: int, seed: int) -> list[str]:
    """The order in which to measure: `count` rounds, each with every route once, shuffled.

    Give all routes of one round the same `Load.seed`: they then get the same arrivals, one noise less between them.
    """
    dice = random.Random(f"rounds/{seed}")  # noqa: S311 - an order, no secret
    order: list[str] = []
    for _ in range(count):
        turn = list(names)
        dice.shuffle(turn)
        order += turn
    return order


def block(
    load: Load, measured: Measured, turn: int, measure: Measure | None = None, *, judged: Validity | None = None
) -> Block:
    """What a run has to say in round `turn`: the sustain phase's response times, or another span. `judged` is the run's
    validity; None = it is not doubted."""
    slices = counted(load, measured)
    failed = sum(each.failed.total() for each in slices)
    ended = failed + sum(each.succeeded for each in slices)
    return Block(
        measured.route,
        turn,
        merged(slices, measure or Measure(Span.RESPONSE)),
        ended,
        failed,
        sum(each.skipped.total() for each in slices),
        judged is None or judged.valid,
        judged is not None and judged.generator_limited,
    )


def compare(
    found: Sequence[Block], *, seed: int, percents: Sequence[float] = PERCENTS, level: float = LEVEL
) -> Comparison:
    """Compare what the blocks of several routes have shown. `seed` is for the standings' bootstrap alone."""
    by_route = _by_route(found)
    tables = {route: _rounds(own, percents) for route, own in by_route.items()}
    standings = tuple(each for route, own in by_route.items() for each in _standings(route, own, percents, seed))
    values = {(each.route, each.percentile): each.value for each in standings}
    fitness = tuple(_fitness(route, own) for route, own in by_route.items())
    unfit = {each.route: each.word for each in fitness if each.word}
    differences = distinguish(tables, values, percents, level, unfit)
    rounds = len({each.round for each in found})
    lost = [Remark(RemarkWord.LOST, text) for text in told(fitness)]
    return Comparison(
        rounds,
        standings,
        differences,
        tuple(tier for percent in percents for tier in tiers(percentile_name(percent), values, differences, unfit)),
        (*lost, *_remarks(by_route, tables, percents, rounds, level / max(1, len(differences)))),
        fitness,
    )


def sufficient(found: Sequence[Block], *, share: float = SHARE, percents: Sequence[float] = PERCENTS) -> bool:
    """Whether these blocks would have shown a difference of `share` between any two routes: ask after each number of
    rounds in `LOOKS`, and stop when it is so. False where fewer than two routes can be compared."""
    tables = {route: _rounds(own, percents) for route, own in _by_route(found).items()}
    nowhere = {(route, percentile_name(percent)): 0.0 for route in tables for percent in percents}
    return enough(distinguish(tables, nowhere, percents), share)


def _fitness(route: str, own: Sequence[Block]) -> Fitness:
    return Fitness(
        route,
        len(own),
        ended=sum(each.ended for each in own),
        failed=sum(each.failed for each in own),
        skipped=sum(each.skipped for each in own),
        invalid=sum(not each.valid for each in own),
        generator_limited=sum(each.generator_limited for each in own),
    )


def _by_route(found: Sequence[Block]) -> dict[str, list[Block]]:
    by_route: dict[str, list[Block]] = defaultdict(list)
    for each in found:
        by_route[each.route].append(each)
    return by_route


def _rounds(own: Sequence[Block], percents: Sequence[float]) -> dict[int, tuple[float | None, ...]]:
    return {each.round: tuple(_supported(each.histogram, percent) for percent in percents) for each in own}


def _supported(histogram: Histogram, percent: float) -> float | None:
    least = LEAST_SAMPLES.get(percent, math.ceil(10 / (1 - percent / 100)) if percent < 100 else 1)
    return histogram.percentile(percent) if histogram.count >= least else None


def _standings(route: str, own: Sequence[Block], percents: Sequence[float], seed: int) -> Iterator[Standing]:
    merger = Blocks([each.histogram for each in own])
    ended, failed = sum(each.ended for each in own), sum(each.failed for each in own)
    for percent in percents:
        low, high = merger.interval(percent, seed=seed) or (None, None)
        yield Standing(route, percentile_name(percent), merger.percentile(percent), low, high, ended, failed)


def _remarks(
    by_route: Mapping[str, Sequence[Block]],
    tables: Mapping[str, Rounds],
    percents: Sequence[float],
    rounds: int,
    strictest: float,
) -> Iterator[Remark]:
    """`strictest` is the level that Holm's correction asks of the first of all tests that were made."""
    if len(by_route) > 1 and not decidable(rounds, strictest):
        yield Remark(
            RemarkWord.FEW_ROUNDS,
            f"{rounds} rounds cannot tell {len(by_route)} routes apart, however different they are: "
            f"measure {rounds_needed(strictest)} rounds or more, shorter ones if need be.",
        )
    for place, percent in enumerate(percents):
        without = [route for route, table in tables.items() if any(own[place] is None for own in table.values())]
        if without:
            yield Remark(
                RemarkWord.FEW_SAMPLES,
                f"{percentile_name(percent)} needs {LEAST_SAMPLES.get(percent, 0):,} samples in a block; blocks of "
                f"{', '.join(without)} with fewer are left out of it: raise the rate or the blocks' length.",
            )
    for route, own in by_route.items():
        if len(own) < rounds:
            yield Remark(
                RemarkWord.MISSING,
                f"{route} was measured in {len(own)} of {rounds} rounds: the others say nothing about it.",
            )
