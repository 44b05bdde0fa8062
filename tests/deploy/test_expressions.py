"""Every metric and label that rules and dashboards name is one that the prober exports."""

from __future__ import annotations

import re

import pytest

from deploy.grafana.expressions import Expression, expressions, of_rules, substituted
from prober.report.metrics import METRICS, Scope

from .promql import FROM_OTHERS, FROM_THE_SCRAPE, metric_of, selectors, series_named

ALL = expressions()
RECORDED = {each.place.removeprefix("record ") for each in of_rules() if each.place.startswith("record ")}


def place_of(expression: Expression) -> str:
    return expression.place


def test_there_is_something_to_look_at() -> None:
    assert len(ALL) > 120
    assert len({each.place for each in ALL}) == len(ALL)
    assert len(RECORDED) == 17
    assert series_named('sum(prober_x_total{job="prober_y"}) / a:b:c') == {"prober_x_total", "a:b:c"}
    assert list(selectors('x{a=~"b{", c!="d"} + y{}')) == [("x", {"a", "c"}), ("y", set())]
    assert metric_of("prober_hop_duration_seconds") is None
    assert metric_of("prober_hop_duration_seconds_bucket") is METRICS["prober_hop_duration_seconds"]


@pytest.mark.parametrize("expression", ALL, ids=place_of)
def test_every_series_is_exported_or_recorded(expression: Expression) -> None:
    for series in series_named(expression.text):
        assert series in RECORDED or series in FROM_OTHERS or metric_of(series) is not None, series


@pytest.mark.parametrize("expression", ALL, ids=place_of)
def test_every_label_of_a_selector_exists(expression: Expression) -> None:
    for series, labels in selectors(expression.text):
        metric = metric_of(series)
        if metric is not None:
            assert labels <= {*metric.label_names, *FROM_THE_SCRAPE}, series


def test_no_variable_is_left() -> None:
    assert not [each.place for each in ALL if re.search(r"\$\w|\$\{", each.text)]
    with pytest.raises(KeyError):
        substituted("x{a=$unknown}", {})


def test_every_metric_of_the_prober_is_used_by_something() -> None:
    """What is exported and never looked at is either missing in a dashboard or need not be exported."""
    named = {series for each in ALL for series in series_named(each.text)}
    metrics = {name for name, metric in METRICS.items() if metric.scope is not Scope.PROBE}
    used = {name for name in metrics if any(metric_of(series) is METRICS[name] for series in named)}
    assert metrics - used == {"prober_last_probe_trusted", "prober_last_probe_intercepted"}
