"""Own processes: they begin together, what they saw is one timeline, and none is left."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections.abc import Sequence
from typing import Any

import pytest

from prober.engine.frames import frame
from prober.engine.load import generators, own_process
from prober.engine.load.generators import CannotBeginError, Generators
from prober.engine.load.way import Way
from prober.load.slices import HealthSample, Slice
from prober.load.words import Phase, PhaseKind
from prober.model import Reason, Route, Stage

from ..peers import answering
from ..world import World, closed_port, route, server_tls, settings, target
from .bench import load
from .scripts import hold


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Every process that is started."""
    made: list[Process] = []
    real = asyncio.create_subprocess_exec

    async def start(*arguments: Any, **how: Any) -> Process:
        made.append(await real(*arguments, **how))
        return made[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    return made


async def test_two_processes_and_two_runs(world: World, processes: list[Process]) -> None:
    peer = await world.peer(hold, tls=server_tls())
    slices: list[Slice] = []
    samples: list[HealthSample] = []
    async with Generators(2, settings=settings()) as making:
        for seconds in (1.5, 0.5):
            slices.clear()
            told = await making.run(
                load(rate=20, seconds=seconds),
                target(peer.port),
                route(),
                on_slice=slices.append,
                on_health=samples.append,
            )
            assert told.slices == slices
            assert [each.second for each in slices] == list(range(len(slices)))
            assert sum(each.succeeded for each in slices) == sum(each.offered for each in slices) == 20 * seconds
            assert told.stopped is None
            assert told.route == "r"
        assert [process.returncode for process in processes] == [None, None]
        assert told.sources == 1
        assert told.ports > 0
        assert told.descriptor_limit > 64
    assert [process.returncode for process in processes] == [0, 0]
    assert {(each.second, each.worker) for each in samples} >= {(0, 0), (0, 1)}
    assert all(each.descriptors > 3 and each.memory > 1e6 and each.cpu >= 0 and each.lag >= 0 for each in samples)


def test_tunnels_that_are_held_leave_from_more_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    def sources(peer: str, rate: float, given: Sequence[str], *, held: float) -> tuple[str, ...]:
        asked.append((rate, held))
        return ()

    monkeypatch.setattr(generators, "sources_for", sources)
    way = Way(("127.0.0.1", 8080), {})
    for workload in ("tunnel", "handshake"):
        Generators(2)._jobs(load(workload, rate=50, seconds=600), target(8443), route(), way, None)
    assert asked == [(50, 30_000), (50, 0)]


async def test_stopped_from_outside(world: World, processes: list[Process]) -> None:
    peer = await world.peer(hold)
    stop = asyncio.Event()
    async with Generators(2) as making:
        slow = load(rate=100, seconds=60, timeout=60)
        told = await making.run(
            slow, target(peer.port, host="127.0.0.1"), route(), on_health=lambda _: stop.set(), stop=stop
        )
        assert told.stopped == "interrupted"
        assert told.slices[0].started > 0
        assert sum(each.succeeded for each in told.slices) == 0
        await peer.until(left=True)
    assert [process.returncode for process in processes] == [0, 0]


async def test_the_counters_go_on_while_no_second_is_whole(world: World) -> None:
    """Two processes, at a proxy that answers nobody."""
    peer = await world.peer(hold)
    stop = asyncio.Event()
    slices: list[Slice] = []
    so_far: list[Slice] = []

    def hear(sample: HealthSample) -> None:
        if sample.so_far is not None:
            assert slices == []
            so_far.append(sample.so_far)
            if sample.so_far.second == 2:
                stop.set()

    async with Generators(2) as making:
        told = await making.run(
            load(rate=100, seconds=60, timeout=60),
            target(peer.port, host="127.0.0.1"),
            route(),
            on_slice=slices.append,
            on_health=hear,
            stop=stop,
        )
    assert [each.second for each in so_far][:3] == [0, 1, 2]
    assert [each.offered for each in so_far][:3] == [100, 200, 300]
    assert so_far[2].started == 300
    assert so_far[2].open >= 300
    assert so_far[2].ended == 0
    assert all(each.so_far is None for each in told.health)


async def test_stopped_before_it_began() -> None:
    aim = target(closed_port(), host="127.0.0.1")
    stop = asyncio.Event()
    stop.set()
    async with Generators() as making:
        with pytest.raises(CannotBeginError, match="interrupted before it began"):
            await making.run(load(seconds=60), aim, route(), stop=stop)


async def test_a_process_that_dies_before_it_begins(
    world: World, processes: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is still asked whether it is ready: nothing of that is left, and both are ended."""
    peer = await world.peer(hold)
    async with Generators(2) as making:
        aim = target(peer.port, host="127.0.0.1")
        await making._start()

        def dying(*_: object) -> int:
            """The moment before its job."""
            _kill(processes[0])
            return 28_000

        monkeypatch.setattr(generators, "local_ports", dying)
        with pytest.raises(CannotBeginError, match="killed by SIGKILL before it began"):
            await making.run(load(), aim, route())
        assert [process.returncode for process in processes] == [-9, 0]


async def test_stopped_over_failures() -> None:
    async with Generators() as making:
        told = await making.run(load(seconds=60), target(closed_port(), host="127.0.0.1"), route())
    assert told.stopped is not None
    assert told.stopped.endswith("operations that ended within the last 2 s failed")
    assert set(told.slices[0].failed) == {(Stage.CONNECT, 0, Reason.TCP_REFUSED)}
    assert len(told.slices) < 10


async def test_a_process_that_dies(world: World, processes: list[Process]) -> None:
    peer = await world.peer(hold, tls=server_tls())
    async with Generators(2) as making:
        aim = target(peer.port, host="127.0.0.1")
        told = await making.run(load(seconds=60), aim, route(), on_slice=lambda _: _kill(processes[0]))
        assert told.stopped == "a generator process was killed by SIGKILL"
        assert told.lost
        assert told.slices[0].succeeded > 0
        again = await making.run(load(), aim, route())
        assert sum(each.succeeded for each in again.slices) == 20
    assert len(processes) == 3


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


async def test_a_cancelled_run_leaves_nothing(world: World, processes: list[Process]) -> None:
    peer = await world.peer(hold, tls=server_tls())
    async with Generators() as making:
        running = asyncio.get_running_loop().create_task(
            making.run(load(seconds=60), target(peer.port, host="127.0.0.1"), route()), name="run"
        )
        await peer.until(met=1)
        with pytest.raises(RuntimeError, match="under way"):
            await making.run(load(), target(1), route())
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert [process.returncode for process in processes] == [0]
        assert sum(
            each.succeeded for each in (await making.run(load(), target(peer.port, host="127.0.0.1"), route())).slices
        )


async def test_what_cannot_begin(processes: list[Process]) -> None:
    async with Generators() as making:
        with pytest.raises(CannotBeginError):
            await making.run(load(), target(1, host="nowhere.invalid"), Route("direct"))
    assert processes == []


async def test_a_process_that_does_not_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_process, "PROGRAM", "raise SystemExit(7)")
    async with Generators() as making:
        with pytest.raises(CannotBeginError, match="exit code 7"):
            await making.run(load(), target(1, host="127.0.0.1"), route())


async def test_a_process_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, processes: list[Process]) -> None:
    monkeypatch.setattr(own_process, "_GRACE", 0.05)
    monkeypatch.setattr(own_process, "PROGRAM", "import threading; threading.Event().wait()")
    async with Generators() as making:
        await making._start()
    assert processes[0].returncode == -9


async def test_requests_over_processes(world: World) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
    peer = await world.peer(answering(*[said] * 100), tls=server_tls())
    async with Generators() as making:
        phases = (Phase(PhaseKind.RAMP_UP, 0.5, 0, 80), Phase(PhaseKind.SUSTAIN, 0.5, 80, 80))
        told = await making.run(
            load("request", phases=phases, reuse=10), target(peer.port, "https", "127.0.0.1"), route(), expected=3
        )
    assert sum(each.transactions for each in told.slices) == 60


def test_frames_carry_a_job() -> None:
    assert frame(load())
