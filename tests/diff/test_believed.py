"""Changes of speed that the prober's own machine may be all there is to, and those of which it cannot be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from prober.diff import Comparison, compare, diff_document, sides_of
from prober.diff.kinds import Kind
from prober.diff.saved import SavedEnvironment, SavedResult

from .made import result, run, sample

QUICK = (0.040, 0.041, 0.043, 0.044, 0.050)
LATE = tuple(value + 0.3 for value in QUICK)
HOSTS = [f"h{number}.example" for number in range(5)]


def way(name: str, totals: Sequence[float], egress: str = "paris", hosts: Sequence[str] = HOSTS) -> list[SavedResult]:
    samples = tuple(sample(at=number, total=total) for number, total in enumerate(totals))
    return [result(host, name, egress, samples=samples) for host in hosts]


def compared(before: list[SavedResult], after: list[SavedResult], *lags: float | None) -> Comparison:
    """Two runs in which the prober was so late."""
    runs = [
        replace(run(results), environment=None if lag is None else SavedEnvironment(lag))
        for results, lag in zip((before, after), lags, strict=True)
    ]
    return compare(sides_of([("before.json", runs[0])], [("after.json", runs[1])]))


@pytest.mark.parametrize(
    ("lags", "told"),
    [((None, None), 5), ((0.0, 0.0), 5), ((0.05, 0.05), 5), ((0.07, 0.0), 0), ((0.0, 0.07), 0), ((None, 2.0), 0)],
)
def test_a_late_prober_blames_nobody_for_what_it_may_have_done(lags: tuple[float | None, ...], told: int) -> None:
    found = compared(way("hq", QUICK), way("hq", LATE), *lags)
    assert found.kinds[Kind.SLOWER] == told
    assert found.doubted == 5 - told
    back = compared(way("hq", LATE), way("hq", QUICK), *lags)
    assert (back.kinds[Kind.FASTER], back.doubted) == (told, 5 - told)


@pytest.mark.parametrize(
    ("other", "lag", "told"),
    [
        (QUICK, 0.1, 5),
        (QUICK, 0.2, 0),
        (LATE, 0.1, 0),
        ([each + 0.05 for each in QUICK], 0.1, 0),
        ([each - 0.035 for each in QUICK], 0.1, 0),
    ],
    ids=["steady", "steady, but very late", "slower too", "a little slower too", "quicker"],
)
def test_another_way_that_did_not_change_clears_the_machine(other: Sequence[float], lag: float, told: int) -> None:
    before = [*way("hq", QUICK), *way("direct", QUICK)]
    found = compared(before, [*way("hq", LATE), *way("direct", other)], lag, lag)
    slower = {change.key[2] for change in found.changes if change.kind is Kind.SLOWER}
    assert slower == ({"hq"} if told else set())
    assert found.kinds[Kind.SLOWER] == told


def test_few_pairs_clear_nobody() -> None:
    few = way("direct", QUICK, hosts=HOSTS[:4])
    assert compared([*way("hq", QUICK), *few], [*way("hq", LATE), *few], 0.1, 0.1).changes == ()


def test_each_egress_has_its_own_machine() -> None:
    lyon = [result(host, "hq", "lyon", samples=way("hq", QUICK)[0].samples) for host in HOSTS]
    slow = way("hq", LATE, "lyon")
    late, idle = SavedEnvironment(1.0), SavedEnvironment(0.01)
    before = [replace(run(way("hq", QUICK)), environment=late), replace(run(lyon, egress="lyon"), environment=idle)]
    after = [replace(run(way("hq", LATE)), environment=late), replace(run(slow, egress="lyon"), environment=idle)]
    sides = [[(str(number), each) for number, each in enumerate(runs)] for runs in (before, after)]
    found = compare(sides_of(*sides))
    assert {change.key[0] for change in found.changes} == {"lyon"}
    assert found.doubted == 5


def test_an_egress_under_another_name_is_as_late() -> None:
    found = compared(way("hq", QUICK, "runner-1"), way("hq", LATE, "runner-2"), 0.1, 0.0)
    assert (found.changes, found.doubted) == ((), 5)


def test_what_is_not_told_is_said() -> None:
    (note,) = diff_document(compared(way("hq", QUICK), way("hq", LATE), 0.1, 0.2)).notes
    assert note.startswith("5 pairs took another time than before, but the prober itself was up to 0.20 s late")
    assert "--concurrency" in note


@pytest.mark.parametrize(
    ("waits", "told"),
    [((None, None), 5), ((0.0, 0.7), 5), ((0.0, 0.8), 0), ((0.8, 0.0), 5), ((0.0, 7.0), 0)],
    ids=["not known", "some", "much", "much in the quicker run", "edited"],
)
def test_waiting_for_a_processor_explains_what_it_may_have_stretched(
    waits: tuple[float | None, float | None], told: int
) -> None:
    """0.343 s after 0.043 s: seven times that more, where a share of 0.8 makes four times more of what is computed."""
    sides = [
        (f"{number}.json", replace(run(way("hq", totals)), environment=SavedEnvironment(0.0, wait)))
        for number, (totals, wait) in enumerate(zip((QUICK, LATE), waits, strict=True))
    ]
    found = compare(sides_of(sides[:1], sides[1:]))
    assert (found.kinds[Kind.SLOWER], found.doubted) == (told, 5 - told)
    back = compare(sides_of(sides[1:], sides[:1]))
    assert (back.kinds[Kind.FASTER], back.doubted) == (told, 5 - told)
