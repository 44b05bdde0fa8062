"""Differences as JUnit: of a run that is compared with an earlier one, and of two sides of files."""

from __future__ import annotations

import io
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from msgspec.structs import replace

from prober.check.findings import DEFAULT, FailOn, finding_test
from prober.diff import DiffDoc, compare, diff_document, parse_kinds, saved_run, sides_of
from prober.diff.junit import NOTHING, WHOLE, diff_junit, differences_of
from prober.diff.saved import SavedResult
from prober.report.document import Run
from prober.report.junit import GONE, write_junit

from ..report.test_junit import HOSTILE, valid
from .made import DENIED, SISTER, failed, result, tls, told, whole_run

A, B, C = "a.example", "b.example", "c.example"


def against(before: list[SavedResult], now: list[SavedResult], text: str, words: tuple[FailOn, ...] = ()) -> Element:
    run: Run = whole_run(now)
    earlier = [("before.json", saved_run(whole_run(before)))]
    document = diff_document(compare(sides_of(earlier, [("this run", saved_run(run))])))
    stream = io.StringIO()
    write_junit(run, stream, finding_test(run, words), differences_of(document, parse_kinds(text)))
    return parsed(stream.getvalue())


def parsed(text: str) -> Element:
    root = ElementTree.fromstring(text.encode())  # noqa: S314 # our own
    valid(root)
    assert int(root.get("tests", "")) == len(root.findall(".//testcase"))
    assert int(root.get("failures", "")) == len(root.findall(".//failure"))
    return root


def failures(root: Element) -> dict[str, str]:
    """Type of each failed case, by the first word of its name."""
    cases = [case for case in root.iter("testcase") if case.find("failure") is not None]
    return {(case.get("name") or "").split()[0]: case.find("failure").get("type") or "" for case in cases}  # type: ignore[union-attr] # found above


def test_pairs_that_are_worse_fail_and_those_that_always_did_do_not() -> None:
    root = against([result(A), failed(B), result(C)], [failed(A), failed(B), result(C)], "regression")
    assert failures(root) == {"id.a.example": "newly-unreachable"}
    failure = root.find(".//failure")
    assert failure is not None
    assert "refused a.example with 403" in (failure.get("message") or "")
    lines = (failure.text or "").splitlines()
    assert lines[0] == failure.get("message")
    assert "403 Forbidden" in lines
    assert "proxy-denied (stage proxy, hop 1)" in lines


def test_words_of_the_run_count_beside_those_of_its_differences() -> None:
    before, now = [result(A), failed(B)], [failed(A), failed(B)]
    found = failures(against(before, now, "regression", DEFAULT))
    assert found == {"id.a.example": "newly-unreachable", "id.b.example": "proxy-denied"}


def test_what_was_not_asked_for_is_told_and_is_never_the_reason() -> None:
    before, sister = [result(A), result(B)], result(A, tls=tls("b", SISTER))
    root = against(before, [sister, result(B)], "regression")
    assert failures(root) == {}
    (out,) = root.iter("system-out")
    assert "issued by Microsoft Azure RSA TLS Issuing CA 08 now" in (out.text or "")
    untrusted = replace(sister, trusted=False)
    assert failures(against([replace(result(A), trusted=False)], [untrusted], "regression", (FailOn.UNTRUSTED,))) == {
        "id.a.example": "untrusted"
    }
    assert failures(against(before, [sister, result(B)], "issuing-ca-changed")) == {
        "id.a.example": "issuing-ca-changed"
    }


def test_what_is_not_probed_any_more_has_a_suite_of_its_own() -> None:
    root = against([result(A), result(B)], [result(A)], "warning")
    suite = root.findall("testsuite")[-1]
    assert suite.get("name") == GONE
    assert failures(root) == {"id.b.example": "target-gone"}
    assert failures(against([result(A), result(B)], [result(A)], "regression")) == {}


def test_two_files_have_a_case_for_each_pair_that_differs() -> None:
    document = told([result(A), result(B), result(C)], [failed(A), result(B), result(C, tls=tls("b", SISTER))])
    root = parsed(diff_junit(document, parse_kinds("regression")))
    assert [suite.get("name") for suite in root] == [WHOLE, "paris/hq"]
    assert [case.get("name") for case in root.iter("testcase")] == [
        WHOLE,
        "id.a.example a.example:443",
        "id.c.example c.example:443",
    ]
    assert failures(root) == {"id.a.example": "newly-unreachable"}
    (whole, *_) = root.iter("system-out")
    assert (whole.text or "").startswith("REGRESSION: 1 of 3 pairs")


def test_without_a_difference_there_is_a_case_that_passes() -> None:
    root = parsed(diff_junit(told([result()], [result()]), parse_kinds("any")))
    assert [case.get("name") for case in root.iter("testcase")] == [WHOLE]
    assert failures(root) == {}


def test_nothing_compared_is_a_failure() -> None:
    root = parsed(diff_junit(told([result(A)], [result(B, "direct")]), frozenset()))
    assert failures(root) == {WHOLE: NOTHING}


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_can_be_carried(text: str) -> None:
    fit = text.encode("utf-8", "replace").decode()
    denied = failed(A, failure=replace(DENIED, detail=fit, reason=fit), egress=fit)
    document: DiffDoc = told([result(A, egress=fit)], [denied])
    assert len(failures(parsed(diff_junit(document, parse_kinds("regression"))))) == 1
