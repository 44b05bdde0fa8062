"""The agents of one egress as what probes a run's batches: `prober.engine.batches.Engine`.

A batch becomes shares, whole hosts each, so that the limit per host is kept by one agent. No more shares are out than
the agents can begin at once and one more each; what has come back is told at once and let go. A share that an agent
loses goes to another one of the same egress (dask's doing); where there is none for a while, its pairs are not probed,
and that is what `shortfall` says. A share counts once: only its first whole answer is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self

from prober.cluster.cargo import Kept, unpacked
from prober.cluster.errors import ClusterError
from prober.cluster.link import AgentThere, Link
from prober.cluster.words import MARK, PREFIX, SLOTS, Brought, Item, Share
from prober.engine.cpu_wait import worse
from prober.engine.run import OnObservation, Pair
from prober.model import Purpose
from prober.report.sanitize import several

PATIENCE: Final = 20.0
"""Seconds in which an egress may be without an agent: a nanny starts a dead worker anew within three."""
QUIET: Final = 15.0
"""Seconds without a sign of life after which an agent does not count as there: they give one every half second. dask
itself needs up to a minute."""
_LOOK: Final = 1.0
"""Seconds between two looks who is there."""
_MOST: Final = 400
"""Observations of a share."""
_FETCHED: Final = 8
"""Of a share in which revocation is asked about: each may bring a list of some megabytes."""
_LEAST: Final = 20
_TRIES: Final = 3
"""Rounds for a share that failed at an agent."""
_BEGINNING: Final = re.compile(r"(.+)\[:(\d+)\]")
"""Name of the beginning of a chain: `prober.interception.location.prefixes`."""


class Agents:
    """An asynchronous context; leaving it cancels what is still out."""

    def __init__(self, link: Link, egress: str, mark: str, *, no_direct: bool, kept: Kept) -> None:
        """`kept` is the same for all egress points of a run."""
        self._link = link
        self._egress = egress
        self._mark = mark
        self._no_direct = no_direct
        self._kept = kept
        self._numbers = itertools.count()
        self._there = 1
        self._out: set[asyncio.Event] = set()
        """Of shares that are out: set when there is nothing more to wait for."""
        self._lost: str | None = None
        """Why nobody is waited for any more."""
        self._heard: dict[str, tuple[float, float]] = {}
        """By address: the last sign of life, and since when it is the last one, by this clock."""
        self._missed: dict[str, int] = {}
        """Probes that were not made, by why."""
        self._asked = 0
        self.worst_lag = 0.0
        self.cpu_wait: float | None = None

    @property
    def shortfall(self) -> str | None:
        """As a sentence; None = every pair was probed."""
        if not self._missed:
            return None
        missed = sum(self._missed.values())
        return f"{missed} of {several(self._asked, 'probe')} were not made: {'; '.join(self._missed)}."

    async def __aenter__(self) -> Self:
        with contextlib.suppress(ClusterError):  # the watch says so, and goes on looking
            self._there = max(1, len(await self._mine()))
        self._watch = asyncio.get_running_loop().create_task(self._watched(), name=f"agents of {self._egress}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.cancel()
        await asyncio.wait([self._watch])

    async def probe(self, pairs: Sequence[Pair], on_observation: OnObservation, *, attempts: int = 1) -> None:
        """Probe a batch, as far as there is somebody to do it."""
        self._asked += len(pairs) * attempts
        waiting = iter(list(self._shares(pairs, attempts)))
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                while len(running) < self._there * (SLOTS + 1) and (share := next(waiting, None)) is not None:
                    running.add(self._started(share, on_observation))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running)

    def _started(self, share: tuple[list[Pair], Share], on_observation: OnObservation) -> asyncio.Task[None]:
        name = f"share {next(self._numbers)} of {self._egress}"
        return asyncio.get_running_loop().create_task(self._carry(*share, on_observation), name=name)

    # one share

    async def _carry(self, pairs: list[Pair], share: Share, on_observation: OnObservation) -> None:
        why = ""
        for _ in range(_TRIES):
            if self._lost is not None:
                why = self._lost
                break
            brought = await self._brought(share)
            if isinstance(brought, Brought):
                try:
                    seen = list(unpacked(brought, pairs, self._kept))
                except ValueError as error:
                    why = str(error)
                    continue
                self.worst_lag = max(self.worst_lag, brought.worst_lag)
                self.cpu_wait = worse(self.cpu_wait, brought.cpu_wait)
                for pair, observation in seen:
                    on_observation(pair, observation)
                return
            why, again = brought
            if not again:
                break
        self._missed[why] = self._missed.get(why, 0) + len(pairs) * share.attempts

    async def _brought(self, share: Share) -> Brought | tuple[str, bool]:
        """What came of it; or why nothing did, and whether trying again may help."""
        from prober.cluster.share import probe_share

        key = f"{self._link.name}-{self._egress}-{next(self._numbers)}"
        resources = {f"{PREFIX}{self._egress}": 1, f"{MARK}{self._mark}": 1}
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._out.add(ended)
        future = self._link.submit(probe_share, share, key=key, resources=resources)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
        try:
            await ended.wait()
            if future.status == "finished":
                answer = await self._link.result(future)
                return answer if isinstance(answer, Brought) else ("its agent was lost", True)
            if future.status == "error":
                error: Any = await future.exception()
                return _told(error)
            return self._lost or "the scheduler gave it up", self._lost is None
        finally:
            self._out.discard(ended)
            if future.status == "pending" and self._link.is_up:
                await asyncio.shield(self._link.cancel(future))
            future.release()

    # who is there

    async def _watched(self) -> None:
        clock = asyncio.get_running_loop().time
        since = clock()
        while True:
            try:
                if not self._link.is_up:
                    raise ClusterError(["the scheduler is gone"])
                agents = [each for each in await self._mine() if self._alive(each, clock())]
            except ClusterError as error:
                self._give_up(str(error))
                return
            self._there = max(1, len(agents))
            if agents:
                since = clock()
            elif clock() - since > PATIENCE:
                self._give_up(f"no agent of egress {self._egress} was left")
                return
            await asyncio.sleep(_LOOK)

    async def _mine(self) -> list[AgentThere]:
        own = (self._egress, self._mark)
        return [each for each in await self._link.agents() if (each.egress, each.mark) == own]

    def _alive(self, agent: AgentThere, now: float) -> bool:
        heard, when = self._heard.get(agent.address, (None, now))
        if heard != agent.heard:
            when = now
        self._heard[agent.address] = (agent.heard, when)
        return now - when < QUIET

    def _give_up(self, why: str) -> None:
        self._lost = why
        for ended in self._out:
            ended.set()

    # shares

    def _shares(self, pairs: Sequence[Pair], attempts: int) -> Iterator[tuple[list[Pair], Share]]:
        """Whole hosts as long as they fit; small enough that all agents have something to do until the end."""
        fair = -(-len(pairs) // (self._there * SLOTS * 2))
        fetching = any(pair.purpose is Purpose.REVOCATION for pair in pairs)
        bound = _FETCHED if fetching else max(1, _MOST // attempts)
        most = min(bound, max(_LEAST, fair))
        hosts: dict[str, list[Pair]] = {}
        for pair in pairs:
            hosts.setdefault(pair.target.host, []).append(pair)
        share: list[Pair] = []
        for own in hosts.values():
            if share and len(share) + len(own) > most:
                yield share, self._share(share, attempts)
                share = []
            share += own
            while len(share) > bound:
                yield share[:bound], self._share(share[:bound], attempts)
                share = share[bound:]
        if share:
            yield share, self._share(share, attempts)

    def _share(self, pairs: Sequence[Pair], attempts: int) -> Share:
        # not by the target's own id, which an address keeps that was redirected over one route alone
        targets = {id(pair.target): pair.target for pair in pairs}
        places = {identity: place for place, identity in enumerate(targets)}
        return Share(
            egress=self._egress,
            mark=self._mark,
            targets=tuple(targets.values()),
            items=tuple(_item(places[id(pair.target)], pair) for pair in pairs),
            attempts=attempts,
            no_direct=self._no_direct,
            of=self._there * SLOTS,
        )


def _item(target: int, pair: Pair) -> Item:
    beginning = _BEGINNING.fullmatch(pair.route.name)
    rule, first = (pair.route.name, None) if beginning is None else (beginning[1], int(beginning[2]))
    inquiry = pair.terms.inquiry
    return Item(target, rule, first, pair.purpose, pair.present, None if inquiry is None else inquiry.body_limit)


def _told(error: object) -> tuple[str, bool]:
    """An agent's error as a clause, and whether trying again may help."""
    kind = type(error).__name__
    if kind == "KilledWorker":
        return "its agents died over it, one after another", False
    return (str(error), False) if kind == "UnlikeError" else (f"its agent failed ({kind}: {error})", True)
