"""Alarms ring at their moment, on any loop."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from prober.engine.load.alarm import Alarm, DescriptorAlarm, TimerAlarm, alarm

KINDS = [TimerAlarm, *([DescriptorAlarm] if sys.platform == "linux" else [])]


class Ring:
    """Keeps when it rang."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.rang = asyncio.Event()

    def __call__(self) -> None:
        self.times.append(time.perf_counter())
        self.rang.set()

    async def heard(self) -> float:
        """The next one."""
        await self.rang.wait()
        self.rang.clear()
        return self.times[-1]


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Callable[[Ring], Any]:
    """Makes an alarm."""
    return lambda ring: request.param(asyncio.get_running_loop(), ring)


async def test_it_rings_at_its_moment(make: Callable[[Ring], Alarm]) -> None:
    ring = Ring()
    made = make(ring)
    for ahead in (0.02, 0.0, -1.0):
        moment = time.perf_counter() + ahead
        made.set(moment)
        heard = await ring.heard()
        assert heard >= moment - 0.002  # libuv's clock counts whole milliseconds
    assert len(ring.times) == 3
    made.close()
    made.close()


async def test_a_new_moment_replaces_the_old_one(make: Callable[[Ring], Alarm]) -> None:
    ring = Ring()
    made = make(ring)
    made.set(time.perf_counter() + 60)
    made.set(time.perf_counter() + 0.01)
    await ring.heard()
    made.set(time.perf_counter())
    made.set(time.perf_counter() + 0.03)
    later = await ring.heard()
    assert len(ring.times) <= 3
    assert later
    made.close()


async def test_a_closed_one_is_silent(make: Callable[[Ring], Alarm]) -> None:
    ring = Ring()
    made = make(ring)
    made.set(time.perf_counter() + 0.01)
    made.close()
    other = make(other_ring := Ring())
    other.set(time.perf_counter() + 0.02)
    await other_ring.heard()
    other.close()
    assert ring.times == []


@pytest.mark.skipif(sys.platform != "linux", reason="timer descriptors are Linux's")
async def test_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    best = alarm(loop, Ring())
    assert isinstance(best, DescriptorAlarm)
    best.close()

    def none_left(*_: object) -> None:
        raise OSError(24, "none left")

    monkeypatch.setattr(DescriptorAlarm, "__init__", none_left)
    other = alarm(loop, Ring())
    assert isinstance(other, TimerAlarm)
    other.close()
