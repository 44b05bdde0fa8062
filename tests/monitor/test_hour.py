"""An hour of the service, and clocks that jump, with workers of the test's own: nothing here waits for anything."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

from prober.config import load
from prober.engine.crew import Crew, Probed
from prober.engine.run import Pair
from prober.model import Failure, Observation, Reason, Stage
from prober.monitor.inforce import InForce, Shard, put_in_force
from prober.monitor.memory.store import Store
from prober.monitor.memory.writer import TIDY
from prober.monitor.rounds import AHEAD
from prober.monitor.schedule import JITTER, SOON
from prober.monitor.service import Service
from prober.monitor.state import PairKey

HOUR = 3600.0
HOSTS = 30
REFUSED = Failure(Stage.CONNECT, 0, Reason.TCP_REFUSED, "connection refused")


class Assigned:
    def cancel(self) -> None:
        raise AssertionError("nobody takes anything back here")


class Workers:
    """Make probes that take a while, at the moments they were told."""

    restarts = 0
    in_flight = 0

    def __init__(self, days: Days) -> None:
        self.days = days
        self.lags: dict[str, object] = {}

    def assign(self, pair: Pair, begin_at: float, done: Callable[[Probed | None], None]) -> Assigned:
        assert begin_at - self.days.now <= AHEAD + 1e-6
        begun = max(begin_at, self.days.now)
        self.days.begun[pair.target.id, pair.route.name].append((begun, begun + self.days.takes))
        heapq.heappush(self.days.ends, (begun + self.days.takes, next(self.days.numbers), begun, pair, done))
        return Assigned()

    async def __aenter__(self) -> Workers:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class Days:
    """A service, and time that passes as fast as it can be reckoned."""

    def __init__(self, folder: Path, serve: str, takes: float = 0.2, state: Path | None = None) -> None:
        self.now, self.wall = 5000.25, 1_700_000_000.5
        self.takes = takes
        self.failure: Failure | None = None
        self.begun: dict[PairKey, list[tuple[float, float]]] = defaultdict(list)
        self.ends: list[tuple[float, int, float, Pair, Callable[[Probed | None], None]]] = []
        self.numbers = iter(range(10**9))
        self.turns = 0
        targets = ", ".join(f"{{id: t{number}, host: h{number}.contoso.test}}" for number in range(HOSTS))
        (folder / "own.yaml").write_text(
            f"service: CONTOSO\ngroups:\n  - name: web\n    targets: [{targets}]\n"
            "  - name: slow\n    targets: [{id: s, host: s.contoso.test}]\n"
        )
        (folder / "prober.yaml").write_text(
            f"catalogs: [{folder}/own.yaml]\negress: here\nroutes: {{direct: [], hq: [{{url: 'http://p.test'}}]}}\n"
            f"serve: {{{serve}}}\nprobe: {{concurrency: 5000}}\n"
        )
        start = put_in_force(load(folder / "prober.yaml", {}, {}), workers=1, shard=Shard())
        self.service = Service(
            start,
            lambda: start,
            Store(state, history_days=90, wall=lambda: self.wall, monotonic=lambda: self.now),
            make_crew=self._crew,
            monotonic=lambda: self.now,
            wall=lambda: self.wall,
        )

    def _crew(self, in_force: InForce) -> Crew:
        return Workers(self)  # type: ignore[return-value] # plays one

    def pass_(self, seconds: float) -> None:
        """Let time pass: a turn whenever the service wants one, and after each probe."""
        until = self.now + seconds
        while self.now < until:
            self.turns += 1
            wanted = self.now + max(self.service.turn(), 0.001)
            ending = self.ends[0][0] if self.ends else until
            step = max(0.0, min(wanted, ending, until) - self.now)
            self.now, self.wall = self.now + step, self.wall + step
            while self.ends and self.ends[0][0] <= self.now:
                _, _, begun, pair, done = heapq.heappop(self.ends)
                at = self.wall - (self.now - begun)
                seen = Observation(target=pair.target.id, route=pair.route.name, at=at, failure=self.failure)
                done(Probed(seen, begun=begun, late=0.0))


async def test_an_hour_is_even_and_does_not_drift(tmp_path: Path) -> None:
    days = Days(tmp_path, "interval: 30, intervals: {CONTOSO/slow: 600}")
    async with days.service as service:
        days.pass_(HOUR)
        intervals = service.in_force.intervals
        offset = 1_700_000_000.5 - 5000.25
        assert set(days.begun) == set(intervals)
        starts: list[float] = []
        for key, interval in intervals.items():
            moments = [begun for begun, _ in days.begun[key]]
            starts += moments
            if interval > SOON and (moments[0] + offset) / interval % 1 != pytest.approx(
                service.rounds.schedule.phase_of(key), abs=JITTER + 1e-6
            ):
                assert moments.pop(0) - 5000.25 <= SOON, "a first look, and then the slots"
            assert abs(len(moments) - HOUR / interval) <= 1
            phase = service.rounds.schedule.phase_of(key)
            for number, moment in enumerate(moments):
                slot = (moment + offset) / interval - phase
                assert abs(slot - round(slot)) <= JITTER + 1e-6, "on its place on the wall clock's axis, to the end"
                assert round(slot) - round((moments[0] + offset) / interval - phase) == number, "none is left out"
            overlapping = [1 for (_, end), (begin, _) in pairwise(days.begun[key])
                           if begin < end]  # fmt: skip
            assert not overlapping
        assert service.skipped == 0
        assert service.counters.lateness.count == len(starts) - len(days.ends)
        # even: no second has many more than its share
        share = len(starts) / HOUR
        seconds = [0] * (int(HOUR) + 2)
        for moment in starts:
            seconds[int(moment - 5000.25)] += 1
        assert max(seconds) <= share * 5
        tenths = [mean(seconds[start : start + 360]) for start in range(0, 3600, 360)]
        assert max(tenths) - min(tenths) < 0.15 * share
        assert days.turns < 4 * len(starts) + 2 * HOUR, "it does not turn in circles"


@pytest.mark.parametrize("takes", [0.05, 0.3, 0.45])
async def test_short_intervals_are_kept_as_long_as_probes_are_shorter(tmp_path: Path, takes: float) -> None:
    """Shorter than the time by which pairs are handed out beforehand: they wait for the end of the one before."""
    days = Days(tmp_path, "interval: 0.5", takes=takes)
    async with days.service as service:
        days.pass_(60)
        wanted = 120 * len(service.in_force.intervals)
        made = sum(map(len, days.begun.values()))
        assert made + service.skipped == pytest.approx(wanted, rel=0.02)
        # a moment may come up to 5 % of the interval too early for a probe that takes nine tenths of it
        assert service.skipped <= (0 if takes < 0.4 else 0.5 * wanted)


async def test_probes_longer_than_the_interval_leave_moments_out_and_say_so(tmp_path: Path) -> None:
    days = Days(tmp_path, "interval: 10", takes=12.0)
    async with days.service as service:
        days.pass_(600)
        for spans in days.begun.values():
            assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
            assert len(spans) == pytest.approx(30, abs=2), "every second moment"
        made = sum(map(len, days.begun.values()))
        assert made + service.skipped == pytest.approx(60 * len(days.begun), rel=0.05)


@pytest.mark.parametrize("jump", [400 * 86_400.0, -400 * 86_400.0, 3600.0, -3600.0, 5.0])
async def test_a_jump_of_the_wall_clock_moves_nothing(tmp_path: Path, jump: float) -> None:
    days = Days(tmp_path, "interval: 30", state=tmp_path / "state.db")
    async with days.service as service:
        days.failure = REFUSED
        days.pass_(120)
        days.failure = None
        days.pass_(120)
        pairs = len(service.in_force.intervals)
        history = await service.store.transitions(limit=1000)
        assert len(history) == pairs
        sinces = {key: state.exported and state.exported.since for key, state in service.board.pairs.items()}
        before = {key: len(spans) for key, spans in days.begun.items()}

        days.wall += jump
        days.pass_(300)
        for key, spans in days.begun.items():
            made = [begun for begun, _ in spans[before[key] :]]
            assert abs(len(made) - 10) <= 1, "nothing twice, nothing left out"
            gaps = [later - earlier for earlier, later in pairwise(made)]
            assert all(abs(gap - 30) <= 3.01 for gap in gaps)
        for key, state in service.board.pairs.items():
            assert state.exported is not None
            assert state.exported.since == sinces[key], "nothing has changed"
            assert state.exported.reachable is True
        assert service.skipped == 0

        days.pass_(TIDY + 60)  # old history is looked for, by a clock of its own
        await service.store.flush()
        assert await service.store.transitions(limit=1000) == history
        days.failure = REFUSED
        changed = days.wall
        days.pass_(60)
        for state in service.board.pairs.values():
            assert state.exported is not None
            assert state.exported.reachable is False
            assert changed - 1 <= (state.exported.since or 0) <= days.wall, "by the clock as it is now"
        assert len(await service.store.transitions(limit=1000)) == 2 * pairs
