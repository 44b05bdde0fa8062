"""A probe that is cancelled, at whatever moment, leaves nothing that its prober would wait for."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from prober.engine.link import Link

from .peers import answering
from .world import World, hop, route, target


async def closes(world: World, turns: int) -> None:
    peer = await world.peer(answering())
    prober = await world.prober(timeout=100)
    aim = target(peer.port, "https", host="127.0.0.1")
    probe = asyncio.get_running_loop().create_task(prober.probe(aim, route()), name="probe")
    for _ in range(turns):
        await asyncio.sleep(0)
    probe.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await probe
    async with asyncio.timeout(5):
        await prober.close()


@pytest.mark.parametrize("turns", range(16))
async def test_after_so_many_turns_of_the_loop(world: World, turns: int) -> None:
    await closes(world, turns)


async def test_at_the_moment_of_connecting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport is made, but create_connection has not returned it yet."""
    real = Link.connection_made
    probe: asyncio.Task[object]

    def made(link: Link, transport: asyncio.BaseTransport) -> None:
        real(link, transport)
        probe.cancel()

    monkeypatch.setattr(Link, "connection_made", made)
    peer = await world.peer(answering())
    prober = await world.prober(timeout=100)
    probe = asyncio.get_running_loop().create_task(prober.probe(target(443), route(hop(peer.port))), name="probe")
    with pytest.raises(asyncio.CancelledError):
        await probe
    async with asyncio.timeout(5):
        await prober.close()
