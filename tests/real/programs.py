"""Starts programs of the operating system for a test session and ends them by their id.

A program that is not installed skips the test that wanted it, with a sentence that says what to install; where
`REQUIRE_REAL_PROXIES=1` stands in the environment (CI) it fails the test instead.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest

from .names import NamesOfTheirOwn

START_SECONDS: Final = 20.0
"""How long a program may take until it accepts connections: they all need well under two on an idle machine."""
STOP_SECONDS: Final = 5.0
SYSTEM_FOLDERS: Final = "/usr/local/sbin:/usr/sbin:/sbin"
"""Daemons live here, and an ordinary user's PATH often does not name them."""


def unavailable(sentence: str) -> NoReturn:
    """Skip with this sentence; fail where the environment demands every real proxy."""
    if os.environ.get("REQUIRE_REAL_PROXIES") == "1":
        pytest.fail(f"{sentence} (REQUIRE_REAL_PROXIES=1 makes this a failure)", pytrace=False)
    pytest.skip(sentence)


def require(program: str, package: str) -> str:
    """The program's full path. Skips or fails the test if it is not there."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}")
    if found is None:
        unavailable(f"{program} is not installed: apt-get install {package}")
    return found


def free_port() -> int:
    """A loopback port nobody listens on, below the range the kernel takes for outgoing connections."""
    dice = random.SystemRandom()
    while True:
        port = dice.randrange(15000, 32000)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


def accepts(port: int, address: str = "127.0.0.1") -> bool:
    """Whether something accepts connections on this loopback port."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


@dataclass(frozen=True)
class Program:
    """A running program, leader of its own process group."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    """What it wrote to stdout and stderr."""

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until `ready()`; fails the test if the program ends or the time is up."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if time.monotonic() > deadline:
                pytest.fail(f"{self.name}: {what} not within {START_SECONDS:.0f} s; its output:\n{self.log_tail()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.process.wait(timeout=0.02)
                pytest.fail(f"{self.name} ended with status {status} at its start; its output:\n{self.log_tail()}")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The program does nothing; the kernel still accepts connections for it."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def ask_to_end(self) -> None:
        """Tell it to end, without waiting for it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)

    def stop(self) -> None:
        """End the program and its children, and wait for it."""
        for ending in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, ending)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=STOP_SECONDS)
                break
        with contextlib.suppress(ProcessLookupError):  # children that outlived their leader
            os.killpg(self.process.pid, signal.SIGKILL)


class Launcher:
    """Owns a folder and the programs started in it."""

    def __init__(self) -> None:
        # Not pytest's tmp_path: its parents are closed to the users that squid and dante turn into.
        self._folder = tempfile.TemporaryDirectory(prefix="prober-real-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self.folder.chmod(0o755)
        self.names = NamesOfTheirOwn(self.folder)
        self._programs: list[Program] = []

    def room(self, name: str) -> Path:
        """A new folder for one program's configuration and state."""
        room = self.folder / name
        room.mkdir(mode=0o755)
        return room

    def start(
        self,
        name: str,
        argv: Sequence[str],
        ports: Sequence[int],
        environ: Mapping[str, str] | None = None,
        *,
        names: NamesOfTheirOwn | None = None,
        address: str = "127.0.0.1",
    ) -> Program:
        """Start a program that sees its own `/etc/hosts`; returns when all its ports accept connections.

        `names` are other names than the session's; `address` is where the ports are.
        """
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                (names or self.names).wrap(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=None if environ is None else {**os.environ, **environ},
                start_new_session=True,
            )
        program = Program(name, process, log)
        self._programs.append(program)
        for port in ports:
            program.wait_until(functools.partial(accepts, port, address), f"connections on port {port}")
        return program

    def close(self) -> None:
        """End everything, last started first, and remove the folder."""
        for program in reversed(self._programs):
            program.ask_to_end()  # squid takes two seconds over it: they may take them together
        while self._programs:
            self._programs.pop().stop()
        self._folder.cleanup()
