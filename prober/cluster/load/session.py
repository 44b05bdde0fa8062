"""A benchmark at an agent: its generator processes, what they are told, what they say. On the worker's own loop.

The worker process relays; the load is made by processes of its own, which end when their input does: if the worker
dies, if the client says so, or if nobody asks any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

from prober.cluster.load.words import LEASE, PATIENCE, READY, Gone
from prober.engine.load.generator_process import Begin
from prober.engine.load.joint_run import GoneError, Message
from prober.engine.load.own_process import OwnProcess

_LOOK: Final = 1.0
"""Seconds between looks whether anybody asks."""
Numbered = tuple[int, Message]
Said = tuple[int, object]


class Session:
    """One benchmark's processes, numbered from 0."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._processes: dict[int, OwnProcess] = {}
        self._readers: dict[int, asyncio.Task[None]] = {}
        self._said: list[Said] = []
        """Messages from number `_known` on, kept until the client says that it knows them."""
        self._known = 0
        self._news = asyncio.Event()
        self._until = time.monotonic() + READY
        """When nobody asks any more, unless somebody does before."""
        self._closing: asyncio.Task[None] | None = None
        self._watch = asyncio.get_running_loop().call_later(_LOOK, self._look)

    @property
    def is_over(self) -> bool:
        """Whether it was closed, or is about to be."""
        return self._closing is not None

    @property
    def said(self) -> int:
        """Messages so far."""
        return self._known + len(self._said)

    def get_ready(self) -> None:
        """A run is being prepared."""
        self._until = max(self._until, time.monotonic() + READY)

    def _ask(self) -> None:
        self._until = max(self._until, time.monotonic() + LEASE)

    async def start(self, count: int) -> None:
        """See that there are so many processes. Raises RuntimeError where it is over meanwhile."""
        self.get_ready()
        for number in range(count):
            process = self._processes.get(number)
            if process is None or process.is_over:
                await self._replace(number)

    async def _replace(self, number: int) -> None:
        if number in self._readers:
            await asyncio.wait([self._readers[number]])  # it ends with its process
        process = await OwnProcess.start()
        if self.is_over:  # what closes it has not seen this one
            await process.close()
            raise RuntimeError("this benchmark has ended here while it got ready")
        self._processes[number] = process
        self._readers[number] = asyncio.get_running_loop().create_task(
            self._read(number, process), name=f"benchmark {self.token}: generator process {number}"
        )

    async def _read(self, number: int, process: OwnProcess) -> None:
        try:
            while True:
                self._say(number, await process.next())
        except GoneError:
            self._say(number, Gone(await process.ending()))
        except Exception as error:  # a fault of ours, which comes out below; first nobody is to wait for this process
            self._say(number, Gone(f"a generator process was not understood: {type(error).__name__}: {error}"))
            raise

    def _say(self, number: int, message: object) -> None:
        self._said.append((number, message))
        self._news.set()

    def tell(self, messages: Sequence[Numbered]) -> float:
        """Pass them on; when that was, on this machine's `time.perf_counter`."""
        self._ask()
        for number, message in messages:
            self._processes[number].send(message)
            if isinstance(message, Begin):  # from here on the client asks all the time
                self._until = time.monotonic() + LEASE
        return time.perf_counter()

    async def hear(self, known: int) -> list[Said]:
        """What the processes have said beyond the first `known` messages. Waits a moment for something to tell.

        An answer that nobody waits for any more (a question of the last run) takes nothing away from others.
        """
        self._ask()
        if known > self._known:
            del self._said[: known - self._known]
            self._known = known
        if self.said <= known:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._news.wait()
        return self._said[max(0, known - self._known) :]

    def _look(self) -> None:
        left = self._until - time.monotonic()
        if left > 0:
            self._watch = asyncio.get_running_loop().call_later(min(left, _LOOK), self._look)
        else:
            self._close_soon()

    def _close_soon(self) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(
                self._close(), name=f"benchmark {self.token}: end of its processes"
            )
        return self._closing

    async def close(self) -> None:
        """End the processes, and with them the load."""
        await asyncio.shield(self._close_soon())

    async def _close(self) -> None:
        self._watch.cancel()
        for reader in self._readers.values():
            reader.cancel()
        if self._readers:
            await asyncio.wait(self._readers.values())
        await asyncio.gather(*(process.close() for process in self._processes.values()))
