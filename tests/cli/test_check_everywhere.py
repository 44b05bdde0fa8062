"""`prober check --scheduler`: options that are a site's own are refused, all at once."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prober.cli.check import check
from prober.cli.check_everywhere import OF_A_SITE
from prober.cli.main import app

from .conftest import Done

GIVEN = {
    "--via": "http://127.0.0.1:1",
    "--resolve": "*=127.0.0.1",
    "--trust-roots": "roots.pem",
    "--pin": f"a.test={'0' * 64}",
    "--known-interceptor": "0" * 64,
    "--client-cert": "client.pem",
    "--concurrency": "5",
    "--timeout": "5",
    "--workers": "2",
    "--retries": "1",
    "--device": "device.reg",
    "--component": "edr",
    "--device-domain": "corp.test",
}
FLAGS = ("-4", "-6")
NOT_YET = ("--device", "--component", "--device-domain")


def run(*arguments: str) -> Done:
    done = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "140"}).invoke(app, ["check", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def everything() -> Sequence[str]:
    return [*FLAGS, *(part for option, value in GIVEN.items() for part in (option, value))]


def test_nothing_is_left_out_here() -> None:
    assert sorted(OF_A_SITE.values()) == sorted([*GIVEN, *FLAGS])
    assert set(OF_A_SITE) <= set(inspect.signature(check).parameters)


def test_all_at_once() -> None:
    done = run("--scheduler", "tcp://127.0.0.1:9", *everything(), "tls://a.test")
    assert done.code == 2
    for option in (*GIVEN, *FLAGS):
        why = "not for agents yet" if option in NOT_YET else "each agent has its own (its configuration)"
        assert f"{option} with --scheduler: {why}" in done.err
    assert "no scheduler" not in done.err


def test_the_environment_is_not_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """PROBER_VIA is this machine's: a warning. Where nobody is, that is said."""
    monkeypatch.setenv("PROBER_VIA", "http://127.0.0.1:1")
    done = run("--scheduler", "tcp://127.0.0.1:9", "tls://a.test")
    assert done.code == 2
    assert "PROBER_VIA has no effect with --scheduler" in done.err
    assert "no scheduler at tcp://127.0.0.1:9" in done.err


def test_certificates_without_a_scheduler() -> None:
    done = run("--tls", "certs", "tls://a.test")
    assert (done.code, "--tls needs --scheduler" in done.err) == (2, True)


def test_the_clients_routes_play_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None need be left without the direct way, and no password file of one is read."""
    config = tmp_path / "prober.yaml"
    config.write_text("routes:\n  hq: [{url: 'http://me@127.0.0.1:1', password_file: /nowhere}]\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for file in (config, None):
        if file is None:
            config.unlink()
        done = run("--scheduler", "tcp://127.0.0.1:9", "--no-direct", "tls://a.test")
        assert (done.code, "no scheduler at tcp://127.0.0.1:9" in done.err) == (2, True), done.err
