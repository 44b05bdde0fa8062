"""The store's thread: the only place that touches the state file. It takes what is waiting and writes it, again and
again until it works; questions are answered in between.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

from prober.monitor.memory.file import StateFile, StoreError, UnusableError, is_damage, words
from prober.monitor.memory.history import Filter, Recorded, RunningClock, find, insert, newest, prune
from prober.monitor.memory.rows import Rows
from prober.monitor.memory.waiting import Waiting
from prober.monitor.state import Remembered
from prober.report.sanitize import sanitize, several

T = TypeVar("T")
log = logging.getLogger(__name__)

CHECKPOINT: Final = 60.0
"""Seconds between two checkpoints: what a power cut can cost."""
TIDY: Final = 600.0
"""Seconds between two looks for what has grown old."""
MAX_CHANGES: Final = 1_000_000
"""Changes of state kept: some 250 MB."""
_BACKOFF: Final = 30.0
_FREE_PAGES: Final = 256


class Writer:
    """Owns the thread and the file. `waiting` is shared with the event loop, all else is the thread's.

    `told` is called in the thread with each new trouble (None = it is over).
    """

    def __init__(
        self,
        path: Path,
        waiting: Waiting,
        *,
        history: float,
        every: float,
        patience: float,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        told: Callable[[str | None], None],
        hide: Callable[[str], str],
        max_changes: int,
    ) -> None:
        self.path = path
        self.busy_since: float | None = None
        """Monotonic seconds; None = it has nothing to do. Read by the loop."""
        self._waiting = waiting
        self._history = history
        self._every = every
        self._patience = patience
        self._wall = wall
        self._monotonic = monotonic
        self._told = told
        self._hide = hide
        self._max_changes = max_changes
        self._clock = RunningClock(wall, monotonic)
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._ending = False
        self._file: StateFile | None = None
        self._rows = Rows(hide)
        self._trouble: str | None = None
        self._failures = 0
        self._check = True
        self._write_at = self._checkpoint_at = self._tidy_at = monotonic()
        self._thread = threading.Thread(target=self._run, name="state store", daemon=True)
        # a daemon: a disk that never answers shall not keep the program from ending

    # from the loop

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask(self, question: Callable[[], T]) -> Future[T]:
        """Have something done in the thread."""
        future: Future[T] = Future()
        with self._wake:
            self._jobs.append((question, future))
            self._wake.notify()
        return future

    def notify(self) -> None:
        """There is something to write."""
        with self._wake:
            self._wake.notify()

    # in the thread

    def open(self) -> None:
        """First of all. Raises StoreError where somebody has to act; other trouble is told, and tried again."""
        try:
            self._open(self._patience)
        except Exception as error:
            if isinstance(error, StoreError) and not isinstance(error, UnusableError):
                raise
            self._failed(error)
        else:
            self._worked()

    def load(self, egress: str) -> list[Remembered]:
        """What the file knew when it was opened."""
        if self._file is None:
            return []
        try:
            return self._rows.load(self._file.connection, egress)
        except sqlite3.Error as error:
            self._failed(error)
            return []

    def egresses(self) -> set[str]:
        """Egress points that the file knows."""
        return self._rows.egresses()

    def find(self, asked: Filter, limit: int) -> list[Recorded]:
        """Changes in the file."""
        if self._file is None:
            return []
        try:
            return find(self._file.connection, asked, limit)
        except sqlite3.Error as error:
            self._failed(error)
            return []

    def write(self) -> None:
        """Write what is waiting, whatever the time."""
        try:
            self._write()
        except Exception as error:  # noqa: BLE001 # the thread must not die of anything: it says so and tries again
            self._failed(error)
        else:
            self._worked()

    def close(self) -> None:
        """Last of all: write, and leave the file in one piece."""
        self._ending = True
        if self._waiting:
            self.write()
        if self._file is not None:
            self._close_file()

    def _run(self) -> None:
        while not self._ending:
            job = self._next()
            if job is None:
                self._timed(self.write)
            elif job[1].set_running_or_notify_cancel():
                self._answer(*job)
        for _, future in self._jobs:
            future.cancel()

    def _next(self) -> tuple[Callable[[], Any], Future[Any]] | None:
        """A job; None when it is time to write."""
        with self._wake:
            while not self._jobs:
                now = self._monotonic()
                if self._waiting or self._file is not None:
                    at = self._write_at if self._waiting else min(self._checkpoint_at, self._tidy_at)
                    if now >= at:
                        return None
                    self._wake.wait(at - now)
                else:
                    self._wake.wait(self._every)
            return self._jobs.popleft()

    def _answer(self, question: Callable[[], Any], future: Future[Any]) -> None:
        try:
            answer = self._timed(question)
        except BaseException as error:  # noqa: BLE001 # it is raised where it was asked
            future.set_exception(error)
        else:
            future.set_result(answer)

    def _timed(self, work: Callable[[], T]) -> T:
        self.busy_since = self._monotonic()
        try:
            return work()
        finally:
            self.busy_since = None

    def _open(self, patience: float) -> StateFile:
        file = StateFile(self.path, wall=self._wall, notice=self._notice, patience=patience, check=self._check)
        try:
            connection = file.connection
            connection.execute("BEGIN IMMEDIATE")
            rows = Rows.read(connection, self._hide)
            connection.execute("COMMIT")
            if rows.newest is not None:
                self._clock.take_up(*rows.newest)
            self._waiting.number_from(newest(connection) + 1)
        except BaseException:
            file.close()
            raise
        if rows.damaged:
            self._notice(f"{several(rows.damaged, 'row')} of {file.path} are damaged and were left out")
        self._file, self._rows, self._check = file, rows, False
        return file

    def _write(self) -> None:
        file = self._file
        if file is not None and not file.in_place():
            self._notice(f"{file.path} was removed or replaced: another one is begun, or taken as it is")
            self._file, self._rows = None, Rows(self._hide)
            file.abandon()
            file, self._check = None, True
        if file is None:
            file = self._open(0.0)
        connection = file.connection
        pairs, changes = self._waiting.taken()
        if pairs or changes:
            noted = self._clock.now()
            connection.execute("BEGIN IMMEDIATE")
            failed = self._rows.write(connection, pairs, noted)
            insert(connection, changes, noted, self._hide)
            connection.execute("COMMIT")
            self._waiting.done(pairs, changes)
            if failed:
                log.error("the state of %s cannot be kept: it cannot be encoded", several(failed, "pair"))
        self._keep_house(connection)

    def _keep_house(self, connection: sqlite3.Connection) -> None:
        now = self._monotonic()
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY
            before = self._clock.now() - self._history
            connection.execute("BEGIN IMMEDIATE")
            pruned = prune(connection, before, self._max_changes)
            self._rows.forget_old(connection, before)
            connection.execute("COMMIT")
            if pruned >= 1000:
                self._tidy_at = now  # there may be more of it: with the next write
            free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
            if free > _FREE_PAGES:
                connection.execute(f"PRAGMA incremental_vacuum({free - _FREE_PAGES})").fetchall()
        if now >= self._checkpoint_at:
            self._checkpoint_at = now + CHECKPOINT
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _close_file(self) -> None:
        file, self._file, self._rows = self._file, None, Rows(self._hide)
        if file is not None:
            try:
                file.close()
            except (sqlite3.Error, StoreError, OSError) as error:
                log.warning("%s", sanitize(words(error, self.path)))

    # trouble

    def _notice(self, text: str) -> None:
        log.warning("%s", sanitize(text, limit=1000))

    def _worked(self) -> None:
        self._failures = 0
        self._write_at = self._monotonic() + self._every
        self._tell(None)

    def _failed(self, error: BaseException) -> None:
        """After an error nothing is believed of the connection: it is closed, and the file is read anew."""
        self._failures += 1
        self._write_at = self._monotonic() + min(_BACKOFF, self._every * 2 ** min(self._failures, 10))
        self._close_file()
        self._check = self._check or is_damage(error)
        self._tell(f"{words(error, self.path)}; the state is kept in memory only, and writing is tried again")

    def _tell(self, trouble: str | None) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("the state is written to %s again", self.path)
        else:
            log.error("%s", sanitize(trouble, limit=1000))
        self._told(trouble)
