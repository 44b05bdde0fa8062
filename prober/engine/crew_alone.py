"""Probes that may cost their process its life, each in a process where nothing else is going on.

When a process dies, any of the probes under way may have killed it. Who was among them again and again is made here,
one at a time: what happens then is that probe's own doing, and costs no other. The process is started when there is
something to make and ended when there is nothing more; after a death comes another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final

from prober.engine.crew_member import Done, Member
from prober.engine.crew_process import Outfit
from prober.engine.run import Pair
from prober.engine.station import Assignment
from prober.engine.tasks import to_the_end
from prober.engine.terms import Probed

LOSSES: Final = 2
"""Times in a row that a probe is lost with its process before it is made alone."""
MOST_ALONE: Final = 32
"""Probes that wait for their turn; more are no suspects but the victims of a machine in distress, and are made like any
other."""
_SUSPECTS: Final = 4096
"""The newest of them are remembered."""


class Suspects:
    """Who was under way when a process died, and how often in a row."""

    def __init__(self) -> None:
        self._losses: dict[Hashable, int] = {}

    def blame(self, pair: Pair) -> None:
        """It was, once more."""
        key = _key(pair)
        self._losses[key] = self._losses.pop(key, 0) + 1
        if len(self._losses) > _SUSPECTS:
            del self._losses[next(iter(self._losses))]

    def acquit(self, pair: Pair) -> None:
        """Something came of it."""
        if self._losses:
            self._losses.pop(_key(pair), None)

    def __contains__(self, pair: Pair) -> bool:
        """Whether it is to be made alone."""
        return bool(self._losses) and self._losses.get(_key(pair), 0) >= LOSSES


def _key(pair: Pair) -> Hashable:
    return pair.target.id, pair.target.host, pair.target.port, pair.route.name


class Alone:
    """Makes one probe at a time. `end` it."""

    def __init__(self, outfit: Outfit, suspects: Suspects, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._outfit = outfit
        self._suspects = suspects
        self._clock = clock
        self._waiting: dict[int, tuple[Assignment, Done]] = {}
        self._number = -1
        """Of the one under way."""
        self._free = asyncio.Event()
        self._member: Member | None = None
        self._worker: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._member is None else self._member.pid

    def due(self, now: float) -> int:
        """As `Member.due`."""
        under_way = 0 if self._member is None else self._member.due(now)
        return under_way + sum(work.begin_at <= now for work, _ in self._waiting.values())

    def assign(self, work: Assignment, done: Done) -> None:
        """Have this made when its turn comes and its moment has come; `done` is called once, later."""
        loop = asyncio.get_running_loop()
        if self._closing:
            loop.call_soon(done, None)
            return
        self._waiting[work.number] = work, done
        if self._worker is None:
            self._worker = loop.create_task(self._work(), name="probes made alone")

    def forget(self, number: int) -> None:
        """`done` is not called for it any more."""
        if self._waiting.pop(number, None) is None and number == self._number and self._member is not None:
            self._member.forget(number)
            self._free.set()

    async def drain(self, grace: float) -> None:
        """As `Member.drain`."""
        self._begin_nothing()
        if self._member is not None:
            await self._member.drain(grace)

    async def end(self) -> None:
        """End the process; what is open is lost. Not to be stopped by a cancellation."""
        self._begin_nothing()
        if self._worker is not None:
            await to_the_end(self._end(self._worker), "end of what is made alone")

    async def _end(self, worker: asyncio.Task[None]) -> None:
        if self._member is not None:
            await self._member.end()
        await asyncio.wait([worker])

    def _begin_nothing(self) -> None:
        self._closing = True
        waiting, self._waiting = self._waiting, {}
        for _, done in waiting.values():
            asyncio.get_running_loop().call_soon(done, None)

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._live()
        finally:
            self._worker = None

    async def _live(self) -> None:
        """One process, until it dies or nothing waits."""
        member = self._member = Member(
            "worker-alone", self._outfit, again=False, blame=self._suspects.blame, clock=self._clock
        )
        try:
            while self._waiting and not member.over:
                self._number = next(iter(self._waiting))
                work, done = self._waiting.pop(self._number)
                self._free.clear()
                member.assign(work, partial(self._done, done))
                await self._free.wait()
        finally:
            self._member, self._number = None, -1
            await member.end()

    def _done(self, done: Done, probed: Probed | None) -> None:
        self._free.set()
        done(probed)
