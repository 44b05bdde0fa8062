from __future__ import annotations

import dataclasses
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from prober.cli.logging import set_up
from prober.cli.options import (
    ROUTES,
    SELECTION,
    SETTINGS,
    LogFormat,
    Shared,
    load_or_exit,
    overrides,
    with_shared,
)
from prober.model import Hop, HopScheme, Secret

SECRET = "hunter2 secret/é"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def seen(*arguments: str) -> tuple[Shared, list[str]]:
    """The shared options as a command receives them."""
    app = typer.Typer()
    caught: list[tuple[Shared, list[str]]] = []

    @app.command()
    @with_shared
    def command(targets: list[str] | None = None, *, shared: Shared) -> None:
        caught.append((shared, targets or []))

    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return caught[0]


def test_every_option_of_the_contract_reaches_its_key() -> None:
    shared, targets = seen(
        *("--config", "x.yaml", "--egress", "paris", "--catalog", "mde", "--catalog", "own.yaml"),
        *("--service", "MDE,MDI", "--geo", "EU,US", "--cloud", "gcc", "--os", "windows", "--required", "all"),
        *("--set", "workspace=a,b", "--set", "workspace=c", "--set", "id=1"),
        *("--via", "hq=http://h", "--via", "direct", "--no-direct", "--resolve", "*=127.0.0.1:1"),
        *("--trust-roots", "a.pem", "--trust-roots", "b.pem", "--pin", "h=aa", "--pin", "h=bb"),
        *("--client-cert", "c.pem", "-6", "--concurrency", "5", "--timeout", "2.5", "--workers", "3"),
        *("--dry-run", "-q", "-vv", "--log-format", "json", "--targets", "t"),
    )
    errors: list[tuple[str, str]] = []
    assert overrides(shared, errors) == {
        "egress": "paris",
        "catalogs": ["mde", "own.yaml"],
        "select.service": ["MDE", "MDI"],
        "select.geography": ["EU", "US"],
        "select.cloud": "gcc",
        "select.os": ["windows"],
        "select.required": "all",
        "set": {"workspace": ["a", "b", "c"], "id": ["1"]},
        "resolve": {"*": "127.0.0.1:1"},
        "trust.roots": ["a.pem", "b.pem"],
        "trust.pins": {"h": ["aa", "bb"]},
        "trust.client_certificates": {"*": "c.pem"},
        "probe.concurrency": 5,
        "probe.timeout": 2.5,
        "probe.family": "ipv6",
    }
    assert errors == []
    assert (shared.config, shared.via, shared.no_direct) == (Path("x.yaml"), ["hq=http://h", "direct"], True)
    assert (shared.workers, shared.dry_run, shared.quiet, shared.verbose) == (3, True, True, 2)
    assert shared.log_format is LogFormat.JSON
    assert targets == ["t"]


def test_a_command_may_have_some_of_them() -> None:
    app = typer.Typer()
    caught: list[Shared] = []

    @app.command()
    @with_shared(only=ROUTES | {"timeout"})
    def command(*, shared: Shared) -> None:
        caught.append(shared)

    given = ["--via", "direct", "--timeout", "3", "-q", "-v", "--config", "x.yaml", "--log-format", "json"]
    assert CliRunner().invoke(app, given).exit_code == 0
    expected = Shared(
        via=["direct"], timeout=3, quiet=True, verbose=1, config=Path("x.yaml"), log_format=LogFormat.JSON
    )
    assert caught == [expected]
    for option in ("--geo=EU", "--dry-run", "-4", "--workers=2"):
        assert CliRunner().invoke(app, [option]).exit_code == 2


def test_the_groups_name_real_options() -> None:
    names = {each.name for each in dataclasses.fields(Shared)}
    assert names >= SELECTION
    assert names >= ROUTES
    assert names - SETTINGS == {"workers", "dry_run"}


def test_catalogs_may_be_separated_by_commas(tmp_path: Path) -> None:
    own = tmp_path / "a,b.yaml"
    own.touch()
    assert overrides(Shared(catalog=["mde, mdav", str(own)]), []) == {"catalogs": ["mde", "mdav", str(own)]}


def test_a_placeholder_needs_a_value() -> None:
    errors: list[tuple[str, str]] = []
    overrides(Shared(set_=["workspace=,", "region=x"]), errors)
    assert errors == [("--set", "expected NAME=VALUE[,VALUE], workspace has no value")]


def test_nothing_given_overrides_nothing() -> None:
    shared, _ = seen()
    assert overrides(shared, []) == {}
    assert shared == Shared()


def test_options_of_the_program_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBER_CONFIG", "env.yaml")
    monkeypatch.setenv("PROBER_WORKERS", "2")
    monkeypatch.setenv("PROBER_LOG_FORMAT", "json")
    shared, _ = seen("--config", "cli.yaml")
    assert (shared.config, shared.workers, shared.log_format) == (Path("cli.yaml"), 2, LogFormat.JSON)


def test_all_errors_of_options_and_file_come_together(capsys: pytest.CaptureFixture[str]) -> None:
    Path("prober.yaml").write_text("sirve: 1\n")
    shared = Shared(ipv4=True, ipv6=True, resolve=["x", "y=1.2.3.4"], pin=["h="], timeout=0.0)
    with pytest.raises(typer.Exit) as ended:
        load_or_exit(shared, {"probe.retries": 99, "probe.rate": None})
    assert ended.value.exit_code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "error: command line: -4, -6: give one of them",
        'error: command line: --resolve: expected KEY=VALUE, found "x"',
        'error: command line: --pin: expected KEY=VALUE, found "h="',
        "error: command line: probe.timeout: must be greater than 0",
        "error: command line: probe.retries: must be at most 10",
        "error: prober.yaml:1: sirve: unknown key: did you mean serve?",
    ]


def test_warnings_go_to_stderr_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    load_or_exit(Shared(via=["http://u:pw@h"]))
    assert capsys.readouterr().err.count("warning: ") == 2
    load_or_exit(Shared(via=["http://u:pw@h"], quiet=True))
    assert capsys.readouterr() == ("", "")


def test_shared_options_do_not_show_passwords() -> None:
    assert "hunter2" not in repr(Shared(via=["http://u:hunter2@h"]))


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_password_gets_into_the_log(log_format: str) -> None:
    stream = io.StringIO()
    hop = Hop(HopScheme.HTTP, "h", 1, "svc", Secret(SECRET))
    set_up(log_format, verbose=2, hops=[hop], secrets=[Secret("otherone")], stream=stream)
    log = logging.getLogger("prober.test")
    log.info("%s %r %s otherone", SECRET, {"p": SECRET}, hop)
    log.info("http://svc:unknownpw@h/ Proxy-Authorization: Basic c3ZjOnVua25vd24=")
    log.info("c3ZjOmh1bnRlcjIgc2VjcmV0L8Op hunter2%20secret%2F%C3%A9")
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("failed\nforged line\x1b[31m")
    text = stream.getvalue()
    for leak in ("hunter2", "otherone", "unknownpw", "c3Zj", "hunter2%20", "\x1b"):
        assert leak not in text
    assert text.count("***") >= 6
    if log_format == "json":
        records = [json.loads(line) for line in text.splitlines()]
        assert [record["level"] for record in records] == ["info", "info", "info", "error"]
        assert records[3]["message"].startswith("failed\nforged")
        assert "ValueError" in records[3]["exception"]
        assert records[0]["time"].endswith("Z")
    else:
        assert "failed\\nforged line\\x1b[31m\nTraceback" in text


def test_how_much_is_logged() -> None:
    def shown(**options: object) -> list[str]:
        stream = io.StringIO()
        set_up("json", stream=stream, **options)  # type: ignore[arg-type] # a table of options
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger("prober.test").log(level, "x")
        return [json.loads(line)["level"] for line in stream.getvalue().splitlines()]

    assert shown() == ["warning", "error"]
    assert shown(quiet=True) == ["error"]
    assert shown(verbose=1) == ["info", "warning", "error"]
    assert shown(verbose=2) == ["debug", "info", "warning", "error"]
