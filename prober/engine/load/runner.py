"""One process's part of one run: what is due is started, what was started ends, each second is told."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, takewhile
from typing import Final

from prober.engine.errors import LOCAL, os_reason, os_text
from prober.engine.load.connection import Connection
from prober.engine.load.health import Health
from prober.engine.load.pacer import Pacer
from prober.engine.load.plan import Plan
from prober.engine.load.tally import Operation, Tally
from prober.engine.load.workloads import work_for
from prober.load.arrivals import due, stretch
from prober.load.slices import HealthSample, Slice
from prober.load.words import Load, PhaseKind, Skip, Workload
from prober.model import Failure, Stage

log = logging.getLogger(__name__)

TICK: Final = 0.05
"""Seconds between two looks at deadlines and seconds."""
_RESERVED: Final = 64
"""Descriptors that are kept for everything that is no connection."""
_BEAT: Final = 5
"""Ticks between two words to the front."""
_GOODBYE: Final = 2.0
"""Seconds that a peer gets to close after us."""
_clock = time.perf_counter

Tell = Callable[[list[Slice], list[HealthSample], int, int], None]
"""Seconds that are complete, samples of this process, operations that have ended so far, and ended well."""


class Runner:
    """Runs a plan. `ended` is set when nothing is under way any more and every socket is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, plan: Plan, tell: Tell, *, descriptor_limit: int = 0) -> None:
        """`descriptor_limit`: how many this process may have; 0 = no limit."""
        self.loop = loop
        self.plan = plan
        self.tally = Tally(plan.steps)
        self.ended: asyncio.Future[None] = loop.create_future()
        job = plan.job
        self._tell = tell
        self._load = plan.load
        self._most_sockets = descriptor_limit - _RESERVED if descriptor_limit else sys.maxsize
        self._most = -(-plan.load.in_flight // job.workers)
        self._sources: Iterator[str | None] = cycle(job.sources or (None,))
        self._all: set[Connection] = set()
        self._leaving: dict[Connection, None] = {}
        self._work = work_for(plan.load, self)
        self._pacer = Pacer(loop, due(plan.load, worker=job.worker, workers=job.workers), self._start)
        self._health = Health(job.worker)
        self._ticking: asyncio.TimerHandle | None = None
        self._tick_due = 0.0
        self._least = _least_seconds(plan.load)
        self._over = False
        self._ticks = 0

    def go(self, begun: float) -> None:
        """Second 0 begins at `begun`, on the clock."""
        self.tally.begun = begun
        self._health.begin()
        self._pacer.go(begun)
        self._tick_in(max(0.0, begun - _clock()))

    # operations

    def _start(self, due_at: float) -> None:
        tally, now = self.tally, _clock()
        if now - tally.begun - due_at > self._load.most_late:
            tally.skip(due_at, Skip.LATE)
        elif len(tally.under_way) >= self._most:
            tally.skip(due_at, Skip.IN_FLIGHT)
        else:
            self._work.begin(tally.start(due_at, now))

    def connect(self, operation: Operation) -> None:
        """Open a connection for an operation."""
        connection = operation.connection = Connection(self, operation)
        self._all.add(connection)
        if len(self._all) > self._most_sockets:
            self._all.discard(connection)
            self.tally.not_started(operation)
            return
        try:
            connection.open(self.plan.job.endpoint, next(self._sources))
        except (OSError, MemoryError) as error:
            reason = os_reason(error)
            if reason in LOCAL:
                self.tally.not_started(operation)
            else:
                self.failed(connection, Failure(Stage.CONNECT, self.plan.first_hop, reason, os_text(error)), _clock())

    def look(self) -> None:
        """Start what has become due meanwhile."""
        self._pacer.look()

    # what connections say

    def established(self, connection: Connection, now: float) -> None:
        """All handshakes are done."""
        self._work.established(connection, now)

    def moved(self, connection: Connection, now: float) -> None:
        """Something came after that."""
        self._work.moved(connection, now)

    def failed(self, connection: Connection, failure: Failure, now: float) -> None:
        """It cannot be used any more."""
        self._work.failed(connection, failure, now)
        connection.operation = None

    def again(self, connection: Connection) -> None:
        """Once more, with the login."""
        operation, connection.operation = connection.operation, None
        if operation is not None:
            operation.tries += 1
            self.connect(operation)

    def left(self, connection: Connection) -> None:
        """It has said goodbye."""
        self._leaving[connection] = None

    def gone(self, connection: Connection) -> None:
        """Its socket is closed."""
        self._all.discard(connection)
        self._leaving.pop(connection, None)

    # time

    def _tick_in(self, seconds: float) -> None:
        self._tick_due = _clock() + seconds
        self._ticking = self.loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        now = _clock()
        self._health.late(now - self._tick_due)
        try:
            self._pacer.look()
            self._expire(now)
            self._tell_seconds(now)
            if not self._over and now - self.tally.begun >= self._least and not self.tally.under_way:
                self._end()
        except Exception as error:
            log.exception("the load broke")
            if not self.ended.done():
                self.ended.set_exception(error)
            return
        if self._over and not self._all:
            self._finish()
        else:
            self._tick_in(TICK)

    def _expire(self, now: float) -> None:
        """Both are in the order in which they began: the first that may go on ends the search."""
        oldest = now - self._load.timeout
        for operation in list(takewhile(lambda each: each.started <= oldest, self.tally.under_way)):
            if operation.connection is not None:
                operation.connection.expire(now)
        oldest = now - _GOODBYE
        for connection in list(takewhile(lambda each: each.left <= oldest, self._leaving)):
            connection.abandon()

    def _tell_seconds(self, now: float) -> None:
        self.tally.close_seconds(now)
        slices = self.tally.complete(self._pacer.next - self.tally.begun)
        samples = self._samples(now)
        self._ticks += 1
        if slices or samples or self._ticks % _BEAT == 0:
            self._tell(slices, samples, self.tally.ended, self.tally.ended_well)

    def _samples(self, now: float) -> list[HealthSample]:
        found = self._health.samples(now - self.tally.begun, len(self._all))
        return [replace(each, so_far=self.tally.so_far(each.second)) for each in found]

    def stop(self) -> None:
        """End now. What is under way is neither a success nor a failure; what would have become due within this second
        is skipped."""
        if self._over:
            return
        at = max(0.0, _clock() - self.tally.begun)
        count = self._pacer.rest(float(int(at) + 1))
        if count:
            self.tally.skip(at, Skip.STOPPED, count)
        self.tally.under_way.clear()
        self._over = True
        for connection in list(self._all):
            connection.abandon()
        if self._ticking is not None:
            self._ticking.cancel()
        self._finish()

    def _end(self) -> None:
        self._over = True
        self._pacer.close()
        self._work.end()

    def _finish(self) -> None:
        now = _clock()
        self.tally.close_seconds(now)
        self._tell(
            self.tally.rest(),
            self._samples(now),
            self.tally.ended,
            self.tally.ended_well,
        )
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        """Release everything at once, whatever is under way."""
        if self.tally.begun:
            self.stop()
        self._pacer.close()


def _least_seconds(load: Load) -> float:
    """Seconds that a run lasts at least: collection is for what is under way, and over when nothing is. Tunnels are
    watched to its end."""
    collection = stretch(load.phases, PhaseKind.COLLECTION)
    return collection[0] if collection[1] and load.workload is not Workload.TUNNEL else load.seconds
