"""An agent's end of a benchmark: what is said is kept until it is known, and nobody's load goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from prober.cluster.load import session as module
from prober.cluster.load.session import Session
from prober.cluster.load.words import LEASE, READY, Gone
from prober.engine.load.generator_process import Begin, Stop
from prober.engine.load.joint_run import GoneError, Message


class Scripted:
    """In place of a process."""

    made: list[Scripted]

    def __init__(self) -> None:
        self.says: asyncio.Queue[object] = asyncio.Queue()
        self.told: list[Message] = []
        self.is_over = False
        self.closed = asyncio.Event()

    @classmethod
    async def start(cls) -> Scripted:
        cls.made.append(cls())
        return cls.made[-1]

    def send(self, message: Message) -> None:
        self.told.append(message)

    async def next(self) -> object:
        message = await self.says.get()
        if message is None:
            self.is_over = True
            raise GoneError
        if isinstance(message, Exception):
            raise message
        return message

    async def ending(self) -> str:
        return "a generator process was killed by SIGKILL"

    async def close(self) -> None:
        self.is_over = True
        self.closed.set()


@pytest_asyncio.fixture
async def session(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    Scripted.made = []
    monkeypatch.setattr(module, "OwnProcess", Scripted)
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    made = Session("t")
    yield made
    await made.close()
    assert all(each.is_over for each in Scripted.made)


async def test_what_is_said_is_kept_until_it_is_known(session: Session) -> None:
    await session.start(2)
    for number, text in ((0, "a"), (1, "b")):
        Scripted.made[number].says.put_nowait(text)
    heard: list[Any] = []
    while len(heard) < 2:
        heard = await session.hear(0)
    assert sorted(heard) == [(0, "a"), (1, "b")]
    assert sorted(await session.hear(0)) == sorted(heard)  # the answer got lost: it can be asked for again
    assert await session.hear(2) == []
    Scripted.made[0].says.put_nowait("c")
    assert await session.hear(2) == [(0, "c")]
    assert session.said == 3


async def test_a_question_of_the_last_run_takes_nothing_away(session: Session) -> None:
    await session.start(1)
    loop = asyncio.get_running_loop()
    old, new = (loop.create_task(session.hear(0), name=name) for name in ("old", "new"))
    await asyncio.sleep(0)
    Scripted.made[0].says.put_nowait("ready")
    assert await old == await new == [(0, "ready")]


async def test_a_process_that_ended_is_told_and_replaced(session: Session) -> None:
    await session.start(2)
    Scripted.made[1].says.put_nowait(None)
    heard: list[Any] = []
    while not heard:
        heard = await session.hear(0)
    assert heard == [(1, Gone("a generator process was killed by SIGKILL"))]
    await session.start(2)
    assert len(Scripted.made) == 3
    assert session.tell([(1, Stop())]) > 0
    assert Scripted.made[2].told == [Stop()]


async def test_nobody_asks_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    Scripted.made = []
    monkeypatch.setattr(module, "OwnProcess", Scripted)
    monkeypatch.setattr(module, "LEASE", 0.03)
    monkeypatch.setattr(module, "_LOOK", 0.01)
    session = Session("t")
    await session.start(1)
    session.tell([(0, Begin(0.0))])
    await Scripted.made[0].closed.wait()
    assert session.is_over
    await session.close()


async def test_who_asks_keeps_it(session: Session) -> None:
    await session.start(1)
    session.tell([(0, Begin(0.0))])
    session._until -= LEASE - 1
    session._look()
    assert not session.is_over
    session.tell([])
    session._until -= LEASE - 1
    session._look()
    assert not session.is_over
    session._until -= 1
    session._look()
    assert session.is_over


async def test_who_gets_ready_may_wait_longer_for_the_others(session: Session) -> None:
    """Until a run begins nobody asks anything: another machine may take its time."""
    await session.start(1)
    session._until -= READY - 1
    session._look()
    assert not session.is_over
    await session.hear(0)  # a question of the last run, late
    session.get_ready()
    session._until -= LEASE + 1
    session._look()
    assert not session.is_over


async def test_a_process_that_starts_while_it_ends_is_ended_too(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Scripted.start

    async def slow() -> Scripted:
        await session.close()
        return await started()

    monkeypatch.setattr(Scripted, "start", slow)
    with pytest.raises(RuntimeError, match="has ended here while it got ready"):
        await session.start(1)
    assert [each.is_over for each in Scripted.made] == [True]


async def test_what_is_not_understood_ends_the_run(session: Session) -> None:
    """Whoever waits for more is told; the fault itself comes out where it happened."""
    await session.start(1)
    Scripted.made[0].says.put_nowait(ValueError("a message of 4294967295 bytes"))
    heard: list[Any] = []
    while not heard:
        heard = await session.hear(0)
    assert heard == [(0, Gone("a generator process was not understood: ValueError: a message of 4294967295 bytes"))]
    with pytest.raises(ValueError, match="4294967295"):
        await session._readers[0]
