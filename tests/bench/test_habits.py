"""Inspection from run to run: what no single run shows."""

from __future__ import annotations

from collections.abc import Callable

from prober.bench.flips import MOST, Finding, Flip
from prober.bench.habits import Habits
from prober.bench.profiles import steady
from prober.load.slices import Measured
from prober.load.words import Load, Workload
from tests.bench.simulated import Proxy

from .test_flips import INSPECTION, OWN, SISTER

LOAD = Load(workload=Workload.HANDSHAKE, phases=steady(100, 4), seed=1)
FEW = Load(workload=Workload.HANDSHAKE, phases=steady(1, 4, ramp=0.0), seed=1)
Key = Callable[[float], tuple[str, str]]


def run(key: Key, load: Load = LOAD) -> Measured:
    return Proxy(0.001, servers=50, key=key).run(load)


def told(*keys: Key, null: bool = True, route: str = "hq") -> list[tuple[Finding, ...]]:
    """What is said of one run after the other."""
    habits = Habits()
    if null:
        habits.null(run(lambda _: OWN))
    return [habits.saw(route, 3 + place, f"step at {100 + place}/s", LOAD, run(key)) for place, key in enumerate(keys)]


def inspected(_: float) -> tuple[str, str]:
    return INSPECTION


def untouched(_: float) -> tuple[str, str]:
    return OWN


def test_fails_open_between_two_runs() -> None:
    first, second = told(inspected, untouched)
    assert [each.kind for each in first] == [Flip.INTERCEPTED]
    (gone,) = second
    assert (gone.kind, gone.before) == (Flip.FAILS_OPEN, 3)
    assert gone.second is not None
    assert gone.rate is not None
    assert gone.count == gone.of > 400
    assert gone.text.startswith("Run 4 (step at 100/s) was inspected; in run 5 (step at 101/s) it stopped inspecting")
    assert f"at {gone.rate:,.0f}/s offered" in gone.text


def test_it_is_said_once_for_each_turn() -> None:
    found = told(inspected, untouched, untouched, inspected, untouched)
    kinds = [[each.kind for each in seen if each.before is not None] for seen in found]
    assert kinds == [[], [Flip.FAILS_OPEN], [], [Flip.BEGINS], [Flip.FAILS_OPEN]]
    back = found[3][-1]
    assert "was not inspected; in run 7 (step at 103/s)" in back.text
    assert "Contoso Inspection CA" in back.text


def test_open_from_within_the_first_handshakes_is_a_change_too() -> None:
    """Within the run it is mixed from the start, which has no second."""
    _, second = told(inspected, lambda moment: INSPECTION if int(moment * 1e3) % 4 == 0 else OWN)
    assert [each.kind for each in second] == [Flip.MIXED, Flip.FAILS_OPEN]
    assert second[1].second is not None
    assert 0 < second[1].count < second[1].of


def test_what_a_run_says_itself_is_not_said_again() -> None:
    _, second = told(inspected, lambda moment: INSPECTION if moment < 5 else OWN)
    assert [(each.kind, each.before) for each in second] == [(Flip.FAILS_OPEN, None)]


def test_always_the_same_is_no_change() -> None:
    assert all(each.before is None for seen in told(inspected, inspected, inspected) for each in seen)
    assert told(untouched, lambda _: SISTER, untouched) == [(), (), ()]


def test_a_farm_that_is_mixed_has_no_habit() -> None:
    def mixed(moment: float) -> tuple[str, str]:
        return INSPECTION if int(moment * 100) % 3 else OWN

    assert [[each.kind for each in seen] for seen in told(mixed, mixed)] == [[Flip.MIXED]] * 2
    assert [[each.kind for each in seen] for seen in told(mixed, untouched)] == [[Flip.MIXED], []]


def test_routes_do_not_answer_for_one_another() -> None:
    habits = Habits()
    habits.null(run(untouched))
    habits.saw("a", 1, "run at 100/s", LOAD, run(inspected))
    assert habits.saw("b", 2, "run at 100/s", LOAD, run(untouched)) == ()


def test_a_handful_of_handshakes_is_no_habit() -> None:
    habits = Habits()
    habits.null(run(untouched))
    habits.saw("a", 1, "step at 1/s", FEW, run(inspected, FEW))
    assert habits.saw("a", 2, "step at 100/s", LOAD, run(untouched)) == ()


def test_every_null_run_adds_to_what_is_known() -> None:
    habits = Habits()
    habits.null(run(untouched))
    habits.null(run(lambda _: INSPECTION))  # two unlike authorities at the target itself
    assert habits.saw("a", 1, "run at 100/s", LOAD, run(untouched)) == ()
    assert habits.saw("a", 2, "run at 100/s", LOAD, run(inspected)) == ()


def test_without_a_null_run_another_authority_is_a_change_without_a_direction() -> None:
    first, second, third = told(inspected, untouched, inspected, null=False)
    assert first == ()
    (changed,) = second
    assert (changed.kind, changed.before) == (Flip.ISSUER_CHANGED, 3)
    assert "In run 5 (step at 101/s)" in changed.text
    assert "run 4 (step at 100/s)" in changed.text
    assert "Contoso Issuing CA" in changed.text
    assert third == ()  # nothing that was not seen before


def test_changes_are_bounded() -> None:
    found = told(*[inspected, untouched] * (MOST + 2))
    assert sum(each.before is not None for seen in found for each in seen) == MOST
