"""Rules and configurations as Prometheus and Alertmanager themselves read them; every alert is tried, either way."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.expressions import expressions, of_rules

from .programs import Launcher, free_port, require

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.test.yml"))
ALERTS = sorted(each.place.removeprefix("alert ") for each in of_rules() if each.of_alert)


def promtool(*argv: str | Path, folder: Path = PROMETHEUS) -> str:
    """What it said; fails the test if it found something."""
    program = require("promtool", "prometheus")
    done = subprocess.run([program, *argv], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_promtool_accepts_the_rules() -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    counted = sum(int(number) for number in re.findall(r"SUCCESS: (\d+) rules found", said))
    assert counted == len(list(of_rules()))


@pytest.mark.parametrize("folder", ["prometheus", "compose"])
def test_promtool_accepts_the_configuration(folder: str, tmp_path: Path) -> None:
    shutil.copytree(PROMETHEUS / "rules", tmp_path / "rules")
    shutil.copy(ROOT / "deploy" / folder / "prometheus.yml", tmp_path)
    said = promtool("check", "config", "prometheus.yml", folder=tmp_path)
    assert said.count("rules found") == len(RULES)


@pytest.mark.parametrize("file", TESTS, ids=[file.name for file in TESTS])
def test_alerts_fire_when_they_should_and_else_do_not(file: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", file)


def tried(wanted: bool) -> set[str]:
    """Alerts that some unit test expects to fire, or not to."""
    return {
        each["alertname"]
        for file in TESTS
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
        for each in test.get("alert_rule_test", ())
        if bool(each["exp_alerts"]) is wanted
    }


def test_every_alert_has_a_test_that_fires_it_and_one_that_does_not() -> None:
    assert tried(wanted=True) == set(ALERTS)
    assert set(ALERTS) - tried(wanted=False) == set()


def test_every_expression_of_every_dashboard_is_promql(tmp_path: Path) -> None:
    """As recording rules, which is the way to have promtool parse them without a server."""
    found = expressions()
    rules = [{"record": f"dashboard:expression_{number}", "expr": each.text} for number, each in enumerate(found)]
    (tmp_path / "all.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    assert f"SUCCESS: {len(found)} rules found" in promtool("check", "rules", tmp_path / "all.yml")


# Alertmanager: which alert silences which


class Alertmanager:
    """The one of the operating system, with our example."""

    def __init__(self, launcher: Launcher) -> None:
        folder = launcher.room("alertmanager")
        shutil.copy(PROMETHEUS / "alertmanager.yml", folder)
        self.port = free_port()
        program = launcher.start(
            "alertmanager",
            [
                require("prometheus-alertmanager", "prometheus-alertmanager"),
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=",
            ],
            [self.port],
        )
        self._program = program

    def send(self, alerts: list[Mapping[str, str]]) -> None:
        """Have these firing."""
        starts = datetime.now(UTC) - timedelta(minutes=5)
        self._ask("POST", "alerts", [{"labels": labels, "startsAt": starts.isoformat()} for labels in alerts])
        self._program.wait_until(lambda: len(self.states()) >= len(alerts), f"{len(alerts)} alerts")

    def states(self) -> dict[str, str]:
        """State of each alert by name and what tells it from others: active or suppressed."""
        return {_name(each["labels"]): each["status"]["state"] for each in self._ask("GET", "alerts")}

    def silenced(self, wanted: set[str]) -> None:
        """Wait until exactly these are silenced."""

        def so() -> bool:
            return {name for name, state in self.states().items() if state == "suppressed"} == wanted

        self._program.wait_until(so, f"silence of {sorted(wanted)}, found {self.states()}")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


def _name(labels: Mapping[str, str]) -> str:
    return " ".join(
        [labels["alertname"], *(labels[key] for key in ("egress", "service", "route", "instance") if key in labels)]
    )


@pytest.fixture(scope="module")
def alertmanager(launcher: Launcher) -> Alertmanager:
    return Alertmanager(launcher)


def test_amtool_accepts_the_configuration() -> None:
    program = require("amtool", "prometheus-alertmanager")
    done = subprocess.run(
        [program, "check-config", PROMETHEUS / "alertmanager.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def alert(name: str, **labels: str) -> dict[str, str]:
    return {"alertname": f"Prober{name}", "severity": "warning", **labels}


def test_the_greater_trouble_silences_the_smaller_one_of_its_place_only(alertmanager: Alertmanager) -> None:
    alertmanager.send(
        [
            alert("ProxyDown", egress="paris", route="hq", hop="1"),
            alert("TargetUnreachable", egress="paris", service="MDE", geography="EU", route="hq"),
            alert("SloBurnFast", egress="paris", service="MDE", route="hq"),
            alert("TargetUnreachable", egress="paris", service="MDE", geography="EU", route="direct"),
            alert("TargetUnreachable", egress="lyon", service="MDE", geography="EU", route="hq"),
            alert("EgressDown", egress="rome"),
            alert("ServiceDown", egress="rome", service="MDE", geography="EU"),
            alert("ProxyDown", egress="rome", route="hq", hop="1"),
            alert("ReloadFailed", egress="rome", instance="r:9464"),
            alert("ProxyDown", egress="lima", route="only", hop="1"),
            alert("TargetUnreachable", egress="lima", service="MDE", geography="EU", route="only"),
            alert("ShardAbsent", egress="bern"),
            alert("TooFewProbes", egress="bern", instance="b:9464"),
            alert("TooFewProbes", egress="bern", instance="c:9464"),
            alert("TargetsNotProbed", egress="bern", instance="d:9464", service="MDE", route="hq"),
            alert("Intercepted", egress="oslo", service="MDE", route="hq"),
            alert("IssuerChanged", egress="oslo", service="MDE", route="hq", issuer="CN=Corp"),
            alert("Untrusted", egress="oslo", service="MDE", route="two"),
            alert("Down", egress="bern", instance="b:9464", job="prober"),
            alert("EgressAbsent", egress="bern"),
            alert("EgressAbsent", egress="graz"),
        ]
    )
    alertmanager.silenced(
        {
            "ProberTargetUnreachable paris MDE hq",
            "ProberSloBurnFast paris MDE hq",
            "ProberServiceDown rome MDE",
            "ProberProxyDown rome hq",
            "ProberTargetUnreachable lima MDE only",
            "ProberIssuerChanged oslo MDE hq",
            "ProberTooFewProbes bern b:9464",
            "ProberEgressAbsent bern",
        }
    )
