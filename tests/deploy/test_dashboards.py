"""The checked-in dashboards are the built ones, and each is fit to be read."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.build import FOLDER, documents, text_of

BOARDS = documents()
PANELS = [
    pytest.param(name, panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
BUILT_IN = {"__rate_interval", "__range", "__interval"}


def variables_in(text: str) -> set[str]:
    return {first or second for first, second in re.findall(r"\$(?:\{(\w+)[^}]*\}|(\w+))", text)}


def test_what_is_checked_in_is_what_the_code_builds() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(BOARDS)
    for name, board in BOARDS.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text_of(board), f"{name}: run `make dashboards`"


def test_the_four_of_them() -> None:
    assert set(BOARDS) == {
        "prober-overview.json",
        "prober-proxy.json",
        "prober-interception.json",
        "prober-health.json",
    }


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard(name: str) -> None:
    board = BOARDS[name]
    assert name == f"{board['uid']}.json"
    assert board["tags"] == ["prober"]
    assert board["title"].startswith("prober: ")
    assert len(board["description"]) > 40
    assert board["refresh"] == "1m"
    assert board["time"]["to"] == "now"
    assert board["editable"] is False
    [link] = board["links"]
    assert (link["type"], link["tags"], link["includeVars"], link["keepTime"]) == ("dashboards", ["prober"], True, True)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", BOARDS)
def test_the_model_of_grafana_reads_it(name: str) -> None:
    register_default_plugins()
    again = json.loads(json.dumps(Dashboard.from_json(json.loads(text_of(BOARDS[name]))), cls=JSONEncoder))
    assert len(again["panels"]) == len(BOARDS[name]["panels"])
    for was, now in zip(BOARDS[name]["panels"], again["panels"], strict=True):
        assert now.get("targets") == was.get("targets")
        assert now.get("fieldConfig", {}).get("overrides") == was.get("fieldConfig", {}).get("overrides")
        assert now.get("transformations") == was.get("transformations")


@pytest.mark.parametrize("name", BOARDS)
def test_variables_narrow_one_another_down(name: str) -> None:
    listed = BOARDS[name]["templating"]["list"]
    assert listed[0]["name"] == "datasource"
    assert listed[0]["type"] == "datasource"
    before: list[str] = []
    for variable in listed[1:]:
        assert variable["multi"] is True
        assert variable["includeAll"] is True
        assert variable["allValue"] == ".*"
        assert variable["current"]["value"] == ["$__all"]
        assert variable["refresh"] == 2, "narrowed down again when the time changes"
        assert variable["description"]
        used = variables_in(variable["query"]["query"])
        assert used <= set(before), variable["name"]
        assert not before or used, variable["name"]
        before.append(variable["name"])
    wanted = ["egress"] if name == "prober-health.json" else ["egress", "service", "geography", "route"]
    assert before[: len(wanted)] == wanted


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_a_panel_can_be_read(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert len(panel["description"]) > 30
    assert panel["description"].endswith("."), "sentences"
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] in ("timeseries", "stat", "bargauge"):
        assert defaults["unit"]
    if panel["type"] == "timeseries":
        assert all(target["legendFormat"] for target in panel["targets"]), "a legend for every line"
    if panel["type"] in ("stat", "bargauge"):
        assert defaults["noValue"] == "no data"
        assert defaults["thresholds"]["steps"][0]["value"] is None
    if panel["type"] == "table":
        assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_a_panel_uses_the_variables_there_are(name: str, panel: dict[str, Any]) -> None:
    known = {variable["name"] for variable in BOARDS[name]["templating"]["list"]} | BUILT_IN
    for target in panel["targets"]:
        used = variables_in(target["expr"])
        assert used <= known
        assert not re.search(r"\[\d+\w+\]", target["expr"]), "a fixed window: rates follow the resolution"
        if "prober_" in target["expr"]:
            assert "egress" in used, "every panel follows the chosen egress"


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_legends_and_columns_name_labels_that_survive(name: str, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        kept = re.findall(r"by \(([^)]*)\)", target["expr"])
        labels = {label.strip() for each in kept for label in each.split(",")} | {"what", "status"}
        legend = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
        assert legend <= labels | {"instance"}, target["expr"]
    for transformation in panel.get("transformations", ()):
        if transformation["id"] == "organize":
            renamed = set(transformation["options"]["renameByName"]) - {"Value"}
            assert renamed <= labels


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_overlap_and_stay_on_the_grid(name: str) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in BOARDS[name]["panels"]]
    for title, place in places:
        assert place["x"] + place["w"] <= 24, title
    for (one, first), (other, second) in combinations(places, 2):
        beside = first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
        below = first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
        assert beside or below, f"{one} covers {other}"
