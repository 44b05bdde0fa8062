"""Work that comes for ever: each assignment begins on its moment, as far as the limits allow, and is answered once."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from typing import Final

from prober.engine.admission import Admission, Pace
from prober.engine.broken import broken
from prober.engine.probe import Prober
from prober.engine.run import Pair
from prober.engine.settings import ProbeSettings
from prober.engine.terms import AS_SET, Probed, Terms
from prober.model import Observation

log = logging.getLogger(__name__)

Send = Callable[[int, Probed | None], None]
"""Takes an assignment's number and what came of it; None = it was not made, or was cancelled."""
_TICK: Final = 0.001
"""Seconds: the grain of uvloop's timers. Waits are rounded up to it, or we would turn in circles before a moment."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A probe to make. No retries: what came of it is the answer."""

    number: int
    """Its own, for ever."""
    pair: Pair
    begin_at: float
    """Seconds on the monotonic clock."""
    terms: Terms = AS_SET


@dataclass(slots=True, eq=False)
class _Job:
    work: Assignment
    task: asyncio.Task[Probed] | None = field(default=None)
    noticed: float = 0.0
    """When it was seen that its moment had come: seconds on the monotonic clock, as are the next two."""
    admitted: float = 0.0
    begun: float = 0.0


class Station:
    """Takes assignments, sleeps until their moments, and makes the probes. Close it when done.

    The limits are those of the settings: in flight altogether, on a route and at a host, and starts a second. What
    strangers ask for (terms with an inquiry) counts apart: it takes no place from what is scheduled.
    `stood_still` says for how many seconds this process did so since a moment.
    """

    def __init__(
        self,
        settings: ProbeSettings,
        prober: Prober,
        send: Send,
        *,
        clock: Callable[[], float] = time.monotonic,
        stood_still: Callable[[float], float] = lambda _: 0.0,
    ) -> None:
        self._prober = prober
        self._send = send
        self._clock = clock
        self._stood_still = stood_still
        self._scheduled, self._inquiries = _admission(settings), _admission(settings)
        self._pace = Pace(settings.rate)
        self._jobs: dict[int, _Job] = {}
        self._tasks: set[asyncio.Task[Probed]] = set()
        self._asleep: list[tuple[float, int]] = []
        """A heap of moments and numbers; a number that is no job any more was forgotten."""
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False

    def assign(self, work: Assignment) -> None:
        """Make this probe at its moment, at once if that has passed."""
        if self._closing:
            self._send(work.number, None)
            return
        self._jobs[work.number] = _Job(work)
        heappush(self._asleep, (work.begin_at, work.number))
        self._turn()

    def forget(self, number: int) -> None:
        """Nobody wants the answer: it is not begun, or it is cancelled, and nothing is sent."""
        job = self._jobs.pop(number, None)
        if job is not None and job.task is not None:
            job.task.cancel()

    async def drain(self, grace: float) -> None:
        """Begin nothing more; what runs may finish within so many seconds, then it is cancelled. All are answered."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        for number in [number for number, job in self._jobs.items() if job.task is None]:
            del self._jobs[number]
            self._send(number, None)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End what is under way."""
        await self.drain(0)

    def _turn(self) -> None:
        """Wake what is due, begin what may begin, and come back when there is more to do."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        while self._asleep and self._asleep[0][0] <= now:
            job = self._jobs.get(heappop(self._asleep)[1])
            if job is not None:
                job.noticed = now
                self._admission(job).add(job, job.work.pair.route.name, job.work.pair.target.host)
        paced = self._admit(self._scheduled, now) or self._admit(self._inquiries, now)
        waits = [self._asleep[0][0] - now] if self._asleep else []
        waits += [paced] if paced else []
        if waits:
            ticks = max(1, math.ceil(min(waits) / _TICK))
            self._timer = asyncio.get_running_loop().call_later(ticks * _TICK, self._turn)

    def _admission(self, job: _Job) -> Admission[_Job]:
        return self._scheduled if job.work.terms.inquiry is None else self._inquiries

    def _admit(self, admission: Admission[_Job], now: float) -> float:
        """Begin what the limits allow. Seconds until the pace allows more; 0 = it is not what holds things up."""
        while admission.waiting and not self._closing:
            seconds = self._pace.wait(now)
            if seconds:
                return seconds
            admitted = admission.next()
            if admitted is None:
                return 0.0
            job, route, host = admitted
            if self._jobs.get(job.work.number) is not job:
                admission.release(route, host)
                continue
            self._pace.start(now)
            self._begin(job, route, host)
        return 0.0

    def _begin(self, job: _Job, route: str, host: str) -> None:
        job.admitted = self._clock()
        pair = job.work.pair
        name = f"probe {pair.target.id} via {pair.route.name}"
        job.task = asyncio.get_running_loop().create_task(self._probe(job), name=name)
        self._tasks.add(job.task)
        job.task.add_done_callback(partial(self._over, job, route, host))

    async def _probe(self, job: _Job) -> Probed:
        job.begun = self._clock()
        work, pair = job.work, job.work.pair
        observation, refused = await self._prober.probe_on(
            work.terms, pair.target, pair.route, pair.purpose, pair.present
        )
        return self._probed(job, observation, refused)

    def _probed(self, job: _Job, observation: Observation, refused: str | None = None) -> Probed:
        waited = max(0.0, job.admitted - job.noticed)
        late = max(0.0, job.begun - job.work.begin_at - waited)
        return Probed(observation, job.begun, late, refused, self._stood_still(job.begun), waited)

    def _over(self, job: _Job, route: str, host: str, task: asyncio.Task[Probed]) -> None:
        """Also of a task that was cancelled before it ran."""
        self._tasks.discard(task)
        self._admission(job).release(route, host)
        probed = None
        if not task.cancelled():
            error = task.exception()
            if error is None:
                probed = task.result()
            else:
                log.error("%s broke", task.get_name(), exc_info=error)
                detail = f"{type(error).__name__} inside prober; please report it"
                probed = self._probed(job, broken(job.work.pair, detail))
        if self._jobs.pop(job.work.number, None) is not None:
            self._send(job.work.number, probed)
        if not self._closing:
            self._turn()


def _admission(settings: ProbeSettings) -> Admission[_Job]:
    return Admission(total=settings.concurrency, per_route=settings.per_route, per_host=settings.per_host)
