"""One figure for the generator's lateness, named for what it is; and how many late starts are chance."""

from __future__ import annotations

import math

import pytest

from prober.bench.kpis import figures
from prober.bench.lateness import late_starts, lateness, most_late
from prober.load.histogram import Histogram


def starts(count: int) -> Histogram:
    """One of 0.1 s, the others of 1 ms."""
    histogram = Histogram()
    for place in range(count):
        histogram.record(0.1 if place == 0 else 0.001)
    return histogram


@pytest.mark.parametrize(
    ("count", "name", "seconds"),
    [(1, "the latest of 1", 0.1), (60, "the latest of 60", 0.1), (199, "the latest of 199", 0.1), (200, "p95", 0.001),
     (999, "p95", 0.001), (1_000, "p99", 0.001)],
)  # fmt: skip
def test_the_figure_says_what_it_is(count: int, name: str, seconds: float) -> None:
    found = lateness(figures(starts(count)))
    assert found is not None
    assert found.name == name
    assert found.seconds == pytest.approx(seconds, rel=0.002)


def test_nothing_was_started() -> None:
    assert lateness(None) is None
    assert lateness(figures(Histogram())) is None
    assert most_late(0) == 0


@pytest.mark.parametrize("count", [1, 5, 6, 60, 300, 500, 999])
def test_no_more_than_chance(count: int) -> None:
    """The least bound that a generator with one late start in a hundred passes in 5 % of runs at most."""

    def passes(bound: int) -> float:
        return sum(math.comb(count, late) * 0.01**late * 0.99 ** (count - late) for late in range(bound + 1, count + 1))

    bound = most_late(count)
    assert passes(bound) <= 0.05
    assert bound == 0 or passes(bound - 1) > 0.05


def test_from_a_thousand_on_it_is_the_p99() -> None:
    assert [most_late(count) for count in (1_000, 1_999, 2_000, 100_000)] == [10, 19, 20, 1_000]


def test_late_is_later_than_the_limit() -> None:
    histogram = Histogram()
    for seconds in (0.0049, 0.005, 0.0051, 0.2):
        histogram.record(seconds)
    assert late_starts(histogram, 0.005) == (2, most_late(4))
