"""One line sums up what was judged."""

from __future__ import annotations

from types import ModuleType

import msgspec
import pytest

from prober.interception.verdict import Basis, Mixed, Verdict, Why, Word
from prober.model import Observation
from prober.report.build import build_result
from prober.report.document import Run
from prober.report.verdict_counts import verdict_line


def line_of(world: ModuleType, *judged: tuple[int, Verdict | None]) -> str:
    """The line of a run with these verdicts, each with its route's number."""
    results = []
    for number, (way, verdict) in enumerate(judged):
        target, route = world.targets(number + 1)[number], world.ROUTES[way]
        observation = Observation(target=target.id, route=route.name, at=0.0)
        results.append(build_result(target, route, [observation], None, "paris", verdict=verdict, facts=world.read))
    base: Run = world.run_of(world.ROUTES, 1)
    return verdict_line(msgspec.structs.replace(base, results=tuple(results)))


def test_nothing_where_nothing_was_judged(world: ModuleType) -> None:
    assert line_of(world, (0, None)) == ""


def test_bad_news_first_with_the_way_and_the_grounds(world: ModuleType) -> None:
    clean = world.clean(Basis.PROVEN, "direct")
    line = line_of(
        world,
        *[(1, clean)] * 3,
        (1, world.clean()),
        (1, Verdict(word=Word.INCONCLUSIVE, reason=Why.CLOCK)),
        (1, world.suspect(Why.WEAK, "E1")),
        *[(1, world.intercepted())] * 2,
        (0, None),
    )
    assert line == (
        "interception: 2 intercepted on hq, 1 suspect on hq, 4 clean (3 proven against direct, 1 by authority), "
        "1 inconclusive (clock)"
    )


def test_several_ways_and_mixed_are_told_apart(world: ModuleType) -> None:
    some = world.intercepted(mixed=Mixed(1, 10))
    line = line_of(world, (2, some), (1, world.intercepted()), (1, world.intercepted()))
    assert line == "interception: 3 intercepted (2 on hq, 1 on two; 1 of them at times)"
    assert line_of(world, (1, some)) == "interception: 1 intercepted on hq (1 of them at times)"


def test_several_references_are_not_named(world: ModuleType) -> None:
    line = line_of(world, (1, world.clean(Basis.PROVEN, "direct")), (0, world.clean(Basis.PROVEN, "hq")))
    assert line == "interception: 2 clean (proven)"


@pytest.mark.parametrize(
    ("basis", "said"),
    [(Basis.PINNED, "by pins"), (Basis.BASELINE, "by the baseline"), (Basis.CONVERGENCE, "by convergence")],
)
def test_every_basis_is_said(world: ModuleType, basis: Basis, said: str) -> None:
    assert line_of(world, (1, world.clean(basis))) == f"interception: 1 clean ({said})"


def test_reasons_are_counted(world: ModuleType) -> None:
    reasons = [Why.NO_TLS, Why.CLOCK, Why.NO_TLS]
    line = line_of(world, *[(0, Verdict(word=Word.INCONCLUSIVE, reason=reason)) for reason in reasons])
    assert line == "interception: 3 inconclusive (2 no-tls, 1 clock)"


def test_a_word_of_a_later_version_is_counted_under_its_name(world: ModuleType) -> None:
    run: Run = world.run_of(world.ROUTES[:1], 2, judged=True)
    results = [
        msgspec.structs.replace(
            each,
            interception=msgspec.structs.replace(each.interception, verdict="haunted"),  # type: ignore[type-var] # one
        )
        for each in run.results
    ]
    assert verdict_line(msgspec.structs.replace(run, results=tuple(results))) == "interception: 2 haunted"
