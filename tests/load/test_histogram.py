"""What is kept by value says the same as the library that is asked."""

from __future__ import annotations

import pickle

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.load.histogram import DIGITS, LEAST, MOST, Histogram

SPANS = st.lists(st.floats(0, 700), max_size=50)
PERCENTS = (0.0, 50.0, 90.0, 99.0, 99.9, 100.0)


def of(spans: list[float]) -> Histogram:
    """With these values."""
    made = Histogram()
    for each in spans:
        made.record(each)
    return made


def library(spans: list[float]) -> HdrHistogram:
    """The same with the library alone."""
    made = HdrHistogram(LEAST, MOST, DIGITS)
    for each in spans:
        made.record_value(min(max(round(each * 1e6), LEAST), MOST))
    return made


@settings(deadline=None, max_examples=30)
@given(SPANS)
def test_as_the_library_has_it(spans: list[float]) -> None:
    made, other = of(spans), library(spans)
    assert made.count == other.total_count
    assert made.encode() == other.encode().decode()
    if spans:
        for each in PERCENTS:
            assert made.percentile(each) == other.get_value_at_percentile(each) / 1e6
        assert made.percentiles(PERCENTS) == {each: made.percentile(each) for each in PERCENTS}
        assert (made.least, made.most) == (other.get_min_value() / 1e6, other.get_max_value() / 1e6)
        assert made.mean == other.get_mean_value() / 1e6
    assert made.counts() == [
        (item.value_iterated_to, item.count_at_value_iterated_to) for item in other.get_recorded_iterator()
    ]


@settings(deadline=None, max_examples=30)
@given(SPANS, SPANS)
def test_added_packed_and_sent(one: list[float], two: list[float]) -> None:
    both = of(one + two).counts()
    first, second = of(one), of(two)
    second.pack()
    first.add(second)
    assert first.counts() == both
    sent = pickle.loads(pickle.dumps(of(one)))  # noqa: S301 # what was pickled a moment ago
    sent.add(of(two))
    assert sent.counts() == both
    packed = of(one)
    packed.pack()
    packed.pack()
    for each in two:
        packed.record(each)
    assert packed.counts() == both
    assert Histogram.decode(of(one + two).encode()).counts() == both


def test_empty() -> None:
    made = Histogram()
    assert (made.count, made.least, made.most, made.mean, made.percentile(99)) == (0, 0, 0, 0, 0)
    assert made.percentiles([50, 99]) == {50: 0, 99: 0}
    assert made.counts() == []


def test_packed_it_is_small() -> None:
    made = of([number / 1000 for number in range(500)])
    assert len(pickle.dumps(made)) < 500 * 8 + 200


@pytest.mark.parametrize("text", ["", "nonsense", "AAAA"])
def test_no_histogram(text: str) -> None:
    with pytest.raises(ValueError, match="not an encoded HdrHistogram"):
        Histogram.decode(text)


@given(st.lists(st.floats(1e-6, 600), max_size=8))
@settings(deadline=None, max_examples=30)
def test_counts_are_rising_and_whole(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    found = histogram.counts()
    assert [value for value, _ in found] == sorted({value for value, _ in found})
    assert sum(count for _, count in found) == histogram.count == len(values)
    again = [value for value, count in found for _ in range(count)]
    assert again == [round(1e6 * histogram.percentile(100 * (place + 1) / len(values))) for place in range(len(values))]
