"""docs/monitoring.md has every metric, as the table of metrics has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prober.report.metrics import METRICS, PAIR_LABELS, Metric, Scope
from prober.report.pages import filled

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"


def test_the_tables_are_as_written_by_the_program() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page) == page, "run `python -m prober.report.pages docs/monitoring.md`"


@pytest.mark.parametrize("scope", Scope)
def test_every_metric_is_there_once(scope: Scope) -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition(f"<!-- metrics of {scope} -->")[2].partition(f"<!-- end of metrics of {scope} -->")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert listed == [name for name, metric in METRICS.items() if metric.scope is scope]
    assert len(listed) > 10


@pytest.mark.parametrize("name", METRICS)
def test_entries_are_fit_for_help_texts(name: str) -> None:
    metric = METRICS[name]
    assert metric.kind in ("gauge", "counter", "histogram")
    assert metric.sentence[0] == metric.sentence[0].upper()
    assert metric.sentence.endswith(".")
    assert not metric.meaning.endswith(".")
    assert metric.sentence.isprintable()
    assert "|" not in metric.sentence + metric.labels
    assert (metric.kind == "counter") is name.endswith("_total")
    assert name.endswith("_info") <= (metric.labels != "")


def test_labels_are_read_from_their_text() -> None:
    assert Metric("gauge", "", "x").own_labels == ()
    assert Metric("gauge", "stage, hop, reason", "x").own_labels == ("stage", "hop", "reason")
    assert Metric("gauge", "route, stage (dns, tls), phase (a, b)", "x").own_labels == ("route", "stage", "phase")
    assert Metric("gauge", "verdict (clean)", "x", Scope.PAIR).label_names == (*PAIR_LABELS, "verdict")
    assert Metric("gauge", "route", "x", Scope.PROGRAM).label_names == ("egress", "route")
    assert Metric("gauge", "phase", "x").label_names == ("phase",)
