"""The parent's side of a client process: started, warmed up, told to go, read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from benchmarks.speed.jobs import Job, Spent

_PROGRAM = "import sys; sys.path[:] = {path!r}; from benchmarks.speed.client import main; main()"
"""Not `-m`: the meter's module would be there twice."""


class Client:
    """A client process that is warm and waits."""

    def __init__(self, process: subprocess.Popen[str], job: Job) -> None:
        self.pid = process.pid
        self._process = process
        self._job = job

    def measure(self) -> Spent:
        """Let it go; what it took. Ends the program if it fails, in the client's own words on stderr."""
        self._say("go\n")
        return msgspec.json.decode(self._hear(), type=Spent)

    def _say(self, text: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("a client without a pipe")
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _hear(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("a client without a pipe")
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the client ended ({self._process.wait()}) at {self._job}")
        return line

    def wait_ready(self) -> None:
        """Until it has warmed up."""
        if self._hear().strip() != "ready":
            raise SystemExit(f"the client said something else than that it is ready, at {self._job}")


@contextmanager
def client(job: Job) -> Iterator[Client]:
    """A fresh process for a job, warm; ended with the context."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        fresh = Client(process, job)
        fresh._say(msgspec.json.encode(job).decode() + "\n")
        fresh.wait_ready()
        yield fresh
        process.communicate()  # the end of its input is its end
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def measured(job: Job) -> Spent:
    """What a job takes in a fresh process."""
    with client(job) as fresh:
        return fresh.measure()


def progress(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)
