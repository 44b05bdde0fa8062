"""Percentiles of merged blocks, and how often their interval holds the truth."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.bench.bootstrap import Blocks
from prober.load.histogram import Histogram


def histogram(values: list[float]) -> Histogram:
    made = Histogram()
    for value in values:
        made.record(value)
    return made


@given(
    st.lists(st.lists(st.floats(1e-4, 0.01), min_size=1, max_size=15), min_size=1, max_size=4),
    st.sampled_from([1.0, 50.0, 95.0, 99.0, 100.0]),
)
@settings(max_examples=25, deadline=None)
def test_percentiles_are_those_of_the_merged_histogram(values: list[list[float]], percent: float) -> None:
    whole = Histogram()
    for each in values:
        whole.add(histogram(each))
    assert Blocks([histogram(each) for each in values]).percentile(percent) == whole.percentile(percent)


def test_weights_are_repetitions() -> None:
    slow, quick = histogram([1.0] * 100), histogram([0.001] * 100)
    both = Blocks([slow, quick])
    assert both.percentile(50, (1, 2)) == pytest.approx(0.001, rel=0.01)
    assert both.percentile(50, (2, 1)) == pytest.approx(1.0, rel=0.01)
    assert both.percentile(50, (0, 0)) == 0.0


def test_nothing_recorded() -> None:
    assert Blocks([Histogram(), Histogram()]).percentile(50) == 0.0
    assert Blocks([]).percentile(50) == 0.0


def test_two_blocks_have_no_interval() -> None:
    assert Blocks([histogram([1.0])] * 2).interval(50, seed=1) is None


def test_the_same_seed_gives_the_same_interval() -> None:
    dice = random.Random(1)  # noqa: S311 - the same each time
    made = Blocks([histogram([dice.expovariate(100) for _ in range(50)]) for _ in range(6)])
    assert made.interval(50, seed=1) == made.interval(50, seed=1)
    low, high = made.interval(50, seed=1) or (0, 0)
    assert 0 < low < made.percentile(50) < high
    wide = made.interval(50, seed=1, confidence=0.99) or (0, 0)
    assert wide[0] <= low < high <= wide[1]


def test_the_interval_of_five_blocks_is_wide_enough() -> None:
    """Blocks that differ among themselves by 20 %. The plain percentile interval of five covers 80 % only."""
    dice = random.Random(5)  # noqa: S311 - the same each time
    covered = 0
    for turn in range(150):
        blocks = []
        for _ in range(5):
            own = math.exp(dice.gauss(0, 0.2))
            blocks.append(histogram([0.01 * own * (0.9 + 0.02 * place) for place in range(11)]))
        low, high = Blocks(blocks).interval(50, seed=turn, resamples=200) or (0, 0)
        covered += low <= 0.01 <= high
    assert covered >= 0.90 * 150
