"""`prober targets`: formats, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from prober.cli.targets import app


def run(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"})


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
    result = run("list", "--geo", "EX", "--cloud", "gcchigh", "--set", "workspac=x")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        'prober: select.cloud: unknown cloud "gcchigh": did you mean "gcc-high"?',
        'prober: select.geography: unknown geography "EX": expected one of WW, US, EU, UK, AU, AE, CH, IN, CN, ASIA, '
        "USGov, GCC, GCCHigh, DoD",
        'prober: set.workspac: unknown placeholder "workspac": did you mean "workspace"?',
    ]


@pytest.mark.parametrize("value", ["workspace", "workspace=", "workspace=,"])
def test_set_needs_a_name_and_a_value(value: str) -> None:
    result = run("list", "--set", value)
    assert result.exit_code == 2
    assert "NAME=VALUE" in result.stderr


def test_own_catalogs_beside_bundled_ones(tmp_path: Path) -> None:
    own = tmp_path / "own,with comma.yaml"
    own.write_text("service: OWN\ngroups:\n  - name: g\n    targets:\n      - {id: a, host: a.example, port: 8443}\n")
    result = run("list", "--catalog", str(own), "--catalog", "ama,common", "--format", "json")
    assert {row["service"] for row in json.loads(result.stdout)} == {"OWN", "COMMON"}
    assert "a.example:8443/" in run("list", "--catalog", str(own)).stdout
    assert run("list", "--catalog", "mdee").exit_code == 2


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
    assert f"prober: {broken}:5: groups[0].targets[0].host: the key is missing" in lines
    assert any(line.startswith(f"prober: {worse}:2: not valid YAML") for line in lines)
    assert "prober: ghost.yaml: no such file" in lines


@pytest.mark.parametrize("command", ["list", "validate"])
def test_help_has_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"prober targets {command}" in result.stdout
