"""Probes for ever, in processes of their own: what else this process does delays no probe, and a crash costs seconds.

The way of an assignment: it goes to the process of its host at once, sleeps there until its moment, passes admission
and is probed. A host stays with one process, so that its limit holds and its name is asked for once. Nothing is
retried: what came of a probe is the answer, and what it means is for the caller to say. Who was under way each time
when a process died is made alone from then on (`crew_alone`).
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Self

from prober.engine.crew_alone import MOST_ALONE, Alone, Suspects
from prober.engine.crew_member import BEATS_TO_HEAR, Done, Member, MemberError
from prober.engine.crew_process import Outfit
from prober.engine.lag import LagHistogram
from prober.engine.run import Pair
from prober.engine.settings import ProbeSettings
from prober.engine.station import Assignment
from prober.engine.tasks import to_the_end
from prober.engine.terms import AS_SET, Probed, Terms
from prober.engine.usage import Usage
from prober.engine.workers import fair_share

__all__ = ["Assigned", "Crew", "MemberError", "Probed", "Terms"]


class Assigned:
    """An assignment that was handed out."""

    __slots__ = ("_member", "_number")

    def __init__(self, member: Member | Alone | None, number: int) -> None:
        self._member = member
        self._number = number

    def cancel(self) -> None:
        """Nobody wants it any more: it is not begun, or it is ended; `done` is not called. Too late does no harm."""
        if self._member is not None:
            self._member.forget(self._number)


class Crew:
    """`workers` processes that make probes when they are told to. An asynchronous context, which ends them.

    `names_kept`: seconds for which an answer of DNS is used at most. `prepare` is called first in each process, to set
    up logging, and must be picklable: a function of a module, or `functools.partial` of one. `silence`: seconds without
    a sign of life after which a process counts as hung, is killed and started again.

    What the settings name is read when it is first needed and kept: after a change of a file (a client certificate, a
    proxy's `trust_roots`) make a new crew.
    """

    def __init__(
        self,
        settings: ProbeSettings,
        workers: int,
        *,
        names_kept: float = 10.0,
        prepare: Callable[[], None] | None = None,
        silence: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outfit = Outfit(fair_share(settings, workers), names_kept, silence / BEATS_TO_HEAR, prepare)
        self._workers = workers
        self._clock = clock
        self._members: list[Member] = []
        self._suspects = Suspects()
        self._alone: Alone | None = None
        self._numbers = itertools.count()
        self._closing = False

    async def __aenter__(self) -> Self:
        """Start the processes and wait for the first sign of life of each. Raises MemberError if one ends instead."""
        self._members = [
            Member(f"worker-{number}", self._outfit, blame=self._suspects.blame, clock=self._clock)
            for number in range(1, self._workers + 1)
        ]
        try:
            await asyncio.gather(*(member.ready for member in self._members))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def in_flight(self) -> int:
        """Probes whose moment has come and that are not over."""
        now = self._clock()
        return sum(member.due(now) for member in self._makers)

    @property
    def restarts(self) -> int:
        """How often a process ended by itself, or hung, and was started again."""
        return sum(member.restarts for member in self._members)

    @property
    def lags(self) -> Mapping[str, LagHistogram]:
        """How late the processes' event loops were, since the crew began, as last reported; `worker-1` and so on."""
        return {member.name: member.lag for member in self._members}

    @property
    def usages(self) -> Mapping[str, Usage]:
        """What the processes use of the machine, as last reported; `worker-1` and so on."""
        return {member.name: member.usage for member in self._members}

    def assign(self, pair: Pair, begin_at: float, done: Done, terms: Terms | None = None) -> Assigned:
        """Have a pair probed at a moment: seconds on the monotonic clock, at once if it has passed.

        `done` is called once, later, on the event loop: with what came of it, or with None if it was lost with its
        process or the crew takes nothing any more.
        """
        number = next(self._numbers)
        if self._closing or not self._members:
            asyncio.get_running_loop().call_soon(done, None)
            return Assigned(None, number)
        maker: Member | Alone = self._members[place(pair.target.host, len(self._members))]
        if pair in self._suspects:
            self._alone = self._alone or Alone(self._outfit, self._suspects, clock=self._clock)
            maker = self._alone if self._alone.waiting < MOST_ALONE else maker
        maker.assign(Assignment(number, pair, begin_at, terms or AS_SET), partial(self._done, pair, done))
        return Assigned(maker, number)

    def _done(self, pair: Pair, done: Done, probed: Probed | None) -> None:
        if probed is not None:
            self._suspects.acquit(pair)
        done(probed)

    @property
    def _makers(self) -> tuple[Member | Alone, ...]:
        return (*self._members, *(() if self._alone is None else (self._alone,)))

    async def ask(self, pair: Pair, terms: Terms | None = None) -> Probed | None:
        """Probe a pair now and wait for what comes of it; None as in `assign`. Cancelled, it ends the probe."""
        answer: asyncio.Future[Probed | None] = asyncio.get_running_loop().create_future()

        def take(probed: Probed | None) -> None:
            if not answer.done():
                answer.set_result(probed)

        assigned = self.assign(pair, self._clock(), take, terms)
        try:
            return await answer
        except asyncio.CancelledError:
            assigned.cancel()
            raise

    async def drain(self, grace: float) -> None:
        """Begin nothing more. What runs may finish within `grace` seconds, then it is cancelled; all is answered when
        this returns, with None what was not made to its end."""
        self._closing = True
        await asyncio.gather(*(member.drain(grace) for member in self._makers))

    async def close(self) -> None:
        """End the processes at once; what is open is answered with None. A cancellation takes effect afterwards."""
        self._closing = True
        await to_the_end(self._close(), "end of the crew")

    async def _close(self) -> None:
        await asyncio.gather(*(member.end() for member in self._makers))


def place(host: str, count: int) -> int:
    """Which of `count` processes has a host: always the same, in every run."""
    return int.from_bytes(hashlib.sha256(host.lower().encode()).digest()[:8]) % count
