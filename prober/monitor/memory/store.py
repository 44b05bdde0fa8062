"""The memory of `serve`: what outlives a restart, and the history of changes.

Nothing here touches a disk on the event loop: `remember` and `record` put down what is to be written, a thread writes
it once a second in one transaction. No fault of disk or file stops anything: `trouble` says what is wrong, the newest
state waits in memory, and it is written when that works again. docs/monitoring-state.md tells the operator's side.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from prober.monitor.memory.file import LockedError, StoreError
from prober.monitor.memory.history import DAY, MAX_LIMIT, Filter, Recorded
from prober.monitor.memory.waiting import Waiting
from prober.monitor.memory.writer import MAX_CHANGES, Writer
from prober.monitor.state import Remembered, Track, Transition

__all__ = ["LockedError", "Recorded", "Store", "StoreError"]

log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between two writes; nothing waits longer for the first one after a pause."""
PATIENCE: Final = 5.0
"""Seconds for which another process may keep the file at the start: the prober before this one, still ending."""
ANSWER: Final = 5.0
"""Seconds that a question may take; then what is in memory is the answer."""
STUCK: Final = 15.0
"""Seconds of one write after which the disk is said not to answer."""
END: Final = 10.0
"""Seconds for the last write."""


class Store:
    """What outlives a restart. `path` None keeps nothing; changes can be asked for all the same, the newest of them.

    `wall` tells seconds since the epoch; `hide` takes out of texts what must not be in a file (passwords that a peer
    quoted). `on_trouble` is called on the event loop with each new trouble, and with None when it is over.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        history_days: int,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        hide: Callable[[str], str] = str,
        on_trouble: Callable[[str | None], None] | None = None,
        every: float = EVERY,
        patience: float = PATIENCE,
        end: float = END,
        max_changes: int = MAX_CHANGES,
    ) -> None:
        self.path = path
        self._monotonic = monotonic
        self._on_trouble = on_trouble
        self._end = end
        self._trouble: str | None = None
        self._stuck = False
        self._waiting = Waiting()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Writer | None = None
        if path is not None:
            self._writer = Writer(
                path,
                self._waiting,
                history=history_days * DAY,
                every=every,
                patience=patience,
                wall=wall,
                monotonic=monotonic,
                told=self._told,
                hide=hide,
                max_changes=max_changes,
            )

    async def open(self) -> None:
        """Begin. Raises StoreError where somebody has to do something first: another prober uses the file, there is
        no such directory, or the path is no file. Everything else is `trouble`."""
        self._loop = asyncio.get_running_loop()
        if self._writer is None:
            return
        self._writer.start()
        try:
            await asyncio.wrap_future(self._writer.ask(self._writer.open))
        except StoreError:
            await self.close()
            raise

    async def close(self) -> None:
        """Write what waits and leave a file without anything beside it. A disk that does not answer is not waited for
        longer than a few seconds."""
        writer, self._writer = self._writer, None
        if writer is None or self._loop is None:
            return
        try:
            await asyncio.wait_for(asyncio.wrap_future(writer.ask(writer.close)), self._end)
        except TimeoutError:
            log.error("%s did not answer: the state of %d pairs is lost", self.path, self._waiting.pairs)
        self._loop = None

    async def load(self, egress: str) -> list[Remembered]:
        """What is known of an egress point's pairs from before."""
        if self._writer is None:
            return []
        writer = self._writer
        return await asyncio.wrap_future(writer.ask(lambda: writer.load(egress)))

    async def egresses(self) -> set[str]:
        """Egress points of which something is known from before."""
        return set() if self._writer is None else await asyncio.wrap_future(self._writer.ask(self._writer.egresses))

    async def flush(self) -> None:
        """Write now, if it can be written."""
        if self._writer is not None:
            await asyncio.wrap_future(self._writer.ask(self._writer.write))

    def remember(self, egress: str, pairs: Sequence[Remembered]) -> None:
        """Have the newest state of pairs kept. Only puts it down."""
        if self._writer is None or not pairs:
            return
        self._waiting.remember(egress, pairs)
        self._writer.notify()
        self._look_after()

    def record(self, changes: Sequence[Transition]) -> None:
        """Have changes kept. Only puts them down."""
        self._waiting.record(changes)
        if self._writer is not None:
            self._writer.notify()

    async def transitions(
        self,
        *,
        target: str | None = None,
        route: str | None = None,
        track: Track | None = None,
        since: float | None = None,
        before: int | None = None,
        until: float | None = None,
        limit: int = 100,
    ) -> list[Recorded]:
        """Changes, newest first, `MAX_LIMIT` at most.

        `since` asks for those confirmed then or later (seconds since the epoch), `until` for those confirmed earlier
        than that; `before` for those before one that was given: the `id` of the last one of a page asks for the next
        page. Those of the last second are among them.
        """
        asked = Filter(target, route, track, since, before, until)
        limit = max(0, min(limit, MAX_LIMIT))
        writer = self._writer
        if writer is None:
            return self._waiting.find(asked, limit)

        def both() -> list[Recorded]:
            waiting = self._waiting.find(asked, limit)  # nothing is written meanwhile: this is the writing thread
            older = replace(asked, before=waiting[-1].id) if waiting else asked
            return waiting + (writer.find(older, limit - len(waiting)) if len(waiting) < limit else [])

        try:
            return await asyncio.wait_for(asyncio.wrap_future(writer.ask(both)), ANSWER)
        except TimeoutError:
            return self._waiting.find(asked, limit)

    @property
    def trouble(self) -> str | None:
        """A sentence while the state cannot be kept; None while all is well, and without a file."""
        writer = self._writer
        if writer is None:
            return None
        since = writer.busy_since
        if since is not None and self._monotonic() - since > STUCK:
            return f"{self.path}: its disk does not answer; the state is kept in memory only"
        return self._trouble

    def _look_after(self) -> None:
        """A thread that hangs in the kernel cannot say so itself."""
        writer = self._writer
        since = None if writer is None else writer.busy_since
        stuck = since is not None and self._monotonic() - since > STUCK
        if stuck is not self._stuck:
            self._stuck = stuck
            trouble = self.trouble
            log.log(logging.ERROR if stuck else logging.INFO, "%s", trouble or f"the disk of {self.path} answers again")
            self._call(trouble)

    def _told(self, trouble: str | None) -> None:
        """Called in the writer's thread."""
        self._trouble = trouble
        if self._loop is not None and self._on_trouble is not None:
            try:
                self._loop.call_soon_threadsafe(self._call, trouble)
            except RuntimeError:  # the loop has ended: nobody is there to be told
                log.debug("nobody to tell: %s", trouble)

    def _call(self, trouble: str | None) -> None:
        if self._on_trouble is not None:
            self._on_trouble(trouble)
