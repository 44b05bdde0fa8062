"""A generator elsewhere, seen from the client: its processes look like those of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from prober.bench.document import GroundDoc
from prober.cluster.errors import ClusterError
from prober.cluster.link import AgentThere, Link
from prober.cluster.load.words import About, Gone, Prepared, Unable, Wanted
from prober.engine.load.generator_process import Begin
from prober.engine.load.joint_run import GoneError, Message
from prober.load.slices import GeneratorShare

T = TypeVar("T")
_ANSWER: Final = 10.0
"""Seconds for an answer while a load is made; afterwards the generator is taken for lost."""
_PREPARE: Final = 60.0
"""Seconds to look up names and to start processes."""
_GOODBYE: Final = 8.0
"""Seconds for its processes to end."""
_ROUNDS: Final = 9
"""Questions about the time: the quickest answer tells it best."""


class DistantProcess:
    """A generator process there."""

    def __init__(self, machine: Machine, number: int) -> None:
        self._machine = machine
        self._number = number
        self._said: asyncio.Queue[object] = asyncio.Queue()
        self._why = "has ended"

    def send(self, message: Message) -> None:
        """Tell it; the machine says it in order."""
        self._machine.post(self._number, message)

    def said(self, message: object) -> None:
        """It has said something."""
        self._said.put_nowait(message)

    async def next(self) -> object:
        """What it says next. Raises GoneError."""
        message = await self._said.get()
        if isinstance(message, Gone):
            self._why = message.why
            raise GoneError
        return message

    async def ending(self) -> str:
        """Which one it was and how it ended, as a clause."""
        return f"generator {self._machine.name}: {self._why}"


class Machine:
    """One agent as a generator. `carry` runs beside a run and moves what is said, both ways."""

    def __init__(self, link: Link, agent: AgentThere, about: About, processes: int, token: str) -> None:
        self._link = link
        self._agent = agent
        self._about = about
        self._token = token
        self.count = processes
        self.name = agent.name
        self.lost: str | None = None
        """Why nothing is asked of it any more."""
        self.processes: list[DistantProcess] = []
        self._outgoing: asyncio.Queue[tuple[int, Message]] = asyncio.Queue()
        self._heard = 0
        """Messages of its session that are known here."""
        self._offset = 0.0
        """Its `time.perf_counter` minus ours."""
        self.uncertainty = 0.0
        """Seconds that `_offset` may be wrong by at most."""
        self._skew = 0.0
        self._late = 0.0

    @property
    def document(self) -> GroundDoc:
        """What it is."""
        return GroundDoc(self.name, self._agent.egress, self.count, self._about.machine)

    async def ask(self, what: Callable[..., Awaitable[T]], *given: object, within: float = _ANSWER) -> T:
        """One of `prober.cluster.load.there`. Raises ClusterError, and the machine is lost."""
        try:
            return await self._link.ask(what, *given, address=self._agent.address, within=within)
        except ClusterError as error:
            self.lost = str(error)
            raise

    async def prepare(self, wanted: Wanted) -> Prepared | Unable:
        """Get ready for a run. Raises ClusterError."""
        from prober.cluster.load.there import prepare

        self.processes = [DistantProcess(self, number) for number in range(self.count)]
        self._outgoing = asyncio.Queue()
        self._late = 0.0
        found = await self.ask(prepare, wanted, within=_PREPARE)
        if isinstance(found, Prepared):
            self._heard = found.said
            await self._compare_clocks()
        return found

    async def _compare_clocks(self) -> None:
        """How far its clock is off ours: it was read there somewhere between our question and its answer."""
        from prober.cluster.load.there import clock

        best = float("inf")
        for _ in range(_ROUNDS):
            wall, before = time.time(), time.perf_counter()
            there = await self.ask(clock, self._token)
            took = time.perf_counter() - before
            if took < best:
                best = took
                self._offset = there.steady - (before + took / 2)
                self._skew = there.wall - (wall + took / 2)
        self.uncertainty = best / 2

    def post(self, number: int, message: Message) -> None:
        """Tell a process; `Begin` in its own time."""
        if isinstance(message, Begin):
            message = Begin(message.at + self._offset)
        self._outgoing.put_nowait((number, message))

    async def carry(self) -> None:
        """Until cancelled. A machine that does not answer is lost, and its processes with it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for work, name in ((self._telling(), "told"), (self._hearing(), "heard")):
                    tasks.create_task(work, name=f"what generator {self.name} is {name}")
        except* ClusterError:
            pass  # `lost` says why
        finally:
            for process in self.processes:  # nobody carries anything to or from them any more
                process.said(Gone(f"lost, {self.lost or 'nobody listens to it'}"))

    async def _telling(self) -> None:
        from prober.cluster.load.there import tell

        while True:
            messages = [await self._outgoing.get()]
            while not self._outgoing.empty():
                messages.append(self._outgoing.get_nowait())
            at = await self.ask(tell, self._token, messages)
            for _, message in messages:
                if isinstance(message, Begin):
                    self._late = max(self._late, at - message.at)

    async def _hearing(self) -> None:
        from prober.cluster.load.there import hear

        while True:
            messages = await self.ask(hear, self._token, self._heard)
            self._heard += len(messages)
            for number, message in messages:
                self.processes[number].said(message)

    def complete(self, share: GeneratorShare, others: float) -> None:
        """Add what only the machine's own end knows. `others`: the largest uncertainty of another machine; each is
        against this clock, so two machines may be apart by both."""
        share.uncertainty, share.skew, share.late = self.uncertainty + others, self._skew, self._late

    async def leave(self) -> None:
        """End its processes, if it is still there."""
        from prober.cluster.load.there import leave

        if self.lost is None:
            with contextlib.suppress(ClusterError):  # its processes end by themselves: nobody asks for them
                await self.ask(leave, self._token, within=_GOODBYE)
