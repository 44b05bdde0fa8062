"""Figures of runs over simulated proxies against queueing theory."""

from __future__ import annotations

import math
import random

import pytest

from prober.bench.kpis import counted, figures, kpis
from prober.bench.profiles import hold_tunnels, steady, steps
from prober.load.histogram import Histogram
from prober.load.slices import Measured, Slice
from prober.load.words import Arrivals, Load, Measure, Skip, Span, Workload
from prober.model import Reason, Stage
from tests.bench.simulated import REFUSED, Proxy, response_of_md1


def a_load(rate: float, seconds: float, arrivals: Arrivals = Arrivals.POISSON, seed: int = 3) -> Load:
    return Load(workload=Workload.HANDSHAKE, phases=steady(rate, seconds), seed=seed, arrivals=arrivals)


def near(value: float | None, theory: float) -> bool:
    """Within 5 % or 2 ms."""
    assert value is not None
    return abs(value - theory) <= max(0.05 * theory, 0.002)


@pytest.mark.parametrize(("busy", "work"), [(0.3, 0.003), (0.6, 0.004), (0.7, 0.004)])
def test_percentiles_of_md1(busy: float, work: float) -> None:
    load = a_load(busy / work, 240)
    found = kpis(load, Proxy(work).run(load)).spans["response"]
    for percent, value in ((50, found.p50), (90, found.p90), (95, found.p95), (99, found.p99), (99.9, found.p999)):
        if value is not None and percent < 99.9:
            assert near(value, response_of_md1(percent, work, busy)), percent
    assert near(found.mean, work + busy * work / (2 * (1 - busy)))


def test_percentiles_of_mm1() -> None:
    """The response time of M/M/1 is exponential with mean work / (1 - busy)."""
    work, busy = 0.003, 0.6
    load = a_load(busy / work, 200)
    found = kpis(load, Proxy(work, exponential=True).run(load)).spans["response"]
    for percent, value in ((50, found.p50), (95, found.p95), (99, found.p99)):
        assert near(value, -math.log(1 - percent / 100) * work / (1 - busy)), percent


def test_a_stall_is_visible_in_response_time_and_hidden_in_service_time() -> None:
    """Coordinated omission: 2 s of nothing at 100/s in a run of 30 s. Those due in it wait for what is left of it: of
    3,000, the slowest 30 waited more than 2 s · (1 - 30/200). One operation alone was under way all that time."""
    load = a_load(100, 30, Arrivals.CONSTANT)
    measured = Proxy(0.0005, stall=(13.0, 15.0), lanes=1).run(load)
    found = kpis(load, measured)
    response, service = found.spans["response"], found.spans["service"]
    assert response.p99 is not None
    assert response.p95 is not None
    assert service.p99 is not None
    assert response.p99 == pytest.approx(2 * (1 - 30 / 200) + 30 * 0.0005, rel=0.05)
    assert response.p95 == pytest.approx(2 * (1 - 150 / 200) + 150 * 0.0005, rel=0.05)
    assert service.p99 < 0.001
    assert response.most == pytest.approx(2, rel=0.01)
    assert found.spans["lateness"].p99 == pytest.approx(response.p99, rel=0.05)


def test_only_the_sustain_phase_counts() -> None:
    load = a_load(50, 20, Arrivals.CONSTANT)
    found = kpis(load, Proxy(0.001).run(load))
    assert (found.seconds, found.offered, found.ended, found.share) == (20, 50, 1000, 1.0)
    assert (found.handshakes.least, found.handshakes.mean, found.handshakes.most) == (50, 50, 50)
    assert found.failures == ()
    assert found.failed_share == 0


def test_a_growing_queue_shows_while_it_grows() -> None:
    load = a_load(125, 20, Arrivals.CONSTANT)
    found = kpis(load, Proxy(0.01).run(load))
    assert found.achieved == pytest.approx(100, rel=0.01)
    assert found.share == pytest.approx(0.8, rel=0.02)
    assert found.failed == 0


def test_one_in_a_hundred_is_refused() -> None:
    load = a_load(200, 60)
    found = kpis(load, Proxy(0.001, refuses=0.01, dice=random.Random(2)).run(load))  # noqa: S311 - the same each time
    (share,) = found.failures
    assert (share.stage, share.hop, share.reason) == ("proxy", 1, "proxy-denied")
    assert share.low <= 0.01 <= share.high
    assert share.count == found.failed
    assert share.share == found.failed_share


def test_failures_with_the_most_frequent_first_and_skips_by_cause() -> None:
    load = a_load(10, 2)
    slices = [Slice(second) for second in range(10)]
    slices[3].failed.update({REFUSED: 1, (Stage.TLS, 0, Reason.TLS_TIMEOUT): 3})
    slices[4].skipped.update({Skip.LATE: 2, Skip.IN_FLIGHT: 5})
    slices[4].succeeded = 4
    slices[1].failed[REFUSED] = 100  # in the ramp
    found = kpis(load, Measured("r", 0, slices, []))
    assert [(each.reason, each.count, each.share) for each in found.failures] == [
        ("tls-timeout", 3, 3 / 8),
        ("proxy-denied", 1, 1 / 8),
    ]
    assert found.skipped == {"in-flight": 5, "late": 2}


def test_concurrent_and_throughput_are_of_each_second() -> None:
    load = a_load(10, 3)
    slices = [Slice(second, open=second, bytes_in=1000 * second) for second in range(6)]
    found = kpis(load, Measured("r", 0, slices, []))
    assert (found.concurrent.least, found.concurrent.mean, found.concurrent.most) == (3, 4, 5)
    assert found.throughput.most == 40_000
    assert found.offered == 0
    assert found.share is None


@pytest.mark.parametrize(
    ("samples", "given"),
    [(9, 0), (10, 1), (99, 1), (100, 2), (200, 3), (999, 3), (1_000, 4), (9_999, 4), (10_000, 5)],
)
def test_no_percentile_without_samples(samples: int, given: int) -> None:
    histogram = Histogram()
    for _ in range(samples):
        histogram.record(0.01)
    found = figures(histogram)
    percentiles = (found.p50, found.p90, found.p95, found.p99, found.p999)
    assert [each is not None for each in percentiles] == [True] * given + [False] * (5 - given)


def test_percentiles_are_of_merged_histograms() -> None:
    """Seconds of 1 ms and one of 1 s: the mean of the seconds' p50 would be 101 ms."""
    load = a_load(100, 10, Arrivals.CONSTANT)
    slices = [Slice(second) for second in range(13)]
    for second in range(3, 13):
        for _ in range(100):
            slices[second].span(Measure(Span.RESPONSE)).record(1.0 if second == 3 else 0.001)
    found = kpis(load, Measured("r", 0, slices, [])).spans["response"]
    assert found.p50 == pytest.approx(0.001, rel=0.01)
    assert found.p95 == pytest.approx(1.0, rel=0.01)


def test_what_befalls_held_tunnels_counts() -> None:
    load = Load(workload=Workload.TUNNEL, phases=hold_tunnels(100, 10, rate=50), seed=1)
    slices = [Slice(second, succeeded=50 if second < 2 else 0, open=100 if second > 1 else 50) for second in range(17)]
    slices[1].failed[REFUSED] = 2
    measured = Measured("r", 0, slices, [])
    found = kpis(load, measured)
    assert (found.ended, found.failed, found.concurrent.least, found.seconds) == (102, 2, 100, 10)
    assert len(counted(load, measured)) == 12


def test_a_dropped_tunnel_is_one_operation_that_failed() -> None:
    """100 made, all dropped while they were held: 100 of 100, and not of 200."""
    load = Load(workload=Workload.TUNNEL, phases=hold_tunnels(100, 10, rate=50), seed=1)
    slices = [Slice(second, offered=50, started=50, succeeded=50) for second in range(2)]
    slices += [Slice(second) for second in range(2, 12)]
    slices[5].failed[REFUSED] = slices[5].dropped = 100
    found = kpis(load, Measured("r", 0, slices, []))
    assert (found.ended, found.failed, found.failed_share) == (100, 100, 1.0)
    [share] = found.failures
    assert share.share == share.high == 1.0
    assert share.low > 0.95
    slices[1].failed[REFUSED] = 3  # never made
    found = kpis(load, Measured("r", 0, slices, []))
    assert (found.ended, found.failed) == (103, 103)


def test_each_step_of_a_profile_alone() -> None:
    load = Load(workload=Workload.HANDSHAKE, phases=steps([20, 40], 5), seed=1)
    measured = Proxy(0.001).run(load)
    assert kpis(load, measured, window=(2, 7)).offered == 20
    assert kpis(load, measured, window=(9, 14)).offered == 40


def test_a_run_that_was_stopped_has_the_seconds_it_has() -> None:
    load = a_load(50, 20)
    measured = Proxy(0.001).run(load)
    del measured.slices[8:]
    assert kpis(load, measured).seconds == 5
    measured.slices.clear()
    nothing = kpis(load, measured)
    assert (nothing.seconds, nothing.offered, nothing.ended, nothing.share) == (0, 0, 0, None)
