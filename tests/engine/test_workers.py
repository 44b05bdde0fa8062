"""Processes that probe: how they end."""

from __future__ import annotations

import asyncio
import sys

import pytest

from prober.engine.run import Pair
from prober.engine.tasks import to_the_end
from prober.engine.workers import WorkerPool, _end
from prober.model import Observation, Route

from .peers import shaking, silent
from .world import World, server_tls, settings, target


async def test_a_worker_is_told_to_end_before_it_is_killed() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; sys.stdin.read()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await _end(process)
    assert process.returncode == 0


async def test_a_reporter_that_breaks_ends_the_workers(world: World) -> None:
    """Its own error comes through: a closed pipe of ours is no broken worker."""
    silence = await world.peer(silent)
    aims = [await world.peer(shaking(server_tls())) for _ in range(2)]
    hosts = {"a.example.com": "127.0.0.1", "b.example.com": "127.0.0.1"}
    pairs = [
        Pair(target(port, id=f"{host}-{port}", host=host), Route("direct"))
        for host, port in zip(hosts, (aims[0].port, aims[1].port), strict=True)
    ]
    pairs += [Pair(target(silence.port, id=f"s-{host}", host=host), Route("direct")) for host in hosts]

    def broken(pair: Pair, observation: Observation) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BaseExceptionGroup) as caught:
        async with WorkerPool(settings(timeout=100, overrides=hosts), workers=2) as pool:
            await pool.probe(pairs, broken)
    assert caught.group_contains(BrokenPipeError)


async def test_an_end_is_awaited_however_often_it_is_cancelled() -> None:
    gate = asyncio.Event()
    steps: list[str] = []

    async def ending() -> None:
        await gate.wait()
        steps.append("ended")

    task = asyncio.get_running_loop().create_task(to_the_end(ending(), "ending"), name="to the end")
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["ended"]
