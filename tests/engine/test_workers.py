from __future__ import annotations

import asyncio
from unittest import mock

import psutil
import pytest

from prober.engine import workers as module
from prober.engine.run import Pair
from prober.engine.workers import WorkerError, WorkerPool, _deal, _share
from prober.model import Observation, Route

from .peers import Peer, shaking, silent
from .world import World, closed_port, server_tls, settings, target

DIRECT, OTHER = Route("direct"), Route("other")


def work(port: int, count: int = 6) -> list[Pair]:
    return [Pair(target(port, id=f"t{n}", host="127.0.0.1"), way) for n in range(count) for way in (DIRECT, OTHER)]


async def test_every_pair_is_observed_once(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    pairs = [*work(aim.port), Pair(target(closed_port(), id="closed", host="127.0.0.1"), DIRECT)]
    found: list[tuple[str, str, bool]] = []

    def note(pair: Pair, observation: Observation) -> None:
        assert (observation.target, observation.route) == (pair.target.id, pair.route.name)
        found.append((observation.target, observation.route, observation.reachable))

    pool = WorkerPool(settings(), workers=2)
    await pool.run(pairs, note)
    expected = [(pair.target.id, pair.route.name, pair.target.id != "closed") for pair in pairs]
    assert sorted(found) == sorted(expected)
    assert pool.worst_lag >= 0
    assert not children()


async def test_cancelled_it_leaves_no_process(world: World) -> None:
    aim = await world.peer(silent)
    pool = WorkerPool(settings(), workers=2)
    running = asyncio.get_running_loop().create_task(pool.run(work(aim.port), lambda *_: None), name="run")
    await connected(aim, 12)
    assert len(children()) == 2
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not children()
    await connected(aim, 0)


async def test_a_worker_that_breaks_is_told(world: World) -> None:
    aim = await world.peer(silent)
    with (
        mock.patch.object(module, "_COMMAND", ("sh", "-c", "exit 3")),
        pytest.raises(WorkerError, match="before its share was done"),
    ):
        await WorkerPool(settings(), workers=2).run(work(aim.port), lambda *_: None)
    assert not children()


async def test_a_reporter_that_breaks_ends_the_workers(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))

    def broken(pair: Pair, observation: Observation) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BaseExceptionGroup) as caught:
        await WorkerPool(settings(), workers=2).run(work(aim.port), broken)
    assert caught.group_contains(BrokenPipeError)
    assert not children()


def children() -> list[psutil.Process]:
    """Worker processes that have not ended."""
    return [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]


async def connected(peer: Peer, count: int) -> None:
    """Wait until the peer has so many connections open."""
    for _ in range(1000):
        if peer.open == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{peer.open} connections instead of {count}")


def test_targets_are_dealt_out_whole() -> None:
    shares = _deal(work(1, 5), 2)
    assert [len(share) for share in shares] == [6, 4]
    assert not {pair.target.id for pair in shares[0]} & {pair.target.id for pair in shares[1]}
    assert _deal([], 3) == [(), (), ()]


def test_limits_are_shared_out() -> None:
    share = _share(settings(concurrency=10, per_route=7, per_host=3, rate=9.0), 3)
    assert (share.concurrency, share.per_route, share.per_host, share.rate) == (4, 3, 3, 3.0)
    assert _share(settings(rate=None), 2).rate is None
