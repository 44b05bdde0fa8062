"""JUnit XML: by the schema that most readers follow, complete, and with nothing in it that XML could not carry."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.check.findings import DEFAULT, FailOn, finding_test
from prober.report.document import PassedOverDoc, Result, Run
from prober.report.failure_document import FailureDoc
from prober.report.junit import UNPROBED, write_junit
from prober.report.revocation_document import RevocationDoc


@dataclass(frozen=True)
class Kind:
    """An element of the schema: attributes it must and may have, children in any order."""

    must: frozenset[str]
    may: frozenset[str]
    children: frozenset[str]
    text: bool = False


def kind(must: str = "", may: str = "", children: str = "", *, text: bool = False) -> Kind:
    return Kind(frozenset(must.split()), frozenset(may.split()), frozenset(children.split()), text)


# Jenkins' junit-10.xsd to the letter, and as `must` what Ant's schema asks for beyond it. Elements and attributes that
# other versions of it have are not in it: what is written here is read everywhere.
SCHEMA: Final = {
    "testsuites": kind("", "name time tests failures errors", "testsuite"),
    "testsuite": kind(
        "name tests failures errors time timestamp hostname id package", "skipped group file log url",
        "testsuite properties testcase system-out system-err",
    ),
    "testcase": kind("name classname time", "group", "skipped error failure system-out system-err"),
    "failure": kind("", "type message", text=True),
    "skipped": kind("", "type message", text=True),
    "system-out": kind(text=True),
}  # fmt: skip
NUMBERS: Final = {"tests", "failures", "errors", "skipped", "id"}


def valid(element: Element) -> None:
    rule = SCHEMA[element.tag]
    assert rule.must <= set(element.attrib) <= rule.must | rule.may, element.tag
    assert rule.text or not (element.text or "").strip()
    assert not (element.tail or "").strip()
    for name, value in element.attrib.items():
        if name in NUMBERS:
            assert re.fullmatch(r"\d+", value)
        elif name == "time":
            # Its pattern has ( … )*, so any number of digits; Ant's is an xs:decimal. Without commas both hold.
            assert re.fullmatch(r"\d+\.\d+", value)
        elif name == "timestamp":
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value), "ISO8601_DATETIME_PATTERN"
    children = [each.tag for each in element]
    assert set(children) <= rule.children
    assert sum(tag in ("skipped", "failure", "error") for tag in children) <= 1
    for each in element:
        valid(each)
    if element.tag == "testsuite":
        assert int(element.get("tests", "")) == len(element.findall("testcase"))
        assert int(element.get("failures", "")) == len(element.findall("testcase/failure"))
        assert int(element.get("skipped", "")) == len(element.findall("testcase/skipped"))
        names = [(case.get("classname"), case.get("name")) for case in element.findall("testcase")]
        assert len(names) == len(set(names))


def tree(run: Run, fail_on: tuple[FailOn, ...] = DEFAULT) -> Element:
    stream = io.StringIO()
    write_junit(run, stream, finding_test(run, fail_on))
    root = ElementTree.fromstring(stream.getvalue().encode())  # noqa: S314 # our own
    valid(root)
    assert root.tag == "testsuites"
    assert int(root.get("tests", "")) == len(root.findall(".//testcase"))
    assert int(root.get("failures", "")) == len(root.findall(".//failure"))
    return root


def test_a_suite_for_each_route_and_a_case_for_each_target(world: ModuleType) -> None:
    run = world.run_of(judged=True)
    suites = tree(run).findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["direct", "hq", "two", "inspected", UNPROBED]
    assert [suite.get("tests") for suite in suites] == ["57", "57", "57", "57", "4"]
    assert [suite.get("id") for suite in suites] == ["0", "1", "2", "3", "4"]
    case = suites[0].find("testcase")
    assert case is not None
    assert (case.get("classname"), case.get("name")) == (
        "direct.MDE.WW",
        "mde.group.0 https://ww-0.mde.example.com:443/ping",
    )


def test_what_fails_is_what_was_asked_for(world: ModuleType) -> None:
    run = world.run_of(judged=True)
    for words in (DEFAULT, (), (FailOn.UNTRUSTED, FailOn.SUSPECT), (FailOn.UNEXPECTED_STATUS,)):
        wanted = [result for result in run.results if finding_test(run, words)(result)]
        assert len(tree(run, words).findall(".//failure")) == len(wanted)


def test_a_failure_says_what_why_and_what_to_do(world: ModuleType) -> None:
    suite = tree(world.run_of(judged=True)).findall("testsuite")[1]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "proxy-denied"
    assert failure.get("message") == "not reached: proxy-denied (stage proxy, hop 1)"
    lines = (failure.text or "").splitlines()
    assert lines[1] == "403 Forbidden; X-Squid-Error: ERR_ACCESS_DENIED 0"
    assert lines[2].startswith("Allow ww-0.mde.example.com")
    assert lines[3] == "Windows shows about 0x80190193 HTTP_E_STATUS_FORBIDDEN"


def test_an_interception_has_its_evidence(world: ModuleType) -> None:
    suite = tree(world.run_of(judged=True)).findall("testsuite")[3]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "intercepted"
    assert "signed by CN=Corp Inspection CA" in (failure.get("message") or "")
    assert "E3 6 the certificate's key" in (failure.text or "")
    assert "not trusted: cert-untrusted" in (failure.text or "")


def test_what_is_odd_and_not_asked_for_is_told_without_failing(world: ModuleType) -> None:
    run = world.run_of(judged=True)
    out = [each.text for each in tree(run).findall(".//system-out")]
    assert "status 503 where 200 is documented" in out
    assert any("suspect (weak-evidence)" in (each or "") for each in out)


def test_what_was_left_out_is_skipped_with_its_reason(world: ModuleType) -> None:
    messages = [each.get("message") for each in tree(world.run_of()).findall(".//skipped")]
    assert messages[0] == "needs a value for {workspace} (--set workspace=NAME)"
    assert messages[-1] == "is a wildcard"


def test_without_results_it_is_a_document_too(world: ModuleType) -> None:
    run = world.run_of((), 0)
    assert tree(msgspec.structs.replace(run, skipped=())).findall("testsuite") == []


def poisoned(result: Result, text: str) -> Result:
    assert result.failure is not None
    failure: FailureDoc = msgspec.structs.replace(result.failure, detail=text, hint=text, reason=text)
    target = msgspec.structs.replace(result.target, host=text, service=text, geography=text)
    return msgspec.structs.replace(result, failure=failure, target=target)


HOSTILE = (
    "]]>",
    "</failure><failure>",
    "&amp;&x;",
    "\"' a='b",
    "\x00\x0b\x1b[31m",
    "\ufffe\uffff",
    "\ud800",
    "<!--",
    "\u202e",
    "a\nb\rc",
)


@given(st.sampled_from(HOSTILE) | st.text())
def test_any_text_can_be_carried(text: str) -> None:
    (failed,) = _FAILED
    run = msgspec.structs.replace(_RUN[0], results=(poisoned(failed, text),), egress=text or "x")
    case = tree(run).find("testsuite/testcase/failure")
    assert case is not None


_RUN: list[Run] = []
_FAILED: list[Result] = []


@pytest.fixture(autouse=True, scope="module")
def _a_failed_result(world: ModuleType) -> None:
    run: Run = world.run_of(world.ROUTES[:2], 4)
    failed = next(result for result in run.results if result.failure is not None)
    _RUN[:] = [msgspec.structs.replace(run, summary=run.summary)]
    _FAILED[:] = [failed]


def broken(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<testcase classname=", "<testcase flaky='1' classname="),
        (' hostname="paris"', ""),
        ('errors="0"', 'errors="none"'),
        ('time="', 'time="1,0'),
        ("<failure ", "<failed "),
        ('tests="57"', 'tests="58"'),
        ('T01:07:03"', 'T01:07:03Z"'),
        ("</testsuite>", "words</testsuite>"),
    ],
)
def test_the_check_sees_what_is_wrong(world: ModuleType, old: str, new: str) -> None:
    """The premise of the other tests."""
    stream = io.StringIO()
    run = world.run_of(judged=True)
    write_junit(run, stream, finding_test(run, DEFAULT))
    text = broken(stream.getvalue(), old, new)
    if new == "<failed ":
        text = broken(text, "</failure>", "</failed>")
    with pytest.raises((AssertionError, KeyError)):
        valid(ElementTree.fromstring(text.encode()))  # noqa: S314 # our own


def test_suites_of_several_egress_points_carry_their_own_names(world: ModuleType) -> None:
    run = world.run_of()
    other = tuple(msgspec.structs.replace(each, egress="rome") for each in run.results if each.route == "hq")
    suites = tree(msgspec.structs.replace(run, results=(*run.results, *other))).findall("testsuite")
    told = [(suite.get("name"), suite.get("hostname"), suite.get("tests")) for suite in suites]
    assert told[0] == ("paris/direct", "paris", "57")
    assert told[4] == ("rome/hq", "rome", "57")
    assert [suite.get("id") for suite in suites] == ["0", "1", "2", "3", "4", "5"]
    case = suites[4].find("testcase")
    assert case is not None
    assert (case.get("classname") or "").startswith("rome/hq.")


def test_every_line_is_bounded(world: ModuleType) -> None:
    run = msgspec.structs.replace(_RUN[0], results=(poisoned(_FAILED[0], "x" * 100_000),))
    stream = io.StringIO()
    write_junit(run, stream, finding_test(run, DEFAULT))
    assert len(stream.getvalue()) < 40_000


def test_revocation_other_ways_and_bare_handshakes_are_told(world: ModuleType) -> None:
    """What stands in system-out beside the verdicts."""
    good = next(each for each in _RUN[0].results if each.reachable and each.target.scheme == "https")
    failure = _FAILED[0].failure
    assert failure is not None
    lost = msgspec.structs.replace(failure, stage="http", hop=0, reason="revocation-unreachable", detail="no answer")
    gone = msgspec.structs.replace(lost, reason="cert-revoked", detail="keyCompromise")
    results = (
        msgspec.structs.replace(good, revocation=RevocationDoc(False, lost, gone, "direct", ())),
        msgspec.structs.replace(
            good,
            target=msgspec.structs.replace(good.target, id="other", scheme="tls", path="/"),
            passed_over=(PassedOverDoc(via=(), failure=failure),),
        ),
    )
    first, second = tree(msgspec.structs.replace(_RUN[0], results=results)).findall(".//testcase[system-out]")
    assert (first.findtext("system-out") or "").splitlines()[0] == "revoked: cert-revoked (stage http, target)"
    assert "revocation out of reach: revocation-unreachable" in (first.findtext("system-out") or "")
    assert (second.get("name") or "").endswith(f"tls://{good.target.host}:443")
    assert (second.findtext("system-out") or "").startswith("another way was taken: proxy-denied")
