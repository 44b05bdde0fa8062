"""Several files on a side, and what cannot stand side by side."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from prober.diff import SidesError, compare, diff_document, sides_of
from prober.diff.saved import SavedRoute

from .made import HQ, SPARE, compared, failed, result, run


def test_files_are_one_side() -> None:
    before = [("paris.json", run([result()])), ("rome.json", run([result(egress="rome")]))]
    found = compare(sides_of(before, [("both.json", run([result(), failed(egress="rome")]))]))
    assert [(change.kind.value, change.key[0]) for change in found.changes] == [("newly-unreachable", "rome")]
    assert found.compared == 2


def test_the_same_result_twice_is_one() -> None:
    twice = [("a.json", run([result()])), ("b.json", run([result()]))]
    assert compare(sides_of(twice, twice)).compared == 1


def test_contradictions_name_both_files_all_of_them() -> None:
    results = [result("a.example"), result("b.example")]
    other = [failed("a.example"), failed("b.example")]
    with pytest.raises(SidesError) as refused:
        sides_of([("x.json", run(results)), ("y.json", run(other))], [("z.json", run([*results, *other]))])
    first, second = refused.value.errors
    assert "x.json and y.json both have id.a.example over hq from paris" in first
    assert "1 more pair" in first
    assert "z.json has id.a.example over hq from paris twice" in second


def test_the_only_egress_points_are_the_same_one() -> None:
    found = compared([result(egress="runner-17")], [failed(egress="runner-18")])
    assert [(change.kind.value, change.key[0]) for change in found.changes] == [("newly-unreachable", "runner-18")]
    (note,) = diff_document(found).notes
    assert "runner-17" in note
    assert "runner-18" in note


def test_with_several_a_name_is_a_name() -> None:
    before = [result(egress="paris"), result(egress="rome")]
    kinds = {change.kind.value for change in compared(before, [result(egress="oslo")]).changes}
    assert kinds == {"egress-gone", "egress-added"}


def test_documents_that_do_not_name_each_result_s_proxies() -> None:
    old = replace(run([result(via=None)]), routes=(SavedRoute("hq", (HQ,)),))
    new = replace(run([result(via=None)]), routes=(SavedRoute("hq", (SPARE,)),))
    found = compare(sides_of([("old", old)], [("new", new)]))
    assert [change.kind.value for change in found.changes] == ["way-changed"]
    assert compare(sides_of([("old", old)], [("whole", run([result()]))])).changes == ()


def test_an_interrupted_run_is_pointed_out() -> None:
    document = diff_document(compare(sides_of([("b", run([result()]))], [("a", run([], complete=False))])))
    assert any("Interrupted (after): a." in note for note in document.notes)
