"""Processes near or far make one run: they begin together, and each machine's part is told apart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from prober.engine.load.generator_process import Begin, Finished, News, Ready, Stop
from prober.engine.load.joint_run import GoneError, JointRun, Message, NotBegunError, Part
from prober.engine.load.merging import Apart
from prober.engine.load.plan import Job
from prober.load.slices import HealthSample, Slice
from prober.load.words import Measure, Span

from ..world import route, target
from .bench import load


class Scripted:
    """A process that answers a job with what it is made with, then says what it is told to say."""

    def __init__(self, number: int, says: Sequence[object], answer: object | None = None) -> None:
        self._number = number
        self._says = list(says)
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self._answer = Ready(100 + number) if answer is None else answer
        self.told: list[Message] = []

    def send(self, message: Message) -> None:
        self.told.append(message)
        if isinstance(message, Job):
            self._queue.put_nowait(self._answer)
        elif isinstance(message, Begin):
            for each in self._says:
                self._queue.put_nowait(each)
        else:
            self._queue.put_nowait(Finished())

    async def next(self) -> object:
        message = await self._queue.get()
        if message is GoneError:
            raise GoneError
        return message

    async def ending(self) -> str:
        return f"process {self._number} fell over"


def job(number: int, of: int) -> Job:
    return Job(
        load=load(), target=target(443), route=route(), endpoint=("::1", 1), onward={}, worker=number, workers=of
    )


def news(second: int, worker: int, offered: int, lateness: float) -> News:
    one = Slice(second, offered=offered, started=offered)
    one.span(Measure(Span.LATENESS)).record(lateness)
    return News([one], [HealthSample(second, worker, 0.1, 0.001, 10, 0.2)], offered, offered)


async def test_machines_apart_and_together() -> None:
    processes = [
        Scripted(0, [news(0, 0, 3, 0.001), Finished()]),
        Scripted(1, [news(0, 1, 4, 0.002), news(1, 1, 5, 0.002), Finished()]),
        Scripted(2, [news(0, 2, 10, 0.5), Finished()]),
    ]
    parts = [Part(processes[:2], 1_000, 1, "paris"), Part(processes[2:], 3_000, 2, "berlin")]
    run = JointRun(parts, load(), lead=0.01)
    before = time.perf_counter()
    measured = await run.conduct([job(number, 3) for number in range(3)], None)
    begins = [[each.at for each in process.told if isinstance(each, Begin)] for process in processes]
    assert begins == [[run.begun]] * 3
    assert before < run.begun <= time.perf_counter() + 0.01
    assert [each.offered for each in measured.slices] == [17, 5]
    assert (measured.descriptor_limit, measured.sources, measured.ports) == (100, 2, 3_500)
    paris, berlin = measured.generators
    assert (paris.name, paris.processes, berlin.name, berlin.processes) == ("paris", 2, "berlin", 1)
    assert [each.offered for each in paris.measured.slices] == [7, 5]
    assert [each.offered for each in berlin.measured.slices] == [10, 0]
    assert [each.worker for each in paris.measured.health] == [0, 1, 1]
    assert [each.worker for each in berlin.measured.health] == [2]
    late = [part.measured.slices[0].spans[Measure(Span.LATENESS)] for part in (paris, berlin)]
    assert [each.count for each in late] == [2, 1]
    assert late[1].most == pytest.approx(0.5, rel=0.001)
    assert measured.slices[0].spans[Measure(Span.LATENESS)].count == 3
    assert (paris.measured.ports, berlin.measured.ports, berlin.measured.sources) == (1_000, 3_000, 2)
    assert (paris.measured.descriptor_limit, berlin.measured.descriptor_limit) == (100, 102)


async def test_one_machine_is_not_told_apart() -> None:
    process = Scripted(0, [news(0, 0, 3, 0.001), Finished()])
    measured = await JointRun([Part([process], 1_000, 1)], load(), lead=0.0).conduct([job(0, 1)], None)
    assert measured.generators == []


async def test_one_that_is_gone_ends_it_for_all() -> None:
    waiting, gone = Scripted(0, [news(0, 0, 3, 0.001)]), Scripted(1, [news(0, 1, 4, 0.001), GoneError])
    run = JointRun([Part([waiting], 1, 1, "a"), Part([gone], 1, 1, "b")], load(), lead=0.0)
    measured = await run.conduct([job(0, 2), job(1, 2)], None)
    assert measured.stopped == "process 1 fell over"
    assert measured.lost
    assert isinstance(waiting.told[-1], Stop)
    assert [each.offered for each in measured.slices] == [7]


@pytest.mark.parametrize(
    ("answer", "why"),
    [(GoneError, "process 0 fell over before it began"), (Ready(0, "no descriptors"), "cannot begin: no descriptors")],
)
async def test_one_that_does_not_begin(answer: object, why: str) -> None:
    run = JointRun([Part([Scripted(0, [], answer)], 1, 1)], load())
    with pytest.raises(NotBegunError, match=why):
        await run.conduct([job(0, 1)], None)


class Mute(Scripted):
    """It never says that it is ready."""

    def __init__(self, number: int) -> None:
        super().__init__(number, [])
        self.asked = asyncio.Event()

    def send(self, message: Message) -> None:
        self.told.append(message)
        self.asked.set()


@pytest.mark.parametrize("early", [True, False])
async def test_a_stop_before_it_began(early: bool) -> None:
    stop = asyncio.Event()
    if early:
        stop.set()
    process = Mute(0)
    work = JointRun([Part([process], 1, 1)], load()).conduct([job(0, 1)], stop)
    conducting = asyncio.get_running_loop().create_task(work, name="conduct")
    if not early:
        await process.asked.wait()
    stop.set()
    with pytest.raises(NotBegunError, match="interrupted before it began"):
        await conducting
    assert not [each for each in process.told if isinstance(each, Begin)]


async def test_one_that_does_not_begin_is_no_reason_to_wait_for_the_others() -> None:
    run = JointRun([Part([Mute(0), Scripted(1, [], GoneError)], 1, 1)], load())
    with pytest.raises(NotBegunError, match="process 1 fell over before it began"):
        await run.conduct([job(0, 2), job(1, 2)], None)
    assert {task.get_name() for task in asyncio.all_tasks()} & {"start of generator 1"} == set()


def test_what_a_process_tells_is_copied() -> None:
    """The timeline adds others' seconds to the first one's: a machine's own must not grow by that."""
    apart = Apart([1, 1])
    told = Slice(0, offered=2)
    apart.take(0, [told])
    told.add(Slice(0, offered=5))
    first, second = apart.slices(1)
    assert ([each.offered for each in first], [each.offered for each in second]) == ([2], [0])
