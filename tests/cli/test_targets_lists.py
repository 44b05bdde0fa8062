"""`prober targets import|diff|export`: streams, exit codes, files."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from prober.catalog import export, load, onto
from prober.cli import targets_export, targets_import
from prober.cli.targets import app

from .conftest import RunProber

HEADINGS = ("Service", "Geography", "Category", "Port", "Endpoint/URL", "Required or Optional")


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


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"})


def sheet(name: str, *rows: tuple[object, ...]) -> str:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in (HEADINGS, *rows):
        page.append(list(row))
    book.save(name)
    return name


def row(host: str, geography: str = "WW", required: str = "Required", port: int = 443) -> tuple[object, ...]:
    return ("MDE", geography, "Common", port, host, required)


def test_import_writes_a_catalog_that_can_be_used() -> None:
    name = sheet("july.xlsx", row("a.example\n*.b.example"), row("c.example", "EU"))
    result = run("import", name, "--output", "own.yaml")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert result.stderr == "3 entries from july.xlsx\n"
    entries = load(["own.yaml"]).entries
    assert {entry.target.id: entry.target.host for entry in entries} == {
        "mde.common.a": "a.example",
        "mde.common.any-b": "*.b.example",
        "mde.common.c": "c.example",
    }
    assert {entry.target.source for entry in entries} == {"july.xlsx"}
    assert not any(entry.target.proxy_login for entry in entries)
    assert run("validate", "own.yaml").exit_code == 0
    assert run("list", "--catalog", "own.yaml", "--geo", "EU").exit_code == 0


def test_lists_of_several_services_become_one_catalog_with_groups_of_each() -> None:
    mdav = ("Microsoft Defender Antivirus", *row("av.example")[1:])
    name = sheet("july.xlsx", row("a.example"), row("b.example"), mdav)
    Path("rules.txt").write_text("Firewall Rule: *.blob.core.windows.net\nx.blob.core.windows.net\n")
    result = run("import", name, "rules.txt", "--output", "own.yaml")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "4 entries from july.xlsx, rules.txt: MDE 2, MDAV 1, MMA 1\n"
    found = load(["own.yaml"])
    assert found.services == ("MDE", "MDAV", "MMA")
    assert {entry.target.id for entry in found.entries} == {
        "mde.common.a",
        "mde.common.b",
        "mdav.common.av",
        "mma.blob-core-windows-net.x",
    }
    listed = run("list", "--catalog", "own.yaml", "--service", "mdav", "--format", "fqdn")
    assert listed.stdout == "av.example\n"
    one = run("import", name, "--service", "OWN")
    assert "service: OWN" in one.stdout
    assert "MDAV" not in one.stdout


def test_quiet_says_nothing_but_what_was_not_understood() -> None:
    name = sheet("july.xlsx", row("*ecs.example.com"), ("a title",))
    result = run("import", name, "-q")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "adapted" in run("import", name).stderr
    odd = sheet("odd.xlsx", row("a.*.example"), row("*ecs.example.com"))
    result = run("import", odd, "--quiet")
    assert result.exit_code == 1
    assert result.stderr.startswith("not understood: odd.xlsx: Sheet!E2: ")
    assert result.stderr.count("\n") == 1
    assert run("diff", name, name, "-q").stderr == ""


def test_hosts_of_another_service_are_named_and_not_added() -> None:
    name = sheet("july.xlsx", row("new.example"), ("MDAV", *row("av.example")[1:]))
    result = run("import", name, "--onto", "mde", "--output", "mde.yaml")
    assert "not added, another service's: MDAV av.example:443 (Sheet!E3)" in result.stderr
    assert result.stderr.splitlines()[-1].endswith(", 1 of other services: --onto their catalogs")
    assert "av.example" not in Path("mde.yaml").read_text()


def test_ports_that_a_list_cannot_say_are_told() -> None:
    name = sheet("july.xlsx", row("a.example"), row("b.example", port=8443))
    run("import", name, "--output", "own.yaml")
    for format_ in ("fqdn", "squid", "paloalto-edl"):
        result = run("export", "--catalog", "own.yaml", "--format", format_)
        assert result.stderr == "warning: a list in this format has no ports; open these as well: b.example:8443\n"
    result = run("export", "--catalog", "own.yaml", "--format", "csv")
    assert result.stderr == ""
    assert "b.example,8443,https,MDE," in result.stdout


def test_what_is_not_understood_is_named_and_gives_exit_code_1() -> None:
    name = sheet("july.xlsx", row("a.example and red"), row("b.example", "Mars"))
    result = run("import", name)
    assert result.exit_code == 1
    assert "host: a.example" in result.stdout
    assert "not understood: july.xlsx: Sheet!E2: " in result.stderr
    assert 'not understood: july.xlsx: Sheet!B3: "Mars"' in result.stderr


def test_terms_that_the_list_does_not_say() -> None:
    name = sheet("july.xlsx", row("a.example"))
    terms = ("--service", "OWN", "--cloud", "gcc,dod", "--inspection-bypass", "yes", "--date", "2026-07-03")
    result = run("import", name, *terms)
    assert result.exit_code == 0
    Path("own.yaml").write_text(result.stdout)
    (entry,) = load(["own.yaml"]).entries
    assert entry.target.id == "own.common.a"
    assert entry.target.cloud == ("gcc", "dod")
    assert entry.target.inspection_bypass is True
    assert entry.target.dated == "2026-07-03"


def test_onto_a_bundled_catalog() -> None:
    gateway = row("winatp-gw-neu.microsoft.com", "EU")
    name = sheet("july.xlsx", gateway, row("crl.microsoft.com", port=80), row("new.example"))
    result = run("import", name, "--onto", "mde", "--beside", "common", "--output", "mde.yaml")
    assert result.exit_code == 0, result.stderr
    assert "new: mde.common.new (new.example:443, Sheet!E4)" in result.stderr
    assert "vanished, kept: mde.c2.winatp-gw-weu (winatp-gw-weu.microsoft.com:443)" in result.stderr
    before = {entry.target.id for entry in load(["mde"]).entries}
    after = {entry.target.id for entry in load(["mde.yaml"]).entries}
    assert after - before == {"mde.common.new"}
    assert before < after


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.xlsx"], "none.xlsx: cannot be read: No such file"),
        (["prose.txt"], "prose.txt: not one of the vendor's lists"),
        (["july.xlsx", "--update"], "have an effect with --onto only"),
        (["july.xlsx", "--cloud", "gc"], 'unknown cloud "gc": did you mean "gcc"?'),
        (["july.xlsx", "--service", "mde"], "expected a name in upper case"),
        (["july.xlsx", "--date", "\x1b[1m"], "expected a day"),
        (["july.xlsx", "--onto", "none.yaml"], "--onto none.yaml: cannot be read"),
        (["july.xlsx", "--onto", "prose.txt"], "prose.txt"),
        (["july.xlsx", "--onto", "mde", "--beside", "mdx"], 'unknown catalog "mdx"'),
        (["empty.xlsx"], "empty.xlsx: names no endpoint"),
        (["july.xlsx", "--output", "no/such/place.yaml"], "--output no/such/place.yaml: no directory "),
    ],
)
def test_mistakes_are_exit_code_2(arguments: list[str], message: str) -> None:
    sheet("july.xlsx", row("a.example"))
    sheet("empty.xlsx")
    Path("prose.txt").write_text("some prose about it\n")
    Path("rules.txt").write_text("Firewall Rule: *.example\na.example\n")
    result = run("import", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("command", [("import", "july.xlsx"), ("export", "--catalog", "own.yaml", "--format", "squid")])
def test_list_that_finds_no_room_is_exit_code_3(command: tuple[str, ...], prober: RunProber) -> None:
    sheet("july.xlsx", row("a.example"))
    assert run("import", "july.xlsx", "--output", "own.yaml").exit_code == 0
    done = prober("targets", *command, "--output", "/dev/full")
    assert done.code == 3
    assert done.err == "error: the report could not be written: No space left on device\n"


@pytest.mark.parametrize("there", ["as before", None])
def test_list_is_written_whole_or_not_at_all(there: str | None) -> None:
    sheet("july.xlsx", row("a.example"))
    place = Path("own.yaml")
    if there is not None:
        place.write_text(there)
    command = f"ulimit -f 0; exec {sys.executable} -m prober targets import july.xlsx --output own.yaml"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == "error: the report could not be written: File too large\n"
    assert (place.read_text() if place.exists() else None) == there
    assert {each.name for each in Path().iterdir()} <= {"july.xlsx", "own.yaml"}


def test_other_accounts_may_read_a_list() -> None:
    sheet("july.xlsx", row("a.example"))
    assert run("import", "july.xlsx", "--output", "own.yaml").exit_code == 0
    assert run("export", "--catalog", "own.yaml", "--format", "squid", "--output", "list.txt").exit_code == 0
    assert {Path(each).stat().st_mode & 0o777 for each in ("own.yaml", "list.txt")} == {0o644}
    Path("list.txt").chmod(0o640)
    assert run("export", "--catalog", "own.yaml", "--format", "squid", "--output", "list.txt").exit_code == 0
    assert Path("list.txt").stat().st_mode & 0o777 == 0o640


def test_options_have_the_words_of_what_they_lead_to() -> None:
    assert [each.value for each in targets_export.ExportFormat] == [each.value for each in export.ExportFormat]
    assert [each.value for each in targets_import.Vanished] == [each.value for each in onto.Vanished]


def test_diff_of_two_spreadsheets() -> None:
    old = sheet("june.xlsx", row("a.example"), row("b.example", "US"), row("c.example", required="Optional"))
    new = sheet("july.xlsx", row("a.example"), row("b.example", "EU"), row("c.example"), row("new.example"))
    result = run("diff", old, new)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "To open: 1",
        "  new.example:443  WW",
        "Moved: 1",
        "  b.example:443  US -> EU",
        "Requirement: 1",
        "  c.example:443  optional -> yes",
    ]
    assert run("diff", old, old).stdout == "no difference\n"
    assert run("diff", old, old).exit_code == 0
    document = json.loads(run("diff", old, new, "--format", "json").stdout)
    assert [each["host"] for each in document["open"]] == ["new.example"]
    assert document["close"] == []


def test_diff_of_catalogs_and_lists_within_a_cloud_and_a_geography() -> None:
    name = sheet("july.xlsx", row("winatp-gw-neu.microsoft.com", "EU"))
    result = run("diff", "mde,common", name, "--cloud", "commercial", "--geo", "EU")
    assert result.exit_code == 1
    assert "winatp-gw-weu.microsoft.com:443  EU" in result.stdout
    assert "winatp-gw-cus" not in result.stdout
    assert "To open" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mdx", "mde"], 'unknown catalog "mdx": did you mean "md'),
        (["mde", "none.xlsx"], "none.xlsx: cannot be read"),
        (["mde", "mde", "--cloud", "gc"], '--cloud: unknown name "gc"'),
        (["mde", "mde", "--geo", "EU,XX"], '--geo: unknown name "XX"'),
        (["", "mde"], "nothing is named to compare"),
    ],
)
def test_mistakes_of_diff(arguments: list[str], message: str) -> None:
    result = run("diff", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_export_of_a_selection() -> None:
    result = run("export", "--format", "squid", "--catalog", "mde", "--geo", "EU")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "winatp-gw-neu.microsoft.com" in lines
    assert "winatp-gw-cus.microsoft.com" not in lines
    assert lines == sorted(lines)
    assert run("export", "--format", "squid", "--catalog", "mde", "--geo", "EU").stdout == result.stdout


def test_export_of_the_bypass_list_into_a_file() -> None:
    result = run("export", "--format", "paloalto-edl", "--inspection-bypass", "--output", "edl.txt")
    assert result.exit_code == 0
    assert result.stdout == ""
    listed = Path("edl.txt").read_text().splitlines()
    assert listed
    assert all(line.endswith("/") for line in listed)
    assert "crl.microsoft.com/" not in listed


def test_a_file_that_is_there_is_replaced_and_keeps_its_mode() -> None:
    path = Path("list.txt")
    path.write_text("old\n")
    path.chmod(0o640)
    Path("reader").hardlink_to(path)  # as a proxy that has it open
    assert run("export", "--format", "fqdn", "--catalog", "mdav", "--output", "list.txt").exit_code == 0
    assert "old" not in path.read_text().splitlines()
    assert path.stat().st_mode & 0o777 == 0o640
    assert Path("reader").read_text() == "old\n"


def test_export_says_what_wants_a_value_and_that_a_list_is_empty() -> None:
    result = run("export", "--format", "fqdn", "--catalog", "mma", "--required", "legacy")
    assert "left out" in result.stderr
    assert "--set workspace_id=NAME" in result.stderr
    empty = run("export", "--format", "fqdn", "--catalog", "mma")
    assert empty.exit_code == 0
    assert "warning: the list is empty" in empty.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--format pac needs --others"),
        (["--others", "proxy.corp:8080"], "--others 'proxy.corp:8080': "),
        (["--others", "DIRECT", "--listed", "PROXY"], "--listed 'PROXY': "),
        (["--others", "DIRECT", "--geo", "XX"], "unknown geography"),
    ],
)
def test_mistakes_of_export(arguments: list[str], message: str) -> None:
    result = run("export", "--format", "pac", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_what_is_exported_is_no_difference_when_imported_again() -> None:
    run("export", "--format", "csv", "--catalog", "mdav", "--geo", "EU", "--output", "mdav.csv")
    result = run("import", "mdav.csv", "--service", "MDAV", "--output", "again.yaml")
    assert result.exit_code == 0, result.stderr
    hosts = {entry.target.host for entry in load(["again.yaml"]).entries}
    listed = run("list", "--catalog", "mdav", "--geo", "EU", "--format", "fqdn").stdout.split()
    assert hosts == set(listed)
