"""Counters and spans land in the second in which an operation was due, and a second is told when it is whole."""

from __future__ import annotations

from math import inf

import pytest

from prober.engine.load.tally import Tally
from prober.load.words import Measure, Skip, Span
from prober.model import Reason, Stage

STEPS = (Measure(Span.CONNECT, 1), Measure(Span.TUNNEL, 1))
WHY = (Stage.PROXY, 1, Reason.PROXY_BUSY)


@pytest.fixture
def tally() -> Tally:
    """Second 0 begins at 100."""
    made = Tally(STEPS)
    made.begun = 100.0
    return made


def test_a_second_waits_for_what_became_due_in_it(tally: Tally) -> None:
    first, second = tally.start(0.5, 100.6), tally.start(0.75, 100.75)
    later = tally.start(1.5, 101.5)
    tally.open = 3
    tally.close_seconds(102.0)
    assert tally.complete(inf) == []
    tally.succeed(first, 102.25)
    tally.fail(second, 102.5, WHY)
    [whole] = tally.complete(inf)
    assert (whole.second, whole.offered, whole.started, whole.succeeded, whole.failed) == (0, 2, 2, 1, {WHY: 1})
    assert (whole.ended, whole.open) == (0, 3)
    assert whole.span(Measure(Span.RESPONSE)).most == pytest.approx(1.75, rel=1e-3)
    assert whole.span(Measure(Span.SERVICE)).most == pytest.approx(1.65, rel=1e-3)
    assert whole.span(Measure(Span.LATENESS)).most == pytest.approx(0.1, rel=1e-3)
    assert Measure(Span.TTFB) not in whole.spans
    tally.succeed(later, 102.5)
    tally.close_seconds(103.0)
    one, two = tally.complete(inf)
    assert (one.succeeded, one.ended, two.ended, two.ended_well) == (1, 0, 3, 2)
    assert (tally.ended, tally.ended_well) == (3, 2)
    assert tally.rest() == []


def test_a_second_waits_for_what_is_yet_to_be_begun(tally: Tally) -> None:
    tally.close_seconds(102.5)
    assert tally.complete(0.9) == []
    assert [each.second for each in tally.complete(1.0)] == [0]
    assert [each.second for each in tally.complete(inf)] == [1]


def test_skips_by_cause(tally: Tally) -> None:
    tally.skip(0.5, Skip.LATE)
    tally.skip(0.6, Skip.STOPPED, 7)
    tally.not_started(tally.start(0.7, 100.7))
    [only] = tally.rest()
    assert (only.offered, only.started) == (9, 0)
    assert only.skipped == {Skip.LATE: 1, Skip.STOPPED: 7, Skip.LOCAL: 1}


def test_what_was_told_is_not_changed(tally: Tally) -> None:
    tally.close_seconds(101.0)
    [told] = tally.complete(inf)
    tally.drop(100.5, WHY)
    assert not told.failed
    [later] = tally.rest()
    assert (later.second, later.failed, later.dropped) == (1, {WHY: 1}, 1)


def test_the_rest_has_no_gaps(tally: Tally) -> None:
    tally.start(3.5, 103.5)
    assert [each.second for each in tally.rest()] == [0, 1, 2, 3]
    assert [each.started for each in tally.rest()] == []


def test_steps_have_their_measures(tally: Tally) -> None:
    operation = tally.start(0.0, 100.0)
    operation.second.steps[1].record(0.25)
    [told] = tally.rest()
    assert set(told.spans) == {Measure(Span.LATENESS), STEPS[1]}


def test_counters_so_far_wait_for_nothing(tally: Tally) -> None:
    done, stuck = tally.start(0.25, 100.25), tally.start(0.75, 100.75)
    tally.succeed(done, 100.5)
    tally.open = 7
    tally.close_seconds(102.0)
    tally.start(1.5, 101.5)
    tally.start(2.1, 102.1)
    assert tally.complete(inf) == []
    first, second = tally.so_far(0), tally.so_far(1)
    assert (first.second, first.started, first.succeeded, first.ended, first.open) == (0, 2, 1, 1, 7)
    assert (second.second, second.started, second.ended) == (1, 3, 1)
    assert second.spans == {}
    tally.fail(stuck, 102.2, WHY)
    assert [each.second for each in tally.complete(inf)] == [0]
    after = tally.so_far(1)
    assert (after.started, after.succeeded, after.failed, after.open) == (3, 1, {WHY: 1}, 7)
