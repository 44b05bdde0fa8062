"""The service with scripted workers and a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import pytest

from prober.config import load
from prober.engine.crew import Crew, Probed
from prober.engine.run import Pair
from prober.engine.usage import Usage
from prober.model import Failure, Observation, Reason, Stage
from prober.monitor.inforce import InForce, Shard, put_in_force
from prober.monitor.memory.store import Store
from prober.monitor.reloads import Prepared, ReloadError
from prober.monitor.rounds import AHEAD
from prober.monitor.service import Service
from prober.monitor.state import PairKey, Remembered, Transition

CATALOG = """\
service: CONTOSO
groups:
  - name: web
    targets: [{id: a, host: a.contoso.test}, {id: b, host: b.contoso.test}]
"""
A, B = ("contoso.web.a", "hq"), ("contoso.web.b", "hq")
BASE = "catalogs: [own.yaml]\negress: paris\n"
HQ = "routes: {hq: [{url: 'http://p.test:8080'}]}\nserve: {interval: 60}\n"
DENIED = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "403 Forbidden")


@dataclass
class Handed:
    pair: Pair
    begin_at: float
    done: Callable[[Probed | None], None]


@dataclass
class Assigned:
    """What the crew gives for an assignment."""

    crew: ScriptedCrew
    handed: Handed

    def cancel(self) -> None:
        if self.handed in self.crew.handed:
            self.crew.handed.remove(self.handed)


@dataclass
class ScriptedCrew:
    """Stands for worker processes: the test says what they find."""

    in_force: InForce
    handed: list[Handed] = field(default_factory=list)
    drained: float | None = None
    open: bool = False
    restarts: int = 0
    lags: Mapping[str, Any] = field(default_factory=dict)
    usages: Mapping[str, Usage] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        return len(self.handed)

    def assign(
        self, pair: Pair, begin_at: float, done: Callable[[Probed | None], None], terms: object = None
    ) -> Assigned:
        handed = Handed(pair, begin_at, done)
        self.handed.append(handed)
        return Assigned(self, handed)

    async def drain(self, grace: float) -> None:
        self.drained = grace

    async def __aenter__(self) -> Self:
        self.open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open = False


class World:
    """A service, its crews and its clock."""

    def __init__(self, folder: Path, config: str = HQ, state: Path | None = None) -> None:
        self.now = 1000.0
        self.wall = 1_700_000_000.0
        self.config = config
        self.base = BASE
        self.crews: list[ScriptedCrew] = []
        self.folder = folder
        (folder / "own.yaml").write_text(CATALOG)
        store = Store(state, history_days=90, wall=lambda: self.wall)
        self.service = Service(
            self.read(), self.read, store, make_crew=self._crew, monotonic=lambda: self.now, wall=lambda: self.wall
        )
        self.service.rounds.schedule.random.seed(4)  # the same jitter each time

    def read(self) -> InForce:
        if "broken" in self.config:
            raise ReloadError(["prober.yaml:3: broken", "and more"])
        if "buggy" in self.config:
            raise RuntimeError("no such thing as hunter2")
        (self.folder / "prober.yaml").write_text(self.base + self.config)
        return put_in_force(load(None, {}, {}), workers=1, shard=Shard())

    def _crew(self, in_force: InForce) -> Crew:
        self.crews.append(ScriptedCrew(in_force))
        return cast("Crew", self.crews[-1])

    @property
    def crew(self) -> ScriptedCrew:
        return self.crews[-1]

    def pass_to(self, moment: float) -> list[Handed]:
        """Turn as often as the service wants until `moment`; what was handed out on the way, in that order."""
        before = len(self.crew.handed)
        while True:
            wanted = self.service.turn()
            if self.now >= moment:
                return self.crew.handed[before:]
            step = min(max(wanted, 0.001), moment - self.now)
            self.now += step
            self.wall += step

    def next(self, key: PairKey) -> Handed:
        """The next time a pair is handed out."""
        for _ in range(100_000):
            for handed in self.crew.handed:
                if (handed.pair.target.id, handed.pair.route.name) == key:
                    return handed
            self.pass_to(self.now + 0.1)
        raise AssertionError(f"{key} was never handed out")

    def answer(self, key: PairKey, failure: Failure | None = None, **more: Any) -> Handed:
        """Let the next probe of a pair begin when it should and end at once."""
        handed = self.next(key)
        self.crew.handed.remove(handed)
        self.pass_to(max(self.now, handed.begin_at))
        handed.done(Probed(self.seen(handed.pair, failure, **more), begun=handed.begin_at, late=0.0))
        return handed

    def seen(self, pair: Pair, failure: Failure | None = None, **more: Any) -> Observation:
        return Observation(target=pair.target.id, route=pair.route.name, at=self.wall, failure=failure, **more)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Service]:
    async with world.service as service:
        yield service


async def test_pairs_are_handed_out_a_little_ahead_and_spread(folder: Path) -> None:
    world = World(folder)
    async with running(world):
        handed = world.pass_to(1060.0)
        assert {each.pair.target.id for each in handed} == {"contoso.web.a", "contoso.web.b"}
        world.answer(A)  # the first ones are to come soon, the next ones on their slots
        world.answer(B)
        other, later = world.answer(B).begin_at, world.answer(A).begin_at
        assert 1 < abs(other - later) < 60 + 7
        again = world.next(A)
        assert again.begin_at - later == pytest.approx(60, abs=7)
        assert world.now <= again.begin_at <= world.now + AHEAD


async def test_never_two_of_the_same_pair(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        world.pass_to(1000.0 + 60 * 10)
        assert len(world.crew.handed) == 2
        assert service.in_flight == 2
        assert service.skipped >= 16


async def test_a_failure_is_confirmed_soon_and_only_then_the_state_flips(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        world.answer(A)
        state = service.board.pairs[A]
        assert state.exported is not None
        assert state.exported.reachable is True
        first = world.answer(A, DENIED)
        failed_at = world.wall
        assert (state.exported.reachable, state.exported.last.reason) == (True, "proxy-denied")
        second = world.answer(A, DENIED)
        assert second.begin_at - first.begin_at == pytest.approx(5, abs=0.6)
        assert state.exported.reachable is False
        assert state.exported.since == pytest.approx(failed_at)
        ((_, transition),) = await service.store.transitions()
        assert (transition.before, transition.after) == ("reached", "proxy/1/proxy-denied")
        third = world.answer(A, DENIED)
        assert third.begin_at - second.begin_at > 10


async def test_one_lost_packet_changes_nothing_that_is_confirmed(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        world.answer(A)
        since = service.board.pairs[A].exported
        world.answer(A, DENIED)
        world.answer(A)
        now = service.board.pairs[A].exported
        assert since is not None
        assert now is not None
        assert (now.reachable, now.since) == (True, since.since)
        assert await service.store.transitions() == []


async def test_what_is_lost_again_and_again_is_said_and_goes_on_at_its_pace(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        world.answer(B)
        world.answer(A)
        state = service.board.pairs[A]
        moments = []
        for losses in range(1, 5):
            handed = world.next(A)
            world.crew.handed.remove(handed)
            world.pass_to(handed.begin_at)
            moments.append(world.now)
            handed.done(None)
            assert service.counters.probes_lost == losses
            assert (state.unmade is not None) is (losses > 2)
        place = 1 + service.rounds.schedule.phase_of(A) / 2
        assert moments[1] - moments[0] == pytest.approx(place, abs=0.01)
        assert moments[2] - moments[1] == pytest.approx(2 * place, abs=0.01)
        assert state.unmade is not None
        failure = state.unmade.failure
        assert failure is not None
        assert (failure.stage, failure.hop, failure.reason) == (Stage.LOCAL, 0, Reason.INTERNAL)
        assert failure.detail.startswith("the worker process ended 4 times in a row while this was probed")
        assert service.counters._probes["hq", "CONTOSO", "error"] == 2
        # for an hour: once an interval
        began = world.now
        count = service.counters.probes_lost
        while world.now < began + 3600:
            world.answer(B)
            handed = world.next(A)
            world.crew.handed.remove(handed)
            world.pass_to(handed.begin_at)
            handed.done(None)
        assert 57 <= service.counters.probes_lost - count <= 63
        world.answer(A)
        said = state.unmade
        handed = world.next(A)
        world.crew.handed.remove(handed)
        handed.done(None)
        assert state.unmade is said, "it is counted from the beginning"


async def test_the_first_look_comes_soon_and_what_is_known_keeps_its_slot(folder: Path) -> None:
    state = folder / "state.db"
    hourly = HQ.replace("60", "3600")
    first = World(folder, hourly, state=state)
    async with running(first) as service:
        slots = {key: entry.slot for key, entry in service.rounds.schedule._entries.items()}
        handed = first.pass_to(1030.0)
        assert {each.pair.target.id for each in handed} == {A[0], B[0]}
        assert abs(handed[0].begin_at - handed[1].begin_at) > 1, "spread"
        first.answer(A)
        assert {key: entry.slot for key, entry in service.rounds.schedule._entries.items()} == slots
        assert first.next(A).begin_at - first.now < 3700
    second = World(folder, hourly, state=state)
    second.wall = first.wall
    async with running(second) as service:
        handed = second.pass_to(1030.0)
        assert [each.pair.target.id for each in handed] == [B[0]], "nothing is known of it"
        # and what a reload adds is looked at as soon
        second.answer(B)
        (folder / "own.yaml").write_text(CATALOG.replace("{id: b,", "{id: c, host: c.contoso.test}, {id: b,"))
        assert await service.reload() == []
        began = second.now
        assert second.next(("contoso.web.c", "hq")).begin_at <= began + 30


async def test_another_egress_gives_other_phases(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        world.answer(A)
        world.answer(B)
        before = {key: entry.phase for key, entry in service.rounds.schedule._entries.items()}
        world.base = BASE.replace("paris", "rome")
        assert await service.reload() == []
        after = {key: entry.phase for key, entry in service.rounds.schedule._entries.items()}
        assert after.keys() == before.keys()
        assert all(after[key] != before[key] for key in before)
        assert after == {key: service.rounds.schedule.phase_of(key) for key in after}


async def test_what_was_lost_with_a_worker_is_probed_again_at_once(folder: Path) -> None:
    world = World(folder)
    async with running(world):
        handed = world.next(A)
        world.crew.handed.remove(handed)
        at = world.now
        handed.done(None)
        assert world.next(A).begin_at == pytest.approx(at + 1, abs=0.6)


async def test_a_time_out_while_the_worker_stood_still_is_no_failure_of_the_target(folder: Path) -> None:
    """Told once: what comes of the next one counts, or a machine in distress would hide a real outage."""
    slow = Failure(Stage.TLS, 0, Reason.TLS_TIMEOUT, "no end after 10 s")
    world = World(folder, HQ.replace("interval: 60", "interval: 60, confirm: 1"))
    async with running(world) as service:
        world.answer(A)
        handed = world.next(A)
        world.crew.handed.remove(handed)
        world.pass_to(handed.begin_at + 12)
        stalled = Probed(world.seen(handed.pair, slow), begun=handed.begin_at, late=0.0, stood_still=3.0)
        handed.done(stalled)
        exported = service.board.pairs[A].exported
        assert exported is not None
        assert exported.last.reached
        assert service.counters.probes_lost == 1
        again = world.next(A)
        assert again.begin_at == pytest.approx(world.now, abs=1.6)
        again.done(stalled)
        now = service.board.pairs[A].exported
        assert now is not None
        assert now.reachable is False


@pytest.mark.parametrize(
    ("failure", "stood_still"),
    [(DENIED, 9.0), (Failure(Stage.TLS, 0, Reason.TLS_TIMEOUT, "no end after 10 s"), 1.9), (None, 9.0)],
)
async def test_what_is_believed_though_the_worker_stood_still(
    folder: Path, failure: Failure | None, stood_still: float
) -> None:
    """What somebody said, and a time-out that had most of its time."""
    world = World(folder)
    async with running(world) as service:
        handed = world.next(A)
        world.crew.handed.remove(handed)
        world.pass_to(handed.begin_at + 12)
        handed.done(Probed(world.seen(handed.pair, failure), begun=handed.begin_at, late=0.0, stood_still=stood_still))
        exported = service.board.pairs[A].exported
        assert exported is not None
        assert exported.last.reached is (failure is None)
        assert service.counters.probes_lost == 0


async def test_a_bad_reload_leaves_everything_as_it_was(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    world = World(folder)
    async with running(world) as service:
        world.answer(A)
        before = service.in_force
        told: list[int] = []
        service.after_reload(lambda: told.append(1))
        world.config = "broken"
        assert await service.reload() == ["prober.yaml:3: broken", "and more"]
        assert service.in_force is before
        assert not service.reloads.successful
        assert service.reloads.errors == ("prober.yaml:3: broken", "and more")
        assert told == []
        assert "prober.yaml:3: broken" in caplog.text
        world.config = HQ
        assert await service.reload() == []
        assert service.reloads.successful
        assert told == [1]


async def test_what_is_read_beside_the_configuration_comes_into_force_with_it_or_not_at_all(folder: Path) -> None:
    world = World(folder)
    committed: list[InForce] = []
    wrong: tuple[str, ...] = ("web.yml:2: wrong",)

    async with running(world) as service:
        before = service.in_force

        async def prepare() -> Prepared:
            return Prepared(wrong, lambda: committed.append(service.in_force))

        assert await service.reload(prepare) == ["web.yml:2: wrong"]
        assert service.in_force is before, "a good configuration waits for the other file"
        assert not service.reloads.successful
        world.config = "broken"
        assert await service.reload(prepare) == ["web.yml:2: wrong", "prober.yaml:3: broken", "and more"]
        wrong = ()
        assert await service.reload(prepare) == ["prober.yaml:3: broken", "and more"]
        assert service.in_force is before
        assert committed == [], "and the other way round"
        world.config = HQ
        assert await service.reload(prepare) == []
        assert committed == [service.in_force]
        assert service.in_force is not before
        assert service.reloads.successful


async def test_what_a_reload_does_not_change_keeps_state_and_place(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        world.answer(A)
        world.answer(B)
        state = service.board.pairs[A].exported
        planned = {key: entry.planned for key, entry in service.rounds.schedule._entries.items()}
        world.config = HQ.replace("'http://p.test:8080'", "'http://svc:secret@p.test:8080'").replace(
            "interval: 60", "interval: 60, confirm: 3"
        )
        assert await service.reload() == []
        assert service.board.pairs[A].exported == state
        assert {key: entry.planned for key, entry in service.rounds.schedule._entries.items()} == planned
        password = world.next(A).pair.route.hops[0].password
        assert password is not None
        assert password.reveal() == "secret"


async def test_pairs_that_go_vanish_and_late_answers_for_them_count_for_nothing(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        world.answer(A)
        handed = world.next(A)
        world.config = HQ.replace("http://p.test:8080", "http://other.test:8080")
        assert await service.reload() == []
        assert service.board.pairs[A].exported is None
        handed.done(Probed(world.seen(handed.pair), begun=world.now, late=0.0))
        assert service.board.pairs[A].exported is None
        world.config = HQ.replace("hq:", "other:")
        assert await service.reload() == []
        assert set(service.board.pairs) == {("contoso.web.a", "other"), ("contoso.web.b", "other")}


async def test_other_settings_of_probes_bring_other_workers(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        handed = world.next(A)
        world.pass_to(handed.begin_at)
        world.config = HQ + "probe: {timeout: 3}\n"
        assert await service.reload() == []
        first, second = world.crews
        assert second.in_force.plan.probe.timeout == 3
        assert handed in first.handed
        handed.done(Probed(world.seen(handed.pair), begun=world.now, late=0.0))  # what they had begun still counts
        assert service.board.pairs[A].exported is not None
        world.next(A)
        assert second.handed
        await asyncio.sleep(0)
        assert first.drained == 10
    assert (first.open, second.open) == (False, False)


async def test_what_former_workers_have_not_begun_is_for_the_new_ones(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        handed = world.next(B)
        assert handed.begin_at - world.now > 0.1
        world.config = HQ + "probe: {timeout: 3}\n"
        assert await service.reload() == []
        first, second = world.crews
        assert first.handed == []
        assert [each.begin_at for each in second.handed] == [handed.begin_at]
        assert service.counters.probes_lost == 0
    assert (first.open, second.open) == (False, False), "although the end of the former ones had not begun"


async def test_what_former_workers_did_not_come_to_is_made_at_once_and_is_no_loss(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        handed = world.next(B)
        world.pass_to(handed.begin_at - 0.01)
        world.config = HQ + "probe: {timeout: 3}\n"
        assert await service.reload() == []
        first, second = world.crews
        assert first.handed == [handed]
        handed.done(None)
        world.pass_to(world.now + 0.1)
        assert second.handed[0].begin_at == pytest.approx(world.now, abs=0.15)
        assert [each.pair.target.id for each in second.handed] == [B[0]]
        assert service.counters.probes_lost == 0


async def test_a_pair_that_became_another_one_is_probed_in_the_place_of_the_former(folder: Path) -> None:
    world = World(folder)
    async with running(world):
        handed = world.next(B)
        assert world.crew.handed == [handed]
        world.config = HQ.replace("http://p.test:8080", "http://other.test:8080")
        assert await world.service.reload() == []
        assert world.crew.handed == [], "nobody wants to know of the former way"
        again = world.next(B)
        assert again.pair.route.hops[0].host == "other.test"
        assert again.begin_at == pytest.approx(handed.begin_at)


async def test_what_is_only_told_otherwise_keeps_what_is_under_way(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        handed = world.next(A)
        (folder / "own.yaml").write_text(CATALOG.replace("{id: a, ", "{id: a, expected: [204], "))
        assert await service.reload() == []
        assert service.in_force.pairs[0].target.expected == (204,)
        handed.done(Probed(world.seen(handed.pair), begun=world.now, late=0.0))
        assert service.board.pairs[A].exported is not None


async def test_a_bug_while_reading_is_a_failed_reload_and_the_next_one_is_heard(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(folder)
    async with running(world) as service:
        world.config = "buggy"
        (said,) = await service.reload()
        assert "RuntimeError" in said
        assert "hunter2" not in said
        assert "hunter2" in caplog.text
        assert not service.reloads.successful
        world.config = HQ
        assert await service.reload() == []
        assert service.reloads.successful


async def test_the_end_starts_nothing_and_lets_finish_what_runs(folder: Path) -> None:
    world = World(folder, HQ + "probe: {timeout: 3}\n")
    async with running(world) as service:
        assert service.ready
        watching = asyncio.get_running_loop().create_task(service.watch(), name="watch")
        service.stop()
        await watching
        assert not service.ready
        assert world.crew.drained == 10
        assert await service.reload() == ["prober is ending"]


async def test_a_restart_goes_on_where_the_last_process_ended(folder: Path) -> None:
    state = folder / "state.db"
    first = World(folder, state=state)
    async with running(first) as service:
        first.answer(A)
        first.answer(A, DENIED)
        first.answer(A, DENIED)
        before = service.board.pairs[A].exported
    assert before is not None
    second = World(folder, state=state)
    second.wall = first.wall + 30
    async with running(second) as service:
        after = service.board.pairs[A].exported
        assert after is not None
        assert (after.reachable, after.failure, after.since) == (False, before.failure, before.since)
        assert service.board.pairs[B].exported is None
        second.answer(A, DENIED)
        assert len(await service.store.transitions()) == 1


@pytest.mark.parametrize(
    ("interval", "later", "known"), [(60, 299, True), (60, 302, False), (3600, 10_700, True), (3600, 10_802, False)]
)
async def test_what_a_long_break_has_made_out_of_date_is_not_told_as_what_is_now(
    folder: Path, interval: int, later: int, known: bool
) -> None:
    """After five minutes, or three intervals; what was confirmed stays."""
    config, state = HQ.replace("60", str(interval)), folder / "state.db"
    first = World(folder, config, state=state)
    async with running(first) as service:
        first.answer(A, DENIED)
        first.answer(A, DENIED)
        last = service.board.pairs[A].last
        reach = service.board.pairs[A].reach
    assert last is not None
    second = World(folder, config, state=state)
    second.wall = last.at + later
    async with running(second) as service:
        assert (service.board.pairs[A].exported is not None) is known
        assert service.board.pairs[A].reach == reach


async def test_too_little_concurrency_for_a_standstill_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    world = World(folder, HQ.replace("60", "5") + "probe: {concurrency: 1}\n")
    async with running(world):
        assert "2 probes would be in flight, and probe.concurrency allows 1" in caplog.text


NOT_SAID = "has no state of egress"


@pytest.mark.parametrize("before", ["paris", None])
@pytest.mark.parametrize("now", ["lyon", None])
async def test_a_host_name_that_changed_leaves_the_state_behind_and_that_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, before: str | None, now: str | None
) -> None:
    """A container without a configured egress is called otherwise after each start."""

    def called(egress: str | None, host: str) -> World:
        monkeypatch.setattr("platform.node", lambda: host)
        monkeypatch.setattr(f"{__name__}.BASE", "catalogs: [own.yaml]\n" + (f"egress: {egress}\n" if egress else ""))
        return World(folder, state=folder / "prober.db")

    first = called(before, "pod-1")
    async with running(first):
        first.answer(A)
        first.answer(B)
    assert NOT_SAID not in caplog.text, "a file that knows nobody is no reason"
    async with running(called(before, "pod-1")):
        assert NOT_SAID not in caplog.text
    async with running(called(now, "pod-2")):
        said = [record.getMessage() for record in caplog.records if NOT_SAID in record.getMessage()]
    if now is not None:
        assert said == [], "who names it means it"
        return
    [line] = said
    assert "has no state of egress pod-2, only of " + (before or "pod-1") in line
    assert f"set egress to {before or 'pod-1'} (" in line


# PAC scripts

SCRIPTED = "routes: {hq: {pac: proxy.pac}}\nserve: {interval: 60, ask_scripts: 300}\n"


def script(folder: Path, answer: str) -> None:
    (folder / "proxy.pac").write_text(f"function FindProxyForURL(url, host) {{ return '{answer}'; }}")


async def test_scripts_are_asked_again_and_their_new_ways_come_into_force(folder: Path) -> None:
    script(folder, "PROXY p.test:8080; DIRECT")
    world = World(folder, SCRIPTED)
    async with running(world) as service:
        assert {pair.route.text for pair in service.in_force.pairs} == {"http://p.test:8080 else direct"}
        script(folder, "PROXY q.test:8080")
        world.pass_to(world.now + 299)
        await service._scripts.wait()
        assert {pair.route.text for pair in service.in_force.pairs} == {"http://p.test:8080 else direct"}
        world.pass_to(world.now + 2)
        await service._scripts.wait()
        assert {pair.route.text for pair in service.in_force.pairs} == {"http://q.test:8080"}
        assert len(world.crews) == 1, "the workers can go on"
        assert world.next(A).pair.route.hops[0].host == "q.test"


async def test_a_script_that_says_the_same_changes_nothing(folder: Path) -> None:
    script(folder, "PROXY p.test:8080")
    world = World(folder, SCRIPTED)
    async with running(world) as service:
        before = service.in_force
        world.pass_to(world.now + 301)
        await service._scripts.wait()
        assert service.in_force is before


async def test_a_script_that_is_gone_is_a_failure_of_its_targets(folder: Path) -> None:
    script(folder, "PROXY p.test:8080")
    world = World(folder, SCRIPTED)
    async with running(world) as service:
        (folder / "proxy.pac").unlink()
        world.pass_to(world.now + 301)
        await service._scripts.wait()
        (problem,) = {pair.route.problem for pair in service.in_force.pairs}
        assert problem is not None
        assert problem.reason is Reason.PAC_FETCH_FAILED


async def test_a_catalog_that_broke_meanwhile_leaves_the_ways_as_they_were(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script(folder, "PROXY p.test:8080")
    world = World(folder, SCRIPTED)
    async with running(world) as service:
        before = service.in_force
        (folder / "own.yaml").write_text("rubbish: [")
        world.pass_to(world.now + 301)
        await service._scripts.wait()
        assert service.in_force is before
    assert "PAC scripts could not be asked again, the ways stay as they were" in caplog.text


async def test_without_scripts_nobody_is_asked(folder: Path) -> None:
    world = World(folder)
    async with running(world) as service:
        before = service.in_force
        (folder / "own.yaml").unlink()
        world.pass_to(world.now + 2000)
        await service._scripts.wait()
        assert service.in_force is before


async def test_a_change_and_the_state_it_led_to_are_handed_over_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two a killed process would leave a history that its own states contradict."""
    world = World(folder, state=folder / "state.db")
    async with running(world) as service:
        handed: list[str] = []
        store = service.store
        remember, record = store.remember, store.record

        def state(egress: str, pairs: Sequence[Remembered]) -> None:
            handed.append("state")
            remember(egress, pairs)

        def change(changes: Sequence[Transition]) -> None:
            handed.append("change")
            record(changes)

        monkeypatch.setattr(store, "remember", state)
        monkeypatch.setattr(store, "record", change)
        world.answer(A)
        for _ in range(2):
            world.answer(A, DENIED)
        assert "change" in handed
        assert handed[handed.index("change") - 1] == "state"
        assert not service.rounds._dirty, "nothing of it waits for the next second"
