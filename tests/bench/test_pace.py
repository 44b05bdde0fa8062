"""What keeps up with the rate and what does not, however long one operation takes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.bench.criteria import Fault
from prober.bench.kpis import kpis, sustained, within
from prober.bench.pace import keeping_up, paces
from prober.bench.profiles import COLLECTION, rfc9411, steady
from prober.bench.validity import validity
from prober.load.slices import Slice
from prober.load.words import Arrivals, Load, Measure, Phase, Span, Workload
from tests.bench.simulated import Proxy

BOTH = {Fault.BEHIND, Fault.UNSTEADY}
MANY = 2_000
"""Servers: nobody waits for one."""


def judged(proxy: Proxy, phases: tuple[Phase, ...], arrivals: Arrivals, seed: int = 1) -> set[str]:
    load = Load(workload=Workload.BULK, phases=phases, seed=seed, arrivals=arrivals)
    measured = proxy.run(load)
    return {each.word for each in validity(load, measured, kpis(load, measured)).reasons}


@given(
    latency=st.floats(0.0001, COLLECTION),
    rate=st.floats(1, 150),
    seconds=st.integers(4, 40),
    ramp=st.integers(0, 4),
    arrivals=st.sampled_from(Arrivals),
    seed=st.integers(0, 1_000),
)
@settings(deadline=None, max_examples=60)
def test_a_constant_latency_is_no_overload(
    latency: float, rate: float, seconds: int, ramp: int, arrivals: Arrivals, seed: int
) -> None:
    phases = steady(rate, seconds, ramp=ramp)
    assert not judged(Proxy(latency, servers=MANY), phases, arrivals, seed) & BOTH


def test_nor_is_it_with_the_rfcs_profile() -> None:
    assert not judged(Proxy(4.5, servers=MANY), rfc9411(20), Arrivals.POISSON) & BOTH


def test_slow_transfers_of_differing_length_are_none_either() -> None:
    """Exponential about 2 s, which no queue is behind; at 40/s and 10 s, 400 operations."""
    found = [
        judged(
            Proxy(2.0, servers=MANY, exponential=True, dice=random.Random(seed)),  # noqa: S311 - the same each time
            steady(40, 10),
            Arrivals.POISSON,
            seed,
        )
        for seed in range(40)
    ]
    assert sum(bool(words & BOTH) for words in found) <= 4


@pytest.mark.parametrize("arrivals", Arrivals)
@pytest.mark.parametrize("work", [0.01, 0.5, 3.0])
def test_a_way_that_bears_nine_tenths_is_behind(work: float, arrivals: Arrivals) -> None:
    servers = round(90 * work) or 1
    rate = servers / work / 0.9
    load = Load(workload=Workload.BULK, phases=steady(rate, 30), seed=3, arrivals=arrivals)
    measured = Proxy(work, servers=servers).run(load)
    found = kpis(load, measured)
    assert Fault.BEHIND in {each.word for each in validity(load, measured, found).reasons}
    assert found.share == pytest.approx(0.9, abs=0.03)
    assert found.achieved == pytest.approx(0.9 * rate, rel=0.05)


def test_a_stall_between_two_stretches_is_unsteady() -> None:
    proxy = Proxy(0.001, stall=(10.5, 12.5))
    assert Fault.UNSTEADY in judged(proxy, steady(100, 20), Arrivals.CONSTANT)


@pytest.mark.parametrize("begin", [4.1, 9.1, 17.1])
def test_a_stall_that_was_over_in_the_end_is_not_called_overload(begin: float) -> None:
    """Of 4 s, at the beginning, amid and towards the end of a sustain phase from 3 to 23."""
    load = Load(workload=Workload.HANDSHAKE, phases=steady(40, 20), seed=1)
    measured = Proxy(0.003, stall=(begin, begin + 4)).run(load)
    found = kpis(load, measured)
    words = {each.word for each in validity(load, measured, found).reasons}
    assert Fault.UNSTEADY in words
    assert Fault.BEHIND not in words
    assert found.achieved == pytest.approx(40, rel=0.02)


def test_what_failed_was_not_achieved() -> None:
    load = Load(workload=Workload.HANDSHAKE, phases=steady(100, 10), seed=1)
    measured = Proxy(0.001, refuses=0.1).run(load)
    held = within(measured.slices, sustained(load))
    assert keeping_up(held) == sum(each.succeeded for each in held) / 1_000


def test_without_anything() -> None:
    assert keeping_up([]) is None
    assert keeping_up([Slice(0), Slice(1)]) is None
    assert keeping_up([Slice(0, offered=4, succeeded=3)]) == 0.75
    assert paces([Slice(0, offered=1), Slice(1)], 2) == [0.0, None]


def test_durations_that_fell_are_no_more_than_ten_times_the_pace() -> None:
    first, last = Slice(0, offered=1, succeeded=1), Slice(1, offered=1, succeeded=1)
    first.span(Measure(Span.RESPONSE)).record(60)
    last.span(Measure(Span.RESPONSE)).record(1)
    assert keeping_up([first, last]) == pytest.approx(10)
