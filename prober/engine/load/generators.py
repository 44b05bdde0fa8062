"""The front of the load generator: own processes do the work, this one merges what they saw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from prober.engine.load.joint_run import JointRun, NotBegunError, Part, unless
from prober.engine.load.own_process import OwnProcess
from prober.engine.load.plan import Job
from prober.engine.load.sources import local_ports, sources_for
from prober.engine.load.way import CannotBeginError, Way, find_way
from prober.engine.settings import ProbeSettings
from prober.engine.tasks import to_the_end
from prober.load.arrivals import planned
from prober.load.slices import HealthSample, Measured, Slice
from prober.load.words import Load, Workload
from prober.model import Failure, Reason, Route, Stage, Target

__all__ = ["CannotBeginError", "Generators"]


class Generators:
    """A set of generator processes, an asynchronous context; they start with the first run and serve one at a time."""

    def __init__(self, workers: int = 1, *, settings: ProbeSettings | None = None, sources: Sequence[str] = ()) -> None:
        """`settings` give family, overrides and name servers (timeouts and limits are the load's); `sources` are local
        addresses to connect from, in turn. Empty = the system's choice, but towards loopback as many of 127.0.0.0/8 as
        the rate, or the tunnels that are held, need."""
        self._workers = workers
        self._settings = settings
        self._sources = tuple(sources)
        self._processes: dict[int, OwnProcess] = {}
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
        await asyncio.gather(*(process.close() for process in processes))

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
            way = await unless(stop, find_way(target, route, self._settings))
            await self._start()
            jobs = self._jobs(load, target, route, way, expected)
            processes = [self._processes[number] for number in range(self._workers)]
            part = Part(processes, local_ports(), max(1, len(jobs[0].sources)))
            run = JointRun([part], load, on_slice=on_slice, on_health=on_health)
            return await run.conduct(jobs, stop)
        except NotBegunError as error:
            await to_the_end(self._close(), "end of the generators")
            raise cannot_begin(str(error)) from None
        except BaseException:
            await to_the_end(self._close(), "end of the generators")  # whatever they are at: the next run has new ones
            raise
        finally:
            self._running = False

    def _jobs(self, load: Load, target: Target, route: Route, way: Way, expected: int | None) -> list[Job]:
        sources = sources_of(load, way, self._sources)
        return jobs(load, target, route, [(way, sources)] * self._workers, expected=expected)

    async def _start(self) -> None:
        for number in range(self._workers):
            process = self._processes.get(number)
            if process is None or process.is_over:
                self._processes[number] = await OwnProcess.start()


def cannot_begin(why: str) -> CannotBeginError:
    """For what is wrong with the generator itself."""
    return CannotBeginError(Failure(Stage.CONFIG, 0, Reason.INTERNAL, why))


def sources_of(load: Load, way: Way, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Local addresses that one machine makes a load from; empty = the system's choice."""
    return sources_for(way.endpoint[0], _connections_a_second(load), given, held=_held(load))


def jobs(
    load: Load, target: Target, route: Route, ways: Sequence[tuple[Way, tuple[str, ...]]], *, expected: int | None
) -> list[Job]:
    """A job for each process; `ways` has the way and the local addresses that it has where it is."""
    return [
        Job(
            load=load,
            target=target,
            route=route,
            endpoint=way.endpoint,
            onward=way.onward,
            worker=number,
            workers=len(ways),
            expected=expected,
            sources=sources[number % len(sources) :] + sources[: number % len(sources)] if sources else (),
        )
        for number, (way, sources) in enumerate(ways)
    ]


def _connections_a_second(load: Load) -> float:
    most = max((max(phase.rate, phase.to_rate) for phase in load.phases), default=0.0)
    return most / load.reuse if load.workload is Workload.REQUEST else most


def _held(load: Load) -> float:
    return planned(load.phases) if load.workload is Workload.TUNNEL else 0.0
