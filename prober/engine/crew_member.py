"""One process of a crew as its parent sees it: kept alive, listened to, and answered for when it dies.

An assignment is answered once, whatever happens: by the process, or with None when the process ends after its moment
had come. What had not begun by then, and what comes while a new one starts, waits for that one.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import msgspec

from prober.engine import crew_process
from prober.engine.broken import broken
from prober.engine.crew_process import PAIRS_KEPT, Answer, Beat, Drain, Forget, Order, Outfit, unpack
from prober.engine.errors import os_text
from prober.engine.frames import Frames, frame
from prober.engine.lag import LagHistogram
from prober.engine.processes import command, ending
from prober.engine.run import Pair
from prober.engine.station import Assignment
from prober.engine.tasks import to_the_end
from prober.engine.terms import AS_SET, Probed
from prober.engine.usage import Usage

log = logging.getLogger(__name__)

Done = Callable[[Probed | None], None]

BEATS_TO_HEAR: Final = 10
"""Beats that a process may miss before it counts as hung: ten seconds are longer than any machine that can still
measure keeps a process waiting."""
_BEGINNING: Final = 30.0
"""Seconds until the first one: there is a lot to load."""
_GRACE: Final = 5.0
"""Seconds that a process gets to close its sockets before it is killed."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_SETTLED: Final = 60.0
"""Seconds; all three are of `Pauses`."""

_NOTHING: Final = Usage(None, 0.0, None)


class MemberError(Exception):
    """A process of a crew did not come up."""


class Pauses:
    """How long to wait before a process is started again: not at all, unless it dies again and again."""

    def __init__(self) -> None:
        self._next = 0.0

    def after(self, lived: float) -> float:
        """Seconds to wait after a life of `lived` seconds."""
        pause = 0.0 if lived >= _SETTLED else self._next
        self._next = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, pause * 2))
        return pause


@dataclass(frozen=True, slots=True)
class _Open:
    work: Assignment
    done: Done


class _Orders:
    """Makes assignments fit for the pipe; a pair that comes again is not pickled again."""

    def __init__(self) -> None:
        self._pairs: dict[int, tuple[Pair, bytes]] = {}
        """By identity: the pair is kept, so that its number stays its own."""

    def order(self, work: Assignment) -> Order:
        """The assignment with its pair as bytes."""
        known = self._pairs.get(id(work.pair))
        if known is None:
            if len(self._pairs) >= PAIRS_KEPT:
                self._pairs.clear()
            known = self._pairs[id(work.pair)] = (work.pair, pickle.dumps(work.pair, pickle.HIGHEST_PROTOCOL))
        return Order(work.number, known[1], work.begin_at, None if work.terms is AS_SET else work.terms)


class _Life(asyncio.SubprocessProtocol):
    """One process from its start to its end."""

    def __init__(self, hear: Callable[[Answer | Beat], None], beat: float, loop: asyncio.AbstractEventLoop) -> None:
        self.gone: asyncio.Future[int | None] = loop.create_future()
        """Its exit code, once it has ended and all it said is read."""
        self._hear = hear
        self._beat = beat
        self._loop = loop
        self._frames = Frames()
        self._transport: asyncio.SubprocessTransport | None = None
        self._missing = 0
        self._allowed = max(BEATS_TO_HEAR, round(_BEGINNING / beat))
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Started: from now on it is listened to."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._watch = self._loop.call_later(self._beat, self._listen)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """What it says."""
        try:
            for message in self._frames.feed(data):
                if not isinstance(message, Answer | Beat):
                    raise TypeError(f"unexpected {type(message).__name__}")
                if isinstance(message, Beat):
                    self._missing, self._allowed = 0, BEATS_TO_HEAR
                self._hear(message)
        except Exception:
            log.exception("a worker process says what cannot be understood; it is ended")
            self.kill()

    def _listen(self) -> None:
        """Count beats that did not come. Not a clock: where this process itself stood still, nobody else hung."""
        self._missing += 1
        if self._missing < self._allowed:
            self._watch = self._loop.call_later(self._beat, self._listen)
            return
        silence = self._missing * self._beat
        log.error("worker process %s hangs: nothing heard for %g s; it is killed", self.pid, silence)
        self.kill()

    def connection_lost(self, error: Exception | None) -> None:
        """Ended, and its pipes are read to the end."""
        self._stop_listening()
        if not self.gone.done():
            self.gone.set_result(None if self._transport is None else self._transport.get_returncode())

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return None if self._transport is None else self._transport.get_pid()

    def send(self, message: Outfit | Order | Forget | Drain) -> None:
        """To the process, if it can still be told; that it has gone is noticed elsewhere."""
        pipe = self._input()
        if pipe is not None:
            try:
                pipe.write(frame(message))
            except (ConnectionError, RuntimeError):  # uvloop says RuntimeError to a pipe that is closed already
                log.debug("a worker process reads no more")

    def _input(self) -> asyncio.WriteTransport | None:
        if self._transport is None:
            return None
        pipe = cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(0))
        return None if pipe is None or pipe.is_closing() else pipe

    def end_input(self) -> None:
        """Tell it to end."""
        pipe = self._input()
        if pipe is not None:
            pipe.close()

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._transport is not None and self._transport.get_returncode() is None:
            try:
                self._transport.kill()
            except ProcessLookupError:
                log.debug("a worker process ended just before it was killed")

    def close(self) -> None:
        """Give its descriptors back; one that still runs is killed."""
        self._stop_listening()
        if self._transport is not None:
            self._transport.close()

    def _stop_listening(self) -> None:
        if self._watch is not None:
            self._watch.cancel()


class Member:
    """A process that is started again when it ends, until `end`; not `again`: there is only one. `blame` is told of
    each pair that was under way when one died."""

    def __init__(
        self,
        name: str,
        outfit: Outfit,
        *,
        again: bool = True,
        blame: Callable[[Pair], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._outfit = outfit
        self._again = again
        self._blame = blame
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        """The first process is up; MemberError if it ended before. Later ones are nobody's to wait for."""
        self._orders = _Orders()
        self._open: dict[int, _Open] = {}
        self._none_open = asyncio.Event()
        self._life: _Life | None = None
        self._lag = LagHistogram()
        self._lag_before = LagHistogram()
        self._usage = _NOTHING
        self._cpu_before = 0.0
        """Both of processes that have ended."""
        self._ending = asyncio.Event()
        self._draining = False
        self._keeper = self._loop.create_task(self._keep(), name=f"{name} is kept alive")

    @property
    def lag(self) -> LagHistogram:
        """How late its event loops were, all its processes together, as last reported."""
        return self._lag_before + self._lag

    @property
    def usage(self) -> Usage:
        """What the process that runs now uses, as last reported; processor time is of all of them together."""
        return self._usage._replace(cpu=self._cpu_before + self._usage.cpu)

    @property
    def over(self) -> bool:
        """Whether there will be no process any more."""
        return self._keeper.done()

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return None if self._life is None else self._life.pid

    def due(self, now: float) -> int:
        """Assignments that should have begun and are not answered: they run, or a limit holds them back."""
        return sum(each.work.begin_at <= now for each in self._open.values())

    def assign(self, work: Assignment, done: Done) -> None:
        """Have the process do this; `done` is called once, later."""
        if self.over:
            self._loop.call_soon(done, None)
            return
        self._open[work.number] = _Open(work, done)
        if self._life is not None:
            self._life.send(self._orders.order(work))

    def forget(self, number: int) -> None:
        """`done` is not called for it any more."""
        if self._open.pop(number, None) is not None:
            self._note_empty()
            if self._life is not None:
                self._life.send(Forget(number))

    async def drain(self, grace: float) -> None:
        """Return when everything is answered: what has not begun at once, what runs within `grace` seconds."""
        self._draining = True
        if self._life is None:
            self._ending.set()  # none that is only to come is needed any more
            self._lose()
        else:
            self._life.send(Drain(grace))
        self._none_open.clear()
        self._note_empty()
        try:
            async with asyncio.timeout(grace + _GRACE):
                await self._none_open.wait()
        except TimeoutError:
            log.error("%s does not answer; it is killed", self.name)
            if self._life is not None:
                self._life.kill()
            self._lose()

    async def end(self) -> None:
        """End the process; what is open is lost. Not to be stopped by a cancellation."""
        await to_the_end(self._end(), f"end of {self.name}")

    async def _end(self) -> None:
        self._ending.set()
        if self._life is not None:
            self._life.end_input()
        await asyncio.wait([self._keeper], timeout=_GRACE)
        if self._life is not None:
            self._life.kill()
        await asyncio.wait([self._keeper])
        self._lose()
        self._keeper.result()

    # keeping it alive

    async def _keep(self) -> None:
        pauses = Pauses()
        while not self._ending.is_set():
            born = self._clock()
            until: float | None = None
            try:
                how = await self._live()
                until = self._clock()
            except Exception as error:  # a bug of ours, or what cannot be sent: nobody may wait for ever
                log.exception("%s broke", self.name)
                how = f"broke: {type(error).__name__}: {error}"
            self._lag_before, self._lag = self.lag, LagHistogram()
            self._cpu_before, self._usage = self.usage.cpu, _NOTHING
            if self._ending.is_set() or self._draining:
                self._lose()
                break
            under_way = len(self._open) if until is None else self.due(until)
            if not self._again:
                log.error("%s %s with %d probes under way", self.name, how, under_way)
                self._lose()
                break
            if not self.ready.done():
                self.ready.set_exception(MemberError(f"{self.name} {how}"))
            pause = pauses.after(self._clock() - born)
            again = f"in {pause:g} s" if pause else "at once"
            log.error("%s %s with %d probes under way; it is started again %s", self.name, how, under_way, again)
            self._lose(until)
            try:
                async with asyncio.timeout(pause):
                    await self._ending.wait()
            except TimeoutError:
                self.restarts += 1
        if not self.ready.done():
            self.ready.cancel()

    async def _live(self) -> str:
        """One process from start to end; returns how it ended, in words."""
        try:
            _, life = await self._loop.subprocess_exec(
                lambda: _Life(self._take, self._outfit.beat, self._loop),
                *command(crew_process.PROGRAM),
                stderr=None,
            )
        except OSError as error:
            return f"could not be started: {os_text(error)}"
        try:
            self._life = life
            life.send(self._outfit)
            for each in self._open.values():
                life.send(self._orders.order(each.work))
            if self._ending.is_set():
                life.end_input()
            how = ending(await life.gone)
            if not (self._ending.is_set() or self._draining):
                now = self._clock()
                for each in self._open.values():
                    if each.work.begin_at <= now:
                        self._blame(each.work.pair)
            return how
        finally:
            self._life = None
            life.close()

    def _take(self, message: Answer | Beat) -> None:
        if isinstance(message, Beat):
            self._lag, self._usage = message.lag, message.usage
            if not self.ready.done():
                self.ready.set_result(None)
            return
        answered = self._open.pop(message.number, None)
        if answered is not None:
            _tell(answered, _unpacked(message, answered.work))
            self._note_empty()

    def _lose(self, until: float | None = None) -> None:
        """What is open will not be answered by anybody else; with `until`, that whose moment had come by then: the rest
        was not begun, and the next process has it from the beginning."""
        lost = [number for number, each in self._open.items() if until is None or each.work.begin_at <= until]
        for each in [self._open.pop(number) for number in lost]:
            _tell(each, None)
        self._note_empty()

    def _note_empty(self) -> None:
        if not self._open:
            self._none_open.set()


def _unpacked(answer: Answer, work: Assignment) -> Probed | None:
    """What came of it; one answer that cannot be read costs no process its life."""
    try:
        return unpack(answer)
    except msgspec.MsgspecError:
        log.exception("what was observed of %s cannot be read", work.pair.target.id)
        told = broken(work.pair, "what the worker observed cannot be read; please report it")
        return Probed(told, answer.begun, answer.late, answer.refused, answer.stood_still, answer.waited)


def _tell(answered: _Open, probed: Probed | None) -> None:
    try:
        answered.done(probed)
    except Exception:  # one broken listener must not cost the others their answers
        log.exception("taking an observation of %s broke", answered.work.pair.target.id)
