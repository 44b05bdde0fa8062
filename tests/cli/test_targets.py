"""`prober targets`: formats, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from prober.cli.targets import app


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No prober.yaml in sight, and logging as it was."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def run(*arguments: str, columns: int = 80, env: dict[str, str] | None = None) -> Result:
    plain = {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}
    return CliRunner().invoke(app, arguments, env=plain | (env or {}))


def services(result: Result) -> set[str]:
    assert result.exit_code == 0, result.stderr
    return {row["service"] for row in json.loads(result.stdout)}


def test_json_has_the_targets_of_the_contract_and_why_the_others_are_none() -> None:
    result = run("list", "--format", "json", "--service", "mdi,COMMON", "--set", "workspace=Contoso")
    assert result.exit_code == 0
    rows = {row["id"]: row for row in json.loads(result.stdout)}
    sensor = rows["mdi.sensor-api.sensorapi-atp@contoso"]
    assert sensor == {
        "id": "mdi.sensor-api.sensorapi-atp@contoso",
        "service": "MDI",
        "group": "sensor-api",
        "host": "contososensorapi.atp.azure.com",
        "port": 443,
        "scheme": "https",
        "path": "/tri/sensor/api/ping",
        "geography": "WW",
        "cloud": ["commercial"],
        "required": "yes",
        "method": "GET",
        "os": ["windows"],
        "os_note": "server (domain controller, AD FS, AD CS, Entra Connect sensor)",
        "expected": [200, 503],
        "inspection_bypass": True,
        "trust": "public",
        "client_certificate": True,
        "proxy_login": True,
        "source": sensor["source"],
        "dated": sensor["dated"],
        "probeable": True,
        "note": "",
        "expansion": [],
        "catalog": sensor["catalog"],
    }
    assert sensor["source"].startswith("MicrosoftDocs/ATADocs")
    assert sensor["catalog"].startswith("targets/mdi.yaml:")
    wildcard = rows["mdi.sensor-api.any-atp"]
    assert wildcard["probeable"] is False
    assert wildcard["why"] == "a wildcard names no single host; known: {workspace}sensorapi.atp.azure.com"
    assert wildcard["option"] == "--set workspace=NAME"
    assert wildcard["kind"] == "wildcard-host"
    assert {row["service"] for row in rows.values()} == {"MDI", "COMMON"}


def test_fqdn_is_sorted_and_unique_with_wildcards_and_templates_are_told_on_stderr() -> None:
    result = run("list", "--format", "fqdn", "--geo", "EU,US", "--geo", "uk", "--required", "all")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines == sorted(set(lines))
    assert "*.endpoint.security.microsoft.com" in lines
    assert "winatp-gw-neu.microsoft.com" in lines
    assert "winatp-gw-aue.microsoft.com" not in lines
    assert not any("{" in line for line in lines)
    assert "left out" in result.stderr
    assert "--set workspace=NAME" in result.stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_and_needs_no_colour(columns: int) -> None:
    result = run("list", "--geo", "EU", columns=columns)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert "64 targets, 18 not probeable; no probe at all: MDI, MMA, AMA" in result.stdout
    assert "--set workspace=NAME" in result.stdout


def test_a_wide_table_has_one_line_a_target() -> None:
    result = run("list", "--service", "MDAV", "--geo", "US", "--required", "all", columns=200)
    lines = result.stdout.splitlines()
    smartscreen = next(line for line in lines if line.startswith("mdav.smartscreen.unitedstates-smartscreen "))
    assert smartscreen.split() == [
        "mdav.smartscreen.unitedstates-smartscreen",
        "US",
        "POST",
        "unitedstates.smartscreen.microsoft.com/api/network/mac",
    ]
    assert any("http://dl.delivery.mp.microsoft.com/ (optional)" in line for line in lines)


def test_every_mistake_of_a_selection_is_told_and_the_exit_code_is_two() -> None:
    result = run("list", "--geo", "EX", "--service", "MDX", "--set", "workspac=x")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        'error: select.geography: unknown geography "EX": expected one of WW, US, EU, UK, AU, AE, CH, IN, CN, ASIA, '
        "USGov, GCC, GCCHigh, DoD",
        'error: select.service: unknown service "MDX": did you mean "MDI"?',
        'error: set.workspac: unknown placeholder "workspac": did you mean "workspace"?',
    ]


@pytest.mark.parametrize("value", ["workspace", "workspace=", "workspace=,"])
def test_set_needs_a_name_and_a_value(value: str) -> None:
    result = run("list", "--set", value)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "error: command line: --set: expected " in result.stderr


def test_own_catalogs_beside_bundled_ones(tmp_path: Path) -> None:
    own = tmp_path / "own,with comma.yaml"
    own.write_text("service: OWN\ngroups:\n  - name: g\n    targets:\n      - {id: a, host: a.example, port: 8443}\n")
    result = run("list", "--catalog", str(own), "--catalog", "ama,common", "--format", "json")
    assert services(result) == {"OWN", "COMMON"}
    assert "a.example:8443/" in run("list", "--catalog", str(own)).stdout
    assert run("list", "--catalog", "mdee").exit_code == 2


def test_a_cloud_that_does_not_exist_is_a_mistake_of_the_configuration() -> None:
    result = run("list", "--cloud", "gcchigh")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: command line: select.cloud: not a valid value: did you mean gcc-high?\n"


def test_file_and_environment_count_and_the_command_line_wins() -> None:
    Path("prober.yaml").write_text("catalogs: [mdi, ama]\nset: {workspace: [contoso]}\n")
    Path("other.yaml").write_text("select: {service: [COMMON]}\n")
    listed = ("list", "--format", "json")
    assert services(run(*listed)) == {"MDI"}
    assert "mdi.sensor-api.sensorapi-atp@contoso" in run(*listed).stdout
    assert services(run(*listed, env={"PROBER_REQUIRED": "optional"})) == {"MDI", "AMA"}
    assert services(run(*listed, "--required", "yes", env={"PROBER_REQUIRED": "optional"})) == {"MDI"}
    assert services(run(*listed, "--config", "other.yaml")) == {"COMMON"}
    assert services(run(*listed, "--catalog", "common,mdav")) == {"COMMON", "MDAV"}


def test_a_broken_configuration_is_refused() -> None:
    Path("prober.yaml").write_text("selekt: {}\n")
    result = run("list")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: prober.yaml:1: selekt: unknown key: did you mean select?\n"


@pytest.mark.parametrize("option", ["--via", "--timeout", "--workers", "--dry-run", "-4", "--egress"])
def test_options_without_an_effect_are_no_options(option: str) -> None:
    assert run("list", option).exit_code == 2
    assert option not in run("list", "--help").stdout


def test_validate_says_in_one_line_that_all_is_well() -> None:
    result = run("validate")
    assert result.exit_code == 0
    assert result.stdout == (
        "6 catalogs in order: 433 entries, 352 probeable as they stand, services MDE, MDAV, MDI, MMA, AMA, COMMON\n"
    )


def test_validate_tells_every_mistake_on_stderr(tmp_path: Path) -> None:
    broken, worse = tmp_path / "broken.yaml", tmp_path / "worse.yaml"
    broken.write_text("service: OWN\ngroups:\n  - name: g\n    targets:\n      - {id: a, hots: a.example}\n")
    worse.write_text("service: [\n")
    result = run("validate", str(broken), str(worse), "ghost.yaml")
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    assert f"error: {broken}:5: groups[0].targets[0].host: the key is missing" in lines
    assert any(line.startswith(f"error: {worse}:2: not valid YAML") for line in lines)
    assert "error: ghost.yaml: no such file" in lines


@pytest.mark.parametrize("command", ["list", "validate"])
def test_help_has_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"prober targets {command}" in result.stdout
