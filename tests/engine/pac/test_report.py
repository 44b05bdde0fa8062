"""The process of a script may be anybody's by now: what comes from it is read with distrust."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from prober.engine.pac.answers import PacCall
from prober.engine.pac.framing import LIBRARY_AFTER
from prober.engine.pac.limits import Limits
from prober.engine.pac.report import Report, call_fault, load_fault, read_report

LIMITS = Limits()


@given(st.binary(max_size=200))
def test_octets_are_a_report_or_none(payload: bytes) -> None:
    report = read_report(payload)
    assert report is None or isinstance(report, Report)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(Report.__struct_fields__), _VALUES))
def test_any_report_has_words(fields: dict[str, object]) -> None:
    report = read_report(json.dumps(fields).encode())
    if report is None:
        return
    assert load_fault(report, LIMITS) is None or load_fault(report, LIMITS) != ""
    fault = call_fault(report, LIMITS)
    assert (fault is None) == (call_fault(report, LIMITS) is None)
    if fault is None:
        assert report.result is not None
        assert report.result.isascii()
        assert len(report.result) <= LIMITS.result


def test_calls_become_calls() -> None:
    report = read_report(
        b'{"calls":[["isPlainHostName",["\\"a\\""],"true"]],"result":"DIRECT","entry":"FindProxyForURL"}'
    )
    assert report is not None
    assert report.trace.calls == (PacCall("isPlainHostName", ('"a"',), "true"),)
    assert call_fault(report, LIMITS) is None


def test_a_line_is_the_script_s() -> None:
    stack = f"    at shExpMatch (<input>:{LIBRARY_AFTER + 200}:3)\n    at FindProxyForURL (<input>:12:5)\n"
    report = Report(entry="FindProxyForURL", name="SyntaxError", message="nothing to repeat", stack=stack)
    assert call_fault(report, LIMITS) == "FindProxyForURL threw SyntaxError: nothing to repeat (line 12)"


def test_a_process_that_lies_about_lengths() -> None:
    assert call_fault(Report(entry="FindProxyForURL", result="x" * 20_000), LIMITS) is not None
    assert call_fault(Report(entry="FindProxyForURL", result="é"), LIMITS) is not None
