from __future__ import annotations

import asyncio
import time

import pytest

from prober.engine import lag as module
from prober.engine.lag import LoopLag


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
