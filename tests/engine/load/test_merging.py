"""Seconds of several processes, and when a run has to stop."""

from __future__ import annotations

import pytest

from prober.engine.load.merging import Outcomes, Running, Timeline
from prober.load.slices import Slice
from prober.load.words import Measure, Span


def second(number: int, offered: int = 1) -> Slice:
    """With one response."""
    made = Slice(number, offered=offered)
    made.span(Measure(Span.RESPONSE)).record(0.001 * offered)
    return made


def test_given_once_all_have_told() -> None:
    given: list[Slice] = []
    line = Timeline(2, given.append)
    line.take(0, [second(0), second(1)])
    assert given == []
    line.take(1, [second(0, 5)])
    assert [(each.second, each.offered) for each in given] == [(0, 6)]
    assert given[0].span(Measure(Span.RESPONSE)).count == 2
    line.take(1, [second(1), second(2)])
    line.end(0)
    assert [(each.second, each.offered) for each in given] == [(0, 6), (1, 2), (2, 1)]
    line.end(1)
    assert line.slices == given


def test_one_that_died_holds_nobody_up() -> None:
    line = Timeline(2, None)
    line.take(0, [second(0)])
    line.take(1, [second(0), second(1), second(2)])
    line.end(0)
    line.end(1)
    assert [each.offered for each in line.slices] == [2, 1, 1]


def test_gaps_are_filled() -> None:
    line = Timeline(1, None)
    line.take(0, [second(2)])
    assert [(each.second, each.offered) for each in line.slices] == [(0, 0), (1, 0), (2, 1)]


def test_nothing_at_all() -> None:
    line = Timeline(1, None)
    line.end(0)
    assert line.slices == []


def test_more_than_half_fail() -> None:
    outcomes = Outcomes(2, 0.5)
    assert outcomes.take(0, 0.25, 10, 0) is None  # too few
    assert outcomes.take(1, 0.3, 10, 10) is None  # half
    assert outcomes.take(1, 0.5, 11, 10) == "11 of the 21 operations that ended within the last 2 s failed"


def test_what_is_past_does_not_count() -> None:
    outcomes = Outcomes(1, 0.5)
    for quarter in range(1, 40):
        assert outcomes.take(0, quarter / 4, quarter * 25, quarter * 25) is None
    late = outcomes.take(0, 10.0, 39 * 25 + 300, 39 * 25)
    assert late is not None
    assert late.startswith("300 of the ")
    quiet = Outcomes(1, 0.5)
    assert quiet.take(0, 1.0, 30, 16) is None
    assert quiet.take(0, 9.0, 30, 16) is None


@pytest.mark.parametrize("rate", [0.2, 0.7, 1, 5, 9, 10, 50])
def test_a_dead_proxy_ends_a_run_at_any_rate(rate: float) -> None:
    """Words come four times a second; the twentieth failure ends it, or the first after it in that word."""
    outcomes = Outcomes(1, 0.5)
    for quarter in range(1, 1_000):
        ended = int(rate * quarter / 4)
        why = outcomes.take(0, quarter / 4, ended, 0)
        assert (why is not None) == (ended >= 20)
        if why is not None:
            assert why.startswith(f"{ended} of the {ended} operations that ended within the last ")
            return
    raise AssertionError("it went on")


def test_of_a_slow_run_the_last_twenty_count() -> None:
    """One a second; sound for an hour, then dead: 10 of 20 failed is half, 11 are more."""
    outcomes = Outcomes(1, 0.5)
    for second in range(1, 3_601):
        assert outcomes.take(0, float(second), second, second) is None
    for failed in range(1, 11):
        assert outcomes.take(0, 3_600.0 + failed, 3_600 + failed, 3_600) is None
    assert outcomes.take(0, 3_611.0, 3_611, 3_600) == "11 of the 20 operations that ended within the last 20 s failed"


def test_a_run_that_is_slow_keeps_little_of_its_past() -> None:
    outcomes = Outcomes(1, 0.5)
    for quarter in range(40_000):
        outcomes.take(0, quarter / 4, quarter // 4_000, quarter // 4_000)
    assert len(outcomes._past) <= 21


def test_never_stopping() -> None:
    assert Outcomes(1, 1.0).take(0, 1.0, 500, 0) is None


def test_counters_so_far_are_those_of_all() -> None:
    running = Running(2)
    assert running.take(0, Slice(0, started=3, open=1)) is None
    assert running.take(0, Slice(1, started=5, open=1)) is None
    first = running.take(1, Slice(0, started=2, open=4))
    assert first is not None
    assert (first.second, first.started, first.open) == (0, 7, 5)
    second = running.take(1, Slice(1, started=4, open=4))
    assert second is not None
    assert (second.second, second.started) == (1, 9)
    running.end(1)
    third = running.take(0, Slice(2, started=8))
    assert third is not None
    assert (third.second, third.started) == (2, 12)
