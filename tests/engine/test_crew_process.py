"""What passes the pipe of a crew, and a process's own side of it, without a process."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from prober.engine.crew_process import UNTOLD, Answer, Beat, Drain, Forget, Order, Outfit, Post, pack, unpack
from prober.engine.frames import Frames, frame
from prober.engine.run import Pair
from prober.engine.terms import Probed, Terms
from prober.model import (
    Failure,
    HopFacts,
    HopTimings,
    HttpFacts,
    Observation,
    Purpose,
    Reason,
    Route,
    ServerHello,
    Stage,
    Timings,
    TlsFacts,
)

from .peers import answering, response, silent
from .world import World, settings, target

TLS = TlsFacts(
    "TLSv1.3", "X", None, "h2", True, False, (b"\x00\xff", b""), ServerHello(772, 1, None, (1, 2), True), False
)
FULL = Observation(
    target="t",
    route="r",
    at=1.25,
    failure=Failure(Stage.PROXY, 2, Reason.PROXY_DENIED, "said \x00 é 字", 403),
    timings=Timings(0.0, None, (HopTimings(1.0, 0.1, None, 3.5), HopTimings()), 0.5, None, 9.0),
    peer="[::1]:443",
    tls=TLS,
    http=HttpFacts(200, (("server", "\x80"), ("via", ""))),
    hops=(
        HopFacts(407, ("basic", "ntlm"), "rejected", TLS, Failure(Stage.PROXY_TLS, 1, Reason.CERT_EXPIRED)),
        HopFacts(),
    ),
    ipv6_only=(0, 2),
    attempts=3,
    purpose=Purpose.LOCATE,
)
BARE = Observation(target="t", route="r", at=0.0)


@pytest.mark.parametrize("observation", [FULL, BARE])
def test_an_observation_is_the_same_at_the_other_end(observation: Observation) -> None:
    probed = Probed(observation, 5.5, 0.25, "refused")
    arrived = unpack(pickle.loads(pickle.dumps(pack(7, probed))))  # noqa: S301 # our own
    assert arrived == probed
    assert arrived is not None
    assert repr(arrived) == repr(probed), "types too: equality is not enough for enumerations and tuples"
    assert unpack(pack(7, None)) is None
    assert pack(7, None).number == 7


def test_what_is_no_observation_is_an_error() -> None:
    with pytest.raises(msgspec.MsgspecError):
        unpack(Answer(1, b"\x93", 0.0, 0.0, None))


class Pipe(asyncio.WriteTransport):
    """Stands for the way to the parent."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Any] = []
        self.unread = 0
        self._frames = Frames()
        self._heard = asyncio.Event()

    def write(self, data: Any) -> None:
        self.said += self._frames.feed(data)
        self._heard.set()

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return False

    @property
    def answers(self) -> list[Answer]:
        return [message for message in self.said if isinstance(message, Answer)]

    @property
    def beats(self) -> list[Beat]:
        return [message for message in self.said if isinstance(message, Beat)]

    async def until(self, answers: int = 0, beats: int = 0) -> None:
        while len(self.answers) < answers or len(self.beats) < beats:
            self._heard.clear()
            await self._heard.wait()


class Side:
    """A process's side, in this process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.pipe = Pipe()
        self.post = Post(loop, self.pipe)

    def hear(self, *messages: object) -> None:
        for message in messages:
            self.post.data_received(frame(message))


@pytest_asyncio.fixture
async def side() -> AsyncIterator[Side]:
    side = Side(asyncio.get_running_loop())
    yield side
    await side.post.close()


def outfit(beat: float = 1000.0, **changes: Any) -> Outfit:
    return Outfit(settings(**changes), 10.0, beat, None)


def order(number: int, port: int, begin_at: float = 0.0, terms: Terms | None = None) -> Order:
    return Order(number, pickle.dumps(Pair(target(port, "http"), Route("r"))), begin_at, terms)


async def test_orders_are_answered(side: Side, world: World) -> None:
    aim = await world.peer(answering(response("200 OK"), then="close"))
    side.hear(outfit())
    assert len(side.pipe.beats) == 1, "the first sign of life comes at once"
    side.hear(order(1, aim.port), order(2, aim.port), Forget(2), Forget(99))
    await side.pipe.until(answers=1)
    probed = unpack(side.pipe.answers[0])
    assert probed is not None
    assert probed.observation.reachable
    assert [answer.number for answer in side.pipe.answers] == [1]
    side.hear(Drain(0), order(3, aim.port))
    await side.pipe.until(answers=2)
    assert side.pipe.answers[1] == pack(3, None)


async def test_beats_go_on_and_stop_for_a_parent_that_does_not_read(side: Side) -> None:
    side.hear(outfit(beat=0.001))
    await side.pipe.until(beats=3)
    side.pipe.unread = 1024 * 1024
    before = len(side.pipe.beats)
    await asyncio.sleep(0.02)
    assert len(side.pipe.beats) == before
    side.pipe.unread = 0
    await side.pipe.until(beats=before + 1)


async def test_what_cannot_be_told_is_answered_all_the_same(
    side: Side, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    side.hear(outfit())
    side.post._answer(5, Probed(Observation(target="t", route="\udcff", at=0.0), 0.0, 0.0))
    (answer,) = side.pipe.answers
    assert answer == Answer(5, UNTOLD, 0.0, 0.0, None)
    with pytest.raises(msgspec.MsgspecError):
        unpack(answer)
    assert "cannot be told" in caplog.text


@pytest.mark.parametrize(
    "messages", [(order(1, 1),), (outfit(), outfit()), ("hello",), (outfit(), Order(1, pickle.dumps("x"), 0.0, None))]
)
async def test_what_cannot_be_understood_ends_the_process(messages: tuple[object, ...], side: Side) -> None:
    side.hear(*messages)
    with pytest.raises(TypeError):
        await side.post.ended


async def test_the_end_of_input_cancels_what_runs(side: Side, world: World) -> None:
    quiet = await world.peer(silent)
    side.hear(outfit(timeout=100), order(1, quiet.port))
    await quiet.until(met=1)
    side.post.connection_lost(None)
    await side.post.ended
    await side.post.close()
    await quiet.until(left=True)
    assert side.pipe.answers == [pack(1, None)]
