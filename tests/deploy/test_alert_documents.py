"""Every alert says what it is, how bad, and where to read on; the page it links to has its section."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
PAGE = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
ALERTMANAGER = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alertmanager.yml").read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = [
    rule
    for file in sorted(RULES.glob("*.yml"))
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
NAMES = [rule["alert"] for rule in ALERTS]


def test_names() -> None:
    assert len(NAMES) > 20
    assert len(set(NAMES)) == len(NAMES)
    assert all(name.startswith("Prober") for name in NAMES)


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alert_says_what_is_needed(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    notes = rule["annotations"]
    assert notes["runbook_url"] == "{{ $externalLabels.runbooks }}docs/alerts.md#" + rule["alert"].lower()
    assert len(notes["summary"]) < 160
    assert not notes["summary"].endswith(".")
    assert notes["description"].endswith(".")
    if rule["alert"] != "ProberAbsent":  # which has no labels to tell
        assert "$labels." in notes["description"]
        assert "$labels." in notes["summary"]


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_labels_in_texts_survive_the_expression(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    kept = {label.strip() for each in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in each.split(",")}
    kept |= {label for name in re.findall(r"(\w+):prober_", rule["expr"]) for label in name.split("_")}
    assert named <= kept | {"instance", "job"}


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_its_section_is_there(rule: dict[str, Any]) -> None:
    heading = f"## {rule['alert']}\n"
    assert PAGE.count(heading) == 1
    text = PAGE.split(heading)[1].split("\n## ")[0]
    assert len(text.split()) > 15
    row = f"| [{rule['alert']}](#{rule['alert'].lower()}) | {rule['labels']['severity']} |"
    assert row in PAGE


def test_the_page_describes_nothing_that_is_not_there() -> None:
    assert set(re.findall(r"^## (Prober\w+)", PAGE, re.MULTILINE)) == set(NAMES)
    assert set(re.findall(r"\(#(\w+)\)", PAGE)) <= {name.lower() for name in NAMES}


def test_what_silences_what_names_alerts_and_labels_that_there_are() -> None:
    rules = {rule["alert"]: rule for rule in ALERTS}
    for each in ALERTMANAGER["inhibit_rules"]:
        [source] = _named(each["source_matchers"])
        targets = _named(each["target_matchers"])
        assert source in rules
        assert source not in targets, "nothing silences itself"
        for target in targets:
            assert target in rules, target
            for label in each.get("equal", ()):
                assert f"$labels.{label}" in str(rules[source]["annotations"]), (source, label)


def _named(matchers: list[str]) -> set[str]:
    """Alerts that match, by name."""
    [pattern] = [match[1] for each in matchers if (match := re.fullmatch(r'alertname =~? "(.+)"', each))]
    exact = [part for part in pattern.split("|") if not part.endswith(".*")]
    found = {name for name in NAMES if re.fullmatch(pattern, name)}
    assert set(exact) <= found, f"no such alert: {set(exact) - found}"
    return found
