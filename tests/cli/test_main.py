"""The program as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from prober import __version__
from prober.cli.main import app


def test_version(prober: Any) -> None:
    done = prober("--version")
    assert (done.code, done.out) == (0, f"prober {__version__}\n")


def test_help_loads_nothing_heavy(prober: Any) -> None:
    code = (
        "import sys\n"
        "from prober.cli.main import app\n"
        "heavy = {'OpenSSL', 'cryptography', 'pydantic', 'aiodns', 'uvloop', 'yaml', 'msgspec', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [[], ["check"], ["targets"], ["targets", "list"], ["lab"], ["demo"], ["explain"]])
def test_every_command_has_help(prober: Any, command: list[str]) -> None:
    done = prober(*command, "--help")
    assert done.code == 0
    assert "Usage" in done.out


def test_unknown_command_is_a_usage_error(prober: Any) -> None:
    assert prober("chekc").code == 2


def test_commands_of_this_version() -> None:
    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    probing = {"check", "serve", "bench", "judge", "report", "diff", "merge", "lab", "demo"}
    many = {"scheduler", "agent", "cluster"}
    assert names == probing | many | {"targets", "routes", "config", "explain", "init"}


def test_a_report_of_which_a_part_was_taken_is_not_a_whole_one(prober: Any) -> None:
    """Unbuffered, as containers have it, a write may take a part of a report and say so."""
    import os
    import subprocess
    import sys

    listing = [sys.executable, "-m", "prober", "targets", "list", "--format", "json", "--cloud", "all"]
    with subprocess.Popen(
        listing, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as program:
        assert program.stdout is not None
        os.read(program.stdout.fileno(), 1)  # it has begun, and more than a pipe holds is to come
        program.stdout.close()
        assert program.wait() == 3
