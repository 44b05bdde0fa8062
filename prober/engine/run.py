"""A run: batches of pairs of target and route, attempted and retried within the limits; observations go out at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from prober.engine.admission import Admission, Pace
from prober.engine.cpu_wait import CpuWait
from prober.engine.lag import LoopLag
from prober.engine.probe import Prober, ProxyGate
from prober.engine.resolver import Resolver
from prober.engine.settings import ProbeSettings
from prober.engine.terms import AS_SET, Terms
from prober.failures import is_transient
from prober.model import Observation, Purpose, Route, Target

OnObservation = Callable[["Pair", Observation], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """What is probed: a target over a route, and why."""

    target: Target
    route: Route
    present: frozenset[str] = frozenset()
    """The target's keys to which the client certificate may be shown: SHA-256 of the SubjectPublicKeyInfo, lower-case
    hex. Without any it is shown to nobody, whatever the settings hold."""
    purpose: Purpose = Purpose.ATTEMPT
    terms: Terms = AS_SET
    """What differs from the settings of all."""

    @property
    def key(self) -> tuple[str, str, Purpose]:
        """Its identity within a run: target id, route name, purpose."""
        return self.target.id, self.route.name, self.purpose


@dataclass(slots=True)
class _Job:
    pair: Pair
    retries_left: int
    connections: int = 0


class Run:
    """Probes batches, one after another, with one resolver: a name is asked for once in a run. An asynchronous context.

    Pairs are started in the order given, as far as the limits allow. Attempts of one batch never overlap: they are
    independent probes, spread over the batch. A retry goes to the end of the queue, so that a passing trouble has
    passed.
    """

    def __init__(self, settings: ProbeSettings, gate: ProxyGate) -> None:
        self._settings = settings
        self._resolver = Resolver(settings.family, settings.overrides, settings.name_servers)
        self._prober = Prober(settings, self._resolver, gate)
        self._pace = _Pace(settings.rate)
        self.lag = LoopLag()
        self._cpu = CpuWait()

    @property
    def worst_lag(self) -> float:
        """How late the event loop was at worst, in seconds."""
        return self.lag.worst

    @property
    def cpu_wait(self) -> float | None:
        """Share of its busy time that this process waited for a processor, since the context was entered."""
        return self._cpu.share

    @property
    def shortfall(self) -> None:
        """Nothing is left out here: a batch is probed, or an error is raised."""

    async def __aenter__(self) -> Self:
        self.lag.start()
        self._cpu = CpuWait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lag.stop()
        try:
            await self._prober.close()
        finally:
            await self._resolver.close()

    async def probe(self, pairs: Sequence[Pair], on_observation: OnObservation, *, attempts: int = 1) -> None:
        """Probe a batch; `on_observation` is called once for each pair and attempt.

        Call it again when it is done, for as long as the context is open. Cancellation ends its probes; their sockets
        are closed when the context is left.
        """
        for _ in range(attempts):
            await _Round(self._settings, self._prober, self._pace, on_observation).run(pairs)


class _Round:
    """Each pair once, with its retries."""

    def __init__(self, settings: ProbeSettings, prober: Prober, pace: _Pace, on_observation: OnObservation) -> None:
        self._retries = settings.retries
        self._prober = prober
        self._pace = pace
        self._on_observation = on_observation
        self._admission: Admission[_Job] = Admission(
            total=settings.concurrency, per_route=settings.per_route, per_host=settings.per_host
        )
        self._wake = asyncio.Event()

    async def run(self, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            self._enqueue(_Job(pair, self._retries))
        async with asyncio.TaskGroup() as group:
            while self._admission.waiting or self._admission.in_flight:
                admitted = self._admission.next()
                if admitted is None:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                job, route, host = admitted
                await self._pace.wait()
                name = f"probe {job.pair.target.id} via {job.pair.route.name}"
                group.create_task(self._probe(job, route, host), name=name)

    def _enqueue(self, job: _Job) -> None:
        self._admission.add(job, job.pair.route.name, job.pair.target.host)

    async def _probe(self, job: _Job, route: str, host: str) -> None:
        pair = job.pair
        try:
            observation, _ = await self._prober.probe_on(
                pair.terms, pair.target, pair.route, pair.purpose, pair.present
            )
            job.connections += observation.attempts
            if job.retries_left > 0 and observation.failure is not None and is_transient(observation.failure.reason):
                job.retries_left -= 1
                self._enqueue(job)
            else:
                if job.connections != observation.attempts:
                    observation = replace(observation, attempts=job.connections)
                self._on_observation(pair, observation)
        finally:
            self._admission.release(route, host)
            self._wake.set()


class _Pace:
    """Waits for its turn at most `rate` times a second."""

    def __init__(self, rate: float | None) -> None:
        self._pace = Pace(rate)

    async def wait(self) -> None:
        """Return when the next start is due."""
        moment = asyncio.get_running_loop().time()
        seconds = self._pace.wait(moment)
        self._pace.start(moment)
        if seconds:
            await asyncio.sleep(seconds)
