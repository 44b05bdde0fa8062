"""Agents as the ground on which a benchmark's load is made: `prober.bench.ground.Ground`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from prober import catalog
from prober.bench.conduct import Generator
from prober.bench.document import GroundDoc
from prober.bench.ground import Refused
from prober.bench.order import Order
from prober.bench.preflight import Preflight
from prober.bench.safety import Looked, Place, Vendor, vendor_addresses
from prober.cluster.errors import ClusterError
from prober.cluster.link import Link
from prober.cluster.load.generators import DistantGenerators
from prober.cluster.load.loopback import loopback
from prober.cluster.load.machine import Machine
from prober.cluster.planning import sites
from prober.cluster.words import identity
from prober.engine.tasks import together
from prober.model import Route, Target
from prober.routes.overrides import Overrides

T = TypeVar("T")
_LOOKING = 120.0
"""Seconds for a machine to look everything up, or to probe each route once."""


class AgentsGround:
    """All agents of the egress points wanted. An asynchronous context; entering it raises ClusterError."""

    def __init__(
        self, link: Link, wanted: Sequence[str], *, processes: int | None, timeout: float, overrides: Overrides
    ) -> None:
        """`processes`: of each machine; None = one less than it has cores. `timeout`: seconds of an operation.
        `overrides`: this machine's, which only say what is the vendor's."""
        self._overrides = overrides
        self._link = link
        self._wanted = wanted
        self._processes = processes
        self._timeout = timeout
        self._machines: dict[str, Machine] = {}
        """By name."""
        self._near: set[str] = set()
        """Those whose loopback is this program's own."""
        self._looked: dict[str, Looked] = {}
        self.direct = True
        self.documents: tuple[GroundDoc, ...] = ()

    async def __aenter__(self) -> Self:
        await self._link.__aenter__()
        try:
            await self._meet()
        except BaseException:
            await self._link.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._link.__aexit__(kind, value, trace)

    async def _meet(self) -> None:
        from prober.cluster.load.there import about

        names = await sites(self._link, self._wanted)
        agents = sorted(
            (each for each in await self._link.agents() if each.egress in names), key=lambda each: each.name
        )
        answers = await together((self._link.ask(about, address=each.address) for each in agents), "acquaintance")
        own, here = identity(), loopback()
        strangers = [
            f"the agent {agent.name} is {answer.identity.text}; this is {own.text}"
            for agent, answer in zip(agents, answers, strict=True)
            if answer.identity != own
        ]
        if strangers:
            raise ClusterError(strangers)
        for agent, answer in zip(agents, answers, strict=True):
            count = self._processes or max(1, answer.cores - 1)
            self._machines[agent.name] = Machine(self._link, agent, answer, count, self._link.name)
            if here is not None and answer.loopback == here:
                self._near.add(agent.name)
        self.direct = not any(answer.no_direct for answer in answers)
        self.documents = tuple(machine.document for machine in self._machines.values())

    def settled(self, order: Order) -> Order:
        """With as many processes as all machines have together."""
        return replace(order, workers=sum(machine.count for machine in self._machines.values()))

    async def look(self, target: Target, routes: Sequence[Route]) -> Looked:
        """Where everything is from each machine. Raises Refused."""
        from prober.cluster.load.there import look_there

        found = await self._asked(lambda machine: machine.ask(
            look_there, target, tuple(routes), self._timeout, within=_LOOKING
        ))  # fmt: skip
        vendor = Vendor(catalog.load().entries)
        theirs = [
            f"from {name}: {line}"
            for name, answer in found.items()
            for line in dict.fromkeys((*answer.theirs, *vendor_addresses(answer.looked, self._overrides, vendor)))
        ]
        if theirs:
            raise Refused(theirs)
        self._looked = {name: answer.looked for name, answer in found.items()}
        places = [self._place(name, place) for name, looked in self._looked.items() for place in looked.places]
        return Looked(tuple(dict.fromkeys(places)), Overrides(()))

    def _place(self, name: str, place: Place) -> Place:
        return place if name in self._near else replace(place, seen_from=name)

    async def preflight(self, target: Target, routes: Sequence[Route]) -> Preflight:
        """One probe over each route from each machine."""
        from prober.cluster.load.there import try_there

        found = await self._asked(lambda machine: machine.ask(
            try_there, target, tuple(routes), self._looked[machine.name].overrides, self._timeout, within=_LOOKING
        ))  # fmt: skip
        working = [{route.name for route in answer.works} for answer in found.values()]
        return Preflight(
            tuple(route for route in routes if all(route.name in names for names in working)),
            tuple(f"from {name}: {line}" for name, answer in found.items() for line in answer.broken),
            tuple(f"from {name}: {line}" for name, answer in found.items() for line in answer.theirs),
        )

    async def _asked(self, ask: Callable[[Machine], Coroutine[Any, Any, T]]) -> dict[str, T]:
        """Every machine's answer, by its name. Raises Refused where one gives none."""
        try:
            answers = await together((ask(machine) for machine in self._machines.values()), "question to generator")
        except ClusterError as error:
            raise Refused(error.errors) from None
        return dict(zip(self._machines, answers, strict=True))

    def generators(self, order: Order) -> AbstractAsyncContextManager[Generator]:
        """The machines' processes."""
        overrides = {name: looked.overrides for name, looked in self._looked.items()}
        return DistantGenerators(tuple(self._machines.values()), overrides, self._link.name)
