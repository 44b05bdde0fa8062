"""What makes a benchmark's load where agents do: `prober.bench.conduct.Generator` over several machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from prober.cluster.errors import ClusterError
from prober.cluster.load.machine import Machine
from prober.cluster.load.words import Prepared, Wanted
from prober.engine.load.generators import CannotBeginError, cannot_begin, jobs
from prober.engine.load.joint_run import JointRun, NotBegunError, Part, unless
from prober.engine.load.plan import Job
from prober.engine.tasks import to_the_end
from prober.load.slices import HealthSample, Measured, Slice
from prober.load.words import Load
from prober.model import Failure, Route, Target
from prober.routes.overrides import Overrides

_LEAD: Final = 0.5
"""Seconds from the last process's being ready to second 0, beside what answers take."""
_ANSWERS: Final = 8
"""Times the slowest machine's uncertainty that are waited as well: two questions and answers of it."""


class DistantGenerators:
    """An asynchronous context; one run at a time, as with `prober.engine.load.generators.Generators`."""

    def __init__(self, machines: Sequence[Machine], overrides: Mapping[str, Overrides], token: str) -> None:
        """`overrides`: what each machine, by its name, has looked up."""
        self._machines = tuple(machines)
        self._overrides = overrides
        self._token = token

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await to_the_end(self._leave(), "end of the generators")

    async def _leave(self) -> None:
        await asyncio.gather(*(machine.leave() for machine in self._machines))

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
        """As `Generators.run`: one load, each machine with its processes' part of it. Raises CannotBeginError."""
        try:
            found = await unless(stop, self._prepared(load, target, route))
        except NotBegunError as error:
            await to_the_end(self._leave(), "end of the generators")
            raise cannot_begin(str(error)) from None
        ways = [
            (prepared.way, prepared.sources)
            for machine, prepared in zip(self._machines, found, strict=True)
            for _ in range(machine.count)
        ]
        parts = [
            Part(machine.processes, prepared.ports, max(1, len(prepared.sources)), machine.name)
            for machine, prepared in zip(self._machines, found, strict=True)
        ]
        lead = _LEAD + _ANSWERS * max(machine.uncertainty for machine in self._machines)
        run = JointRun(parts, load, lead=lead, on_slice=on_slice, on_health=on_health)
        try:
            measured = await self._carried(run, jobs(load, target, route, ways, expected=expected), stop)
        except NotBegunError as error:
            await to_the_end(self._leave(), "end of the generators")
            raise cannot_begin(str(error)) from None
        except BaseException:
            await to_the_end(self._leave(), "end of the generators")  # whatever they are at
            raise
        for machine, share in zip(self._machines, measured.generators, strict=True):
            others = [each.uncertainty for each in self._machines if each is not machine]
            machine.complete(share, max(others, default=0.0))
        return measured

    async def _prepared(self, load: Load, target: Target, route: Route) -> list[Prepared]:
        for machine in self._machines:
            if machine.lost is not None:
                raise cannot_begin(f"generator {machine.name} is lost: {machine.lost}")
        answers = await asyncio.gather(
            *(
                machine.prepare(
                    Wanted(
                        token=self._token,
                        processes=machine.count,
                        load=load,
                        target=target,
                        route=route,
                        overrides=self._overrides[machine.name],
                    )
                )
                for machine in self._machines
            ),
            return_exceptions=True,
        )
        found: list[Prepared] = []
        for machine, answer in zip(self._machines, answers, strict=True):
            if isinstance(answer, Prepared):
                found.append(answer)
            elif isinstance(answer, Failure):
                detail = f"generator {machine.name}: {answer.detail}"
                raise CannotBeginError(Failure(answer.stage, answer.hop, answer.reason, detail))
            elif isinstance(answer, ClusterError):
                raise cannot_begin(f"generator {machine.name} is lost: {answer}")
            else:
                raise answer
        return found

    async def _carried(self, run: JointRun, jobs: Sequence[Job], stop: asyncio.Event | None) -> Measured:
        loop = asyncio.get_running_loop()
        carriers = [loop.create_task(each.carry(), name=f"generator {each.name}") for each in self._machines]
        try:
            return await run.conduct(jobs, stop)
        finally:
            # one that fails has said to its processes that they are gone, which ended the run
            for task in carriers:
                task.cancel()
            await asyncio.wait(carriers)
            for task in carriers:
                if not task.cancelled():
                    task.result()
