"""A process of a crew: takes assignments on standard input as they come, sends what came of them on standard output.

Messages are frames (`prober.engine.frames`). First comes the outfit, then whatever the parent wants, in any order; what
is answered goes back at once, and every beat the histogram of this process's own lag, which also says that it is alive.
End of input means that the parent is gone or wants no more: what is under way is cancelled. Signals that reach the
whole group (Ctrl-C, systemd's SIGTERM, a reload's SIGHUP) are the parent's to answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from prober.engine.frames import Frames, frame
from prober.engine.garbage import set_aside
from prober.engine.lag import LagHistogram, LagSampler
from prober.engine.loop import run_loop
from prober.engine.probe import Prober
from prober.engine.resolver import Resolver
from prober.engine.run import Pair
from prober.engine.settings import ProbeSettings
from prober.engine.station import Assignment, Station
from prober.engine.stores import ProxyCertificates
from prober.engine.terms import AS_SET, Probed, Terms
from prober.engine.usage import Usage, usage
from prober.model import Failure, Hop, HopScheme, Observation, Reason, Stage

log = logging.getLogger(__name__)

PROGRAM = (
    "import signal, sys; "
    "[signal.signal(getattr(signal, name), signal.SIG_IGN) for name in ('SIGINT', 'SIGTERM', 'SIGHUP')"
    " if hasattr(signal, name)]; "
    "sys.path[:] = {path!r}; from prober.engine.crew_process import main; main()"
)
"""For `processes.command`. Signals are ignored before anything else is loaded."""
PAIRS_KEPT: Final = 16384
"""Pairs that each side knows in the form in which they pass the pipe."""
UNTOLD: Final = b"\xc1"
"""An observation that could not be packed: MessagePack has no such byte, and whoever unpacks it has to say so."""
_MOST_UNREAD: Final = 1024 * 1024
"""Bytes the parent has not read, beyond which a beat is left out."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """What a process starts with."""

    settings: ProbeSettings
    """With limits that are its share."""
    names_kept: float
    """Seconds for which an answer of DNS is used at most."""
    beat: float
    """Seconds between two beats."""
    prepare: Callable[[], None] | None
    """Called first: sets up logging."""


class Order(NamedTuple):
    """An assignment on its way."""

    number: int
    pair: bytes
    """Pickled: the same pair comes again and again, and is read once."""
    begin_at: float
    terms: Terms | None


class Forget(NamedTuple):
    """Nobody wants this assignment's answer."""

    number: int


class Drain(NamedTuple):
    """Begin nothing more, and answer everything within so many seconds."""

    grace: float


class Answer(NamedTuple):
    """What came of an assignment."""

    number: int
    observation: bytes
    """MessagePack, which takes a tenth of pickle's time; empty = it was not made."""
    begun: float
    late: float
    refused: str | None
    stood_still: float = 0.0
    waited: float = 0.0


class Beat(NamedTuple):
    """Still alive."""

    lag: LagHistogram
    """Since this process began."""
    usage: Usage


_to_bytes = msgspec.msgpack.Encoder().encode
_to_observation = msgspec.msgpack.Decoder(Observation).decode


def pack(number: int, probed: Probed | None) -> Answer:
    """What came of an assignment, for the pipe."""
    if probed is None:
        return Answer(number, b"", 0.0, 0.0, None)
    observation = _to_bytes(probed.observation)
    return Answer(number, observation, probed.begun, probed.late, probed.refused, probed.stood_still, probed.waited)


def unpack(answer: Answer) -> Probed | None:
    """The other way round. Raises msgspec.MsgspecError."""
    if not answer.observation:
        return None
    observation = _to_observation(answer.observation)
    return Probed(observation, answer.begun, answer.late, answer.refused, answer.stood_still, answer.waited)


@lru_cache(maxsize=PAIRS_KEPT)
def _pair(data: bytes) -> Pair:
    pair = pickle.loads(data)  # noqa: S301 # from the parent, over an own pipe
    if not isinstance(pair, Pair):
        raise TypeError(f"expected a Pair, got {type(pair).__name__}")
    return pair


class Gate:
    """Judges HTTPS proxies' certificates; a `trust_roots` file that cannot be read trusts nobody, until it can be."""

    def __init__(self) -> None:
        self._known = ProxyCertificates(())
        self._unreadable: dict[str | None, str] = {}

    def know(self, hops: Iterable[Hop]) -> None:
        """Read the roots that these hops need."""
        for hop in hops:
            if hop.scheme is not HopScheme.HTTPS:
                continue
            try:
                self._known.know([hop])
            except (OSError, ValueError) as error:
                text = f"trust_roots {hop.trust_roots} of {hop.url} cannot be used: {error}"
                if self._unreadable.get(hop.trust_roots) != text:
                    log.error("%s", text)
                self._unreadable[hop.trust_roots] = text
            else:
                self._unreadable.pop(hop.trust_roots, None)

    def failure(self, hop: Hop, index: int, chain: tuple[bytes, ...], at: float) -> Failure | None:
        """As `ProxyCertificates.failure`."""
        unreadable = self._unreadable.get(hop.trust_roots)
        if unreadable is not None:
            return Failure(Stage.PROXY_TLS, index, Reason.CERT_UNTRUSTED, unreadable)
        return self._known.failure(hop, index, chain, at)


class Post(asyncio.Protocol):
    """Where the parent's messages come in. `ended` is set at the end of input."""

    def __init__(self, loop: asyncio.AbstractEventLoop, write: asyncio.WriteTransport) -> None:
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._write = write
        self._frames = Frames()
        self._lag = LagSampler()
        self._gate = Gate()
        self._resolver: Resolver | None = None
        self._prober: Prober | None = None
        self._station: Station | None = None
        self._drains: list[asyncio.Task[None]] = []
        self._beating: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Read what the parent wants. What cannot be understood ends this process: the parent starts another."""
        try:
            for message in self._frames.feed(data):
                self._take(message)
        except Exception as error:
            log.exception("the parent's message cannot be understood")
            if not self.ended.done():
                self.ended.set_exception(error)

    def connection_lost(self, error: Exception | None) -> None:
        """The end of input."""
        if not self.ended.done():
            self.ended.set_result(None)

    def _take(self, message: object) -> None:
        match message, self._station:
            case Outfit(), None:
                self._begin(message)
            case Order(), Station() as station:
                pair = _pair(message.pair)
                self._gate.know(pair.route.every_hop)
                station.assign(Assignment(message.number, pair, message.begin_at, message.terms or AS_SET))
            case Forget(number), Station() as station:
                station.forget(number)
            case Drain(grace), Station() as station:
                self._drains.append(self._loop.create_task(station.drain(grace), name="drain"))
            case _:
                raise TypeError(f"unexpected {type(message).__name__}")

    def _begin(self, outfit: Outfit) -> None:
        if outfit.prepare is not None:
            outfit.prepare()
        settings = outfit.settings
        self._resolver = Resolver(settings.family, settings.overrides, settings.name_servers, keep=outfit.names_kept)
        self._prober = Prober(settings, self._resolver, self._gate)
        self._station = Station(settings, self._prober, self._answer, stood_still=self._lag.stood_still)
        self._lag.start()
        self._beat(outfit.beat)

    def _answer(self, number: int, probed: Probed | None) -> None:
        try:
            answer = pack(number, probed)
        except ValueError:  # a text that is no Unicode: it must not cost the answer, too
            log.exception("what was observed cannot be told")
            answer = pack(number, None)._replace(observation=UNTOLD)
        self._say(answer)

    def _beat(self, interval: float) -> None:
        if self._write.get_write_buffer_size() < _MOST_UNREAD:
            self._say(Beat(self._lag.histogram, usage()))
        self._beating = self._loop.call_later(interval, self._beat, interval)

    def _say(self, message: Answer | Beat) -> None:
        if not self._write.is_closing():  # the parent may be gone: the end of input is on its way
            self._write.write(frame(message))

    async def close(self) -> None:
        """End what is under way and close every socket."""
        self._lag.stop()
        if self._beating is not None:
            self._beating.cancel()
        if self._station is not None:
            await self._station.close()
        await asyncio.gather(*self._drains)
        if self._prober is not None:
            await self._prober.close()
        if self._resolver is not None:
            await self._resolver.close()


async def _serve() -> None:
    set_aside()
    loop = asyncio.get_running_loop()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anybody prints must not come between the frames
    written, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, answers)
    post = Post(loop, written)
    read, _ = await loop.connect_read_pipe(lambda: post, sys.stdin.buffer)
    try:
        await post.ended
    finally:
        await post.close()
        written.close()
        read.close()


def main() -> None:
    """Entry of the process."""
    run_loop(_serve())
