"""`prober report RUN`, and the same forms from `check`."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from prober.cli.main import app
from prober.report.files import save

from ..report import conftest as world
from .conftest import Done, RunProber


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run.json.gz"
    save(world.run_of(judged=True), path)
    return path


def report(*arguments: str | Path) -> Done:
    done = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "100"}).invoke(app, ["report", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("format_", "begins", "holds"),
    [
        ("table", "", "TLS intercepted"),
        ("html", "<!doctype html>", "Content-Security-Policy"),
        ("markdown", "## prober, paris", "### Findings by cause"),
        ("junit", "<?xml", "<testsuites"),
        ("csv", "at,egress,", "proxy-denied"),
        ("json", "{", '"schema": "prober.run/1"'),
        ("svg", "<svg", "</svg>"),
        ("analyzer", "", "http"),
    ],
)
def test_every_form(saved: Path, tmp_path: Path, format_: str, begins: str, holds: str) -> None:
    done = report(saved, "--format", format_)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert holds in done.out
    file = tmp_path / "report"
    assert report(saved, "--format", format_, "--output", file) == Done(0, "", "")
    assert file.read_text(encoding="utf-8").startswith(begins)


def test_the_table_is_the_default(saved: Path) -> None:
    assert report(saved).out == report(saved, "--format", "table").out


def test_what_is_a_failure_in_junit_can_be_chosen(saved: Path) -> None:
    def failures(*more: str) -> int:
        root = ElementTree.fromstring(report(saved, "--format", "junit", *more).out.encode())  # noqa: S314 # our own
        return len(root.findall(".//failure"))

    assert failures("--fail-on", "none") == 0
    assert failures("--fail-on", "unreachable") == 21
    assert failures() > 21


def test_findings_do_not_change_the_exit_code(saved: Path) -> None:
    assert report(saved, "--fail-on", "unreachable").code == 0


def test_mistakes_are_told_at_once(tmp_path: Path, saved: Path) -> None:
    foreign = tmp_path / "foreign.json"
    foreign.write_text(json.dumps({"schema": "other/1"}))
    for arguments, said in (
        ((foreign,), "foreign.json is no prober run"),
        ((tmp_path / "missing.json",), "missing.json"),
        ((saved, "--fail-on", "unreachabel"), "did you mean unreachable?"),
        ((saved, "--output", tmp_path / "no" / "where"), "no directory"),
    ):
        done = report(*arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_check_writes_them_too(prober: RunProber, lab: Path, tmp_path: Path) -> None:
    common = ("check", "--config", str(lab), "--service", "MDI", "--via", "blocking", "-q")
    html = prober(*common, "--format", "html", "--output", str(tmp_path / "report.html"), "--fail-on", "none")
    assert html == Done(0, "", "")
    assert "blocking" in (tmp_path / "report.html").read_text(encoding="utf-8")
    junit = prober(*common, "--format", "junit", "--fail-on", "unreachable")
    failed = ElementTree.fromstring(junit.out.encode()).findall(".//failure")  # noqa: S314 # our own
    assert bool(failed) is (junit.code == 1)
    assert "### Findings" in prober(*common, "--format", "markdown").out or not failed
