"""One run over several generator processes, near or far: they begin together, what they saw becomes one timeline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from prober.engine.load.generator_process import Begin, Finished, News, Ready, Stop
from prober.engine.load.merging import Apart, Outcomes, Running, Timeline
from prober.engine.load.plan import Job
from prober.engine.tasks import CutShortError, together, until
from prober.load.slices import GeneratorShare, HealthSample, Measured, Slice
from prober.load.words import Load

T = TypeVar("T")
Message = Job | Begin | Stop
"""What a process is told."""


LEAD: Final = 0.25
"""Seconds; enough for processes of this machine."""


class GoneError(Exception):
    """A process says nothing more."""


class NotBegunError(RuntimeError):
    """A process cannot begin, or is gone before it began, or the run was stopped before; the message says which."""


async def unless(stop: asyncio.Event | None, work: Coroutine[Any, Any, T]) -> T:
    """What comes of it; once `stop` is set it is cancelled, waited for, and NotBegunError is raised."""
    if stop is None:
        return await work
    watch = asyncio.get_running_loop().create_task(stop.wait(), name="watch for a stop before the run begins")
    try:
        return await until(watch, work, "a run's beginning")
    except CutShortError:
        raise NotBegunError("interrupted before it began") from None
    finally:
        watch.cancel()
        await asyncio.wait([watch])


class GeneratorProcess(Protocol):
    """The near end of one that runs `prober.engine.load.generator_process`."""

    def send(self, message: Message) -> None:
        """Tell it; where it is gone that is noticed when it is listened to. The time in `Begin` is this process's."""

    async def next(self) -> object:
        """What it says next. Raises GoneError."""

    async def ending(self) -> str:
        """Which one it is and how it ended, as a clause; asked for once it is gone."""


@dataclass(frozen=True, slots=True)
class Part:
    """The processes of one machine."""

    processes: Sequence[GeneratorProcess]
    ports: int
    """As in `Measured`."""
    sources: int
    """As in `Measured`."""
    name: str | None = None
    """None = they are all there is, and nothing is told of them apart."""


class JointRun:
    """One run. Processes are numbered through all parts, as their jobs are."""

    def __init__(
        self,
        parts: Sequence[Part],
        load: Load,
        *,
        lead: float = LEAD,
        on_slice: Callable[[Slice], None] | None = None,
        on_health: Callable[[HealthSample], None] | None = None,
    ) -> None:
        """`lead`: seconds from the last process's being ready to second 0; all of them have to hear of it by then."""
        self._parts = parts
        self._processes = [process for part in parts for process in part.processes]
        self._lead = lead
        workers = len(self._processes)
        self._timeline = Timeline(workers, on_slice)
        self._outcomes = Outcomes(workers, load.stop_at_failed)
        self._running = Running(workers)
        self._apart = Apart([len(part.processes) for part in parts]) if parts[0].name is not None else None
        self._on_health = on_health
        self._health: list[HealthSample] = []
        self._stopped: str | None = None
        self._lost = False
        self.begun = 0.0
        """Second 0 on `time.perf_counter`."""

    async def conduct(self, jobs: Sequence[Job], stop: asyncio.Event | None) -> Measured:
        """Begin together, listen until all have finished. Raises NotBegunError."""
        ready = together((self._prepare(number, job) for number, job in enumerate(jobs)), "start of generator")
        limits = await unless(stop, ready)
        self.begun = time.perf_counter() + self._lead
        wall = time.time() + self._lead
        for process in self._processes:
            process.send(Begin(self.begun))
        watch = self._watching(stop)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(len(self._processes)):
                    group.create_task(self._listen(number), name=f"generator {number + 1}")
        finally:
            if watch is not None:
                watch.cancel()
                await asyncio.wait([watch])
        return self._measured(jobs[0].route.name, wall, limits)

    def _measured(self, route: str, begun: float, limits: Sequence[int]) -> Measured:
        health = sorted(self._health, key=lambda sample: (sample.second, sample.worker))
        most = max(part.sources for part in self._parts)
        whole = Measured(
            route=route,
            begun=begun,
            slices=self._timeline.slices,
            health=health,
            stopped=self._stopped,
            lost=self._lost,
            ports=sum(part.ports * part.sources for part in self._parts) // most,
            sources=most,
            descriptor_limit=min(limits),
        )
        if self._apart is None:
            return whole
        first = 0
        for part, slices in zip(self._parts, self._apart.slices(len(whole.slices)), strict=True):
            numbers = range(first, first := first + len(part.processes))
            own = Measured(
                route=route,
                begun=begun,
                slices=slices,
                health=[sample for sample in health if sample.worker in numbers],
                ports=part.ports,
                sources=part.sources,
                descriptor_limit=min(limits[number] for number in numbers),
            )
            whole.generators.append(GeneratorShare(part.name or "", own, processes=len(numbers)))
        return whole

    def _watching(self, stop: asyncio.Event | None) -> asyncio.Task[None] | None:
        if stop is None:
            return None
        return asyncio.get_running_loop().create_task(self._watch(stop), name="watch for the run's stop")

    async def _prepare(self, number: int, job: Job) -> int:
        process = self._processes[number]
        process.send(job)
        try:
            message = await process.next()
        except GoneError:
            raise NotBegunError(f"{await process.ending()} before it began") from None
        if not isinstance(message, Ready):
            raise TypeError(f"a generator process sent a {type(message).__name__}")
        if message.trouble is not None:
            raise NotBegunError(f"a generator process cannot begin: {message.trouble}")
        return message.descriptor_limit

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stop("interrupted")

    def _stop(self, why: str) -> None:
        if self._stopped is None:
            self._stopped = why
            for process in self._processes:
                process.send(Stop())

    async def _listen(self, number: int) -> None:
        process = self._processes[number]
        try:
            while not isinstance(message := await process.next(), Finished):
                if not isinstance(message, News):
                    raise TypeError(f"a generator process sent a {type(message).__name__}")
                self._hear(number, message)
        except GoneError:
            why = await process.ending()
            self._lost = self._lost or self._stopped is None
            self._stop(why)
        self._running.end(number)
        self._timeline.end(number)

    def _hear(self, number: int, news: News) -> None:
        for sample in news.health:
            self._health.append(replace(sample, so_far=None))  # in the end the seconds themselves tell all of it
            if self._on_health is not None:
                so_far = None if sample.so_far is None else self._running.take(number, sample.so_far)
                self._on_health(replace(sample, so_far=so_far))
        if self._apart is not None:
            self._apart.take(number, news.slices)
        self._timeline.take(number, news.slices)
        why = self._outcomes.take(number, time.perf_counter() - self.begun, news.ended, news.ended_well)
        if why is not None:
            self._stop(why)
