"""`prober serve` without its web server: begins, has probes made (`rounds`), reloads, ends in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from prober.engine.crew import Crew, MemberError
from prober.engine.lag import LagHistogram, LagSampler
from prober.monitor.board import Board
from prober.monitor.inforce import InForce
from prober.monitor.lately import Lately
from prober.monitor.memory.store import Store
from prober.monitor.metrics.counters import Counters
from prober.monitor.reloads import Prepared, Reading, ReloadError, Reloads, tell_what_stays
from prober.monitor.rounds import Rounds
from prober.monitor.scripts import AskingAgain
from prober.monitor.state import PairKey
from prober.monitor.telling import warn_of_another_name, warn_of_hanging, warn_of_scripts
from prober.monitor.workers import Workers, crew_for

log = logging.getLogger(__name__)

_FLUSH: Final = 1.0
"""Seconds between two hand-overs of changed states to the store."""


class Service:
    """Watches what is in force until it is stopped. An asynchronous context: on leaving, everything is closed.

    `read` makes a new configuration, in a thread; it raises ReloadError.
    """

    def __init__(
        self,
        start: InForce,
        read: Callable[[], InForce],
        store: Store,
        *,
        make_crew: Callable[[InForce], Crew] = crew_for,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.started_at = wall()
        self.store = store
        self.reloads = Reloads(True, self.started_at)
        self.ready = False
        self._read = Reading(read)
        self._monotonic = monotonic
        self._wall = wall
        settings = start.loaded.settings
        self.board = Board(
            settings.egress, start.pairs, start.plan.judge, confirm=settings.serve.confirm, baseline=start.plan.baseline
        )
        self.workers = Workers(make_crew(start))
        self._wake = asyncio.Event()
        self.rounds = Rounds(
            start, self.board, self.workers, store, monotonic=monotonic, wall=wall, wake=self._wake.set
        )
        self._make_crew = make_crew
        self.lag = Lately()
        self._lag = LagSampler()
        self._flushed = monotonic()
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._scripts = AskingAgain(self._put_other_ways, monotonic())
        self._after_reload: list[Callable[[], None]] = []

    # for those who look on

    @property
    def stopping(self) -> bool:
        """Whether the end has begun."""
        return self._stopping.is_set()

    @property
    def crew(self) -> Crew:
        """The workers in force."""
        return self.workers.crew

    @property
    def in_flight(self) -> int:
        """Probes handed out and not over."""
        return self.workers.in_flight

    @property
    def worker_restarts(self) -> int:
        """Workers that ended and were started again, since the start."""
        return self.workers.restarts

    @property
    def skipped(self) -> int:
        """Moments that passed while the pair was still being probed."""
        return self.rounds.schedule.skipped

    @property
    def in_force(self) -> InForce:
        """What is probed, and how."""
        return self.rounds.in_force

    @property
    def counters(self) -> Counters:
        """What was counted since the start."""
        return self.rounds.counters

    @property
    def lateness(self) -> Lately:
        """How late probes were begun, lately."""
        return self.rounds.lateness

    def lags(self) -> dict[str, LagHistogram]:
        """How late the event loops were, by process."""
        return {"front": self._lag.histogram, **self.workers.lags}

    def interval(self, key: PairKey) -> float:
        """Seconds between two probes of a pair in force."""
        return self.in_force.intervals[key]

    def after_reload(self, listener: Callable[[], None]) -> None:
        """Have `listener` called each time a new configuration has come into force."""
        self._after_reload.append(listener)

    # life

    async def __aenter__(self) -> Self:
        await self.store.open()
        try:
            remembered = await self.store.load(self.board.egress)
            restored = self.board.restore(remembered, valid_from=self.in_force.valid_from(self._wall()))
            if restored:
                log.info("state of %d pairs taken up from %s", restored, self.store.path)
            warn_of_another_name(self.in_force, self.store.path, await self.store.egresses())
            await self.workers.start()
        except BaseException:
            await self.store.close()
            raise
        self._lag.start()
        self.rounds.begin()
        warn_of_hanging(self.in_force)
        warn_of_scripts(self.in_force)
        self.ready = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ready = False
        self._lag.stop()
        try:
            await self._scripts.close()
            await self.workers.close()
        finally:
            self.rounds.flush()
            await self.store.close()

    def stop(self) -> None:
        """Begin the end: nothing is started any more, and `watch` returns when what runs is over or cut."""
        self.rounds.ending = True
        self._stopping.set()
        self._wake.set()

    async def watch(self) -> None:
        """Probe until `stop`. What runs then may finish within `serve.grace` seconds."""
        while not self._stopping.is_set():
            self._wake.clear()
            until = self.turn()
            handle = asyncio.get_running_loop().call_later(until, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                handle.cancel()
        self.ready = False
        await self.workers.drain(self.in_force.loaded.settings.serve.grace)

    def turn(self) -> float:
        """Hand out what is due, give the store what has changed; returns the seconds until the next turn is wanted."""
        now = self._monotonic()
        following = self.rounds.hand_out(now)
        self._scripts.look(self.in_force, now)
        self.lag.add(self._lag.worst, now)
        self._lag.worst = 0.0
        if now - self._flushed >= _FLUSH:
            self.rounds.flush()
            self._flushed = now
        return _FLUSH if following is None else min(_FLUSH, max(0.0, following - now))

    # reload

    async def reload(self, prepare: Callable[[], Awaitable[Prepared]] | None = None) -> list[str]:
        """Read the configuration anew, and what `prepare` reads: all is in force then, or nothing; returns the errors.

        Two at once come one after the other.
        """
        async with self._reloading:
            try:
                self._refuse_at_the_end()
                beside = Prepared() if prepare is None else await prepare()
                fresh = await self._read.beside(beside.errors)
                self._refuse_at_the_end()
                await self._put_in_force(fresh)
                beside.commit()
            except ReloadError as error:
                return self._not_in_force(error.lines)
            except MemberError as error:
                return self._not_in_force([f"no worker could be started: {error}"])
            except Exception as error:  # a bug of ours: whoever asks next is to find somebody who listens
                log.exception("reading the configuration broke")
                return self._not_in_force(
                    [f"reading it broke ({type(error).__name__}); please report what the log has"]
                )
            self.reloads = Reloads(True, self._wall())
            log.info("configuration in force: %d pairs", len(fresh.pairs))
        for listener in self._after_reload:
            listener()
        return []

    async def _put_other_ways(self, before: InForce, fresh: InForce) -> None:
        async with self._reloading:
            if self.stopping or self.in_force is not before:
                return  # a reload came first, and has asked the scripts itself
            await self._put_in_force(fresh)
            log.info("PAC scripts say something else than before: their ways are in force")
        for listener in self._after_reload:
            listener()

    def _refuse_at_the_end(self) -> None:
        if self.stopping:
            raise ReloadError(["prober is ending"])

    def _not_in_force(self, lines: list[str]) -> list[str]:
        self.reloads = Reloads(False, self.reloads.succeeded_at, tuple(lines))
        for line in lines:
            log.error("the configuration stays as it was: %s", line)
        return lines

    async def _put_in_force(self, fresh: InForce) -> None:
        before = self.in_force
        tell_what_stays(before, fresh)
        crew = None
        if fresh.engine_digest != before.engine_digest:
            crew = self._make_crew(fresh)
            await crew.__aenter__()
            if self.stopping:
                await crew.__aexit__(None, None, None)
                self._refuse_at_the_end()
        self.rounds.change(fresh, crew)
        warn_of_hanging(fresh)
        warn_of_scripts(fresh)
