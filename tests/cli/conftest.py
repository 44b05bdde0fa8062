"""The embedded lab as a program of its own, for tests that run the command line."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

STARTING_SECONDS = 60
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


RunProber = Callable[..., Done]
StartProber = Callable[[Sequence[str]], "subprocess.Popen[bytes]"]


def environment() -> dict[str, str]:
    """Ours without anything that would configure prober or colour its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROBER_")}
    path = os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )  # this tree, not an installed one
    return {**kept, "PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONWARNINGS": "error"}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The path of a prober.yaml for a running lab."""
    folder = tmp_path_factory.mktemp("lab")
    config, ready = folder / "prober.yaml", folder / "ready"
    command = [sys.executable, "-m", "prober", "lab", "--write-config", str(config), "--ready-file", str(ready)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment())
    try:
        ends = time.monotonic() + STARTING_SECONDS
        while not ready.exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < ends, "the lab did not become ready"
            select.select([], [], [], 0.05)
        yield config
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.fixture
def prober(tmp_path: Path) -> RunProber:
    """Runs a prober command to its end in an empty directory."""

    def run(*arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "prober", *arguments],
            capture_output=True,
            text=True,
            timeout=100,
            env=environment() | (env or {}),
            cwd=cwd or tmp_path,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartProber]:
    """Starts a prober command and leaves it running; ended with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "prober", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=tmp_path,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()
