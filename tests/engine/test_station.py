"""Work that comes for ever: moments, limits, pace, and one answer each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from prober.engine.probe import Prober
from prober.engine.run import Pair
from prober.engine.station import Assignment, Station
from prober.engine.terms import AS_SET, Probed, Terms
from prober.model import Observation, Purpose, Reason, Route, Stage, Target
from prober.model.inquiry import Inquiry

from .world import settings, target


class Probes:
    """Stands for the prober: each probe lasts until it is let go."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str]] = []
        self.running: dict[tuple[str, str], asyncio.Future[None]] = {}
        self.cancelled: list[str] = []
        self.terms: list[Terms] = []
        self._changed = asyncio.Event()

    async def probe_on(
        self, terms: Terms, aim: Target, way: Route, purpose: Purpose, present: frozenset[str]
    ) -> tuple[Observation, str | None]:
        key = (aim.id, way.name)
        self.begun.append(key)
        self.terms.append(terms)
        self.running[key] = asyncio.get_running_loop().create_future()
        self._changed.set()
        try:
            await self.running[key]
        except asyncio.CancelledError:
            self.cancelled.append(aim.id)
            raise
        finally:
            del self.running[key]
        return Observation(target=aim.id, route=way.name, at=0.0, purpose=purpose), None

    async def until(self, count: int) -> None:
        """Wait until so many have begun."""
        while len(self.begun) < count:
            self._changed.clear()
            await self._changed.wait()

    def end(self, *ids: str) -> None:
        """Let those go; all without any."""
        for (name, _), future in list(self.running.items()):
            if (not ids or name in ids) and not future.done():
                future.set_result(None)


class Answers:
    """What a station says."""

    def __init__(self) -> None:
        self.all: list[tuple[int, Probed | None]] = []
        self._changed = asyncio.Event()

    def __call__(self, number: int, probed: Probed | None) -> None:
        self.all.append((number, probed))
        self._changed.set()

    async def until(self, count: int) -> None:
        while len(self.all) < count:
            self._changed.clear()
            await self._changed.wait()

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.all]


class Made:
    """A station with what stands around it."""

    def __init__(self, clock: Callable[[], float], **changes: Any) -> None:
        self.probes, self.answers = Probes(), Answers()
        stand_in: Any = self.probes
        prober: Prober = stand_in
        self.station = Station(settings(**changes), prober, self.answers, clock=clock)

    def assign(
        self, number: int, begin_at: float = 0.0, *, host: str = "", way: str = "a", terms: Terms = AS_SET
    ) -> None:
        aim = target(1, id=f"t{number}", host=host or f"h{number}.test")
        self.station.assign(Assignment(number, Pair(aim, Route(way)), begin_at, terms))


@contextlib.asynccontextmanager
async def stationed(clock: Callable[[], float] = time.monotonic, **changes: Any) -> AsyncIterator[Made]:
    made = Made(clock, **changes)
    try:
        yield made
    finally:
        await made.station.close()


async def turns_of_the_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# moments


async def test_nothing_begins_before_its_moment_and_it_is_told_how_late_it_was() -> None:
    now = time.monotonic()
    moments = {1: now + 0.15, 2: now + 0.05, 3: now + 0.1, 4: now - 5}
    async with stationed() as made:
        for number, moment in moments.items():
            made.assign(number, moment)
        await made.probes.until(4)
        made.probes.end()
        await made.answers.until(4)
    assert [name for name, _ in made.probes.begun] == ["t4", "t2", "t3", "t1"]
    for number, probed in made.answers.all:
        assert probed is not None
        assert probed.begun >= moments[number]
        assert probed.late + probed.waited == pytest.approx(probed.begun - moments[number])
        assert probed.late < (6 if number == 4 else 2), "a machine that is busy for seconds could not run these tests"


async def test_the_clock_decides_and_not_the_loops_timer() -> None:
    """A timer that fires early (uvloop's counts from when the loop's turn began) begins nothing early."""
    now = 100.0
    async with stationed(lambda: now) as made:
        made.assign(1, 100.010)
        await asyncio.sleep(0.05)
        assert not made.probes.begun
        now = 100.011
        await made.probes.until(1)
        made.probes.end()
        await made.answers.until(1)
    assert made.answers.all[0][1] is not None
    assert made.answers.all[0][1].late == pytest.approx(0.001)


async def test_what_limits_hold_back_is_not_late() -> None:
    now = 100.0
    async with stationed(lambda: now, per_host=1) as made:
        made.assign(1, 99.75, host="one.test", way="a")
        made.assign(2, 99.75, host="one.test", way="b")
        await made.probes.until(1)
        now = 107.0
        made.probes.end()
        await made.probes.until(2)
        made.probes.end()
        await made.answers.until(2)
    told = [(probed.begun, probed.late, probed.waited) for _, probed in made.answers.all if probed is not None]
    assert told == [(100.0, 0.25, 0.0), (107.0, 0.25, 7.0)]


async def test_no_timer_is_left_when_nothing_waits() -> None:
    async with stationed() as made:
        made.assign(1)
        await made.probes.until(1)
        made.probes.end()
        await made.answers.until(1)
        assert made.station._timer is None
        assert not made.station._jobs


# limits


async def test_a_hosts_limit_holds_however_work_comes_in() -> None:
    async with stationed(per_host=2) as made:
        for number in range(5):
            made.assign(number, host="one.test", way=f"w{number}")
            await turns_of_the_loop()
        made.assign(9, host="other.test")
        await made.probes.until(3)
        await turns_of_the_loop()
        assert [name for name, _ in made.probes.begun] == ["t0", "t1", "t9"]
        made.probes.end("t0")
        await made.probes.until(4)
        made.assign(5, host="one.test")
        await turns_of_the_loop()
        assert [name for name, _ in made.probes.begun] == ["t0", "t1", "t9", "t2"]
        for count in (5, 6, 7):
            made.probes.end()
            await made.probes.until(count)
        made.probes.end()
        await made.answers.until(7)


@pytest.mark.parametrize("limit", [{"concurrency": 3}, {"per_route": 3}])
async def test_the_other_limits_hold(limit: dict[str, Any]) -> None:
    async with stationed(**limit) as made:
        for number in range(8):
            made.assign(number)
        await made.probes.until(3)
        for done in range(1, 6):
            await turns_of_the_loop()
            assert len(made.probes.begun) == 2 + done
            made.probes.end(made.probes.begun[done - 1][0])
            await made.probes.until(3 + done)


async def test_limits_forget_who_is_gone() -> None:
    """Hosts come and go for years."""
    async with stationed(per_host=1) as made:
        for number in range(50):
            made.assign(number, way=f"w{number}")
        await made.probes.until(50)
        made.probes.end()
        await made.answers.until(50)
        assert not made.station._scheduled._hosts
        assert not made.station._scheduled._routes


async def test_the_pace_holds_and_what_was_late_does_not_come_in_a_burst() -> None:
    now = 50.0
    async with stationed(lambda: now, rate=10.0) as made:
        for number in range(4):
            made.assign(number)
        for begun in (1, 2, 3):
            await made.probes.until(begun)
            await asyncio.sleep(0.01)
            assert len(made.probes.begun) == begun
            now += 0.1001 if begun < 3 else 5
        await made.probes.until(4)
        made.assign(4)
        await asyncio.sleep(0.01)
        assert len(made.probes.begun) == 4


# answers


async def test_terms_reach_the_probe_and_its_purpose_comes_back() -> None:
    terms = Terms(timeout=3.0)
    async with stationed() as made:
        pair = Pair(target(1), Route("a"), purpose=Purpose.CONFIRMATION)
        made.station.assign(Assignment(7, pair, 0.0, terms))
        await made.probes.until(1)
        made.probes.end()
        await made.answers.until(1)
    assert made.probes.terms == [terms]
    assert made.answers.all[0][1] is not None
    assert made.answers.all[0][1].observation.purpose is Purpose.CONFIRMATION


async def test_what_is_forgotten_is_not_answered() -> None:
    async with stationed(per_route=1) as made:
        made.assign(1)
        made.assign(2)
        made.assign(3, time.monotonic() + 0.02)
        made.assign(4)
        await made.probes.until(1)
        for number in (2, 3, 1, 99):  # held back by a limit, asleep, running, unknown
            made.station.forget(number)
        await made.probes.until(2)
        assert made.probes.cancelled == ["t1"]
        made.probes.end()
        await made.answers.until(1)
        assert [name for name, _ in made.probes.begun] == ["t1", "t4"]
        assert made.answers.numbers == [4]


async def test_what_is_forgotten_before_its_task_ran_gives_its_place_back() -> None:
    async with stationed(concurrency=1) as made:
        made.assign(1)
        made.station.forget(1)
        made.assign(2)
        await made.probes.until(1)
        made.probes.end()
        await made.answers.until(1)
        assert made.answers.numbers == [2]
        assert [name for name, _ in made.probes.begun] == ["t2"]


async def test_a_probe_that_breaks_is_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with stationed(concurrency=1) as made:
        made.assign(1)
        await made.probes.until(1)
        next(iter(made.probes.running.values())).set_exception(RuntimeError("unheard of"))
        await made.answers.until(1)
        ((number, probed),) = made.answers.all
        assert number == 1
        assert probed is not None
        failure = probed.observation.failure
        assert failure is not None
        assert (failure.stage, failure.hop, failure.reason) == (Stage.LOCAL, 0, Reason.INTERNAL)
        assert failure.detail == "RuntimeError inside prober; please report it"
        assert (probed.observation.target, probed.observation.route) == ("t1", "a")
        assert probed.begun > 0
        made.assign(2)
        await made.probes.until(2)
    assert "probe t1 via a broke" in caplog.text
    assert "unheard of" in caplog.text


# the end


async def test_draining_answers_everything() -> None:
    async with stationed(per_route=2) as made:
        for number in (1, 2, 3):
            made.assign(number)
        made.assign(4, time.monotonic() + 1000)
        await made.probes.until(2)
        draining = asyncio.get_running_loop().create_task(made.station.drain(1000), name="draining")
        await turns_of_the_loop()
        assert sorted(made.answers.all) == [(3, None), (4, None)]
        made.assign(5)
        assert made.answers.all[-1] == (5, None)
        made.probes.end("t1")
        await made.answers.until(4)
        assert not draining.done()
        made.probes.end()
        await draining
    assert sorted(made.answers.numbers) == [1, 2, 3, 4, 5]
    assert {number for number, probed in made.answers.all if probed is not None} == {1, 2}


async def test_what_runs_beyond_the_grace_is_cut() -> None:
    async with stationed() as made:
        made.assign(1)
        await made.probes.until(1)
        await made.station.drain(0.01)
        assert made.probes.cancelled == ["t1"]
        assert made.answers.all == [(1, None)]


async def test_what_is_asked_for_takes_no_place_from_what_is_scheduled() -> None:
    """And the other way round; among themselves the limits hold."""
    asked = Terms(inquiry=Inquiry())
    async with stationed(per_host=2, per_route=2, concurrency=2) as made:
        for number in range(1, 5):
            made.assign(number, host="h.test", terms=asked)
        await made.probes.until(2)
        for number in range(5, 9):
            made.assign(number, host="h.test")
        await made.probes.until(4)
        await turns_of_the_loop()
        assert [name for name, _ in made.probes.begun] == ["t1", "t2", "t5", "t6"]
        made.probes.end("t1")
        await made.probes.until(5)
        made.probes.end("t5", "t6")
        await made.probes.until(7)
        assert [name for name, _ in made.probes.begun[4:]] == ["t3", "t7", "t8"]
        made.station.forget(4)
        made.probes.end()
        await made.answers.until(7)
    assert sorted(made.answers.numbers) == [1, 2, 3, 5, 6, 7, 8]
