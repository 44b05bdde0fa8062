"""Nothing is started early, nothing is forgotten, and lateness moves no later moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf

import pytest

from prober.engine.load import pacer
from prober.engine.load.pacer import Pacer
from prober.load.words import PhaseKind


class Clock:
    """Stands where it is put."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class SetAlarm:
    """Keeps what it was set to, and rings when told."""

    def __init__(self, _loop: object, ring: Callable[[], None]) -> None:
        self.ring = ring
        self.moments: list[float] = []
        self.closed = False

    def set(self, moment: float) -> None:
        self.moments.append(moment)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def set_alarms(monkeypatch: pytest.MonkeyPatch) -> list[SetAlarm]:
    """Alarms that the test rings."""
    made: list[SetAlarm] = []

    def make(loop: object, ring: Callable[[], None]) -> SetAlarm:
        made.append(SetAlarm(loop, ring))
        return made[-1]

    monkeypatch.setattr(pacer, "alarm", make)
    return made


def paced(*moments: float) -> tuple[Pacer, Clock, list[float]]:
    """A pacer for these moments."""
    clock, started = Clock(), list[float]()
    due = ((moment, PhaseKind.SUSTAIN) for moment in moments)
    return Pacer(asyncio.get_running_loop(), due, started.append, clock=clock), clock, started


async def test_at_their_moments(set_alarms: list[SetAlarm]) -> None:
    made, clock, started = paced(0.5, 1.0, 1.0, 2.0)
    made.go(100.0)
    [alarm] = set_alarms
    assert alarm.moments[-1] == made.next == 100.5
    alarm.ring()
    assert started == []
    clock.now = 100.5
    alarm.ring()
    assert started == [0.5]
    clock.now = 101.7
    made.look()
    assert started == [0.5, 1.0, 1.0]
    assert alarm.moments[-1] == made.next == 102.0
    clock.now = 103.0
    alarm.ring()
    assert started == [0.5, 1.0, 1.0, 2.0]
    assert made.next == inf
    alarm.ring()


async def test_starting_does_not_start_others(set_alarms: list[SetAlarm]) -> None:
    order: list[float] = []
    clock = Clock()

    def start(moment: float) -> None:
        order.append(moment)
        made.look()

    made = Pacer(
        asyncio.get_running_loop(), iter([(each, PhaseKind.SUSTAIN) for each in (0.0, 0.1, 0.2)]), start, clock=clock
    )
    made.go(99.0)
    made.look()
    assert order == [0.0, 0.1, 0.2]


async def test_the_rest_is_counted(set_alarms: list[SetAlarm]) -> None:
    made, _, started = paced(0.5, 1.0, 1.5, 2.5)
    made.go(100.0)
    assert made.rest(2.0) == 3
    assert made.next == inf
    assert set_alarms[0].closed
    set_alarms[0].ring()
    assert started == []


async def test_nothing_is_due(set_alarms: list[SetAlarm]) -> None:
    made, _, started = paced()
    made.go(100.0)
    made.look()
    assert (started, set_alarms[0].moments, made.rest(9.0)) == ([], [], 0)


async def test_on_a_real_loop() -> None:
    done = asyncio.Event()
    begun = time.perf_counter()
    late: list[float] = []

    def start(moment: float) -> None:
        late.append(time.perf_counter() - begun - moment)
        if len(late) == 20:
            done.set()

    made = Pacer(asyncio.get_running_loop(), iter([(each / 400, PhaseKind.SUSTAIN) for each in range(20)]), start)
    made.go(begun)
    await done.wait()
    made.close()
    assert min(late) >= 0
