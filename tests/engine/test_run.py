from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from prober.engine.address_policy import AddressPolicy
from prober.engine.run import Pair, Run, _Pace
from prober.engine.terms import Terms
from prober.model import Observation, Purpose, Reason, Route, Target
from prober.spki import spki_sha256

from ..conftest import open_sockets
from .names import SERVFAIL, SILENT
from .peers import Conversation, Peer, Script, after_bytes, connect_proxy, shaking, silent
from .world import ORIGIN, Gate, World, authority, closed_port, hop, route, server_tls, settings, target

DIRECT = Route("direct")


def pairs(targets: Sequence[Target], *routes: Route) -> list[Pair]:
    return [Pair(aim, way) for aim in targets for way in routes or (DIRECT,)]


def targets(count: int, port: int, **changes: Any) -> list[Target]:
    return [target(port, id=f"t{number}", **changes) for number in range(count)]


async def observed(work: Sequence[Pair], *, attempts: int = 1, **changes: Any) -> list[Observation]:
    found: list[Observation] = []

    def note(pair: Pair, observation: Observation) -> None:
        assert (observation.target, observation.route) == (pair.target.id, pair.route.name)
        found.append(observation)

    async with Run(settings(**changes), Gate()) as run:
        await run.probe(work, note, attempts=attempts)
    return found


def after(peer: Peer, number: int, script: Script) -> Script:
    """The peer's n-th connection and those after it run this script; the ones before are reset."""

    async def chosen(talk: Conversation) -> None:
        await (script(talk) if len(peer.conversations) >= number else after_bytes(then="reset")(talk))

    return chosen


async def flaky(world: World, good_from: int) -> Peer:
    """Resets connections until the n-th."""
    peer = await world.peer(silent)
    peer._script = after(peer, good_from, shaking(server_tls()))
    return peer


async def test_every_pair_is_observed_once(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    proxy = await world.peer(connect_proxy())
    work = pairs([*targets(20, aim.port), *targets(5, closed_port())], DIRECT, Route("hq", (hop(proxy.port),)))
    work = [Pair(Target(**{**_fields(pair.target), "id": f"{n}"}), pair.route) for n, pair in enumerate(work)]
    found = await observed(work)
    assert Counter((each.target, each.route) for each in found) == Counter((p.target.id, p.route.name) for p in work)
    assert sum(each.reachable for each in found) == 40


def _fields(aim: Target) -> dict[str, Any]:
    return {name: getattr(aim, name) for name in Target.__dataclass_fields__}


async def test_nothing_to_do() -> None:
    assert await observed([]) == []


# limits


async def test_the_limits_hold(world: World) -> None:
    """Seen by the peers: routes, hosts and the whole."""
    gate = asyncio.Event()

    async def slow(talk: Conversation) -> None:
        await gate.wait()
        await shaking(server_tls())(talk)

    aim = await world.peer(slow)
    hosts = {f"h{number}.example.com": "127.0.0.1" for number in range(4)}
    work = pairs([target(aim.port, id=f"{host}-{n}", host=host) for host in hosts for n in range(6)])
    changes: dict[str, Any] = {"concurrency": 7, "per_route": 5, "per_host": 2, "overrides": hosts}
    async with asyncio.TaskGroup() as group:
        running = group.create_task(observed(work, **changes), name="run")
        await reaches(aim, 5)
        assert aim.most_open == 5
        gate.set()
    assert len(running.result()) == 24
    assert all(each.reachable for each in running.result())
    assert aim.most_open <= 5


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({"concurrency": 3}, 3),
        ({"per_route": 4}, 4),
        ({"per_host": 2}, 2),
        ({"concurrency": 50, "per_route": 50, "per_host": 50}, 12),
    ],
)
async def test_each_limit(limits: dict[str, int], most: int, world: World) -> None:
    aim = await world.peer(silent)
    running = asyncio.get_running_loop().create_task(observed(pairs(targets(12, aim.port)), **limits), name="run")
    await reaches(aim, most)
    assert aim.most_open == most
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def reaches(peer: Peer, count: int) -> None:
    """Wait until the peer has so many connections open, and a little longer, so that more could come."""
    for _ in range(400):
        if peer.open >= count:
            break
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    assert peer.open == count


async def test_the_rate(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    began = time.perf_counter()
    found = await observed(pairs(targets(9, aim.port)), rate=40)
    took = time.perf_counter() - began
    starts = sorted(each.at for each in found)
    assert took >= 8 / 40
    assert starts[-1] - starts[0] >= 8 / 40 * 0.9


async def test_a_late_start_is_not_made_up_for_by_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    slept: list[float] = []

    class Loop:
        def time(self) -> float:
            return clock

    async def sleep(seconds: float) -> None:
        nonlocal clock
        slept.append(round(seconds, 6))
        clock += seconds

    monkeypatch.setattr(asyncio, "get_running_loop", Loop)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    pace = _Pace(10)
    await pace.wait()
    await pace.wait()
    clock += 5  # the run stood still
    await pace.wait()
    await pace.wait()
    assert slept == [0.1, 0.1]
    slept.clear()
    without = _Pace(None)
    for _ in range(100):
        await without.wait()
    assert slept == []


# retries and attempts


async def test_a_passing_failure_is_tried_again(world: World) -> None:
    aim = await flaky(world, 2)
    (found,) = await observed(pairs(targets(1, aim.port)), retries=1)
    assert found.reachable
    assert found.attempts == len(aim.conversations) == 2


async def test_retries_have_an_end(world: World) -> None:
    aim = await flaky(world, 99)
    (found,) = await observed(pairs(targets(1, aim.port)), retries=2)
    assert found.failure is not None
    assert found.failure.reason is Reason.TCP_RESET
    assert found.attempts == len(aim.conversations) == 3


async def test_a_lasting_failure_is_not_tried_again(world: World) -> None:
    aim = await world.peer(after_bytes(b"\x15\x03\x03\x00\x02\x02\x46"))
    (found,) = await observed(pairs(targets(1, aim.port)), retries=3)
    assert found.failure is not None
    assert found.failure.reason is Reason.TLS_VERSION
    assert len(aim.conversations) == 1


async def test_a_name_server_in_trouble_is_asked_again(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    names = await world.names({ORIGIN: SERVFAIL, "better.test": ("127.0.0.1",)})
    work = pairs([target(aim.port, id="a", host="better.test"), target(aim.port, id="b", host="better.test")])
    names.zone = {"better.test": SERVFAIL}

    def recover(pair: Pair, observation: Observation) -> None:
        found.append(observation)

    found: list[Observation] = []
    run = Run(settings(overrides={}, name_servers=[names.address], retries=1, rate=20), Gate())
    async with run, asyncio.TaskGroup() as group:
        group.create_task(run.probe(work, recover), name="run")
        await names.asked.wait()
        await asyncio.sleep(0.02)
        names.zone = {"better.test": ("127.0.0.1",)}
    assert [each.reachable for each in found] == [True, True]


async def test_a_retry_comes_after_the_others(world: World) -> None:
    order: list[str] = []
    bad = await world.peer(after_bytes(then="reset"))
    good = await world.peer(shaking(server_tls()))
    work = pairs([target(bad.port, id="bad"), *targets(4, good.port)])

    def note(pair: Pair, observation: Observation) -> None:
        order.append(pair.target.id)

    async with Run(settings(retries=1, concurrency=1), Gate()) as run:
        await run.probe(work, note)
    assert order == ["t0", "t1", "t2", "t3", "bad"]


async def test_attempts_are_independent_and_do_not_overlap(world: World) -> None:
    aim = await flaky(world, 3)
    found = await observed(pairs(targets(1, aim.port)), attempts=4, retries=0)
    assert [each.reachable for each in found] == [False, False, True, True]
    assert [each.attempts for each in found] == [1, 1, 1, 1]
    assert aim.most_open == 1
    assert [each.at for each in found] == sorted(each.at for each in found)


async def test_each_attempt_has_its_own_retries(world: World) -> None:
    aim = await flaky(world, 99)
    found = await observed(pairs(targets(1, aim.port)), attempts=2, retries=1)
    assert [each.attempts for each in found] == [2, 2]


# batches


async def test_batches_share_a_resolver(world: World) -> None:
    """Nothing is resolved anew between them: a route is compared over the same addresses."""
    aim = await world.peer(shaking(server_tls()))
    names = await world.names({"one.test": ("127.0.0.1",)})
    work = pairs(targets(2, aim.port, host="one.test"))
    found: list[Observation] = []
    async with Run(settings(overrides={}, name_servers=[names.address]), Gate()) as run:
        await run.probe(work, lambda _, seen: found.append(seen))
        names.zone = {}
        again = [replace(pair, purpose=Purpose.CONFIRMATION) for pair in work]
        await run.probe(again, lambda _, seen: found.append(seen), attempts=2)
        await run.probe([], lambda _, seen: found.append(seen))
    assert [each.failure for each in found] == [None] * 6
    assert [each.purpose for each in found] == [Purpose.ATTEMPT] * 2 + [Purpose.CONFIRMATION] * 4
    assert sum(each.timings.dns is not None for each in found) == 1


async def test_a_batch_can_follow_from_what_the_one_before_saw(world: World) -> None:
    good, bad = await world.peer(shaking(server_tls())), closed_port()
    failed: list[Pair] = []
    found: list[Observation] = []
    async with Run(settings(), Gate()) as run:
        work = pairs([target(good.port, id="good"), target(bad, id="bad")])
        await run.probe(work, lambda pair, seen: failed.append(pair) if seen.failure else None)
        await run.probe(failed, lambda _, seen: found.append(seen))
        assert not ours()
    assert [each.target for each in found] == ["bad"]


async def test_a_client_certificate_in_a_second_batch(world: World) -> None:
    """First without it, whatever the settings hold; then for the key that answered, and only over that pair."""
    aim = await world.peer(shaking(server_tls(clients=authority("clients"))))
    certificates = {ORIGIN: world.client_file("clients")}
    first: list[Observation] = []
    second: dict[str, Observation] = {}
    async with Run(settings(client_certificates=certificates), Gate()) as run:
        work = pairs(targets(2, aim.port, scheme="https"))
        await run.probe(work, lambda _, seen: first.append(seen))
        assert first[0].tls is not None
        key = spki_sha256(first[0].tls.chain[0])
        again = [replace(pair, purpose=Purpose.CLIENT_CERTIFICATE) for pair in work]
        again[0] = replace(again[0], present=frozenset({key or ""}))
        await run.probe(again, lambda pair, seen: second.update({pair.target.id: seen}))
    required = Reason.CLIENT_CERT_REQUIRED
    assert [each.failure and each.failure.reason for each in first] == [required, required]
    assert second["t0"].failure is None
    assert second["t1"].failure is not None
    assert second["t1"].failure.reason is required
    assert {each.purpose for each in second.values()} == {Purpose.CLIENT_CERTIFICATE}


async def test_the_rate_holds_over_batches(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    starts: list[float] = []
    async with Run(settings(rate=40), Gate()) as run:
        for _ in range(5):
            await run.probe(pairs(targets(1, aim.port)), lambda _, seen: starts.append(seen.at))
    assert starts[-1] - starts[0] >= 4 / 40 * 0.9


async def test_pairs_start_in_the_order_given() -> None:
    """Also where a host has many targets: what follows each other in the batch is probed close together."""
    port = closed_port()
    hosts = {f"h{number}.example.com": "127.0.0.1" for number in range(3)}
    aims = [target(port, id=f"{host}-{n}", host=host) for host in hosts for n in range(6)]
    work = pairs(aims, DIRECT, Route("hq", (hop(port),)))
    found = sorted(await observed(work, overrides=hosts), key=lambda each: each.at)
    assert [(each.target, each.route) for each in found] == [(pair.target.id, pair.route.name) for pair in work]


# the end


async def busy_world(world: World) -> tuple[list[Pair], dict[str, Any]]:
    """Probes in every state at once: names, connections, handshakes, silence, retries."""
    good = await world.peer(shaking(server_tls()))
    mute = await world.peer(silent)
    bad = await world.peer(after_bytes(then="reset"))
    proxy = await world.peer(connect_proxy())
    names = await world.names({"good.test": ("127.0.0.1",), "mute.test": SILENT})
    aims = [
        *targets(6, good.port, host="good.test", scheme="https"),
        *targets(4, mute.port, host="good.test"),
        *targets(3, 443, host="mute.test"),
        *targets(3, bad.port, host="good.test"),
    ]
    aims = [Target(**{**_fields(aim), "id": f"t{number}"}) for number, aim in enumerate(aims)]
    changes = {"overrides": {}, "name_servers": [names.address], "retries": 1, "concurrency": 20}
    return pairs(aims, DIRECT, Route("hq", (hop(proxy.port),))), changes


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377])
async def test_cancelled_at_any_moment_nothing_is_left(turns: int, world: World) -> None:
    work, changes = await busy_world(world)
    random.Random(turns).shuffle(work)  # noqa: S311 # any order will do
    sockets = open_sockets()
    seen: Counter[tuple[str, str]] = Counter()

    async def run() -> None:
        async with Run(settings(**changes), Gate()) as run:
            await run.probe(work, lambda pair, _: seen.update([(pair.target.id, pair.route.name)]))

    running = asyncio.get_running_loop().create_task(run(), name="run")
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not ours()
    delivered = seen.copy()
    for _ in range(100):
        if not open_sockets() - sockets:
            break
        await asyncio.sleep(0.01)  # the peers close their side
    assert not open_sockets() - sockets
    assert max(seen.values(), default=1) == 1
    assert seen == delivered, "an observation came after the end"


def ours() -> set[str]:
    """Tasks of the engine that still run; the peers have theirs in the same loop."""
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(("probe ", "resolve "))}


async def test_sockets_are_closed_when_the_run_returns(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    work = pairs(targets(30, aim.port, scheme="https"))
    async with Run(settings(), Gate()) as run:
        await run.probe(work, lambda *_: None)
    assert not run._prober._links
    assert run.lag.worst >= 0
    assert run.lag._handle is None


async def test_a_reporter_that_breaks_ends_the_run_cleanly(world: World) -> None:
    work, changes = await busy_world(world)
    calls: list[str] = []

    def broken(pair: Pair, observation: Observation) -> None:
        calls.append(pair.target.id)
        raise BrokenPipeError("nobody reads the report")

    run = Run(settings(**changes), Gate())
    with pytest.raises(BaseExceptionGroup) as caught:
        async with run:
            await run.probe(work, broken)
    assert caught.group_contains(BrokenPipeError, match="nobody reads")
    assert calls
    assert not ours()
    assert not run._prober._links


async def test_probes_are_named_tasks(world: World) -> None:
    aim = await world.peer(silent)
    running = asyncio.get_running_loop().create_task(observed(pairs(targets(1, aim.port), route())), name="run")
    await reaches(aim, 1)
    assert "probe t0 via r" in {task.get_name() for task in asyncio.all_tasks()}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_pair_may_have_terms_of_its_own(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    work = [
        Pair(target(aim.port, id="guarded"), DIRECT, terms=Terms(guard=AddressPolicy())),
        Pair(target(aim.port, id="free"), DIRECT),
    ]
    found = {each.target: each for each in await observed(work)}
    refused = found["guarded"].failure
    assert refused is not None
    assert (refused.stage, refused.reason, found["guarded"].tried) == ("connect", "tcp-unreachable", None)
    assert found["free"].reachable
