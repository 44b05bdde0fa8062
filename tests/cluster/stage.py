"""A scheduler and agents as processes of their own, and an origin that holds connections until it is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil

from prober.cluster.authority import make_certificates
from prober.report.document import Run
from prober.report.files import decode

PATIENCE: Final = 60.0
"""Seconds that anything here may take on a busy machine."""


def wait_until(true: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Poll: what is waited for happens in other processes."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
        threading.Event().wait(0.05)


class Origin:
    """Accepts on every loopback address at one port; keeps connections open until `open_up`, then hangs up."""

    def __init__(self, *, held: bool = True) -> None:
        self._socket = socket.create_server(("0.0.0.0", 0), backlog=1024)
        self.port: int = self._socket.getsockname()[1]
        self._gate = threading.Event()
        if not held:
            self._gate.set()
        self.accepted: list[str] = []
        """Addresses that were connected to, in order."""
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._ended = False
        threading.Thread(target=self._accept, name="origin", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self.accepted.append(connection.getsockname()[0])
                if self._gate.is_set():
                    connection.close()
                else:
                    self._open.append(connection)

    def open_up(self) -> None:
        """Hang up on everybody, and on whoever comes from now on."""
        with self._lock:
            self._gate.set()
            for connection in self._open:
                connection.close()
            self._open.clear()

    def left_alone(self) -> bool:
        """Whether the other sides of all connections held have gone."""
        with self._lock:
            return all(_gone(each) for each in self._open)

    def targets(self, count: int) -> list[str]:
        """As many hosts, one target each."""
        return [f"tls://127.9.{number // 250}.{number % 250 + 1}:{self.port}" for number in range(count)]

    def close(self) -> None:
        self.open_up()
        self._socket.close()


def _gone(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


class Stage:
    """The programs of a cluster; `close` ends what is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certs = folder / "certs"
        make_certificates(self.certs)
        self._started: list[subprocess.Popen[bytes]] = []
        self.scheduler, self.url = self.start_scheduler()

    def start_scheduler(self, port: int = 0) -> tuple[subprocess.Popen[bytes], str]:
        where = f"tls://127.0.0.1:{port}"
        process = self.start("scheduler", "--listen", where, "--tls", str(self.certs), log="scheduler.log")
        wait_until(lambda: "scheduler at tls://" in self.log("scheduler.log"), "the scheduler")
        return process, self.log("scheduler.log").rpartition("scheduler at ")[2].split()[0]

    def agent(
        self, egress: str, *more: str, name: str | None = None, url: str | None = None
    ) -> subprocess.Popen[bytes]:
        """One that has begun to offer its egress."""
        log = f"{name or egress}.log"
        process = self.start(
            "agent", "--scheduler", url or self.url, "--tls", str(self.certs), "--egress", egress, *more, log=log
        )
        wait_until(lambda: "offering egress:" in self.log(log), f"the agent of {egress}")
        return process

    def start(self, *arguments: str, log: str, **how: Any) -> subprocess.Popen[bytes]:
        """`prober …` with its output in a file."""
        with (self.folder / log).open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "prober", *arguments], stdout=file, stderr=file, cwd=self.folder, **how
            )
        self._started.append(process)
        return process

    def check(self, targets: Sequence[str], *more: str, name: str = "check") -> subprocess.Popen[bytes]:
        """`prober check --scheduler`, saved as NAME.json."""
        saved = ["--save", str(self.folder / f"{name}.json"), "--format", "json", "--output", "/dev/null"]
        where = ["--scheduler", self.url, "--tls", str(self.certs)]
        return self.start("check", *where, *saved, "--fail-on", "none", *more, *targets, log=f"{name}.log")

    def saved(self, name: str = "check") -> Run:
        return decode((self.folder / f"{name}.json").read_bytes())

    def log(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        for process in reversed(self._started):
            if process.poll() is None:
                for each in family(process):
                    with_signal(each, signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in reversed(self._started):
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A process and those it started."""
    try:
        first = psutil.Process(process.pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def worker_of(agent: subprocess.Popen[bytes]) -> psutil.Process:
    """The worker process of an agent."""
    (worker,) = [each for each in family(agent)[1:] if "spawn_main" in " ".join(each.cmdline())]
    return worker


def with_signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


@contextmanager
def staged(folder: Path, *, held: bool = True) -> Iterator[tuple[Stage, Origin]]:
    origin = Origin(held=held)
    stage = Stage(folder)
    try:
        yield stage, origin
    finally:
        origin.open_up()
        stage.close()
        origin.close()


def pairs_of(run: Run) -> list[tuple[str, str, str]]:
    """Egress, target and route of each result, doubles included, in order."""
    return sorted((result.egress, result.target.id, result.route) for result in run.results)


def notes_of(run: Run) -> list[str]:
    return [note.text for note in run.notes if note.id == "not-probed"]
