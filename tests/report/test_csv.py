"""CSV: one line a result, nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.model import Failure, HttpFacts, Observation, Reason, Route, Stage
from prober.report.build import build_result
from prober.report.csv import COLUMNS, row_of, write_csv
from prober.report.document import Result


def lines_of(results: tuple[Result, ...]) -> list[dict[str, str]]:
    stream = io.StringIO(newline="")
    write_csv(results, stream)
    stream.seek(0)
    return list(csv.DictReader(stream))


def test_one_line_a_result(world: ModuleType) -> None:
    run = world.run_of()
    lines = lines_of(run.results)
    assert len(lines) == 228
    assert tuple(lines[0]) == COLUMNS
    refused = next(line for line in lines if line["route"] == "hq" and line["reachable"] == "false")
    assert (refused["stage"], refused["hop"], refused["reason"], refused["status"]) == (
        "proxy",
        "1",
        "proxy-denied",
        "403",
    )
    assert refused["windows"] == "0x80190193"
    assert refused["detail"].startswith("403 Forbidden")
    assert refused["http_status"] == ""
    untrusted = next(line for line in lines if line["trusted"] == "false")
    assert untrusted["issuer"] == "CN=Corp Inspection CA,O=Corp,C=FR"
    assert untrusted["trust_reason"] == "cert-untrusted"
    assert untrusted["total_seconds"] == "0.04"
    assert (untrusted["http_status"], untrusted["as_expected"]) == ("200", "true")


def test_verdicts_have_their_columns(world: ModuleType) -> None:
    lines = lines_of(world.run_of(judged=True).results)
    columns = ("interception", "interception_basis", "interception_score", "interception_hop", "attribution")
    intercepted = next(line for line in lines if line["route"] == "inspected" and line["interception"] == "intercepted")
    assert [intercepted[name] for name in columns] == [
        "intercepted",
        "proven",
        "23",
        "1",
        "Fortinet / FortiGate (high)",
    ]
    nothing = next(line for line in lines if line["reason"] == "proxy-denied")
    assert [nothing[name] for name in columns] == ["inconclusive", "none", "0", "", ""]
    assert all(line["verdict"] == line["interception"] for line in lines)
    assert {line["interception"] for line in lines_of(world.run_of().results)} == {""}


def result_with(world: ModuleType, text: str) -> Result:
    target = replace(world.targets(1)[0], host=text, service=text)
    observation = Observation(
        target="x",
        route=text,
        at=0.0,
        failure=Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, text),
        peer=text.encode("utf-8", "replace").decode(),
        tls=world.tls(text.replace("|", "")),
        http=HttpFacts(404),
    )
    made: Result = build_result(target, Route(text), [observation], None, text, facts=world.read)
    return made


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u200b=1", "＝1", "|x", "%x"]
)
def test_formulas_are_text(world: ModuleType, formula: str) -> None:
    row = dict(zip(COLUMNS, row_of(result_with(world, formula)), strict=True))
    for column in ("host", "service", "route", "egress", "detail", "peer"):
        assert not row[column].lstrip().startswith(("=", "+", "-", "@", "＝", "|", "%", "\t", "\r"))


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(st.text(st.characters(categories=None) | st.sampled_from('=+-@"\n\r\t,;\x1b\u202e'), max_size=60))
def test_any_text_is_one_harmless_cell(world: ModuleType, text: str) -> None:
    (line,) = lines_of((result_with(world, text),))
    assert tuple(line) == COLUMNS
    for cell in line.values():
        assert cell.isprintable()
        assert not cell.startswith(("=", "+", "-", "@"))


def test_the_name_of_the_columns_are_stable() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert COLUMNS[:4] == ("at", "egress", "route", "target")
