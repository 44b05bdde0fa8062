"""When pairs are due: evenly, in phases of their own, never twice at once, whatever is asked and wherever clocks go."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from prober.monitor.schedule import JITTER, Due, Schedule

WALL = 1_790_000_000.0


def scheduled(
    intervals: dict[str, float], now: float = 0.0, *, jitter: float = 0.0, wall: float = WALL
) -> Schedule[str]:
    schedule = Schedule[str](wall - now, name="paris", jitter=jitter, random=Random(3))  # noqa: S311 # the same each time
    schedule.put(intervals, now)
    return schedule


@dataclass
class Player:
    """Runs a schedule from moment to moment; each probe takes `takes` seconds."""

    schedule: Schedule[str]
    now: float = 0.0
    takes: float = 0.0
    started: list[Due[str]] = field(default_factory=list)
    running: dict[str, float] = field(default_factory=dict)

    def play(self, until: float) -> list[Due[str]]:
        began = len(self.started)
        while True:
            moments = [at for at in (self.schedule.next_at(), *self.running.values()) if at is not None]
            if not moments or min(moments) > until:
                self.now = until
                return self.started[began:]
            self.now = max(self.now, min(moments))
            for key in [key for key, end in self.running.items() if end <= self.now]:
                del self.running[key]
                self.schedule.done(key, self.now)
            for due in self.schedule.due(self.now):
                assert due.key not in self.running
                assert due.planned <= self.now
                self.running[due.key] = self.now + self.takes
                self.started.append(due)


class TestPace:
    def test_each_key_once_an_interval(self) -> None:
        player = Player(scheduled({"a": 30.0, "b": 60.0, "c": 7.0}))
        counted = Counter(due.key for due in player.play(4200))
        assert counted == {"a": 140, "b": 70, "c": 600}

    def test_gaps_are_the_interval(self) -> None:
        moments = [due.planned for due in Player(scheduled({"a": 30.0})).play(3000)]
        assert {round(later - earlier, 6) for earlier, later in pairwise(moments)} == {30.0}

    def test_jitter_within_bounds_of_a_grid_that_stays(self) -> None:
        """Jitter does not add up: after a thousand intervals each start is as near to its slot as the first."""
        schedule = scheduled({"a": 30.0}, jitter=JITTER)
        phase = schedule.phase_of("a")
        player = Player(schedule)
        offsets = []
        for due in player.play(30.0 * 1000):
            slots = (WALL + due.planned) / 30.0 - phase
            offsets.append(slots - round(slots))
        assert len(offsets) >= 999
        assert max(map(abs, offsets)) <= JITTER + 1e-6
        assert max(offsets) > JITTER / 2
        assert min(offsets[1:]) < -JITTER / 2
        assert abs(sum(offsets) / len(offsets)) < JITTER / 5

    def test_many_keys_are_spread(self) -> None:
        """1,600 pairs in 30 s: 53 a second; no second has more than chance gives (six sigma), none is empty."""
        keys = {f"mde.c{number % 7}.t{number // 4}|route{number % 4}": 30.0 for number in range(1600)}
        player = Player(scheduled(keys, jitter=JITTER))
        player.play(30)
        counted = Counter(int(due.planned) for due in player.play(60))
        mean = 1600 / 30
        assert sum(counted.values()) == pytest.approx(1600, abs=60)
        assert max(counted.values()) < mean + 6 * math.sqrt(mean)
        assert min(counted.get(second, 0) for second in range(30, 59)) > mean - 6 * math.sqrt(mean)

    def test_the_beginning_is_spread_as_well(self) -> None:
        """No burst at the start."""
        keys = {f"t{number}": 30.0 for number in range(1600)}
        counted = Counter(int(due.planned) for due in Player(scheduled(keys, jitter=JITTER)).play(29.9))
        # who would have come just before the start, but for jitter, comes with the first second
        assert max(counted.values()) < 1600 * (1 / 30 + JITTER / 2) + 6 * math.sqrt(1600 / 30)


class TestPhase:
    @settings(deadline=None)
    @given(st.lists(st.text(max_size=8), min_size=1, max_size=20, unique=True), st.floats(0, 1e7), st.floats(1, 1e5))
    def test_it_outlives_restarts_and_company(self, keys: list[str], later: float, interval: float) -> None:
        """The same slots on the wall clock, whenever the program began and whatever else it probes."""
        alone = scheduled({keys[0]: interval})
        among = scheduled(dict.fromkeys(keys, interval), now=later % 977, wall=WALL + later)
        assert alone.phase_of(keys[0]) == among.phase_of(keys[0])
        first, second = Player(alone).play(interval * 1.5)[0], None
        for due in Player(among, now=later % 977).play(later % 977 + interval * 1.5):
            if due.key == keys[0]:
                second = due
        assert second is not None
        distance = (WALL + first.planned - (WALL + later + second.planned - later % 977)) / interval
        assert abs(distance - round(distance)) < 1e-3

    def test_places_are_out_of_step(self) -> None:
        assert Schedule[str](0.0, name="paris").phase_of("a") != Schedule[str](0.0, name="rome").phase_of("a")
        assert 0 <= Schedule[str](0.0).phase_of("\ud800") < 1


class TestReload:
    def test_what_stays_keeps_its_next_moment(self) -> None:
        """However often the configuration is read again in between."""
        schedule = scheduled({"a": 30.0, "b": 60.0}, jitter=JITTER)
        before = schedule.next_at()
        for _ in range(50):
            schedule.put({"b": 60.0, "c": 1e6, "a": 30.0}, 0.0)
            schedule.put({"a": 30.0, "b": 60.0}, 0.0)
        assert schedule.next_at() == before
        assert len(schedule) == 2

    def test_what_has_gone_does_not_come_back(self) -> None:
        player = Player(scheduled({"a": 30.0, "b": 30.0}))
        player.play(100)
        player.schedule.put({"b": 30.0}, player.now)
        assert {due.key for due in player.play(400)} == {"b"}

    def test_another_interval_counts_at_once(self) -> None:
        player = Player(scheduled({"a": 3600.0}))
        player.schedule.put({"a": 10.0}, 0.0)
        assert len(player.play(100)) == 10

    def test_a_running_key_with_another_interval_is_not_started_twice(self) -> None:
        player = Player(scheduled({"a": 30.0}), takes=25)
        player.play(30)
        assert player.running
        player.schedule.put({"a": 5.0}, player.now)
        player.play(200)  # asserts it

    def test_a_key_that_left_while_it_ran_and_came_back_still_runs(self) -> None:
        schedule = scheduled({"a": 10.0})
        (first,) = schedule.due(10.0)
        schedule.put({}, 10.0)
        schedule.put({"a": 10.0}, 10.0)
        assert schedule.due(25.0) == []
        schedule.done("a", 26.0)
        assert [due.key for due in schedule.due(40.0)] == [first.key]
        schedule.done("a", 40.0)
        schedule.put({}, 40.0)
        schedule.put({"a": 10.0}, 40.0)
        assert len(schedule.due(60.0)) == 1

    @pytest.mark.parametrize("interval", [0.0, -1.0, math.inf, math.nan])
    def test_a_wrong_interval_changes_nothing(self, interval: float) -> None:
        schedule = scheduled({"a": 30.0})
        before = schedule.next_at()
        with pytest.raises(ValueError, match="an interval must be positive: b"):
            schedule.put({"b": interval}, 0.0)
        assert len(schedule) == 1
        assert schedule.next_at() == before

    def test_the_heap_stays_small(self) -> None:
        """A thousand reloads and ten thousand confirmations with intervals of a day leave nothing behind."""
        keys = [f"t{number}" for number in range(100)]
        schedule = scheduled(dict.fromkeys(keys, 86_400.0))
        for number in range(1000):
            schedule.put(dict.fromkeys(keys, 86_400.0 - number % 2), float(number))
            for key in keys[:10]:
                schedule.hurry(key, number + 5000.0 - number / 10)
            assert len(schedule._heap) <= 2 * len(keys) + 65
        assert len(schedule) == 100


class TestHurry:
    def test_one_start_more_and_the_slots_stay(self) -> None:
        calm, hurried = Player(scheduled({"a": 100.0})), Player(scheduled({"a": 100.0}))
        slots = [due.planned for due in calm.play(1000)]
        hurried.play(slots[2] + 1)
        hurried.schedule.hurry("a", slots[2] + 5)
        assert [due.planned for due in hurried.play(1000)] == [slots[2] + 5, *slots[3:]]

    def test_twice_is_once(self) -> None:
        player = Player(scheduled({"a": 100.0}))
        slots = [due.planned for due in Player(scheduled({"a": 100.0})).play(1000)]
        player.play(slots[2] + 1)
        for seconds in (9, 7, 5, 6, 8):
            player.schedule.hurry("a", slots[2] + seconds)
        assert [due.planned for due in player.play(1000)] == [slots[2] + 5, *slots[3:]]

    def test_just_before_the_slot_and_from_within_its_jitter(self) -> None:
        player = Player(scheduled({"a": 100.0}, jitter=JITTER))
        for _ in range(20):
            (started,) = player.play(player.schedule.next_at() or 0.0)
            player.schedule.hurry("a", started.planned + 0.5)
            (again,) = player.play(started.planned + 0.5)
            assert again.planned == started.planned + 0.5
        assert len(player.started) == 40
        assert player.schedule.skipped == 0

    def test_later_than_planned_is_no_hurry(self) -> None:
        schedule = scheduled({"a": 100.0})
        before = schedule.next_at()
        schedule.hurry("a", 1e6)
        schedule.hurry("stranger", 1.0)
        assert schedule.next_at() == before

    def test_while_it_runs(self) -> None:
        """The probe under way is as good as the one asked for; no slot is said to be skipped, none is lost."""
        player = Player(scheduled({"a": 100.0}), takes=30)
        slots = [due.planned for due in Player(scheduled({"a": 100.0})).play(500)]
        player.play(slots[0] + 1)
        player.schedule.hurry("a", slots[0] + 5)
        assert [due.planned for due in player.play(500)] == slots[1:]
        assert player.schedule.skipped == 0

    def test_a_slot_that_passes_while_it_runs_is_counted(self) -> None:
        player = Player(scheduled({"a": 10.0}), takes=25)
        player.play(300)
        assert len(player.started) == 10
        assert player.schedule.skipped == 20


class TestAhead:
    """A key is handed out a little before its moment, to whoever begins it exactly then."""

    def test_as_many_and_at_the_same_moments(self) -> None:
        exactly = [due.planned for due in Player(scheduled({"a": 30.0})).play(3000)]
        schedule, now, ahead = scheduled({"a": 30.0}), 0.0, []
        while now < 3000:
            for due in schedule.due(now, 0.5):
                assert now <= due.planned <= now + 0.5
                ahead.append(due.planned)
                schedule.done("a", due.planned)
            now += 0.1
        assert ahead[: len(exactly)] == exactly

    def test_one_that_may_end_in_time_is_waited_for(self) -> None:
        schedule = scheduled({"a": 10.0})
        (first,) = schedule.due(10.0)
        moment = schedule.next_at()
        assert moment is not None
        assert schedule.due(moment - 0.4, 0.5) == []
        assert schedule.next_at() is None
        assert schedule.done("a", moment - 0.2) is True
        assert [due.planned for due in schedule.due(moment - 0.2, 0.5)] == [moment]
        assert first.planned < moment
        assert schedule.skipped == 0

    @pytest.mark.parametrize("looked", [True, False])
    def test_and_left_out_when_it_does_not(self, looked: bool) -> None:
        """Whether or not somebody asked what is due in between."""
        schedule = scheduled({"a": 10.0})
        schedule.due(10.0)
        moment = schedule.next_at()
        assert moment is not None
        assert schedule.due(moment - 0.4, 0.5) == []
        if looked:
            assert schedule.due(moment + 0.1, 0.5) == []
        assert schedule.done("a", moment + 0.2) is False
        assert schedule.skipped == 1
        assert [due.planned for due in schedule.due(moment + 9.8, 0.5)] == [pytest.approx(moment + 10)]

    def test_a_confirmation_that_waited_in_vain_is_no_slot_skipped(self) -> None:
        schedule = scheduled({"a": 100.0})
        (first,) = schedule.due(100.0)
        schedule.hurry("a", 105.0)
        assert schedule.due(104.8, 0.5) == []
        assert schedule.done("a", 106.0) is False
        assert schedule.skipped == 0
        assert schedule.next_at() == pytest.approx(first.planned + 100)

    def test_gone_while_it_waited(self) -> None:
        schedule = scheduled({"a": 10.0})
        schedule.due(10.0)
        moment = schedule.next_at()
        assert moment is not None
        assert schedule.due(moment - 0.4, 0.5) == []
        schedule.put({}, moment - 0.3)
        assert schedule.done("a", moment - 0.2) is False
        assert schedule.due(moment + 100, 0.5) == []


class TestClocks:
    @settings(deadline=None)
    @given(st.floats(0, 1e7))
    def test_what_was_missed_is_not_made_up_for(self, pause: float) -> None:
        """After a pause (a suspended machine) each key starts once, then goes on as before."""
        player = Player(scheduled({"a": 30.0, "b": 50.0}))
        player.play(100)
        player.now += pause
        late = player.schedule.due(player.now)
        assert len(late) == len({due.key for due in late}) <= 2
        for due in late:
            player.schedule.done(due.key, player.now)
        player.started.clear()
        after = player.play(player.now + 3000)
        assert sum(due.key == "a" for due in after) in (99, 100, 101)

    def test_the_most_overdue_comes_first(self) -> None:
        schedule = scheduled({f"t{number}": 30.0 for number in range(200)})
        planned = [due.planned for due in schedule.due(30.0)]
        assert planned == sorted(planned)
        assert len(planned) == 200

    @settings(deadline=None)
    @given(st.floats(-2e9, 1e10), st.floats(0.1, 86_400))
    def test_whatever_the_wall_clock_said_at_the_start(self, wall: float, interval: float) -> None:
        player = Player(scheduled({"a": interval}, wall=wall, jitter=JITTER))
        started = player.play(interval * 10)
        assert len(started) in (9, 10, 11)
        assert all(due.planned >= 0 for due in started)

    def test_confirmations_between_two_slots_are_bounded(self) -> None:
        player = Player(scheduled({"a": 600.0}))
        first = player.play(600)[0].planned
        player.started.clear()
        while player.now < first + 5 * 600 - 10:
            player.schedule.hurry("a", player.now + 5, most=3)
            player.play(player.now + 5)
        assert len(player.started) == 4 * (1 + 3)

    def test_what_is_hurried_for_other_reasons_is_not_held_back(self) -> None:
        player = Player(scheduled({"a": 600.0}))
        for _ in range(20):
            player.schedule.hurry("a", player.now + 1)
            player.play(player.now + 1)
        assert len(player.started) >= 20

    def test_the_first_start_is_soon_and_the_slots_stay(self) -> None:
        keys = [f"t{number}" for number in range(300)]
        plain, schedule = scheduled(dict.fromkeys(keys, 3600.0)), scheduled(dict.fromkeys(keys, 3600.0))
        for key in keys:
            schedule.soon(key, 0.0)
        started = Player(schedule).play(30.0)
        assert {due.key for due in started} == set(keys)
        tenths = Counter(int(due.planned // 3) for due in started)
        assert min(tenths[tenth] for tenth in range(10)) >= 10, "spread"
        later = {due.key: due.planned for due in Player(schedule, now=30.0).play(3630.0)}
        assert later == pytest.approx({due.key: due.planned for due in Player(plain).play(3600.0)} | later)
        assert len(later) == 300

    def test_soon_is_within_a_short_interval(self) -> None:
        schedule = scheduled({"a": 4.0})
        schedule.soon("a", 0.0)
        assert Player(schedule).play(4.0)[0].planned <= 4.0

    def test_another_name_moves_all_and_forgets_nobody_that_runs(self) -> None:
        schedule = scheduled({"a": 60.0, "b": 60.0})
        (due,) = schedule.due(schedule.next_at() or 0.0)
        before = {key: schedule.phase_of(key) for key in "ab"}
        schedule.put({"a": 60.0, "b": 60.0}, due.planned, name="rome")
        assert all(schedule.phase_of(key) != before[key] for key in "ab")
        at = schedule.next_at()
        assert at is not None
        started = {each.key for each in schedule.due(due.planned + 60)}
        assert started == {"a", "b"} - {due.key}, "it still runs"
        planned = schedule.next_at()
        schedule.put({"a": 60.0, "b": 60.0}, due.planned + 60, name="rome")
        assert schedule.next_at() == planned, "the same name moves nobody"

    def test_nothing_to_do(self) -> None:
        schedule = scheduled({})
        assert schedule.next_at() is None
        assert schedule.due(1e9) == []


class Anything(RuleBasedStateMachine):
    """Reloads, confirmations, ends and time in any order."""

    KEYS = ("a", "b", "c", "d")

    @initialize(jitter=st.sampled_from([0.0, JITTER]))
    def begin(self, jitter: float) -> None:
        self.now = 0.0
        self.schedule = Schedule[str](WALL, jitter=jitter, random=Random(1))  # noqa: S311 # the same each time
        self.intervals: dict[str, float] = {}
        self.running: set[str] = set()
        self.last: dict[str, float] = {}
        self.hurried: set[str] = set()

    @rule(intervals=st.dictionaries(st.sampled_from(KEYS), st.sampled_from([1.0, 7.0, 60.0])))
    def put(self, intervals: dict[str, float]) -> None:
        self.schedule.put(intervals, self.now)
        for key in self.KEYS:
            if self.intervals.get(key) != intervals.get(key):
                self.last.pop(key, None)
                self.hurried.discard(key)
        self.intervals = intervals

    @rule(key=st.sampled_from(KEYS), after=st.floats(0, 10))
    def hurry(self, key: str, after: float) -> None:
        self.schedule.hurry(key, self.now + after)
        self.hurried.add(key)

    @rule(seconds=st.floats(0, 100), ahead=st.sampled_from([0.0, 0.5, 5.0]))
    def time(self, seconds: float, ahead: float) -> None:
        self.now += seconds
        for due in self.schedule.due(self.now, ahead):
            assert due.key in self.intervals
            assert due.key not in self.running
            assert due.planned <= self.now + ahead
            self.running.add(due.key)
            if due.key in self.last and due.key not in self.hurried:
                least = (1 - 2 * self.schedule.jitter) * self.intervals[due.key]
                assert due.planned - self.last[due.key] >= least - 1e-6
            self.last[due.key] = due.planned
            if self.schedule.jitter or due.key in self.hurried:
                self.last.pop(due.key)  # a late start, or one in between, may be followed by a slot that is near
            self.hurried.discard(due.key)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(key)
        self.schedule.done(key, self.now)

    @invariant()
    def something_is_planned_for_everyone(self) -> None:
        assert len(self.schedule) == len(self.intervals)
        assert len(self.schedule._behind) <= len(self.schedule._heap) + len(self.running) + 64
        following = self.schedule.next_at()
        if following is None:
            assert set(self.intervals) <= self.running  # each waits for its own end
        else:
            ahead = 5.0  # of what was handed out before its moment, the next one counts
            assert following <= self.now + ahead + max(self.intervals.values()) * (1 + 2 * JITTER) + 1e-6
        assert len(self.schedule._heap) <= 2 * len(self.intervals) + 65


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
