"""The paragraph for a ticket."""

from __future__ import annotations

from types import ModuleType

import msgspec

from prober.report.causes import findings_of
from prober.report.document import HopDoc, PassedOverDoc, RouteHopDoc, Run
from prober.report.failure_document import FailureDoc
from prober.report.finding import Kind
from prober.report.paragraph import moment, paragraph_of


def text(run: Run) -> str:
    return paragraph_of(run, findings_of(run))


def test_it_says_who_what_and_why(world: ModuleType) -> None:
    said = text(world.run_of(judged=True))
    assert said.startswith(
        "From paris on 2026-11-22 01:07:03Z, prober 1.0.0 probed 57 targets over 4 routes in 8.4 s: "
        "207 of 228 pairs of target and route were reached, 21 were not;"
    )
    assert "(1) proxy hq (hop 1, http://10.0.0.6:8080) refused 15 of 57 targets with 403." in said
    assert "Interception: 51 intercepted" in said
    assert said.endswith("No probe at all for MMA.")
    assert "\n" not in said


def test_where_all_is_well_it_says_so(world: ModuleType) -> None:
    said = text(world.run_of(world.ROUTES[:1], 3))
    assert "all 3 pairs of target and route were reached. Nothing is wrong." in said


def test_an_interruption_and_several_egresses_are_named(world: ModuleType) -> None:
    run = world.run_of(world.ROUTES[:1], 3, complete=False)
    moved = tuple(msgspec.structs.replace(each, egress="lisbon") for each in run.results)
    said = text(msgspec.structs.replace(run, results=(*run.results, *moved)))
    assert said.startswith("From paris, lisbon on")
    assert "The run was interrupted" in said


def test_nothing_probed(world: ModuleType) -> None:
    assert "nothing was probed." in text(world.run_of((), 0))


def test_moments_have_no_fractions() -> None:
    assert moment("2026-11-22T01:07:03.250Z") == moment("2026-11-22T01:07:03Z") == "2026-11-22 01:07:03Z"


def test_what_breaks_nothing_is_no_cause(world: ModuleType) -> None:
    """Another way, a login: findings that are worth knowing; nothing is wrong all the same."""
    run: Run = world.run_of(world.ROUTES[:1], 3)
    refused = FailureDoc("connect", 1, "tcp-refused", "refused", "Start it.", None)
    passed = PassedOverDoc((RouteHopDoc("http", "10.0.0.6", 8080, "none"),), refused)
    results = tuple(
        msgspec.structs.replace(each, passed_over=(passed,), hops=(HopDoc(200, ("basic",), "accepted", None),))
        for each in run.results
    )
    changed = msgspec.structs.replace(run, results=results)
    assert {finding.kind for finding in findings_of(changed)} == {Kind.FALLBACK, Kind.LOGIN}
    assert "Nothing is wrong." in text(changed)
