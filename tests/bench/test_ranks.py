"""The signed-rank test against a count of all signs, and against printed tables."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.bench.ranks import decidable, rounds_needed, shift


def by_counting(differences: list[float]) -> float:
    """The same probability by trying all signs (no ties, no zeros)."""
    ranks = {value: place for place, value in enumerate(sorted(map(abs, differences)), 1)}
    whole = sum(ranks.values())

    def smaller(signs: tuple[int, ...]) -> int:
        plus = sum(ranks[abs(value)] for value, sign in zip(differences, signs, strict=True) if sign > 0)
        return min(plus, whole - plus)

    seen = smaller(tuple(1 if value > 0 else -1 for value in differences))
    every = list(itertools.product((1, -1), repeat=len(differences)))
    return sum(smaller(signs) <= seen for signs in every) / len(every)


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=9, unique=True), st.data())
@settings(deadline=None)
def test_probability_is_exact(sizes: list[int], data: st.DataObject) -> None:
    differences = [float(size * data.draw(st.sampled_from([1, -1]))) for size in sizes]
    assert shift(differences).probability == pytest.approx(min(1.0, by_counting(differences)))


@pytest.mark.parametrize(("rounds", "sum_at_most"), [(6, 0), (8, 3), (10, 8), (15, 25), (20, 52)])
def test_critical_values_as_printed(rounds: int, sum_at_most: int) -> None:
    """Two-sided, 5 %: the largest rank sum that is still significant (any table of Wilcoxon's T)."""

    def with_sum(target: int) -> list[float]:
        signs = []
        for rank in range(rounds, 0, -1):
            signs.append(rank if target < rank else -rank)
            target -= rank if target >= rank else 0
        return [float(each) for each in signs]

    assert shift(with_sum(sum_at_most)).different(0.05)
    assert not shift(with_sum(sum_at_most + 1)).different(0.05)


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=25), st.sampled_from([0.05, 0.02, 0.05 / 3]))
@settings(deadline=None)
def test_interval_and_probability_never_disagree(differences: list[float], level: float) -> None:
    found = shift(differences)
    low, high = found.interval(level)
    assert low <= found.estimate <= high
    assert found.different(level) == (found.probability <= level)
    assert found.detectable(level) >= (high - low) / 2


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=20))
@settings(deadline=None)
def test_swapping_the_routes_turns_the_sign(differences: list[float]) -> None:
    one, other = shift(differences), shift([-each for each in differences])
    assert one.probability == other.probability
    assert one.estimate == -other.estimate
    low, high = one.interval(0.05)
    assert other.interval(0.05) == (-high, -low)


def test_nothing_but_zeros_is_no_difference() -> None:
    """M/D/1 with the same arrivals: every round is the same to the last digit."""
    found = shift([0.0] * 20)
    assert (found.probability, found.estimate, found.interval(0.05)) == (1.0, 0.0, (0.0, 0.0))
    assert not found.different(0.05)


def test_one_odd_round_moves_nothing() -> None:
    calm = [0.1 + place / 1000 for place in range(20)]
    stalled = [*calm[:-1], 9.0]
    assert shift(stalled).estimate == pytest.approx(shift(calm).estimate, abs=0.002)
    assert shift(stalled).different(0.01)


def test_rounds_that_are_needed() -> None:
    assert [rounds_needed(level) for level in (0.05, 0.05 / 3, 0.05 / 9, 0.05 / 30)] == [6, 7, 9, 11]
    assert not decidable(5, 0.05)
    five = shift([1.0, 2.0, 3.0, 4.0, 5.0])
    assert not five.different(0.05)
    assert five.interval(0.05) == (1.0, 5.0)


def test_one_round_is_none() -> None:
    with pytest.raises(ValueError, match="spread"):
        shift([1.0])


def test_interval_covers_and_detectable_is_found() -> None:
    """Heavy tails (a mixture): of 2,000 intervals of 95 % so many cover, and 90 of 100 shifts are found."""
    dice = random.Random(4)  # noqa: S311 - the same each time

    def noise() -> list[float]:
        return [dice.gauss(0, 5 if dice.random() < 0.1 else 1) for _ in range(20)]

    shifts = [shift(noise()) for _ in range(2_000)]
    covered = sum(low <= 0 <= high for low, high in (each.interval(0.05) for each in shifts))
    assert 0.94 * 2_000 < covered < 0.965 * 2_000
    size = sorted(each.detectable(0.05) for each in shifts)[1_000]
    found = sum(shift([value + size for value in noise()]).different(0.05) for _ in range(1_000))
    assert 0.90 < found / 1_000 < 0.99
    assert math.isfinite(size)
