from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from prober.engine.admission import Admission, Pace

ROUTES = st.sampled_from(["direct", "hq"])
HOSTS = st.sampled_from(["a", "b", "c"])
LIMIT = st.integers(1, 3)


@dataclass
class Model:
    """The same, naively: looks through everything that waits."""

    total: int
    per_route: int
    per_host: int
    waiting: dict[tuple[str, str], deque[int]] = field(default_factory=dict)
    running: Counter[tuple[str, str]] = field(default_factory=Counter)

    def admissible(self) -> set[tuple[str, str]]:
        """Keys whose next item every limit allows."""
        if self.running.total() >= self.total:
            return set()
        routes: Counter[str] = Counter()
        hosts: Counter[str] = Counter()
        for (route, host), count in self.running.items():
            routes[route] += count
            hosts[host] += count
        return {
            key
            for key, queue in self.waiting.items()
            if queue and routes[key[0]] < self.per_route and hosts[key[1]] < self.per_host
        }


class AgainstModel(RuleBasedStateMachine):
    """Any order of adding, taking and giving back."""

    @initialize(total=st.integers(2, 6), per_route=LIMIT, per_host=LIMIT)
    def begin(self, total: int, per_route: int, per_host: int) -> None:
        self.model = Model(total, per_route, per_host)
        self.admission: Admission[int] = Admission(total=total, per_route=per_route, per_host=per_host)
        self.number = 0

    @rule(route=ROUTES, host=HOSTS)
    def add(self, route: str, host: str) -> None:
        self.model.waiting.setdefault((route, host), deque()).append(self.number)
        self.admission.add(self.number, route, host)
        self.number += 1

    @rule(count=st.integers(1, 8))
    def take(self, count: int) -> None:
        for _ in range(count):
            self._take_one()

    def _take_one(self) -> None:
        admissible = self.model.admissible()
        taken = self.admission.next()
        if taken is None:
            assert not admissible, f"idle although {admissible} could run"
            return
        item, route, host = taken
        assert (route, host) in admissible
        assert item == min(self.model.waiting[key][0] for key in admissible), "the first of all that may start"
        assert item == self.model.waiting[route, host].popleft(), "order within a route and host"
        self.model.running[route, host] += 1

    @precondition(lambda self: self.model.running.total() > 0)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.model.running.elements())))
        self.model.running[key] -= 1
        self.admission.release(*key)

    @invariant()
    def idle_limits_are_forgotten(self) -> None:
        """Fed for ever, it must not remember every host there ever was."""
        busy = set(self.model.running.elements()) | {key for key, queue in self.model.waiting.items() if queue}
        assert set(self.admission._routes) <= {route for route, _ in busy}
        assert set(self.admission._hosts) <= {host for _, host in busy}

    @invariant()
    def counts(self) -> None:
        assert self.admission.waiting == sum(map(len, self.model.waiting.values()))
        assert self.admission.in_flight == self.model.running.total()


@given(st.lists(st.tuples(ROUTES, HOSTS), max_size=60), st.integers(1, 8), LIMIT, LIMIT)
@settings(max_examples=100, deadline=None)
def test_everything_is_served_in_order_within_its_key(
    work: list[tuple[str, str]], total: int, per_route: int, per_host: int
) -> None:
    admission: Admission[int] = Admission(total=total, per_route=per_route, per_host=per_host)
    for number, key in enumerate(work):
        admission.add(number, *key)
    running: deque[tuple[str, str]] = deque()
    served: list[int] = []
    while admission.waiting or admission.in_flight:
        while (taken := admission.next()) is not None:
            served.append(taken[0])
            running.append(taken[1:])
            assert len(running) <= total
            assert max(Counter(route for route, _ in running).values()) <= per_route
            assert max(Counter(host for _, host in running).values()) <= per_host
        assert running, "nothing runs and nothing may start"
        admission.release(*running.popleft())
    assert sorted(served) == list(range(len(work)))
    for key in set(work):
        mine = [number for number in served if work[number] == key]
        assert mine == sorted(mine)


def test_a_busy_host_does_not_hold_up_its_route() -> None:
    """Work that a route's limit held back and that its host then holds back, too, passes its place on."""
    admission: Admission[str] = Admission(total=10, per_route=1, per_host=1)
    admission.add("slow", "other", "busy")
    admission.add("first", "hq", "free")
    assert admission.next() == ("slow", "other", "busy")
    assert admission.next() == ("first", "hq", "free")
    admission.add("blocked", "hq", "busy")
    admission.add("second", "hq", "idle")
    assert admission.next() is None
    admission.release("hq", "free")
    assert admission.next() == ("second", "hq", "idle")


@given(st.lists(st.tuples(ROUTES, HOSTS), max_size=60))
@settings(max_examples=50, deadline=None)
def test_without_limits_that_hold_the_order_is_the_one_given(work: list[tuple[str, str]]) -> None:
    admission: Admission[int] = Admission(total=60, per_route=60, per_host=60)
    for number, key in enumerate(work):
        admission.add(number, *key)
    assert [taken[0] for taken in iter(admission.next, None)] == list(range(len(work)))


def test_without_work_nothing_is_admitted() -> None:
    admission: Admission[str] = Admission(total=1, per_route=1, per_host=1)
    assert admission.next() is None
    admission.add("one", "direct", "a")
    admission.add("two", "direct", "b")
    assert admission.next() == ("one", "direct", "a")
    assert admission.next() is None
    admission.release("direct", "a")
    assert admission.next() == ("two", "direct", "b")


def test_a_pace() -> None:
    pace = Pace(10)
    assert pace.wait(100.0) == 0
    pace.start(100.0)
    assert pace.wait(100.0) == pytest.approx(0.1)
    assert pace.wait(100.04) == pytest.approx(0.06)
    assert pace.wait(100.1001) == 0
    pace.start(105.0)
    pace.start(105.0)
    assert pace.wait(105.0) == pytest.approx(0.2), "starts in advance queue up, lost time does not"
    free = Pace(None)
    free.start(100.0)
    assert free.wait(0.0) == 0


TestAgainstModel = AgainstModel.TestCase
TestAgainstModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
