"""The timetable of an open loop: exact, in order, the same for the same seed."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.load.arrivals import due, planned, rate_at, stretch
from prober.load.words import Arrivals, Load, Phase, PhaseKind, Workload


def load(*phases: Phase, seed: int = 1, arrivals: Arrivals = Arrivals.CONSTANT) -> Load:
    return Load(workload=Workload.HANDSHAKE, phases=phases, seed=seed, arrivals=arrivals)


def sustain(seconds: float, rate: float) -> Phase:
    return Phase(PhaseKind.SUSTAIN, seconds, rate, rate)


PHASES = st.lists(
    st.builds(
        Phase,
        st.sampled_from([PhaseKind.RAMP_UP, PhaseKind.SUSTAIN, PhaseKind.RAMP_DOWN]),
        st.floats(0.0, 20.0),
        st.floats(0.0, 60.0),
        st.floats(0.0, 60.0),
    ),
    max_size=4,
)


def test_constant_is_evenly_spaced_and_each_second_holds_the_rate() -> None:
    times = [time for time, _ in due(load(sustain(30, 70)))]
    assert len(times) == 2100
    assert times[0] == pytest.approx(0.5 / 70)
    assert {round(after - before, 9) for before, after in itertools.pairwise(times)} == {round(1 / 70, 9)}
    assert set(Counter(int(time) for time in times).values()) == {70}


@pytest.mark.parametrize("arrivals", Arrivals)
def test_a_ramp_has_as_many_as_the_area_below_it(arrivals: Arrivals) -> None:
    ramp = Phase(PhaseKind.RAMP_UP, 10, 0, 200)
    rest = Phase(PhaseKind.COLLECTION, 3, 0, 0)
    all_of_it = load(ramp, sustain(5, 200), rest, arrivals=arrivals)
    found = list(due(all_of_it))
    early = sum(time < 5 for time, _ in found)
    whole = sum(kind is PhaseKind.RAMP_UP for _, kind in found)
    if arrivals is Arrivals.CONSTANT:
        assert (early, whole, len(found)) == (250, 1000, 2000)
    else:
        assert abs(early - 250) < 4 * math.sqrt(250)
        assert abs(len(found) - 2000) < 4 * math.sqrt(2000)
    assert max(time for time, _ in found) < 15
    assert {kind for _, kind in found} == {PhaseKind.RAMP_UP, PhaseKind.SUSTAIN}


def test_ramps_follow_the_integral_exactly() -> None:
    """After t seconds of 0 to 100 a second in 10 s, 5·t² are due."""
    for turn, (time, _) in enumerate(due(load(Phase(PhaseKind.RAMP_UP, 10, 0, 100)))):
        assert 5 * time**2 == pytest.approx(turn + 0.5)
    for turn, (time, _) in enumerate(due(load(Phase(PhaseKind.RAMP_DOWN, 10, 100, 0)))):
        assert 100 * time - 5 * time**2 == pytest.approx(turn + 0.5)


@given(PHASES, st.integers(1, 5))
@settings(deadline=None)
def test_constant_workers_share_one_timetable(phases: list[Phase], workers: int) -> None:
    whole = list(due(load(*phases)))
    shared = [list(due(load(*phases), worker=each, workers=workers)) for each in range(workers)]
    assert sorted(time for part in shared for time, _ in part) == [time for time, _ in whole]
    assert max(map(len, shared)) - min(map(len, shared)) <= 1
    assert abs(len(whole) - planned(phases)) <= 1


@given(PHASES, st.sampled_from(Arrivals), st.integers(0, 9))
@settings(deadline=None)
def test_always_in_order_and_within_its_phase(phases: list[Phase], arrivals: Arrivals, seed: int) -> None:
    found = list(due(load(*phases, arrivals=arrivals, seed=seed)))
    assert all(before[0] <= after[0] for before, after in itertools.pairwise(found))
    for time, kind in found:
        begin, end = stretch(phases, kind)
        assert begin <= time <= end
    assert found == list(due(load(*phases, arrivals=arrivals, seed=seed)))


def test_poisson_workers_are_independent_and_add_up_to_the_rate() -> None:
    seen = load(sustain(100, 200), arrivals=Arrivals.POISSON)
    one, other = ([time for time, _ in due(seen, worker=each, workers=2)] for each in range(2))
    assert not set(one) & set(other)
    assert abs(len(one) + len(other) - 20_000) < 4 * math.sqrt(20_000)
    # Counts of the merged process over 1 s: variance equals mean (a chi-square of 99 degrees of freedom).
    counts = Counter(int(time) for time in one + other)
    spread = sum((counts[second] - 200) ** 2 for second in range(100)) / 200
    assert 60 < spread < 149
    gaps = [after - before for before, after in itertools.pairwise(one)]
    mean = sum(gaps) / len(gaps)
    squares = sum(gap**2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(0.01, rel=0.05)
    assert squares == pytest.approx(2 * mean**2, rel=0.1)  # exponential


def test_poisson_follows_the_seed() -> None:
    first, again, other = (list(due(load(sustain(5, 50), arrivals=Arrivals.POISSON, seed=seed))) for seed in (7, 7, 8))
    assert first == again != other


def test_rate_and_stretch_of_a_moment() -> None:
    phases = (Phase(PhaseKind.INIT, 2, 10, 10), Phase(PhaseKind.RAMP_UP, 4, 0, 100), sustain(5, 100), sustain(5, 50))
    assert [rate_at(phases, moment) for moment in (-1, 0, 2, 4, 6, 15.9, 16)] == [0, 10, 0, 50, 100, 50, 0]
    assert stretch(phases, PhaseKind.SUSTAIN) == (6, 16)
    assert stretch(phases, PhaseKind.COLLECTION) == (0, 0)
    assert planned(phases) == 20 + 200 + 500 + 250


@pytest.mark.parametrize(("worker", "workers"), [(1, 1), (-1, 2), (0, 0)])
def test_a_worker_that_is_none_is_a_bug(worker: int, workers: int) -> None:
    with pytest.raises(ValueError, match="count from 0"):
        due(load(sustain(1, 1)), worker=worker, workers=workers)


@pytest.mark.parametrize("figures", [(-1, 1, 1), (1, -1, 1), (1, 1, math.inf), (math.nan, 1, 1)])
def test_a_phase_that_cannot_be_is_a_bug(figures: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="phase"):
        due(load(Phase(PhaseKind.SUSTAIN, *figures)))
