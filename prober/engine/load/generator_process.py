"""A generator process: takes a job on standard input, begins when told, tells seconds on standard output.

Messages are frames (`prober.engine.frames`). End of input means that the parent is gone: every socket is closed.
Signals that reach the whole group are the parent's to answer.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from typing import Final, NamedTuple

from prober.engine.frames import Frames, frame
from prober.engine.load.plan import Job, Plan
from prober.engine.load.runner import Runner
from prober.engine.loop import run_loop
from prober.load.slices import HealthSample, Slice

log = logging.getLogger(__name__)

PROGRAM: Final = (
    "import signal, sys; "
    "[signal.signal(getattr(signal, name), signal.SIG_IGN) for name in ('SIGINT', 'SIGTERM', 'SIGHUP')"
    " if hasattr(signal, name)]; "
    "sys.path[:] = {path!r}; from prober.engine.load.generator_process import main; main()"
)
"""For `processes.command`. Signals are ignored before anything else is loaded."""
_COLLECT_AFTER: Final = 50_000
"""Objects made before the collector looks: nothing here lives in cycles."""


class Begin(NamedTuple):
    """Begin the job."""

    at: float
    """On `time.perf_counter`, which all processes of a machine share."""


class Stop(NamedTuple):
    """End the job now."""


class Ready(NamedTuple):
    """The job is understood."""

    descriptor_limit: int
    trouble: str | None = None
    """Why it cannot be done, for a person."""


class News(NamedTuple):
    """What is known by now."""

    slices: list[Slice]
    health: list[HealthSample]
    ended: int
    """Operations, since the run's start."""
    ended_well: int


class Finished(NamedTuple):
    """The job is done, and all its sockets are closed."""


class Post(asyncio.Protocol):
    """Where the parent's messages come in. `ended` is set at the end of input."""

    def __init__(self, loop: asyncio.AbstractEventLoop, write: asyncio.WriteTransport) -> None:
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._write = write
        self._frames = Frames()
        self._runner: Runner | None = None

    def data_received(self, data: bytes) -> None:
        """Read what the parent wants. What cannot be understood ends this process."""
        try:
            for message in self._frames.feed(data):
                self._take(message)
        except Exception as error:
            log.exception("the parent's message cannot be understood")
            self._end(error)

    def connection_lost(self, error: Exception | None) -> None:
        """The end of input."""
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    def _take(self, message: object) -> None:
        match message, self._runner:
            case Job(), None:
                self._prepare(message)
            case Begin(at), Runner() as runner:
                runner.go(at)
            case Stop(), Runner() as runner:
                runner.stop()
            case Stop(), None:
                pass  # it was done a moment ago
            case _:
                raise TypeError(f"unexpected {type(message).__name__}")

    def _prepare(self, job: Job) -> None:
        limit = descriptor_limit()
        try:
            runner = Runner(self._loop, Plan(job), self._tell, descriptor_limit=limit)
        except (OSError, ValueError) as error:
            self._say(Ready(limit, f"{type(error).__name__}: {error}"))
            return
        self._runner = runner
        runner.ended.add_done_callback(self._done)
        self._say(Ready(limit))

    def _tell(self, slices: list[Slice], health: list[HealthSample], ended: int, ended_well: int) -> None:
        self._say(News(slices, health, ended, ended_well))

    def _done(self, ended: asyncio.Future[None]) -> None:
        self._runner = None
        error = ended.exception()
        if error is None:
            self._say(Finished())
        elif isinstance(error, Exception):
            self._end(error)

    def _say(self, message: Ready | News | Finished) -> None:
        if not self._write.is_closing():  # the parent may be gone: the end of input is on its way
            self._write.write(frame(message))

    def close(self) -> None:
        """Close every socket."""
        if self._runner is not None:
            self._runner.close()


def descriptor_limit() -> int:
    """Lift this process's limit on descriptors as far as the system lets it, and say what it is; 0 = none."""
    if sys.platform == "win32":
        return 0
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):  # macOS: the hard limit may be more than the kernel takes
            pass
    return 0 if soft == resource.RLIM_INFINITY else soft


async def _serve() -> None:
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no later collection has to look through it
    gc.set_threshold(_COLLECT_AFTER, 20, 100)
    loop = asyncio.get_running_loop()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anybody prints must not come between the frames
    written, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, answers)
    post = Post(loop, written)
    read, _ = await loop.connect_read_pipe(lambda: post, sys.stdin.buffer)
    try:
        await post.ended
    finally:
        post.close()
        written.close()
        read.close()


def main() -> None:
    """Entry of the process."""
    run_loop(_serve())
