"""A generator elsewhere, seen from the client: its clock, its beginning, its loss."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from prober.bench.document import MachineDoc
from prober.bench.ground import Refused
from prober.bench.preflight import Preflight
from prober.bench.safety import Looked, Place, unconsented
from prober.catalog import parse_target
from prober.cluster.errors import ClusterError
from prober.cluster.link import AgentThere, Link
from prober.cluster.load.generators import DistantGenerators
from prober.cluster.load.ground import AgentsGround
from prober.cluster.load.loopback import loopback
from prober.cluster.load.machine import Machine
from prober.cluster.load.words import About, Clock, Gone, LookedThere, Prepared, Wanted
from prober.cluster.words import identity
from prober.engine.load.generator_process import Begin, Finished, News, Ready, Stop
from prober.engine.load.generators import CannotBeginError
from prober.engine.load.joint_run import GoneError
from prober.engine.load.plan import Job
from prober.engine.load.way import Way
from prober.load.slices import GeneratorShare, Measured, Slice
from prober.load.words import Load, Phase, PhaseKind, Workload
from prober.model import Failure, Reason, Route, Stage
from prober.routes.overrides import Overrides, parse_override

NONE = Overrides(())
TARGET, ROUTE = parse_target("tls://10.0.0.1:443"), Route("direct")
LOAD = Load(workload=Workload.HANDSHAKE, phases=(Phase(PhaseKind.SUSTAIN, 1, 1, 1),), seed=1)
ABOUT = About(identity(), 4, MachineDoc(system="Linux"), no_direct=False, loopback="boot 1")


class There:
    """Machines at the other end of a link, each with a clock of its own; what they say is scripted by address."""

    def __init__(self, ahead: float = 1_000.0, wall: float = 0.0) -> None:
        self.ahead, self.wall = ahead, wall
        self.answers: dict[str, Callable[..., Any]] = {}
        self.told: dict[str, list[tuple[int, Any]]] = {}
        self.left: list[str] = []
        self._says: dict[str, list[tuple[int, object]]] = {}
        self.name = "token"

    async def ask(self, what: Callable[..., Any], *given: Any, address: str, within: float = 0.0) -> Any:
        name = what.__name__
        if name in self.answers:
            return self.answers[name](address, *given)
        return getattr(self, f"_{name}")(address, *given)

    def _clock(self, address: str, token: str) -> Clock:
        return Clock(time.perf_counter() + self.ahead, time.time() + self.wall)

    def _prepare(self, address: str, wanted: Wanted) -> Prepared:
        return Prepared(Way(("10.0.0.1", 443), {}), (), 28_000, 0)

    def _tell(self, address: str, token: str, messages: list[tuple[int, Any]]) -> float:
        says = self._says.setdefault(address, [])
        for number, message in messages:
            self.told.setdefault(address, []).append((number, message))
            if isinstance(message, Job):
                says.append((number, Ready(1_000)))
            elif isinstance(message, Begin):
                says += [(number, News([Slice(0, offered=1, succeeded=1)], [], 1, 1)), (number, Finished())]
        return time.perf_counter() + self.ahead

    async def _hear(self, address: str, token: str, known: int) -> list[tuple[int, object]]:
        await asyncio.sleep(0)
        return self._says.get(address, [])[known:]

    def _leave(self, address: str, token: str) -> None:
        self.left.append(address)


class Asynchronous(There):
    """`ask` awaits what is asynchronous."""

    async def ask(self, what: Callable[..., Any], *given: Any, address: str, within: float = 0.0) -> Any:
        found = await super().ask(what, *given, address=address, within=within)
        return await found if asyncio.iscoroutine(found) else found


def machine(there: There, name: str = "paris", count: int = 1) -> Machine:
    agent = AgentThere(f"tls://{name}", name, "paris", "mark", 0.0)
    return Machine(cast("Link", there), agent, ABOUT, count, "token")


def generators(*machines: Machine) -> DistantGenerators:
    return DistantGenerators(machines, {each.name: NONE for each in machines}, "token")


async def test_each_begins_in_its_own_time() -> None:
    there = Asynchronous(ahead=5_000.0, wall=-42.0)
    paris, berlin = machine(there), machine(there, "berlin", 2)
    measured = await generators(paris, berlin).run(LOAD, TARGET, ROUTE)
    begins = [message.at for each in there.told.values() for _, message in each if isinstance(message, Begin)]
    assert len(begins) == 3
    assert max(begins) - min(begins) < 0.5
    assert begins[0] == pytest.approx(time.perf_counter() + 5_000, abs=10)
    jobs = [message for each in there.told.values() for _, message in each if isinstance(message, Job)]
    assert sorted((job.worker, job.workers) for job in jobs) == [(0, 3), (1, 3), (2, 3)]
    assert measured.slices[0].succeeded == 3
    assert [(each.name, each.processes) for each in measured.generators] == [("paris", 1), ("berlin", 2)]
    for each in measured.generators:
        assert each.skew == pytest.approx(-42, abs=1)
        assert 0 < each.uncertainty < 1
        assert each.late == 0
    assert there.left == []


async def test_two_may_be_apart_by_both_errors() -> None:
    there = Asynchronous()
    paris, berlin = machine(there), machine(there, "berlin")
    both = generators(paris, berlin)
    measured = await both.run(LOAD, TARGET, ROUTE)
    apart = paris.uncertainty + berlin.uncertainty
    assert [each.uncertainty for each in measured.generators] == [apart, apart]


async def test_a_fault_of_what_carries_ends_the_run() -> None:
    there = Asynchronous()

    def wrong(*_: object) -> Any:
        raise KeyError("of ours")

    there.answers["hear"] = wrong
    work = generators(machine(there)).run(LOAD, TARGET, ROUTE)
    running = asyncio.get_running_loop().create_task(work, name="run")
    await asyncio.wait([running], timeout=20)
    by_itself = running.done()
    running.cancel()
    with pytest.raises(ExceptionGroup) as caught:
        await running
    assert by_itself, "nobody said that nobody listens any more"
    assert caught.value.split(KeyError)[1] is None


async def test_a_stop_while_they_get_ready() -> None:
    there = Asynchronous()
    stop = asyncio.Event()
    asked = asyncio.Event()

    async def for_ever(*_: object) -> Any:
        asked.set()
        await asyncio.Event().wait()

    there.answers["prepare"] = for_ever
    work = generators(machine(there)).run(LOAD, TARGET, ROUTE, stop=stop)
    running = asyncio.get_running_loop().create_task(work, name="run")
    await asked.wait()
    stop.set()
    with pytest.raises(CannotBeginError, match="interrupted before it began"):
        await running
    assert there.left == ["tls://paris"]


async def test_one_that_hears_of_it_late() -> None:
    there = Asynchronous()
    share = GeneratorShare("paris", Measured("r", 0, [], []), processes=1)
    paris = machine(there)
    usual = there._tell
    there.answers["tell"] = lambda *given: usual(*given) + 3.0
    await generators(paris).run(LOAD, TARGET, ROUTE)
    paris.complete(share, 0.0)
    assert 1.0 < share.late <= 3.0


async def test_one_that_is_lost_in_the_run() -> None:
    there = Asynchronous()
    usual = there._hear

    def lost(address: str, token: str, known: int) -> Any:
        if address == "tls://berlin" and known:
            raise ClusterError(["the agent at tls://berlin does not answer"])
        return usual(address, token, known)

    there.answers["hear"] = lost
    there._says["tls://berlin"] = []
    tell = there._tell

    def never(address: str, token: str, messages: list[tuple[int, Any]]) -> float:
        """It never ends by itself."""
        begun = [each for each in messages if address == "tls://berlin" and isinstance(each[1], Begin)]
        return tell(address, token, [each for each in messages if each not in begun])

    there.answers["tell"] = never
    paris, berlin = machine(there), machine(there, "berlin")
    both = generators(paris, berlin)
    measured = await both.run(LOAD, TARGET, ROUTE)
    assert measured.stopped == "generator berlin: lost, the agent at tls://berlin does not answer"
    with pytest.raises(CannotBeginError, match="generator berlin is lost"):
        await both.run(LOAD, TARGET, ROUTE)
    async with both:
        pass
    assert there.left == ["tls://paris"]


@pytest.mark.parametrize("stage", ["prepare", "tell"])
async def test_one_that_is_lost_before(stage: str) -> None:
    there = Asynchronous()

    def lost(*_: object) -> Any:
        raise ClusterError(["gone"])

    there.answers[stage] = lost
    with pytest.raises(CannotBeginError, match=r"generator paris.* lost"):
        await generators(machine(there)).run(LOAD, TARGET, ROUTE)


async def test_one_that_cannot() -> None:
    there = Asynchronous()
    there.answers["prepare"] = lambda *_: Failure(Stage.DNS, 1, Reason.DNS_NXDOMAIN, "no such name")
    there.answers["clock"] = lambda *_: pytest.fail("there is no benchmark of this one's: that would be its error")
    with pytest.raises(CannotBeginError) as caught:
        await generators(machine(there)).run(LOAD, TARGET, ROUTE)
    assert caught.value.failure == Failure(Stage.DNS, 1, Reason.DNS_NXDOMAIN, "generator paris: no such name")


async def test_stop_reaches_all() -> None:
    there = Asynchronous()
    stop = asyncio.Event()
    tell = there._tell

    def held(address: str, token: str, messages: list[tuple[int, Any]]) -> float:
        """Ends when it is told to."""
        at = tell(address, token, [each for each in messages if not isinstance(each[1], Begin)])
        for number, message in messages:
            if isinstance(message, Begin):
                stop.set()
            elif isinstance(message, Stop):
                there._says[address].append((number, Finished()))
        return at

    there.answers["tell"] = held
    measured = await generators(machine(there), machine(there, "berlin")).run(LOAD, TARGET, ROUTE, stop=stop)
    assert measured.stopped == "interrupted"
    assert [sum(isinstance(m, Stop) for _, m in each) for each in there.told.values()] == [1, 1]


async def test_its_process_says_how_it_ended() -> None:
    process = machine(Asynchronous())
    await process.prepare(cast("Wanted", None))
    process.processes[0].said(Gone("a generator process was killed by SIGKILL"))
    with pytest.raises(GoneError):
        await process.processes[0].next()
    assert await process.processes[0].ending() == "generator paris: a generator process was killed by SIGKILL"


# the ground


def ground(there: There, *machines: Machine, near: bool = False, overrides: Overrides = NONE) -> AgentsGround:
    made = AgentsGround(cast("Link", there), ["all"], processes=None, timeout=10.0, overrides=overrides)
    made._machines = {each.name: each for each in machines}
    made._near = set(made._machines) if near else set()
    return made


def looked(address: str, *theirs: str) -> LookedThere:
    return LookedThere(Looked((Place("target", "origin.test", (address,)),), NONE), theirs)


async def test_loopback_elsewhere_is_not_this_machine() -> None:
    """A load on an agent's own loopback needs its owner's word; on this machine it does not."""
    there = Asynchronous()
    there.answers["look_there"] = lambda *_: looked("127.0.0.1")
    far = await ground(there, machine(there)).look(TARGET, [ROUTE])
    assert not far.here
    assert unconsented(far) == [
        "target origin.test: it is at 127.0.0.1, seen from paris, not this machine; --i-may-load-this if it is yours "
        "to load"
    ]
    near = await ground(there, machine(there), near=True).look(TARGET, [ROUTE])
    assert near.here


class Meeting(Asynchronous):
    """Agents to be met, each with what it says of itself."""

    def __init__(self, **abouts: About) -> None:
        super().__init__()
        self._abouts = abouts

    async def __aenter__(self) -> Meeting:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.left.append("the link")

    async def agents(self) -> tuple[AgentThere, ...]:
        return tuple(AgentThere(f"tcp://127.0.0.1:{n}", n, n, "mark", 0.0) for n in self._abouts)

    def _about(self, address: str) -> About:
        return self._abouts[address.rpartition(":")[2]]


async def test_near_is_who_has_this_very_loopback() -> None:
    """An agent that is reached over loopback may be the scheduler's neighbour, or lie behind a tunnel."""
    there = Meeting(here=replace(ABOUT, loopback=loopback()), away=ABOUT, mac=replace(ABOUT, loopback=None))
    async with ground(there) as met:
        assert met._near == ({"here"} if loopback() else set())
        assert met.direct


async def test_one_without_a_direct_way_is_one_for_all() -> None:
    async with ground(Meeting(a=ABOUT, b=replace(ABOUT, no_direct=True))) as met:
        assert not met.direct


async def test_one_of_another_version_is_refused() -> None:
    there = Meeting(a=ABOUT, b=replace(ABOUT, identity=replace(identity(), prober="0.0.0")))
    with pytest.raises(ClusterError, match=r"the agent b is prober 0\.0\.0"):
        await ground(there).__aenter__()
    assert there.left == ["the link"]


async def test_the_vendor_s_as_this_machine_knows_it() -> None:
    there = Asynchronous()
    there.answers["look_there"] = lambda *_: looked("10.0.0.1")
    given = Overrides((parse_override("winatp-gw-neu.microsoft.com:443", "10.0.0.1"),))
    with pytest.raises(
        Refused, match=r"from paris: target origin\.test: it is at 10\.0\.0\.1, which is given to winatp"
    ):
        await ground(there, machine(there), overrides=given).look(TARGET, [ROUTE])


async def test_the_vendor_s_wherever_it_is_seen() -> None:
    there = Asynchronous()
    there.answers["look_there"] = lambda address, *_: looked("10.0.0.1", *(["the vendor's"] * address.endswith("b")))
    with pytest.raises(Refused) as caught:
        await ground(there, machine(there, "a"), machine(there, "b")).look(TARGET, [ROUTE])
    assert caught.value.lines == ["from b: the vendor's"]


async def test_a_route_works_that_works_from_everywhere() -> None:
    there = Asynchronous()
    one, two = Route("one"), Route("two")
    there.answers["look_there"] = lambda *_: looked("10.0.0.1")
    there.answers["try_there"] = lambda address, *_: (
        Preflight((one, two), (), ()) if address.endswith("a") else Preflight((one,), ("two fails",), ())
    )
    made = ground(there, machine(there, "a"), machine(there, "b"))
    await made.look(TARGET, [one, two])
    assert await made.preflight(TARGET, [one, two]) == Preflight((one,), ("from b: two fails",), ())


async def test_one_that_does_not_answer_is_a_refusal() -> None:
    there = Asynchronous()

    def lost(*_: object) -> Any:
        raise ClusterError(["the agent at tls://paris does not answer"])

    there.answers["look_there"] = lost
    with pytest.raises(Refused, match="does not answer"):
        await ground(there, machine(there)).look(TARGET, [ROUTE])
