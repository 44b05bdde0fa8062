"""The front of the load generator: own processes do the work, this one merges what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from prober.engine.frames import frame, read_frame
from prober.engine.load.generator_process import PROGRAM, Begin, Finished, News, Ready, Stop
from prober.engine.load.merging import Outcomes, Running, Timeline
from prober.engine.load.plan import Job
from prober.engine.load.sources import local_ports, sources_for
from prober.engine.load.way import CannotBeginError, Way, find_way
from prober.engine.processes import command, ending, to_the_end
from prober.engine.settings import ProbeSettings
from prober.load.arrivals import planned
from prober.load.slices import HealthSample, Measured, Slice
from prober.load.words import Load, Workload
from prober.model import Route, Target

__all__ = ["CannotBeginError", "Generators"]

_LEAD: Final = 0.25
"""Seconds from the last process's being ready to second 0: all of them have heard of it by then."""
_GRACE: Final = 5.0
"""Seconds that a process gets to close its sockets before it is killed."""


class _EndedError(Exception):
    """A process is gone."""


class Generators:
    """A set of generator processes, an asynchronous context; they start with the first run and serve one at a time."""

    def __init__(self, workers: int = 1, *, settings: ProbeSettings | None = None, sources: Sequence[str] = ()) -> None:
        """`settings` give family, overrides and name servers (timeouts and limits are the load's); `sources` are local
        addresses to connect from, in turn. Empty = the system's choice, but towards loopback as many of 127.0.0.0/8 as
        the rate, or the tunnels that are held, need."""
        self._workers = workers
        self._settings = settings
        self._sources = tuple(sources)
        self._processes: dict[int, Process] = {}
        self._running = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await to_the_end(self._close(), "end of the generators")

    async def _close(self) -> None:
        processes = list(self._processes.values())
        self._processes.clear()
        await asyncio.gather(*(_end(process) for process in processes))

    async def run(
        self,
        load: Load,
        target: Target,
        route: Route,
        *,
        expected: int | None = None,
        on_slice: Callable[[Slice], None] | None = None,
        on_health: Callable[[HealthSample], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> Measured:
        """Put the load on the route to the target; ends when all that was started has ended.

        `expected`: octets that a whole body has (`request`, `bulk`); None = what the answer itself says. `on_slice`
        gets each second, in order, once all that became due in it has ended; `on_health` each process's sample of a
        second, with the counters of the run until then (`so_far`) whatever is under way.
        With `stop` set it ends at once and gives what was seen. Raises CannotBeginError.
        """
        if self._running:
            raise RuntimeError("a run is under way")
        self._running = True
        try:
            way = await find_way(target, route, self._settings)
            run = _Run(self._workers, load, on_slice, on_health)
            await self._start()
            return await run.conduct(self._processes, self._jobs(load, target, route, way, expected), stop)
        except BaseException:
            await to_the_end(self._close(), "end of the generators")  # whatever they are at: the next run has new ones
            raise
        finally:
            self._running = False

    def _jobs(self, load: Load, target: Target, route: Route, way: Way, expected: int | None) -> list[Job]:
        sources = sources_for(way.endpoint[0], _connections_a_second(load), self._sources, held=_held(load))
        return [
            Job(
                load=load,
                target=target,
                route=route,
                endpoint=way.endpoint,
                onward=way.onward,
                worker=number,
                workers=self._workers,
                expected=expected,
                sources=sources[number % len(sources) :] + sources[: number % len(sources)] if sources else (),
            )
            for number in range(self._workers)
        ]

    async def _start(self) -> None:
        for number in range(self._workers):
            process = self._processes.get(number)
            if process is None or process.returncode is not None:
                self._processes[number] = await asyncio.create_subprocess_exec(
                    *command(PROGRAM), stdin=PIPE, stdout=PIPE
                )


class _Run:
    """One run over all processes."""

    def __init__(
        self,
        workers: int,
        load: Load,
        on_slice: Callable[[Slice], None] | None,
        on_health: Callable[[HealthSample], None] | None,
    ) -> None:
        self._load = load
        self._timeline = Timeline(workers, on_slice)
        self._outcomes = Outcomes(workers, load.stop_at_failed)
        self._running = Running(workers)
        self._on_health = on_health
        self._health: list[HealthSample] = []
        self._stopped: str | None = None
        self._processes: dict[int, Process] = {}
        self._begun = 0.0

    async def conduct(self, processes: dict[int, Process], jobs: list[Job], stop: asyncio.Event | None) -> Measured:
        """Begin together, listen until all have finished."""
        self._processes = processes
        limits = await asyncio.gather(*(self._prepare(number, job) for number, job in enumerate(jobs)))
        self._begun = time.perf_counter() + _LEAD
        wall = time.time() + _LEAD
        for number in processes:
            self._send(number, Begin(self._begun))
        watch = self._watching(stop)
        try:
            async with asyncio.TaskGroup() as group:
                for number in processes:
                    group.create_task(self._listen(number), name=f"generator {number + 1}")
        finally:
            if watch is not None:
                watch.cancel()
                await asyncio.wait([watch])
        return Measured(
            route=jobs[0].route.name,
            begun=wall,
            slices=self._timeline.slices,
            health=sorted(self._health, key=lambda sample: (sample.second, sample.worker)),
            stopped=self._stopped,
            ports=local_ports(),
            sources=max(1, len(jobs[0].sources)),
            descriptor_limit=min(limits),
        )

    def _watching(self, stop: asyncio.Event | None) -> asyncio.Task[None] | None:
        if stop is None:
            return None
        return asyncio.get_running_loop().create_task(self._watch(stop), name="watch for the run's stop")

    async def _prepare(self, number: int, job: Job) -> int:
        self._send(number, job)
        try:
            message = await self._next(number)
        except _EndedError:
            await self._processes[number].wait()
            raise RuntimeError(f"a generator process {self._end_of(number)} before it began") from None
        if not isinstance(message, Ready):
            raise TypeError(f"a generator process sent a {type(message).__name__}")
        if message.trouble is not None:
            raise RuntimeError(f"a generator process cannot begin: {message.trouble}")
        return message.descriptor_limit

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stop("interrupted")

    def _stop(self, why: str) -> None:
        if self._stopped is None:
            self._stopped = why
            for number in self._processes:
                self._send(number, Stop())

    def _send(self, number: int, message: Job | Begin | Stop) -> None:
        pipe = self._processes[number].stdin
        if pipe is not None and not pipe.is_closing():
            # uvloop says RuntimeError to a closed pipe; that the process is gone is noticed where it is listened to
            with contextlib.suppress(ConnectionError, RuntimeError):
                pipe.write(frame(message))

    async def _next(self, number: int) -> object:
        pipe = self._processes[number].stdout
        if pipe is None:
            raise _EndedError
        try:
            return await read_frame(pipe)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _EndedError from None

    async def _listen(self, number: int) -> None:
        try:
            while not isinstance(message := await self._next(number), Finished):
                if not isinstance(message, News):
                    raise TypeError(f"a generator process sent a {type(message).__name__}")
                self._hear(number, message)
        except _EndedError:
            await self._processes[number].wait()
            self._stop(f"a generator process {self._end_of(number)}")
        self._running.end(number)
        self._timeline.end(number)

    def _end_of(self, number: int) -> str:
        return ending(self._processes[number].returncode)

    def _hear(self, number: int, news: News) -> None:
        for sample in news.health:
            self._health.append(replace(sample, so_far=None))  # in the end the seconds themselves tell all of it
            if self._on_health is not None:
                so_far = None if sample.so_far is None else self._running.take(number, sample.so_far)
                self._on_health(replace(sample, so_far=so_far))
        self._timeline.take(number, news.slices)
        why = self._outcomes.take(number, time.perf_counter() - self._begun, news.ended, news.ended_well)
        if why is not None:
            self._stop(why)


def _connections_a_second(load: Load) -> float:
    most = max((max(phase.rate, phase.to_rate) for phase in load.phases), default=0.0)
    return most / load.reuse if load.workload is Workload.REQUEST else most


def _held(load: Load) -> float:
    return planned(load.phases) if load.workload is Workload.TUNNEL else 0.0


async def _end(process: Process) -> None:
    """Close its input, which ends it; else kill it. What it still says is read, so that the pipes close."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_GRACE):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
