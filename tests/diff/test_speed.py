"""Slower and faster: only when the statistics say so."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.diff.kinds import Kind
from prober.diff.saved import SavedHopTimings, SavedResult, SavedTimings
from prober.diff.speed import FLOOR, LEVEL, interval, shift_of

from .made import compared, result, sample, timings

QUICK = [0.040, 0.041, 0.043, 0.044, 0.050]
LATE = [value + 0.3 for value in QUICK]


def times(*totals: float, negotiate: float = 0.004) -> list[SavedTimings]:
    return [timings(total, negotiate) for total in totals]


@pytest.mark.parametrize("count", [3, 4, 5])
def test_the_bootstrap_is_the_one_that_all_resamples_give(count: int) -> None:
    before, after = QUICK[:count], sorted(LATE[:count])

    def medians(values: list[float]) -> Counter[float]:
        return Counter(statistics.median_low(each) for each in itertools.product(values, repeat=count))

    differences: Counter[float] = Counter()
    for (old, times_), (new, others) in itertools.product(medians(before).items(), medians(after).items()):
        differences[new - old] += times_ * others
    total = sum(differences.values())
    ordered = sorted(differences)
    reached = itertools.accumulate(differences[value] for value in ordered)
    value = next(each for each, so_far in zip(ordered, reached, strict=True) if so_far / total >= (1 - LEVEL) / 2)
    low, high = interval(before, after)
    assert low == pytest.approx(value)
    assert low <= statistics.median_low(after) - statistics.median_low(before) <= high


def test_three_hundred_milliseconds_more_are_named_with_their_place() -> None:
    found = shift_of(times(*QUICK), times(*LATE, negotiate=0.3))
    assert found is not None
    assert (found.stage, found.hop) == ("proxy", 1)
    assert found.after - found.before == pytest.approx(0.3)
    assert 0.28 < found.low <= found.high < 0.32
    assert found.alone


def longer(seconds: float, *, negotiate: float, tls: float, ttfb: float) -> SavedTimings:
    hop = SavedHopTimings(connect=0.002, negotiate=negotiate)
    return SavedTimings(hops=(hop,), tls=tls, ttfb=ttfb, total=0.04 + seconds)


@pytest.mark.parametrize(
    ("negotiate", "tls", "ttfb", "where"),
    [
        (0.304, 0.31, 0.325, ("proxy", 1)),
        (0.304, 0.61, 0.325, ("proxy", 1)),
        (0.014, 0.31, 0.325, ("tls", 0)),
        (0.014, 0.02, 0.32, ("http", 0)),
        (0.304, 0.01, 0.02, ("proxy", 1)),
    ],
    ids=["a longer way", "with TLS 1.2", "beyond the proxy's connection", "a slow answer", "a slow proxy"],
)
def test_it_begins_at_the_first_stage_that_has_a_good_part_of_it(
    negotiate: float, tls: float, ttfb: float, where: tuple[str, int]
) -> None:
    """Stages behind the first one cross the same way: which of them took a little more is chance."""
    before = [longer(each, negotiate=0.004, tls=0.01, ttfb=0.02) for each in (0, 0.001, 0.002, 0.003, 0.004)]
    after = [longer(each, negotiate=negotiate, tls=tls, ttfb=ttfb) for each in (0.9, 0.901, 0.902, 0.903, 0.904)]
    for one, other in ((before, after), (after, before)):
        found = shift_of(one, other)
        assert found is not None
        assert (found.stage, found.hop) == where


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (QUICK[:2], LATE[:2]),
        (QUICK, [value + FLOOR / 2 for value in QUICK]),
        ([value + 1 for value in QUICK], [value + 1.1 for value in QUICK]),
        ([0.04, 0.05, 0.5, 0.6, 0.7], [0.04, 0.6, 0.9, 1.0, 1.1]),
        ([], LATE),
    ],
    ids=["too few", "below the floor", "below the share", "too wide", "none"],
)
def test_what_is_not_told(before: list[float], after: list[float]) -> None:
    assert shift_of(times(*before), times(*after)) is None
    assert shift_of(times(*after), times(*before)) is None


def test_the_share_is_the_user_s() -> None:
    before, after = times(*(value + 1 for value in QUICK)), times(*(value + 1.1 for value in QUICK))
    assert shift_of(before, after, share=0.05) is not None


def test_many_attempts_are_weighed_quickly_and_in_bounds() -> None:
    before = [0.04 + number / 1e6 for number in range(1500)]
    found = shift_of(times(*before), times(*(value + 0.2 for value in before)))
    assert found is not None
    assert found.low > 0.19


LISTS = st.lists(st.floats(0.001, 2, allow_nan=False), max_size=9)


@settings(max_examples=200, deadline=None)
@given(LISTS, LISTS)
def test_backwards_it_is_the_mirror(before: list[float], after: list[float]) -> None:
    there, back = shift_of(times(*before), times(*after)), shift_of(times(*after), times(*before))
    assert (there is None) is (back is None)
    if there is not None and back is not None:
        assert (there.before, there.after, there.stage, there.hop) == (back.after, back.before, back.stage, back.hop)


@given(LISTS)
def test_alike_is_never_slower(values: list[float]) -> None:
    assert shift_of(times(*values), times(*reversed(values))) is None


def pair(host: str, totals: list[float]) -> SavedResult:
    return result(host, samples=tuple(sample(at=n, total=total) for n, total in enumerate(totals)))


def test_few_attempts_are_believed_where_most_of_the_way_agree() -> None:
    hosts = [f"h{number}.example" for number in range(8)]

    def told(changed: int) -> int:
        before = [pair(host, QUICK[:3]) for host in hosts]
        after = [pair(host, (LATE if place < changed else QUICK)[:3]) for place, host in enumerate(hosts)]
        return compared(before, after).kinds[Kind.SLOWER]

    assert [told(changed) for changed in (1, 4, 5, 8)] == [0, 0, 5, 8]
