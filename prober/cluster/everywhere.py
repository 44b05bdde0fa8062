"""One run over several egress points: a conduct for each, all at once, and one document.

Every site's attempts are waited for before anything follows from them. Then what was clean at one site is a reference
for the same target at all others, so that a proxy that opens TLS on its site's only way out is found by its neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from prober.check.conduct import Conduct, Recheck
from prober.check.directness import Directness
from prober.check.plan import Plan
from prober.cluster.agents import Agents
from prober.cluster.cargo import Kept
from prober.cluster.link import AgentThere, Link
from prober.diff.merging import join
from prober.engine.run import Pair
from prober.interception.baseline import Baseline
from prober.interception.looks import Look
from prober.model import Observation
from prober.report.document import Run

OnObservation = Callable[[Conduct, Pair, Observation], None]
"""Told of every observation, with the conduct of its site."""
_SLICE: Final = 256


class Everywhere:
    """Carries the plans of several sites out. `probe` may be cancelled; `document` then has what was measured."""

    def __init__(
        self, plans: Mapping[str, Plan], *, no_direct: bool, rechecks: Mapping[str, Recheck] | None = None
    ) -> None:
        self._plans = plans
        self._no_direct = no_direct
        self._rechecks = rechecks or {}
        self._kept = Kept()
        self._arrived: set[str] = set()
        self._met = asyncio.Event()
        self._gathering = asyncio.Lock()
        self._references: Baseline | None = None
        self._link: Link | None = None
        self._agents: Mapping[str, AgentThere] = {}
        self.conducts = {name: self._conduct(name, plan) for name, plan in plans.items()}
        """By egress."""

    @property
    def expected(self) -> int:
        """As `Conduct.expected`, of all."""
        return sum(conduct.expected for conduct in self.conducts.values())

    @property
    def complete(self) -> bool:
        """Whether every pair of every site was probed."""
        return all(conduct.complete for conduct in self.conducts.values())

    async def probe(self, link: Link, agents: Mapping[str, AgentThere], told: OnObservation) -> None:
        """Probe everything; `agents` has one of each site, for what is asked of a site only once."""
        self._link, self._agents = link, agents
        async with asyncio.TaskGroup() as tasks:
            for name, conduct in self.conducts.items():
                tasks.create_task(self._site(name, conduct, told), name=f"egress {name}")

    async def _site(self, name: str, conduct: Conduct, told: OnObservation) -> None:
        try:
            await conduct.probe(lambda pair, observation, _: told(conduct, pair, observation))
        finally:
            self._arrive(name)

    def document(self) -> Run:
        """All sites' results so far as one run. Ask once, last of all: a site's conduct goes when its part is made, so
        that there is no time at which the observations of all are held beside the results of all."""
        return join(self.conducts.pop(name).document() for name in list(self.conducts))

    # what the sites have in common

    def _conduct(self, name: str, plan: Plan) -> Conduct:
        return Conduct(
            plan,
            directness=Directness(ask=lambda: self._strangers(name)),
            recheck=self._rechecks.get(name),
            engine=lambda: self._engine(name),
            interlude=lambda: self._interlude(name),
        )

    def _engine(self, name: str) -> Agents:
        if self._link is None:
            raise RuntimeError("probe() comes first")
        mark = self._agents[name].mark
        return Agents(self._link, name, mark, no_direct=self._no_direct, kept=self._kept)

    async def _strangers(self, name: str) -> tuple[str, ...]:
        """Whether something answers for everybody there; a site that cannot be asked has told nothing."""
        from prober.cluster.errors import ClusterError
        from prober.cluster.share import strangers

        if self._link is None:
            return ()
        try:
            return await self._link.ask(strangers, address=self._agents[name].address)
        except ClusterError:
            return ()

    async def _interlude(self, name: str) -> None:
        """Wait for the others, then hold this site's looks against theirs."""
        self._arrive(name)
        await self._met.wait()
        async with self._gathering:
            if self._references is None:
                self._references = await self._gathered()
        self.conducts[name].hold_against(self._references.seen_from(name, beside=self._plans[name].baseline))

    async def _gathered(self) -> Baseline:
        """What was clean at each site, before anything followed from it anywhere."""
        found: list[tuple[str, Look]] = []
        for name, conduct in self.conducts.items():
            for step, look in enumerate(conduct.references()):
                found.append((name, look))
                if step % _SLICE == 0:
                    await asyncio.sleep(0)
        return Baseline.among(found)

    def _arrive(self, name: str) -> None:
        self._arrived.add(name)
        if len(self._arrived) == len(self.conducts):
            self._met.set()
