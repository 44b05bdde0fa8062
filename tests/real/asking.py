"""Asks the prober: writes a `prober.yaml`, gives it to `prober check`, reads the run document."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from typer.testing import CliRunner

from prober.cli.main import app

from .origin import Authority
from .proxies import PASSWORD, PLAIN_PASSWORD, USER, Proxy

LOCAL_NAME = "origin.test"
"""The origin under a name that only the prober is told (`resolve:`), for hops behind which the prober resolves."""


@dataclass(frozen=True)
class Run:
    """What one `prober check` gave."""

    status: int
    document: dict[str, Any]
    stderr: str

    def result(self, route: str) -> dict[str, Any]:
        """The only result of this route."""
        [result] = [result for result in self.document["results"] if result["route"] == route]
        assert isinstance(result, dict)
        return result

    def failure(self, route: str) -> tuple[str, int, str]:
        """Stage, hop and reason of this route's failure."""
        failure = self.result(route)["failure"]
        assert failure is not None, f"{route} was reachable"
        assert self.result(route)["reachable"] is False
        return failure["stage"], failure["hop"], failure["reason"]


class Prober:
    """`prober check` with the test authority in its trust and no retries."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._folder = folder
        self._authority = authority

    def check(self, routes: Mapping[str, Sequence[Proxy]], *targets: str, timeout: float = 10, workers: int = 1) -> Run:
        """Probe the targets over the routes. Passwords travel as they should: in the environment."""
        settings = {
            "routes": {name: [proxy.hop() for proxy in proxies] for name, proxies in routes.items()},
            "probe": {"retries": 0, "timeout": timeout, "per_host": 64},
            "resolve": {LOCAL_NAME: "127.0.0.1"},
            "trust": {"roots": [str(self._authority.roots)]},
        }
        configuration = self._folder / "prober.yaml"
        configuration.write_text(yaml.safe_dump(settings))
        passwords = {
            f"PROBER_PROXY_PASSWORD_{re.sub('[^A-Z0-9]', '_', name.upper())}_{index}": proxy.password
            for name, proxies in routes.items()
            for index, proxy in enumerate(proxies, 1)
            if proxy.password is not None
        }
        return run_check(
            ["--config", str(configuration), "--no-direct", "--workers", str(workers), *targets], passwords
        )


def run_check(arguments: Sequence[str], environ: Mapping[str, str], command: str = "check") -> Run:
    """`prober check … --format json` in this process: a new one costs ten times what such a probe does."""
    argv = [command, *arguments, "--format", "json"]
    done = CliRunner().invoke(app, argv, env=dict(environ), catch_exceptions=False)
    return _run(done.exit_code, done.stdout, done.stderr)


def run_program(arguments: Sequence[str], environ: Mapping[str, str]) -> Run:
    """The same as a user has it: `python -m prober check …` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "prober", "check", *arguments, "--format", "json"],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    return _run(done.returncode, done.stdout, done.stderr)


def _run(status: int, stdout: str, stderr: str) -> Run:
    """Whatever it says, it must not say a password."""
    assert status in {0, 1}, f"prober check ended with {status}: {stderr}"
    for password in (PASSWORD, PLAIN_PASSWORD):
        basic = base64.b64encode(f"{USER}:{password}".encode()).decode()
        for written in (password, quote(password), basic):
            assert written not in stdout + stderr
    return Run(status, json.loads(stdout), stderr)
