"""A value is believed after it was seen several times in a row, and then since it was first seen."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.monitor.held import Held, State, Unsettled, confirmed, held_after

UP, DOWN = "up", "down"


def alike(one: str, other: str) -> bool:
    """`up` is one kind, everything else another: as with reachability."""
    return (one == UP) is (other == UP)


def is_up(value: str) -> bool:
    return value == UP


def after(state: State[str], value: str, at: float, confirm: int = 2) -> State[str]:
    return held_after(state, value, at, confirm, alike=alike, good=is_up)


def run(values: str, confirm: int = 2) -> list[str]:
    """One letter a second: u = up, others are ways to be down. What is confirmed after each, `-` = nothing."""
    state: State[str] = None
    told = []
    for at, letter in enumerate(values):
        state = after(state, UP if letter == "u" else letter, float(at), confirm)
        told.append("-" if not isinstance(state, Held) else "u" if state.value == UP else state.value)
    return told


@pytest.mark.parametrize(
    ("values", "confirm", "expected"),
    [
        ("u", 2, "u"),  # a target that answers is up at once
        ("a", 2, "-"),  # one that does not is not down yet
        ("aa", 2, "-a"),
        ("ab", 2, "-b"),  # different reasons in a row are a failure each
        ("au", 2, "-u"),
        ("uau", 2, "uuu"),  # one lost packet
        ("uaa", 2, "uua"),
        ("uab", 2, "uub"),
        ("uauau", 2, "uuuuu"),
        ("uaauu", 2, "uuaau"),
        ("uaauaa", 2, "uuaaaa"),  # one success among failures is not up
        ("uaabb", 2, "uuaab"),  # another reason, confirmed
        ("uaabab", 2, "uuaaaa"),
        ("uaabcbcb", 2, "uuaaaaaa"),  # reasons by turns: the one that was confirmed
        ("uaabcc", 2, "uuaaac"),
        ("uaaubu", 2, "uuaaaa"),  # a failure of whatever reason says that it is still down
        ("ua", 1, "ua"),
        ("a", 1, "a"),
        ("uaaaua", 4, "uuuuuu"),
        ("uaaaa", 4, "uuuua"),
        ("aaau", 4, "---u"),
    ],
)
def test_table(values: str, confirm: int, expected: str) -> None:
    assert "".join(run(values, confirm)) == expected


def test_since_is_when_it_was_first_seen_of_those_that_confirmed_it() -> None:
    state: State[str] = after(None, UP, 10.0)
    for at in (20.0, 30.0):
        state = after(state, UP, at)
    assert state == Held(UP, 10.0)
    state = after(state, DOWN, 40.0)
    assert state == Held(UP, 10.0, DOWN, 1, 40.0)
    assert state.contradicted
    state = after(state, DOWN, 45.0)
    assert state == Held(DOWN, 40.0)
    assert not state.contradicted


def test_agreement_ends_a_contradiction() -> None:
    state = after(after(Held(UP, 1.0), DOWN, 2.0), UP, 3.0)
    assert state == Held(UP, 1.0)
    state = after(after(state, DOWN, 4.0), DOWN, 5.0)
    assert state == Held(DOWN, 4.0)


def test_another_reason_is_another_value_but_no_new_outage() -> None:
    state: State[str] = Held("tcp-timeout", 100.0)
    for at in (200.0, 205.0):
        state = after(state, "tcp-refused", at)
    assert state == Held("tcp-refused", 200.0, alike_since=100.0)
    assert state.kind_since == 100.0
    for at in (300.0, 305.0):
        state = after(state, "dns-timeout", at)
    assert isinstance(state, Held)
    assert (state.since, state.kind_since) == (300.0, 100.0)
    for at in (400.0, 405.0):
        state = after(state, UP, at)
    assert isinstance(state, Held)
    assert (state.since, state.kind_since) == (400.0, 400.0)


def test_another_reason_contradicts_nothing() -> None:
    state: State[str] = after(Held("tcp-timeout", 100.0), "tcp-refused", 200.0)
    assert state == Held("tcp-timeout", 100.0, "tcp-refused", 1, 200.0, same_kind=True)
    assert not state.contradicted
    state = after(state, UP, 205.0)
    assert state == Held("tcp-timeout", 100.0, UP, 1, 205.0)
    assert state.contradicted
    assert not after(state, "tcp-refused", 210.0).contradicted  # type: ignore[union-attr] # never None


def test_a_contradiction_that_passes_keeps_since_of_its_kind() -> None:
    state: State[str] = Held("b", 200.0, alike_since=100.0)
    state = after(after(state, UP, 300.0), "b", 305.0)
    assert isinstance(state, Held)
    assert state.kind_since == 100.0


def test_a_lower_count_takes_effect_at_once() -> None:
    """A reload that asks for fewer confirmations."""
    state = after(after(Held(UP, 1.0), DOWN, 2.0, confirm=5), DOWN, 3.0, confirm=5)
    assert state == Held(UP, 1.0, DOWN, 2, 2.0)
    assert after(state, DOWN, 4.0, confirm=2) == Held(DOWN, 2.0)


def test_without_more_said_equal_is_alike_and_nothing_is_good() -> None:
    state = held_after(None, "clean", 1.0, 2)
    assert state == Unsettled("clean", 1, 1.0)
    assert state.contradicted
    assert held_after(state, "suspect", 2.0, 2) == Unsettled("suspect", 1, 2.0)
    assert confirmed(state) is None
    held = held_after(state, "clean", 2.0, 2)
    assert held == confirmed(held) == Held("clean", 1.0)


@dataclass
class Naive:
    """The whole past, looked through each time."""

    confirm: int
    seen: list[tuple[str, float]]
    value: str | None = None
    since: float = 0.0
    kind_since: float = 0.0

    def take(self, value: str, at: float) -> None:
        self.seen.append((value, at))
        if value == self.value:
            self.seen.clear()  # agreed: what came before says nothing any more
            return
        same_kind = self.value is not None and alike(self.value, value)
        row: list[tuple[str, float]] = []
        for each in reversed(self.seen):
            if each[0] != value if same_kind else not alike(each[0], value):
                break
            row.append(each)
        if len(row) < self.confirm and not (self.value is None and is_up(value)):
            return
        began = row[-1][1]
        if self.value is None or not alike(self.value, value):
            self.kind_since = at if self.value is None and is_up(value) else began
        self.value, self.since = value, (at if len(row) < self.confirm else began)
        self.seen.clear()


@settings(deadline=None)
@given(st.lists(st.sampled_from([UP, "a", "b", "c"]), max_size=40), st.integers(1, 5))
def test_against_a_naive_model(values: list[str], confirm: int) -> None:
    naive = Naive(confirm, [])
    state: State[str] = None
    for at, value in enumerate(values):
        state = after(state, value, float(at), confirm)
        naive.take(value, float(at))
        held = confirmed(state)
        assert (None if held is None else held.value) == naive.value
        if held is not None:
            assert (held.since, held.kind_since) == (naive.since, naive.kind_since)
            assert held.contradicted is bool(naive.seen and not alike(naive.seen[-1][0], held.value))


@settings(deadline=None)
@given(st.lists(st.sampled_from([UP, "a", "b"]), min_size=1, max_size=60), st.integers(1, 6))
def test_what_always_holds(values: list[str], confirm: int) -> None:
    """A change comes only after so many of its kind in a row; since never lies in the future, nor goes back."""
    state: State[str] = None
    for at, value in enumerate(values):
        before, state = confirmed(state), after(state, value, float(at), confirm)
        held = confirmed(state)
        assert before is None or held is not None
        if held is None:
            continue
        assert held.kind_since <= held.since <= at
        assert held.seen < confirm
        if before is not None and held.value != before.value:
            assert all(alike(each, held.value) for each in values[at - confirm + 1 : at + 1])
            assert held.since >= before.since
