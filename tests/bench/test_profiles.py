"""Profiles: phases of whole seconds with the area that was asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.bench.profiles import hold_tunnels, holds, rfc9411, steady, steps
from prober.load.arrivals import planned, stretch
from prober.load.words import PhaseKind


def test_steady_is_ramp_settle_sustain_collection() -> None:
    phases = steady(100, 30)
    assert [(each.kind, each.seconds, each.rate, each.to_rate) for each in phases] == [
        (PhaseKind.RAMP_UP, 2, 0, 100),
        (PhaseKind.RAMP_UP, 1, 100, 100),
        (PhaseKind.SUSTAIN, 30, 100, 100),
        (PhaseKind.COLLECTION, 5, 0, 0),
    ]
    assert planned(phases) == 100 + 100 + 3000


def test_rfc_has_all_five_phases_and_five_minutes() -> None:
    phases = rfc9411(50)
    assert [each.kind for each in phases] == list(PhaseKind)
    assert stretch(phases, PhaseKind.SUSTAIN) == (35, 335)
    assert next(each.seconds for each in phases if each.kind is PhaseKind.INIT) <= 5


def test_steps_join_and_are_told_apart() -> None:
    phases = steps([10, 20, 40], 5)
    assert all(before.to_rate == after.rate for before, after in pairwise(phases[:-1]))
    assert holds(phases) == ((2, 7, 10), (9, 14, 20), (16, 21, 40))


def test_tunnels_are_opened_and_then_left_alone() -> None:
    phases = hold_tunnels(505, 60, rate=100)
    assert planned(phases) == pytest.approx(505)
    assert holds(phases) == ((6, 66, 0.0),)


@given(st.floats(0.1, 5_000), st.floats(0.5, 600), st.floats(0, 20), st.floats(0, 20))
@settings(deadline=None)
def test_seconds_are_whole_and_nothing_is_shortened(rate: float, duration: float, ramp: float, settle: float) -> None:
    phases = steady(rate, duration, ramp=ramp, settle=settle)
    assert all(each.seconds == int(each.seconds) > 0 for each in phases)
    begin, end, held = holds(phases)[0]
    assert end - begin >= duration
    assert held == rate


@pytest.mark.parametrize(("rate", "duration"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1), (1, float("inf"))])
def test_nothing_is_no_load(rate: float, duration: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        steady(rate, duration)
    with pytest.raises(ValueError, match="above 0"):
        steps([rate], duration)
    with pytest.raises(ValueError, match="above 0"):
        hold_tunnels(5, duration, rate=rate)
