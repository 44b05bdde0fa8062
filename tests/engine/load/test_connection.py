"""What the network may do to a connection: take little at a time, or break where nobody looks."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from prober.engine.load import connection, runner
from prober.model import Reason, Stage

from ..world import World, hop, server_tls, target
from .bench import load, run
from .scripts import answer, connect_proxy, hold


class Trickling(socket.socket):
    """Takes 50 octets at a time, and nothing every other time."""

    turns = 0

    def send(self, data: Any, flags: int = 0) -> int:
        self.turns += 1
        if self.turns % 2:
            raise BlockingIOError
        return super().send(data[:50], flags)


class Breaking(socket.socket):
    """Breaks when it is to send for the second time."""

    turns = 0

    def send(self, data: Any, flags: int = 0) -> int:
        self.turns += 1
        if self.turns > 1:
            raise BrokenPipeError(32, "gone")
        return super().send(data, flags)


def use(kind: type[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets of the load are of this kind."""
    monkeypatch.setattr(connection, "socket", SimpleNamespace(**{**vars(socket), "socket": kind}))


@pytest.mark.parametrize("workload", ["handshake", "request"])
async def test_little_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch, workload: str) -> None:
    origin = await world.peer(answer, tls=server_tls())
    proxy = await world.peer(connect_proxy(origin.port))
    use(Trickling, monkeypatch)
    told = await run(
        target(origin.port, "https"), hop(proxy.port), of=load(workload, seconds=0.05, reuse=2), expected=4
    )
    assert told.sum.succeeded == 5
    assert not told.failed


async def test_it_breaks_while_we_speak(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = await world.peer(hold, tls=server_tls())
    use(Breaking, monkeypatch)
    told = await run(
        target(origin.port), hop((await world.peer(connect_proxy(origin.port))).port), of=load(seconds=0.05)
    )
    assert told.failed == {(Stage.TLS, 0, Reason.TCP_RESET): 5}
    assert told.sum.reset == 5


async def test_the_goodbye_does_not_arrive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's failure: the operation had ended. The first send is the ClientHello, the second has the goodbye."""
    origin = await world.peer(hold, tls=server_tls())
    use(Breaking, monkeypatch)
    told = await run(target(origin.port), of=load(seconds=0.05))
    assert told.sum.succeeded == 5
    assert told.sum.reset == 0


async def test_whoever_does_not_close_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    enough = asyncio.Event()

    async def stay(talk: Any) -> None:
        await talk.hold()
        await enough.wait()

    monkeypatch.setattr(runner, "_GOODBYE", 0.1)
    origin = await world.peer(stay)
    told = await run(target(origin.port, "http"), of=load(seconds=0.05))
    enough.set()
    assert told.sum.succeeded == 5
    assert told.slices[-1].open == 0
