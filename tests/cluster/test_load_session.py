"""An agent's end of a benchmark: what is said is kept until it is known, and nobody's load goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from prober.cluster.load import session as module
from prober.cluster.load.session import Session
from prober.cluster.load.words import LEASE, Gone
from prober.engine.load.generator_process import Stop
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
    session = Session("t")
    await session.start(1)
    await Scripted.made[0].closed.wait()
    assert session.is_over
    await session.close()


async def test_who_asks_keeps_it(session: Session) -> None:
    session._asked -= LEASE - 1
    session._look()
    assert not session.is_over
    session.tell([])
    session._asked -= LEASE - 1
    session._look()
    assert not session.is_over
    session._asked -= 1
    session._look()
    assert session.is_over
