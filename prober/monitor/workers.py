"""The workers in force, and those that a reload has replaced: they finish what they have begun."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prober.engine.crew import Crew
from prober.engine.lag import LagHistogram
from prober.engine.usage import Usage
from prober.monitor.inforce import InForce


def crew_for(in_force: InForce) -> Crew:
    """The workers that a configuration wants."""
    return Crew(in_force.plan.probe, in_force.plan.workers)


class Workers:
    """Crews, of which one is in force. What is counted goes on when another takes its place."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        """In force."""
        self._former: dict[asyncio.Task[None], Crew] = {}
        self._restarts = 0
        self._lags: dict[str, LagHistogram] = {}
        self._cpu: dict[str, float] = {}
        """Both of those that are not in force any more."""

    @property
    def in_flight(self) -> int:
        """Probes whose moment has come and that are not over."""
        return sum(crew.in_flight for crew in (self.crew, *self._former.values()))

    @property
    def restarts(self) -> int:
        """Workers that ended by themselves and were started again."""
        return self._restarts + self.crew.restarts

    @property
    def lags(self) -> dict[str, LagHistogram]:
        """How late the workers' event loops were, by name."""
        return _added(self._lags, self.crew.lags)

    @property
    def usages(self) -> dict[str, Usage]:
        """What those in force use of the machine, by name; processor time goes on from those before them."""
        return {
            name: usage._replace(cpu=usage.cpu + self._cpu.get(name, 0.0)) for name, usage in self.crew.usages.items()
        }

    async def start(self) -> None:
        """Begin. Raises MemberError."""
        await self.crew.__aenter__()

    def replace(self, crew: Crew, grace: float) -> None:
        """Another crew, which has begun, is in force. The former one begins nothing more, and may finish within `grace`
        seconds what it has begun."""
        self._cpu |= {name: usage.cpu for name, usage in self.usages.items()}
        former, self.crew = self.crew, crew
        self._restarts += former.restarts
        self._lags = _added(self._lags, former.lags)
        ending = asyncio.get_running_loop().create_task(_end(former, grace), name="end of former workers")
        self._former[ending] = former
        ending.add_done_callback(self._former.pop)

    async def drain(self, grace: float) -> None:
        """Begin nothing more; what runs may finish within `grace` seconds."""
        await asyncio.gather(
            self.crew.drain(grace), *([asyncio.wait(self._former, timeout=grace)] if self._former else [])
        )

    async def close(self) -> None:
        """End all of them at once."""
        former = dict(self._former)
        for ending in former:
            ending.cancel()
        for crew in (self.crew, *former.values()):  # also of one whose end has not begun
            await crew.__aexit__(None, None, None)
        if former:
            await asyncio.wait(former)


async def _end(crew: Crew, grace: float) -> None:
    try:
        await crew.drain(grace)
    finally:
        await crew.__aexit__(None, None, None)


def _added(one: Mapping[str, LagHistogram], other: Mapping[str, LagHistogram]) -> dict[str, LagHistogram]:
    return {**one, **{name: one[name] + lag if name in one else lag for name, lag in other.items()}}
