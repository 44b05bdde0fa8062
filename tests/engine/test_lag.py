from __future__ import annotations

import asyncio
import time

import pytest

from prober.engine import lag as module
from prober.engine.lag import BOUNDS, LagHistogram, LagSampler, LoopLag


async def ticked(lag: LoopLag, times: int) -> None:
    """Wait until the timer has run so often."""
    for _ in range(200):
        if lag._samples >= times:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the timer does not run")


async def test_a_blocked_loop_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INTERVAL", 0.01)
    lag = LoopLag()
    lag.start()
    until = time.perf_counter() + 0.08
    while time.perf_counter() < until:
        pass  # the block that is to be noticed
    await ticked(lag, 3)
    lag.stop()
    assert lag.worst >= 0.06
    assert 0 < lag.mean < lag.worst


async def test_nothing_is_sampled_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INTERVAL", 0.001)
    lag = LoopLag()
    lag.start()
    await ticked(lag, 2)
    lag.stop()
    lag.stop()
    samples = lag._samples
    await asyncio.sleep(0.02)
    assert lag._samples == samples


def test_before_the_start() -> None:
    lag = LoopLag()
    lag.stop()
    assert (lag.worst, lag.mean) == (0, 0)


async def test_a_sampler_keeps_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INTERVAL", 0.001)
    sampler = LagSampler()
    sampler.start()
    await ticked(sampler, 3)
    sampler.stop()
    assert sampler.histogram.count == sampler._samples
    assert sampler.histogram.sum == pytest.approx(sampler.mean * sampler._samples)


def test_buckets_are_cumulative_and_their_bounds_inclusive() -> None:
    histogram = LagHistogram()
    for seconds in (0.0, 0.0005, 0.0006, 0.02, 5.0, 5.1, 100.0):
        histogram.observe(seconds)
    counts = dict(histogram.buckets)
    assert list(counts) == [*BOUNDS, float("inf")]
    assert (counts[0.0005], counts[0.001], counts[0.01], counts[0.02], counts[2.0]) == (2, 3, 3, 4, 4)
    assert (counts[5.0], counts[float("inf")]) == (5, 7)
    assert histogram.count == 7
    assert histogram.sum == pytest.approx(110.1211)


def test_histograms_add_up_and_stay_what_they_were() -> None:
    first, second = LagHistogram(), LagHistogram()
    first.observe(0.001)
    second.observe(0.001)
    second.observe(9)
    both = first + second
    assert both.count == 3
    assert both.sum == pytest.approx(9.002)
    both.observe(1)
    assert (first.count, second.count) == (1, 2)


def test_fresh_ones_share_nothing() -> None:
    LagHistogram().observe(1)
    assert LagHistogram().buckets == tuple((bound, 0) for bound in (*BOUNDS, float("inf")))


def test_standing_still_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("prober.engine.lag.time.monotonic", lambda: now)
    sampler = LagSampler()
    for at, late in ((100.0, 0.19), (101.0, 0.2), (110.0, 3.0)):
        now = at
        sampler._note(late)
    assert sampler.stood_still(0) == pytest.approx(3.2), "less than a fifth of a second is a busy loop"
    assert sampler.stood_still(105) == pytest.approx(3.0)
    assert sampler.stood_still(109) == pytest.approx(1.0), "only what fell into the time asked about"
    assert sampler.stood_still(110) == 0
    for _ in range(1000):
        sampler._note(1.0)
    assert len(sampler._standstills) == 64
