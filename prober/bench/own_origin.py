"""`--target lab`: prober's own origin in processes of its own, for as long as a benchmark lasts."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import PIPE, Process
from types import TracebackType
from typing import Final

from prober.engine.processes import command, ending

KEYS: Final = ("ecdsa", "rsa2048", "rsa3072")
_PROGRAM: Final = """\
import sys
sys.path[:] = {path!r}
from prober.cli.main import app
app(sys.argv[1:])
"""
_READY: Final = re.compile(r"origin on (127\.0\.0\.1):(\d{1,5}): ")
_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 10.0


class OriginError(Exception):
    """The origin did not come up; the message is a sentence."""


class OwnOrigin:
    """An origin on loopback. An asynchronous context; entering it raises OriginError."""

    def __init__(self, key: str, workers: int) -> None:
        terms = ("--listen", "127.0.0.1:0", "--until-input-ends", "--key", key, "--workers", str(workers))
        self._arguments = ("lab", "origin", *terms)
        self._process: Process | None = None
        self.host = "127.0.0.1"
        self.port = 0

    async def __aenter__(self) -> OwnOrigin:
        self._process = await asyncio.create_subprocess_exec(
            *command(_PROGRAM),
            *self._arguments,
            stdin=PIPE,  # its end is ours: the origin goes too, even if this process is killed
            stdout=PIPE,
            start_new_session=True,  # Ctrl-C is the benchmark's: the origin ends when that has ended
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                self.port = await self._announced(self._process)
        except TimeoutError:
            await self._end()
            raise OriginError(f"the lab's origin was not there after {_START_SECONDS:.0f} s") from None
        except BaseException:
            await self._end()
            raise
        return self

    async def _announced(self, process: Process) -> int:
        assert process.stdout is not None  # noqa: S101 # it was asked for
        while line := await process.stdout.readline():
            found = _READY.match(line.decode("utf-8", "replace"))
            if found:
                return int(found[2])
        raise OriginError(f"the lab's origin {ending(await process.wait())}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
