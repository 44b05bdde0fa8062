"""A generator process of this machine: `prober.engine.load.joint_run.GeneratorProcess` over its standard streams."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from typing import Final, Self

from prober.engine.frames import frame, read_frame
from prober.engine.load.generator_process import PROGRAM
from prober.engine.load.joint_run import GoneError, Message
from prober.engine.processes import command, ending

_GRACE: Final = 5.0
"""Seconds that a process gets to close its sockets before it is killed."""


class OwnProcess:
    """One process; `close` ends it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Self:
        """A new one."""
        return cls(await asyncio.create_subprocess_exec(*command(PROGRAM), stdin=PIPE, stdout=PIPE))

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    def send(self, message: Message) -> None:
        """Tell it."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.is_closing():
            # uvloop says RuntimeError to a closed pipe; that the process is gone is noticed where it is listened to
            with contextlib.suppress(ConnectionError, RuntimeError):
                pipe.write(frame(message))

    async def next(self) -> object:
        """What it says next. Raises GoneError."""
        pipe = self._process.stdout
        if pipe is None:
            raise GoneError
        try:
            return await read_frame(pipe)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise GoneError from None

    async def ending(self) -> str:
        """How it ended, as a clause. Waits for its end."""
        await self._process.wait()
        return f"a generator process {ending(self._process.returncode)}"

    async def close(self) -> None:
        """Close its input, which ends it; else kill it. What it still says is read, so that the pipes close."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_GRACE):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
