"""Processes that probe for ever: on the moment, whatever happens to one of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import psutil
import pytest

from prober.engine import crew_member, crew_process, processes
from prober.engine.address_policy import AddressPolicy
from prober.engine.crew import Crew, MemberError, Probed, Terms, place
from prober.engine.crew_member import Pauses
from prober.engine.run import Pair
from prober.model import HopScheme, Purpose, Reason, Route, Stage
from prober.routes.overrides import Overrides, parse_override

from ..engine import crew_outfit
from .peers import answering, connect_proxy, response, silent
from .world import ORIGIN, World, closed_port, hop, server_tls, settings, target

HERE = Overrides([parse_override("*", "127.0.0.1")])
OK = response("200 OK")


class Told:
    """Takes what comes of assignments."""

    def __init__(self) -> None:
        self.all: list[Probed | None] = []
        self._changed = asyncio.Event()

    def __call__(self, probed: Probed | None) -> None:
        self.all.append(probed)
        self._changed.set()

    async def until(self, count: int) -> None:
        while len(self.all) < count:
            self._changed.clear()
            await self._changed.wait()


@contextlib.asynccontextmanager
async def crewed(workers: int = 1, **changes: Any) -> AsyncIterator[Crew]:
    """A crew, of whose processes none is left afterwards."""
    how = {key: changes.pop(key) for key in ("names_kept", "prepare", "silence", "clock") if key in changes}
    pids: set[int] = set()
    async with Crew(settings(**{"overrides": HERE, "timeout": 30, **changes}), workers, **how) as crew:
        pids.update(pids_of(crew))
        yield crew
        pids.update(pids_of(crew))
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def pids_of(crew: Crew) -> list[int]:
    return [member.pid for member in crew._members if member.pid is not None]


def pair(port: int, host: str = "a.test", way: str = "r", scheme: str = "http", **changes: Any) -> Pair:
    return Pair(target(port, scheme, host=host, id=f"{host}:{port}"), Route(way), **changes)


def of_worker(number: int, count: int) -> str:
    """A host whose process that is."""
    return next(host for host in (f"h{index}.test" for index in range(100)) if place(host, count) == number)


async def until_back(crew: Crew, asked: Pair) -> None:
    """Wait until a probe is made again."""
    while await crew.ask(asked) is None:
        pass


# probing


async def test_what_was_seen_comes_back(world: World) -> None:
    aim, shut = await world.peer(answering(OK, then="close")), closed_port()
    async with crewed(2) as crew:
        for host in (of_worker(0, 2), of_worker(1, 2)):
            before = time.monotonic()
            probed = await crew.ask(pair(aim.port, host, purpose=Purpose.CONFIRMATION))
            assert probed is not None
            seen = probed.observation
            assert (seen.target, seen.route, seen.failure) == (f"{host}:{aim.port}", "r", None)
            assert (seen.peer, seen.purpose) == (f"127.0.0.1:{aim.port}", Purpose.CONFIRMATION)
            assert before <= probed.begun <= time.monotonic()
            assert probed.late + probed.waited == pytest.approx(probed.begun - before, abs=0.05)
            assert probed.refused is None
        probed = await crew.ask(pair(shut))
        assert probed is not None
        assert probed.observation.failure is not None
        assert probed.observation.failure.reason is Reason.TCP_REFUSED
        assert (crew.in_flight, crew.restarts) == (0, 0)
        assert len(set(pids_of(crew))) == 2


async def test_nothing_is_retried(world: World) -> None:
    aim = await world.peer(answering(then="close"))
    async with crewed(retries=5) as crew:
        probed = await crew.ask(pair(aim.port))
    assert probed is not None
    assert probed.observation.failure is not None
    assert len(aim.conversations) == 1


async def test_each_begins_on_its_moment(world: World) -> None:
    aim = await world.peer(answering(OK, then="close"))
    async with crewed(2) as crew:
        told: dict[int, Told] = {}
        base = time.monotonic() + 0.2
        moments = [base + 0.01 * (index * 7 % 20) for index in range(20)]
        for index, moment in enumerate(moments):
            told[index] = Told()
            crew.assign(pair(aim.port, f"h{index}.test"), moment, told[index])
        assert crew.in_flight == 0, "their time has not come"
        for each in told.values():
            await each.until(1)
    for index, each in told.items():
        (probed,) = each.all
        assert probed is not None
        assert probed.begun >= moments[index]
        assert probed.late + probed.waited == pytest.approx(probed.begun - moments[index])
        assert probed.late < 2, "a machine that is busy for seconds could not run these tests"
    early = sorted(probed.begun for each in told.values() for probed in each.all if probed is not None)
    assert early[-1] - early[0] >= 0.15


async def test_terms_and_what_the_guard_says_pass_the_pipe(world: World) -> None:
    quiet = await world.peer(silent)
    async with crewed() as crew:
        probed = await crew.ask(pair(quiet.port), Terms(timeout=0.1))
        assert probed is not None
        assert probed.observation.failure is not None
        assert probed.observation.failure.reason is Reason.HTTP_TIMEOUT
        probed = await crew.ask(pair(quiet.port), Terms(guard=AddressPolicy((ip_network("10.0.0.0/8"),))))
        assert probed is not None
        assert probed.refused == "127.0.0.1 is loopback (RFC 1122)"
        assert probed.observation.failure is not None
        assert probed.observation.failure.stage is Stage.CONNECT
    assert len(quiet.conversations) == 1


async def test_a_hosts_limit_and_its_name_are_one_processes_affair(world: World) -> None:
    """However many routes come in, one after another, and whichever process it is."""
    aim = await world.peer(silent)
    names = await world.names({"*": ("127.0.0.1",)})
    async with crewed(3, per_host=2, overrides=Overrides(), name_servers=[names.address], names_kept=60) as crew:
        told = Told()
        handed = [crew.assign(pair(aim.port, way=f"r{index}"), 0, told) for index in range(6)]
        await aim.until(met=2)
        assert crew.in_flight == 6
        for index in range(4):
            handed[index].cancel()
            await aim.until(met=3 + index)
        assert aim.most_open == 2
        assert len(names.questions) == 2, "A and AAAA, once"
        assert told.all == []


async def test_trust_roots_that_cannot_be_read_trust_nobody(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    aim = await world.peer(answering(OK, then="close"))
    proxy = await world.peer(connect_proxy(login=b"c3ZjOm9wZW4gc2VzYW1l"), tls=server_tls())
    plain = hop(proxy.port, "https", login=True)
    strange = replace(plain, trust_roots="/nowhere/roots.pem")
    assert strange.scheme is HopScheme.HTTPS
    async with crewed() as crew:
        for _ in range(2):
            probed = await crew.ask(Pair(target(aim.port, "tls"), Route("r", (strange,))))
            assert probed is not None
            assert probed.observation.failure is not None
            assert probed.observation.failure.reason is Reason.CERT_UNTRUSTED
            assert "/nowhere/roots.pem" in probed.observation.failure.detail
        assert (await crew.ask(pair(aim.port))) is not None
        assert crew.restarts == 0
    assert b"open sesame" not in proxy.heard
    assert capfd.readouterr().err.count("/nowhere/roots.pem of https://") == 1


# what nobody wants any more


async def test_cancelling_an_assignment(world: World) -> None:
    aim = await world.peer(answering(OK, then="close"))
    quiet = await world.peer(silent)
    async with crewed() as crew:
        told = Told()
        asleep = crew.assign(pair(aim.port), time.monotonic() + 1000, told)
        running = crew.assign(pair(quiet.port), 0, told)
        await quiet.until(met=1)
        asleep.cancel()
        running.cancel()
        running.cancel()
        await quiet.until(left=True)
        over = crew.assign(pair(aim.port), 0, told)
        await told.until(1)
        over.cancel()
        assert await crew.ask(pair(aim.port)) is not None
        assert len(told.all) == 1


async def test_who_asks_and_gives_up_ends_the_probe(world: World) -> None:
    quiet = await world.peer(silent)
    async with crewed() as crew:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await crew.ask(pair(quiet.port))
        await quiet.until(left=True)
        assert crew.in_flight == 0


async def test_a_listener_that_breaks_costs_the_others_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    aim = await world.peer(answering(OK, then="close"))

    def broken(probed: Probed | None) -> None:
        raise ValueError("cannot take it")

    async with crewed() as crew:
        crew.assign(pair(aim.port), 0, broken)
        told = Told()
        crew.assign(pair(aim.port, way="b"), 0, told)
        await told.until(1)
        assert told.all[0] is not None
        assert await crew.ask(pair(aim.port)) is not None
    assert "cannot take it" in caplog.text


# death


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_process_that_dies_is_told_and_replaced(
    how: signal.Signals, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    aim, quiet = await world.peer(answering(OK, then="close")), await world.peer(silent)
    async with crewed(2) as crew:
        mine, other = of_worker(0, 2), of_worker(1, 2)
        lost, kept, later = Told(), Told(), Told()
        crew.assign(pair(quiet.port, mine), 0, lost)
        moment = time.monotonic() + 3
        crew.assign(pair(aim.port, mine, "later"), moment, later)
        crew.assign(pair(quiet.port, other), 0, kept)
        await quiet.until(met=2)
        first, second = pids_of(crew)
        os.kill(first, how)
        await lost.until(1)
        assert lost.all == [None]
        waited = Told()
        crew.assign(pair(aim.port, mine), 0, waited)  # while there is none: it waits for the next one
        await waited.until(1)
        assert waited.all[0] is not None
        assert waited.all[0].observation.reachable
        assert crew.restarts == 1
        assert pids_of(crew)[1] == second
        assert pids_of(crew)[0] != first
        await later.until(1)
        assert later.all[0] is not None, "what had not begun is the next one's"
        assert later.all[0].begun >= moment
        assert kept.all == []
    assert kept.all == [None]
    assert f"worker-1 was killed by {how.name} with 1 probes under way; it is started again at once" in caplog.text


async def test_what_it_had_said_before_it_died_counts(world: World) -> None:
    """An answer that is in the pipe already is no loss."""
    aim = await world.peer(answering(OK, then="close"))
    async with crewed() as crew:
        told = Told()
        for index in range(30):
            crew.assign(pair(aim.port, way=f"r{index}"), 0, told)
        await told.until(1)
        (pid,) = pids_of(crew)
        os.kill(pid, signal.SIGKILL)
        await told.until(30)
        kinds = Counter(probed is None for probed in told.all)
        assert kinds[False] >= 1
        assert len(told.all) == 30
        await until_back(crew, pair(aim.port))  # its death may not have been noticed yet
        assert len(told.all) == 30, "each was told once"


async def test_who_kills_processes_is_made_alone_and_its_neighbours_are_left_in_peace(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    aim = await world.peer(answering(OK, then="close"))
    async with crewed(prepare=crew_outfit.die_of_poison) as crew:
        poison, well = pair(aim.port, "poison.test"), pair(aim.port)
        for deaths in (1, 2):
            assert await crew.ask(poison) is None
            assert await crew.ask(well) is not None
            assert crew.restarts == deaths
        before = pids_of(crew)
        for _ in range(2):
            assert await crew.ask(poison) is None
            assert await crew.ask(well) is not None
        assert (crew.restarts, pids_of(crew)) == (2, before)
        assert crew._alone is not None
        assert crew.in_flight == 0
    assert "worker-alone was killed by SIGSEGV with 1 probes under way" in caplog.text


async def test_who_was_only_there_is_made_alone_once_and_then_as_before(world: World) -> None:
    aim, quiet = await world.peer(answering(OK, then="close")), await world.peer(silent)
    async with crewed(prepare=crew_outfit.die_of_poison, per_host=10) as crew:
        beside = [pair(quiet.port, way=f"r{index}") for index in range(3)]
        for times in (1, 2):
            told = Told()
            for each in beside:
                crew.assign(each, 0, told)
            await quiet.until(met=3 * times)
            assert await crew.ask(pair(aim.port, "poison.test")) is None
            await told.until(3)
            assert told.all == [None] * 3
        told = Told()
        alone = [crew.assign(each, 0, told) for each in beside]
        await quiet.until(met=7)
        assert crew.in_flight == 3
        assert quiet.open == 1, "one at a time"
        os.kill(pids_of(crew)[0], signal.SIGKILL)  # which touches none of them
        for index in (0, 1):
            alone[index].cancel()
            await quiet.until(met=8 + index)
        alone[2].cancel()
        assert told.all == []
        # what comes of one made alone ends the suspicion
        aside = pair(aim.port, way="r0")
        for _ in range(2):
            crew._suspects.blame(aside)
        assert aside in crew._suspects
        assert await crew.ask(aside) is not None
        assert aside not in crew._suspects


async def test_the_end_answers_what_waits_to_be_made_alone(world: World) -> None:
    quiet = await world.peer(silent)
    for met, ending in enumerate(("drain", "close"), 1):
        told = Told()
        async with crewed() as crew:
            for index in range(3):
                suspect = pair(quiet.port, way=f"{ending}{index}")
                for _ in range(2):
                    crew._suspects.blame(suspect)
                crew.assign(suspect, 0, told)
            await quiet.until(met=met)
            if ending == "drain":
                await crew.drain(0.1)
                assert told.all == [None] * 3
                assert crew.in_flight == 0
        await told.until(3)
        assert told.all == [None] * 3


async def test_what_cannot_be_told_is_said_so(world: World) -> None:
    aim = await world.peer(answering(OK, then="close"))
    async with crewed(prepare=crew_outfit.die_of_poison) as crew:
        probed = await crew.ask(pair(aim.port, "strange.test"))
        assert crew.restarts == 0
    assert probed is not None
    failure = probed.observation.failure
    assert failure is not None
    assert (failure.stage, failure.reason) == (Stage.LOCAL, Reason.INTERNAL)
    assert failure.detail == "what the worker observed cannot be read; please report it"
    assert (probed.observation.target, probed.observation.route) == (f"strange.test:{aim.port}", "r")


async def test_a_process_that_hangs_is_killed_and_replaced(world: World, caplog: pytest.LogCaptureFixture) -> None:
    aim, quiet = await world.peer(answering(OK, then="close")), await world.peer(silent)
    async with crewed(silence=2.0) as crew:
        told = Told()
        crew.assign(pair(quiet.port), 0, told)
        await quiet.until(met=1)
        os.kill(pids_of(crew)[0], signal.SIGSTOP)
        await told.until(1)
        assert told.all == [None]
        assert await crew.ask(pair(aim.port)) is not None
        assert crew.restarts == 1
    assert "hangs: nothing heard for 2 s; it is killed" in caplog.text


async def test_a_process_that_lives_is_never_taken_for_hung(world: World) -> None:
    """Whatever keeps the parent: it counts beats, it does not look at a clock."""
    aim = await world.peer(answering(OK, then="close"))
    async with crewed(silence=2.0) as crew:
        (pid,) = pids_of(crew)
        time.sleep(2.5)  # noqa: ASYNC251 # the parent stands still: that is the point
        assert await crew.ask(pair(aim.port)) is not None
        assert (crew.restarts, pids_of(crew)) == (0, [pid])


async def test_one_that_dies_again_and_again_is_not_waited_for_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    aim = await world.peer(answering(OK, then="close"))
    async with crewed() as crew:
        program = crew_process.PROGRAM
        monkeypatch.setattr(crew_process, "PROGRAM", "raise SystemExit(7)")
        os.kill(pids_of(crew)[0], signal.SIGKILL)
        for number in range(3):  # another one each time: what dies twice with its worker is made alone
            each = pair(aim.port)
            assert await crew.ask(replace(each, target=replace(each.target, id=f"other.{number}"))) is None
        monkeypatch.setattr(crew_process, "PROGRAM", program)
        await until_back(crew, pair(aim.port, way="back"))
        assert crew.restarts >= 3
    assert "ended with exit code 7 (its messages are above)" in caplog.text
    assert "it is started again in 0.1 s" in caplog.text
    assert "it is started again in 0.2 s" in caplog.text


def test_pauses_grow_and_end_with_a_long_life() -> None:
    pauses = Pauses()
    assert [pauses.after(1) for _ in range(10)] == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]
    assert pauses.after(59.9) == 10
    assert pauses.after(60) == 0
    assert [pauses.after(1) for _ in range(2)] == [0.1, 0.2]


async def test_a_system_that_starts_no_process_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    aim = await world.peer(answering(OK, then="close"))
    refused = 0

    def command(program: str) -> Sequence[str]:
        nonlocal refused
        refused += 1
        return ("/nowhere/python",) if refused <= 2 else processes.command(program)

    async with crewed() as crew:
        monkeypatch.setattr(crew_member, "command", command)
        os.kill(pids_of(crew)[0], signal.SIGKILL)
        await until_back(crew, pair(aim.port))
        assert crew.restarts == 3
    assert "could not be started: ENOENT" in caplog.text


async def test_a_process_that_does_not_come_up_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MemberError, match=r"worker-\d ended with exit code 1"):
        async with crewed(2, prepare=crew_outfit.fail):
            pytest.fail("it did come up")
    assert "cannot be prepared" in capfd.readouterr().err


async def test_what_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(MemberError, match=r"broke: .*[Pp]ickl"):
        async with crewed(prepare=lambda: None):
            pytest.fail("it did come up")


async def test_one_that_hangs_at_its_start_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_member, "_BEGINNING", 3)
    with pytest.raises(MemberError, match="killed by SIGKILL"):
        async with crewed(prepare=crew_outfit.stand_still, silence=1.0):
            pytest.fail("it did come up")


async def test_nonsense_from_a_process_ends_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    aim = await world.peer(answering(OK, then="close"))
    async with crewed() as crew:
        life = crew._members[0]._life
        assert life is not None
        life.pipe_data_received(1, b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await until_back(crew, pair(aim.port))
        assert crew.restarts == 1
    assert "says what cannot be understood" in caplog.text


# the end


async def test_draining_lets_what_runs_finish_and_begins_nothing(world: World) -> None:
    gate = asyncio.Event()

    async def script(talk: Any) -> None:
        await talk.head()
        await gate.wait()
        await talk.say(OK)

    aim, quiet = await world.peer(script), await world.peer(silent)
    async with crewed(2) as crew:
        finishing, cut, waiting = Told(), Told(), Told()
        crew.assign(pair(aim.port, of_worker(0, 2)), 0, finishing)
        crew.assign(pair(quiet.port, of_worker(1, 2)), 0, cut)
        crew.assign(pair(quiet.port), time.monotonic() + 1000, waiting)
        await aim.until(met=1)
        await quiet.until(met=1)
        draining = asyncio.get_running_loop().create_task(crew.drain(0.5), name="draining")
        await waiting.until(1)
        assert waiting.all == [None]
        assert (finishing.all, cut.all) == ([], [])
        gate.set()
        await draining
        assert finishing.all[0] is not None
        assert cut.all == [None]
        assert await crew.ask(pair(aim.port)) is None
        assert crew.in_flight == 0
        await crew.drain(0)


async def test_a_process_that_dies_while_it_is_drained_is_not_replaced(world: World) -> None:
    quiet = await world.peer(silent)
    async with crewed() as crew:
        told = Told()
        crew.assign(pair(quiet.port), 0, told)
        await quiet.until(met=1)
        (pid,) = pids_of(crew)
        async with asyncio.TaskGroup() as group:
            group.create_task(crew.drain(1000), name="drain")
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
        assert told.all == [None]
        assert (crew.restarts, pids_of(crew)) == (0, [])


async def test_one_that_hangs_while_it_is_drained_is_killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_member, "_GRACE", 0.2)
    quiet = await world.peer(silent)
    async with crewed() as crew:
        told = Told()
        crew.assign(pair(quiet.port), 0, told)
        await quiet.until(met=1)
        os.kill(pids_of(crew)[0], signal.SIGSTOP)
        await crew.drain(0.1)
        assert told.all == [None]


async def test_closing_answers_everything_and_closes_sockets(world: World) -> None:
    quiet = await world.peer(silent)
    told = Told()
    async with crewed(2) as crew:
        for index in range(10):
            crew.assign(pair(quiet.port, f"h{index}.test"), 0, told)
        await quiet.until(met=10)
    assert told.all == [None] * 10
    await quiet.until(left=True)
    assert await crew.ask(pair(quiet.port)) is None
    await crew.close()


async def test_one_that_will_not_go_is_killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_member, "_GRACE", 0.2)
    async with crewed() as crew:
        os.kill(pids_of(crew)[0], signal.SIGSTOP)


async def test_a_cancellation_waits_for_the_end(world: World) -> None:
    quiet = await world.peer(silent)
    up = asyncio.Event()
    seen: list[int] = []

    async def work() -> None:
        async with crewed() as crew:
            seen.extend(pids_of(crew))
            up.set()
            await crew.ask(pair(quiet.port))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(work(), name="crew")
        await up.wait()
        await quiet.until(met=1)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
    assert not psutil.pid_exists(seen[0])


@pytest.mark.parametrize("turns", [0, 1, 5])
async def test_who_is_cancelled_while_it_starts_leaves_no_process(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    starting = asyncio.Event()

    def command(program: str) -> Sequence[str]:
        starting.set()
        return processes.command(program)

    monkeypatch.setattr(crew_member, "command", command)
    before = set(psutil.Process().children())
    task = asyncio.get_running_loop().create_task(Crew(settings(), 1).__aenter__(), name="start")
    await starting.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not set(psutil.Process().children()) - before


PARENT = """
import asyncio, sys, uvloop
sys.path[:] = {path!r}
from prober.engine.crew import Crew
from tests.engine.test_crew import pair, pids_of, settings, HERE
async def main():
    async with Crew(settings(timeout=100, overrides=HERE), 2) as crew:
        print(*pids_of(crew), flush=True)
        await crew.ask(pair({port}))
uvloop.run(main())
"""


async def test_the_parents_death_ends_the_processes(world: World) -> None:
    quiet = await world.peer(silent)
    root = str(Path(__file__).parents[2])
    program = PARENT.format(path=[*sys.path, root], port=quiet.port)
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    workers = [psutil.Process(int(pid)) for pid in (await parent.stdout.readline()).split()]
    assert len(workers) == 2
    await quiet.until(met=1)
    parent.kill()
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, workers, timeout=20)
    assert not alive
    await quiet.until(left=True)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_to_the_group_are_the_parents_affair(sent: signal.Signals, world: World) -> None:
    aim = await world.peer(answering(OK, then="close"))
    async with crewed() as crew:
        pids = pids_of(crew)
        os.kill(pids[0], sent)
        assert await crew.ask(pair(aim.port)) is not None
        assert (crew.restarts, pids_of(crew)) == (0, pids)


# what they say of themselves


async def test_logging_is_as_the_parent_has_it(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    aim = await world.peer(answering(OK, then="close"))
    async with crewed(prepare=partial(crew_outfit.speak, "form")) as crew:
        assert await crew.ask(pair(aim.port)) is not None
    written = capfd.readouterr()
    assert "<form> INFO prepared" in written.err
    assert "printed by a library" in written.err
    assert written.out == ""


async def test_lag_is_told_with_each_beat_and_grows_over_a_restart(world: World) -> None:
    aim = await world.peer(answering(OK, then="close"))
    async with crewed(2, silence=5.0) as crew:
        mine = pair(aim.port, of_worker(0, 2))
        while not all(lag.count >= 3 for lag in crew.lags.values()):
            assert await crew.ask(mine) is not None
        assert list(crew.lags) == ["worker-1", "worker-2"]
        before = crew.lags["worker-1"].count
        os.kill(pids_of(crew)[0], signal.SIGKILL)
        await until_back(crew, mine)
        assert crew.lags["worker-1"].count >= before
        while crew.lags["worker-1"].count < before + 2:
            assert await crew.ask(mine) is not None


async def test_before_it_is_entered_nothing_is_taken() -> None:
    crew = Crew(settings(), 1)
    told = Told()
    crew.assign(pair(1, ORIGIN), 0, told).cancel()
    assert told.all == []
    await told.until(1)
    assert told.all == [None]
    assert (crew.in_flight, crew.restarts, crew.lags) == (0, 0, {})


def test_a_host_stays_with_its_process() -> None:
    assert [place("a.example.com", 4), place("A.example.COM", 4)] == [place("a.example.com", 4)] * 2
    spread = Counter(place(f"host-{index}.example.com", 4) for index in range(1000))
    assert min(spread.values()) > 200
