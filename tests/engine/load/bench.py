"""One generator's part of a run inside the test's own process, and what it told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from prober.engine.load.plan import Job, Plan
from prober.engine.load.runner import Runner
from prober.engine.load.way import find_way
from prober.load.slices import FailureKey, HealthSample, Slice
from prober.load.words import Load, Measure, Phase, PhaseKind, Workload
from prober.model import Hop, Target

from ..world import route, settings


def load(workload: str = "handshake", *, rate: float = 100, seconds: float = 0.2, **changes: Any) -> Load:
    """A constant load; 20 operations unless told otherwise."""
    phases = (Phase(PhaseKind.SUSTAIN, seconds, rate, rate),)
    return Load(**{"workload": Workload(workload), "phases": phases, "seed": 1, "timeout": 5.0, **changes})


@dataclass
class Told:
    """What a runner told, as one sum."""

    slices: list[Slice] = field(default_factory=list)
    health: list[HealthSample] = field(default_factory=list)
    outcomes: list[tuple[int, int]] = field(default_factory=list)

    def take(self, slices: list[Slice], health: list[HealthSample], ended: int, ended_well: int) -> None:
        self.slices += slices
        self.health += health
        self.outcomes.append((ended, ended_well))

    @property
    def sum(self) -> Slice:
        """All seconds together."""
        total = Slice(0)
        for each in self.slices:
            total.add(each)
        return total

    @property
    def failed(self) -> Counter[FailureKey]:
        return self.sum.failed

    def count(self, measure: str) -> int:
        """How often a span was recorded."""
        return self.sum.span(Measure.parse(measure)).count


async def runner(aim: Target, *hops: Hop, of: Load, told: Told, descriptor_limit: int = 0, **job: Any) -> Runner:
    """A runner that has not begun."""
    path = route(*hops)
    way = await find_way(aim, path, settings())
    made = Job(load=of, target=aim, route=path, endpoint=way.endpoint, onward=way.onward, worker=0, workers=1, **job)
    return Runner(asyncio.get_running_loop(), Plan(made), told.take, descriptor_limit=descriptor_limit)


async def run(aim: Target, *hops: Hop, of: Load, **how: Any) -> Told:
    """Run a load to its end."""
    told = Told()
    made = await runner(aim, *hops, of=of, told=told, **how)
    made.go(time.perf_counter())
    await made.ended
    total = told.sum
    assert total.offered == total.started + sum(total.skipped.values())
    assert [each.second for each in told.slices] == list(range(len(told.slices)))
    return told
