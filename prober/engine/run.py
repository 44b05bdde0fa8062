"""A run: every pair of target and route, attempted and retried within the limits; observations go out at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from prober.engine.admission import Admission
from prober.engine.lag import LoopLag
from prober.engine.probe import Prober, ProxyGate
from prober.engine.resolver import Resolver
from prober.engine.settings import ProbeSettings
from prober.failures import is_transient
from prober.model import Observation, Route, Target

OnObservation = Callable[["Pair", Observation], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """What is probed: a target over a route."""

    target: Target
    route: Route


@dataclass(slots=True)
class _Job:
    pair: Pair
    retries_left: int
    connections: int = 0


class Run:
    """Probes all pairs `attempts` times. Made for one use.

    Attempts of one pair never overlap: they are independent probes, spread over the run. A retry goes to the end
    of the queue, so that a passing trouble has passed.
    """

    def __init__(self, settings: ProbeSettings, gate: ProxyGate, *, attempts: int = 1) -> None:
        self._settings = settings
        self._attempts = attempts
        self._resolver = Resolver(settings.family, settings.overrides, settings.name_servers)
        self._prober = Prober(settings, self._resolver, gate)
        self._admission: Admission[_Job] = Admission(
            total=settings.concurrency, per_route=settings.per_route, per_host=settings.per_host
        )
        self._wake = asyncio.Event()
        self.lag = LoopLag()

    async def run(self, pairs: Sequence[Pair], on_observation: OnObservation) -> None:
        """Probe; `on_observation` is called once for each pair and attempt. Cancellation closes every socket."""
        self.lag.start()
        try:
            for _ in range(self._attempts):
                await self._round(pairs, on_observation)
        finally:
            self.lag.stop()
            await self._prober.close()
            await self._resolver.close()

    async def _round(self, pairs: Sequence[Pair], on_observation: OnObservation) -> None:
        for pair in pairs:
            self._enqueue(_Job(pair, self._settings.retries))
        pace = _Pace(self._settings.rate)
        async with asyncio.TaskGroup() as group:
            while self._admission.waiting or self._admission.in_flight:
                admitted = self._admission.next()
                if admitted is None:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                job, route, host = admitted
                await pace.wait()
                name = f"probe {job.pair.target.id} via {job.pair.route.name}"
                group.create_task(self._probe(job, route, host, on_observation), name=name)

    def _enqueue(self, job: _Job) -> None:
        self._admission.add(job, job.pair.route.name, job.pair.target.host)

    async def _probe(self, job: _Job, route: str, host: str, on_observation: OnObservation) -> None:
        try:
            observation = await self._prober.probe(job.pair.target, job.pair.route)
            job.connections += observation.attempts
            if job.retries_left > 0 and observation.failure is not None and is_transient(observation.failure.reason):
                job.retries_left -= 1
                self._enqueue(job)
            else:
                on_observation(job.pair, replace(observation, attempts=job.connections))
        finally:
            self._admission.release(route, host)
            self._wake.set()


class _Pace:
    """Spaces starts evenly: at most `rate` a second. A late start does not make the next ones come in a burst."""

    def __init__(self, rate: float | None) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        """Return when the next start is due."""
        if not self._interval:
            return
        loop = asyncio.get_running_loop()
        moment = loop.time()
        self._next = max(self._next, moment)
        if self._next > moment:
            await asyncio.sleep(self._next - moment)
        self._next += self._interval
