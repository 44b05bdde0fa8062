"""The prober's end of a script's process: start, messages with deadlines, end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import prober
from prober.engine.pac import framing
from prober.engine.processes import ending

_PROGRAM: Final = "import sys; sys.path[:] = {path!r}; from prober.engine.pac.child import main; main()"
_KEPT: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Of the environment, which may hold passwords: what an interpreter may need to start at all."""
INTERRUPTED: Final = "interrupted"
"""Why a process ended whose timer of processor time ran out."""


class Ended(Exception):
    """The process is gone, or must go: why, in words."""

    def __init__(self, why: str, *, limit: bool) -> None:
        super().__init__(why)
        self.limit = limit
        """Whether it was a limit."""


class ScriptProcess:
    """A process that serves one script. End it with `close`, which may be called at any time.

    Raises OSError if it cannot be started. `patience` is in seconds of the wall clock for every message.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._buffer = bytearray()
        self.waited = 0.0
        """Seconds spent here on its messages."""
        path = [each for each in sys.path if each] + [str(Path(prober.__file__).parents[1])]
        self._process = subprocess.Popen(  # noqa: S603 # our own interpreter and program
            [sys.executable, "-I", "-S", "-c", _PROGRAM.format(path=path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            start_new_session=True,  # Ctrl-C is the parent's to answer
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("a process without pipes")
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def send(self, kind: bytes, payload: bytes) -> None:
        """A message. Raises Ended."""
        rest = memoryview(framing.framed(kind, payload))
        deadline = time.monotonic() + self._patience
        while rest:
            self._ready(self._to, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._to, rest) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self._gone() from None

    def receive(self) -> tuple[bytes, bytes]:
        """The next message: its kind, and its JSON. Raises Ended."""
        deadline = time.monotonic() + self._patience
        while (message := self._whole()) is None:
            self._ready(self._from, select.POLLIN, deadline)
            try:
                data = os.read(self._from, 1 << 16)
            except BlockingIOError:
                continue
            if not data:
                raise self._gone()
            self._buffer += data
        return message

    def _whole(self) -> tuple[bytes, bytes] | None:
        head = framing.HEAD.size
        if len(self._buffer) < head:
            return None
        size, kind = framing.HEAD.unpack_from(self._buffer)
        if size > framing.MOST_UP:
            raise Ended(f"the script's process sent a message of {size:,} octets", limit=True)
        if len(self._buffer) < head + size:
            return None
        payload = bytes(self._buffer[head : head + size])
        del self._buffer[: head + size]
        return kind, payload

    def _ready(self, descriptor: int, events: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, events)
        began = time.monotonic()
        found = poll.poll(max(0.0, deadline - began) * 1000)
        self.waited += time.monotonic() - began
        if not found:
            raise Ended(f"no answer within {self._patience:g} s", limit=True)

    def _gone(self) -> Ended:
        """How it ended. The pipe is closed; the process itself may need a moment more."""
        try:
            code = self._process.wait(self._patience)
        except subprocess.TimeoutExpired:
            return Ended("the script's process closed its pipe", limit=False)
        if code == -signal.SIGPROF:
            return Ended(INTERRUPTED, limit=True)
        return Ended(f"the script's process {ending(code)}", limit=False)

    def close(self) -> None:
        """End it: it holds nothing that anybody wants."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
