"""Several processes: everything is probed once, what breaks is told, and no process is left."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prober.engine import workers
from prober.engine.frames import frame, read_frame
from prober.engine.run import Pair
from prober.engine.worker import Finished, Job
from prober.engine.workers import WorkerError, WorkerPool, _deal, _observed, fair_share
from prober.model import Observation, Purpose, Reason, Route
from prober.routes.overrides import Overrides, parse_override

from .peers import answering
from .world import World, closed_port, settings, target

HERE = Overrides([parse_override("*", "127.0.0.1")])
"""Hosts are dealt out whole, so each of these targets has one of its own."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Every process the pool starts."""
    made: list[Process] = []
    real = asyncio.create_subprocess_exec

    async def start(*arguments: Any, **how: Any) -> Process:
        made.append(await real(*arguments, **how))
        return made[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    return made


def pairs_of(ports: Sequence[int], *routes: str, scheme: str = "http") -> list[Pair]:
    aims = [target(port, scheme, host=f"n{number}.test", id=f"t{number}") for number, port in enumerate(ports)]
    return [Pair(aim, Route(name)) for aim in aims for name in routes]


def test_targets_are_dealt_out_whole() -> None:
    pairs = pairs_of([1, 2, 3], "a", "b")
    shares = _deal(pairs, 2, {})
    assert [[pair.target.id for pair in share] for share in shares] == [["t0", "t0", "t2", "t2"], ["t1", "t1"]]
    assert Counter(pair for share in shares for pair in share) == Counter(pairs)


def test_a_host_is_dealt_to_one_worker() -> None:
    one = [Pair(target(port, host="one.test", id=f"t{port}"), Route("a")) for port in (1, 2, 3)]
    assert [len(share) for share in _deal(one, 3, {})] == [3, 0, 0]


def test_a_host_stays_with_its_worker() -> None:
    pairs = pairs_of([1, 2, 3], "a")
    places: dict[str, int] = {}
    _deal(pairs, 2, places)
    assert _deal([pairs[1], pairs[2]], 2, places) == [(pairs[2],), (pairs[1],)]
    assert _deal(pairs_of([1, 2, 3, 4], "b"), 2, places)[1][-1].target.host == "n3.test"


def test_limits_are_shared_but_those_of_a_host_are_not() -> None:
    part = fair_share(settings(concurrency=100, per_route=7, per_host=4, rate=9.0), 3)
    assert (part.concurrency, part.per_route, part.per_host, part.rate) == (34, 3, 4, 3.0)
    assert fair_share(settings(rate=None), 3).rate is None


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_every_pair_is_told_once_an_attempt(world: World, processes: list[Process], count: int) -> None:
    peers = [await world.peer(answering(OK, then="close")) for _ in range(3)]
    pairs = pairs_of([peer.port for peer in peers], "a", "b")
    told: list[tuple[Pair, Observation]] = []
    async with WorkerPool(settings(overrides=HERE), workers=count) as pool:
        await pool.probe(pairs, lambda pair, observation: told.append((pair, observation)), attempts=2)
    assert Counter(pair for pair, _ in told) == Counter(pairs * 2)
    for pair, observation in told:
        assert (observation.target, observation.route) == (pair.target.id, pair.route.name)
        assert observation.failure is None
        assert observation.peer == f"127.0.0.1:{pair.target.port}"
    assert [process.returncode for process in processes] == [0] * min(count, 3)
    assert pool.worst_lag >= 0
    assert pool.cpu_wait is None or 0 <= pool.cpu_wait <= 1


async def test_failures_come_through_the_pipe(processes: list[Process]) -> None:
    told: list[Observation] = []
    async with WorkerPool(settings(overrides=HERE), workers=2) as pool:
        await pool.probe(pairs_of([closed_port()], "a"), lambda _, seen: told.append(seen))
    assert [each.failure and each.failure.reason for each in told] == [Reason.TCP_REFUSED]


async def test_batches_go_to_the_same_processes(world: World, processes: list[Process]) -> None:
    """So a host is resolved once in a run; what a batch needs of proxies and purposes comes with it."""
    peers = [await world.peer(answering(OK, then="close")) for _ in range(3)]
    names = await world.names({f"n{number}.test": ("127.0.0.1",) for number in range(3)})
    pairs = pairs_of([peer.port for peer in peers], "a", "b")
    told: list[tuple[Pair, Observation]] = []
    async with WorkerPool(settings(overrides={}, name_servers=[names.address]), workers=2) as pool:
        await pool.probe(pairs, lambda *seen: told.append(seen))
        names.zone = {}
        again = [replace(pair, purpose=Purpose.CONFIRMATION) for pair in reversed(pairs)]
        await pool.probe(again, lambda *seen: told.append(seen), attempts=2)
        assert [process.returncode for process in processes] == [None, None]
    assert Counter(pair for pair, _ in told) == Counter(pairs) + Counter(again * 2)
    assert [seen.failure for _, seen in told] == [None] * 18
    assert all((seen.target, seen.route, seen.purpose) == pair.key for pair, seen in told)
    assert sum(seen.timings.dns is not None for _, seen in told) == 3
    assert [process.returncode for process in processes] == [0, 0]


async def test_a_worker_that_dies_between_batches_is_told(world: World, processes: list[Process]) -> None:
    peer = await world.peer(answering(OK, then="close"))
    pairs = pairs_of([peer.port], "a")
    async with WorkerPool(settings(overrides=HERE), workers=1) as pool:
        await pool.probe(pairs, lambda *_: None)
        processes[0].kill()
        await processes[0].wait()
        with pytest.raises(WorkerError, match="was killed by SIGKILL"):
            await pool.probe(pairs, lambda *_: None)


async def test_nothing_to_do_starts_nothing(processes: list[Process]) -> None:
    async with WorkerPool(settings(overrides=HERE), workers=3) as pool:
        await pool.probe([], lambda _, __: pytest.fail("nothing was asked for"))
        assert pool._workers == 3, "the first batch with pairs says how many there are"
    assert processes == []


async def test_cancellation_ends_every_worker_by_itself(world: World, processes: list[Process]) -> None:
    """Their input ends, so they close their sockets and go: nobody is killed."""
    quick, silent = await world.peer(answering(OK)), await world.peer(answering())
    told = asyncio.Event()
    pairs = pairs_of([quick.port, quick.port, silent.port, silent.port], "a")

    async def probe() -> None:
        async with WorkerPool(settings(timeout=100, overrides=HERE), workers=2) as pool:
            await pool.probe(pairs, lambda _, __: told.set())

    async with asyncio.TaskGroup() as group:
        run = group.create_task(probe(), name="pool")
        await told.wait()
        run.cancel()
    assert [process.returncode for process in processes] == [0, 0]


async def test_a_killed_worker_is_told_and_ends_the_others(world: World, processes: list[Process]) -> None:
    silent = await world.peer(answering())
    quick = await world.peer(answering(OK))
    seen: list[Observation] = []

    def kill(_pair: Pair, observation: Observation) -> None:
        seen.append(observation)
        if len(seen) == 2:
            processes[1].kill()

    pairs = pairs_of([quick.port, quick.port, silent.port, silent.port], "a")
    with pytest.raises(WorkerError, match="was killed by SIGKILL before its share was done"):
        async with WorkerPool(settings(timeout=100, overrides=HERE), workers=2) as pool:
            await pool.probe(pairs, kill)
    assert len(seen) == 2
    assert sorted(process.returncode or 0 for process in processes) == [-9, 0]


async def test_a_worker_that_cannot_start_its_work(processes: list[Process], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_PROGRAM", "import sys; sys.exit(7)")
    with pytest.raises(WorkerError, match=r"ended with exit code 7 \(its messages are above\)"):
        async with WorkerPool(settings(overrides=HERE), workers=1) as pool:
            await pool.probe(pairs_of([1], "a"), lambda _, __: None)
    assert [process.returncode for process in processes] == [7]


async def test_a_worker_that_will_not_go_is_killed(
    world: World, processes: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(workers, "_PROGRAM", "import os, signal; os.write(1, b'\\0'); signal.pause()")
    started = asyncio.Event()

    async def read(reader: asyncio.StreamReader) -> object:
        await reader.readexactly(1)
        started.set()
        return await read_frame(reader)

    monkeypatch.setattr(workers, "read_frame", read)

    async def probe() -> None:
        async with WorkerPool(settings(overrides=HERE), workers=1) as pool:
            await pool.probe(pairs_of([1], "a"), lambda _, __: None)

    async with asyncio.TaskGroup() as group:
        run = group.create_task(probe(), name="pool")
        await started.wait()
        run.cancel()
    assert [process.returncode for process in processes] == [-9]


async def test_the_working_directory_holds_no_modules_of_a_worker(
    world: World, processes: list[Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pickle.py").write_text("raise SystemExit('taken from the working directory')")  # noqa: ASYNC240 # a test
    peer = await world.peer(answering(OK))
    told: list[Observation] = []
    async with WorkerPool(settings(overrides=HERE), workers=1) as pool:
        await pool.probe(pairs_of([peer.port], "a"), lambda _, seen: told.append(seen))
    assert [each.failure for each in told] == [None]


@pytest.mark.parametrize(
    "message", [None, (1, 2), ("x", Observation(target="t", route="r", at=0.0)), Finished(0.0, None)]
)
def test_a_foreign_message_is_refused(message: object) -> None:
    with pytest.raises(WorkerError, match="a worker process sent a "):
        _observed(message)


async def test_frames_arrive_whole_however_they_are_cut() -> None:
    job = Job(tuple(pairs_of([1], "a")), 3)
    data = frame(job) + frame(Finished(0.5, 0.25))
    reader = asyncio.StreamReader()
    for byte in data[:-1]:
        reader.feed_data(bytes([byte]))
    arrived = await read_frame(reader)
    assert isinstance(arrived, Job)
    assert (arrived.pairs, arrived.attempts) == (job.pairs, 3)
    reader.feed_eof()
    with pytest.raises(asyncio.IncompleteReadError):
        await read_frame(reader)
