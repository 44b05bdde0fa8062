"""`prober explain`."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from prober.cli.explain import CONTEXT_SETTINGS, explain
from prober.report.glossary import words

app = typer.Typer()
app.command(context_settings=dict(CONTEXT_SETTINGS))(explain)
runner = CliRunner()


def test_a_failure_word() -> None:
    result = runner.invoke(app, ["proxy-denied"])
    assert result.exit_code == 0
    assert result.stdout.startswith("proxy-denied (failure)\n  The proxy's policy refuses this destination.\n")
    assert "What to do: Allow the target at the proxy" in result.stdout


@pytest.mark.parametrize("code", ["0x80072EE7", "12007", "-2147012889"])
def test_a_code(code: str) -> None:
    result = runner.invoke(app, [code])
    assert result.exit_code == 0
    assert "ERROR_WINHTTP_NAME_NOT_RESOLVED" in result.stdout
    assert "dns-nxdomain" in result.stdout


def test_an_unknown_word_names_the_nearest() -> None:
    result = runner.invoke(app, ["proxy-denid"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "unknown word 'proxy-denid': did you mean proxy-denied" in result.stderr


def test_a_word_that_resembles_nothing() -> None:
    result = runner.invoke(app, ["xyzzy\x1b[31m"])
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "lists all words" in result.stderr


def test_without_a_word_all_are_listed() -> None:
    result = runner.invoke(app, [])
    assert result.exit_code == 0
    listed = result.stdout.replace(",", " ").split()
    assert {word for group in words().values() for word in group} <= set(listed)
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_plain_where_the_terminal_is_not_utf8() -> None:
    result = CliRunner(charset="ascii").invoke(app, ["proxy-auth-failed"])
    assert result.exit_code == 0
    assert "PROBER_PROXY_PASSWORD_..." in result.stdout
