"""The state file itself: opened for one process alone, recognised as ours, set aside when it is damaged.

Nothing of somebody else's is ever written to, and nothing is ever deleted: a file that is not ours stays as it is, and
a damaged one is renamed. All of this blocks; it belongs to the store's thread.

WAL: one write a transaction, and a killed process leaves a whole file. With `locking_mode=EXCLUSIVE` there is no
shared-memory file beside it, so it works on network file systems too, if they know locks. `synchronous=NORMAL`: what a
committed transaction wrote survives the death of the process; after a power cut what came since the last checkpoint
(at most a minute) may be missing, never the file. FULL would cost an fsync each second and save that minute.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import stat
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from prober.monitor.memory.schema import APPLICATION, MARK, DamagedFileError, LaterVersionError, prepare

MAX_ASIDE: Final = 3
"""Damaged files beside the state file; when there are as many, the disk is not worth a fourth."""
_HEAD: Final = 65_536
_HEADER: Final = 100
_MAGIC: Final = b"SQLite format 3\x00"
_WAL_PAGES: Final = 1000
_WAL_LIMIT: Final = 8 << 20
_RETRY: Final = 0.1
_NOBODYS: Final = 1 << 40
"""An octet of the file that SQLite never locks."""
_BESIDE: Final = ("-wal", "-journal", "-shm")

Place = tuple[int, int]
"""Device and inode."""


class StoreError(Exception):
    """The state file cannot be used and somebody has to do something about it; the message says what."""


class LockedError(StoreError):
    """Another process uses the state file."""


class UnusableError(StoreError):
    """The file is left as it is."""


class StateFile:
    """An open state file. `notice` is told what was done to a damaged one; `patience` are the seconds that a lock is
    waited for: the prober before this one may still be ending.

    Raises StoreError, sqlite3.Error and OSError.
    """

    def __init__(
        self, path: Path, *, wall: Callable[[], float], notice: Callable[[str], None], patience: float, check: bool
    ) -> None:
        self.path = Path(os.path.realpath(path))
        self._wall, self._notice = wall, notice
        _create(self.path)
        self.place = _place(self.path)
        _only_one(self.path, self.place)
        try:
            try:
                self.connection = _open(self.path, patience, check=check)
            except DamagedFileError as error:
                _tell(notice, self.path, set_aside(self.path, wall()), error)
                _open_places.discard(self.place)
                _create(self.path)
                self.place = _place(self.path)
                _only_one(self.path, self.place)
                self.connection = _open(self.path, patience, check=False)
        except BaseException:
            _open_places.discard(self.place)
            raise
        self._wal = self.path.with_name(f"{self.path.name}-wal")
        self._wal_place: Place | None = None

    def close(self) -> None:
        """Close it; what is in the WAL goes into the file if there is room. A file whose first octets somebody wrote
        over meanwhile is set aside now: a later process could not know that it was ours. Raises StoreError,
        sqlite3.Error and OSError, when it is closed all the same."""
        try:
            self.connection.close()
        finally:
            _open_places.discard(self.place)
        with suppress(FileNotFoundError):
            if _place(self.path) == self.place:
                self._look_back()

    def _look_back(self) -> None:
        try:
            _recognise(self.path)
        except (UnusableError, DamagedFileError):
            overwritten = DamagedFileError("it was overwritten while it was in use")
            _tell(self._notice, self.path, set_aside(self.path, self._wall()), overwritten)

    def in_place(self) -> bool:
        """Whether the path still leads to the file that is open."""
        with suppress(OSError):
            if _place(self.path) == self.place:
                self._wal_place = _place(self._wal)
                return True
        return False

    def abandon(self) -> None:
        """Close a file that is not in its place any more, wherever it is now, and leave no WAL behind: SQLite would
        take it for that of whatever file is there now."""
        with suppress(sqlite3.Error):
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.close()
        with suppress(OSError):
            if _place(self._wal) == self._wal_place:
                self._wal.unlink()


_open_places: Final[set[Place]] = set()
"""Files open in this process. POSIX locks are the process's: opening one a second time and closing it again would
release them (fcntl(2))."""
_guard: Final = threading.Lock()


def _only_one(path: Path, place: Place) -> None:
    with _guard:
        if place in _open_places:
            raise LockedError(f"{path} is in use by this very process")
        _open_places.add(place)


def _place(path: Path) -> Place:
    found = path.stat()
    return found.st_dev, found.st_ino


def _create(path: Path) -> None:
    """Make sure there is a regular file, readable by its owner only if it is new. Raises StoreError, OSError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StoreError(f"{path} is no regular file: give serve.state the name of a file") from None
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(
            f"{path} cannot be made: there is no directory {path.parent}; create it, or set serve.state"
        ) from None


def _open(path: Path, patience: float, *, check: bool) -> sqlite3.Connection:
    """Open, lock, check. Raises DamagedFileError for a file of ours that is damaged."""
    _recognise(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.0)
    connection.text_factory = lambda octets: octets.decode("utf-8", "replace")  # checksums find what is damaged
    try:
        try:
            return _set_up(connection, path, patience, check=check)
        except LaterVersionError as error:
            raise UnusableError(
                f"{path} was written by a later version of prober ({error}) and is left as it is: use that version, or "
                f"another file for serve.state"
            ) from error
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise DamagedFileError(str(error)) from error
            raise
        except UnicodeDecodeError as error:  # SQLite's message quotes what it found
            raise DamagedFileError("its schema is no text") from error
    except BaseException:
        connection.close()
        raise


def _set_up(connection: sqlite3.Connection, path: Path, patience: float, *, check: bool) -> sqlite3.Connection:
    for pragma in ("locking_mode = EXCLUSIVE", "trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    _lock(connection, path, patience)
    prepare(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
    if check:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise DamagedFileError(found)
    return connection


def _lock(connection: sqlite3.Connection, path: Path, patience: float) -> None:
    """Take the file for this process; it is kept until the connection is closed."""
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if primary(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            if time.monotonic() >= until:
                _try_locks(path)
                raise LockedError(
                    f"{path} is in use by another process{_holder(path)}: two probers cannot share a state file; give "
                    f"one of them another serve.state"
                ) from error
            threading.Event().wait(_RETRY)
        else:
            return


def _try_locks(path: Path) -> None:
    """SQLite says "busy" where a file system knows no locks, too. Raises UnusableError there."""
    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _NOBODYS)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return
        raise UnusableError(
            f"{path} cannot be locked ({error.strerror}): its file system knows no locks (NFS without a "
            "lock service?); put it on a local disk"
        ) from error


def _holder(path: Path) -> str:
    """` (process 4711)`, where the system tells: fcntl(2), F_GETLK."""
    if sys.platform != "linux":
        return ""
    form = "hhqqi4x"
    with suppress(OSError), path.open("rb") as file:
        asked = struct.pack(form, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        process = struct.unpack(form, fcntl.fcntl(file, fcntl.F_GETLK, asked))[4]
        return f" (process {process})" if process > 0 else ""
    return ""


def _recognise(path: Path) -> None:
    """Pass an empty file and one of ours. Raises UnusableError for somebody else's, DamagedFileError where ours lost
    its first octets. Reads nothing that SQLite has locked: this process has it open nowhere else."""
    with path.open("r+b") as file:  # for writing, too: what forbids it is told more clearly here than by SQLite
        head = file.read(_HEAD)
    if not head:
        return
    if head.startswith(_MAGIC) and (head[68:72] == APPLICATION.to_bytes(4) or _has_no_tables(head)):
        return
    cut = len(head) < _HEADER and head.startswith(_MAGIC[: len(head)])
    if cut or MARK.encode() in head or not head.strip(b"\x00"):
        raise DamagedFileError("its first octets are not what was written")
    raise UnusableError(f"{path} is no state file of prober's and is left as it is: set serve.state to another name")


def _has_no_tables(head: bytes) -> bool:
    """Whether it is a database of one page without a table or a mark: begun, and killed before there was more
    (https://www.sqlite.org/fileformat2.html, sections 1.3 and 1.6)."""
    return len(head) == int.from_bytes(head[16:18]) and not any(head[60:72]) and head[100:105] == b"\x0d\0\0\0\0"


def set_aside(path: Path, at: float) -> Path:
    """Rename a damaged file and what belongs to it; `at` is the time, seconds since the epoch. Raises UnusableError
    when there are too many already."""
    kept = [each for each in path.parent.glob(f"{path.name}.corrupt-*") if not each.name.endswith(_BESIDE)]
    if len(kept) >= MAX_ASIDE:
        raise UnusableError(
            f"{path} is damaged, and {len(kept)} damaged ones lie beside it already: look after the disk, then remove "
            f"them; until then no state is kept"
        )
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    names = (path.with_name(f"{path.name}.corrupt-{moment}{more}") for more in ("", "-2", "-3", "-4"))
    name = next(each for each in names if not each.exists())
    for beside in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + beside).rename(name.with_name(name.name + beside))
    path.rename(name)
    return name


def _tell(notice: Callable[[str], None], path: Path, aside: Path, error: Exception) -> None:
    notice(
        f"the state file {path} is damaged ({error}): it now is {aside.name}, and a new one is begun; what is left in "
        f"it can be got out with: sqlite3 {aside.name} .recover"
    )


def primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 where there is none (https://www.sqlite.org/rescode.html)."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF


def is_damage(error: BaseException) -> bool:
    """Whether an error says that the file's content is not what it should be."""
    if isinstance(error, sqlite3.Error):
        return primary(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return not isinstance(error, OSError | StoreError)


def words(error: BaseException, path: Path) -> str:
    """A sentence for people: what does not work and what to do."""
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, OSError):
        return f"{path} cannot be used: {error.strerror or error}; look at the file, its directory and its file system"
    if not isinstance(error, sqlite3.Error):
        return f"{path} cannot be used: {error!r}"
    name = getattr(error, "sqlite_errorname", "")
    told = {
        sqlite3.SQLITE_FULL: "there is no room left on its disk: make room",
        sqlite3.SQLITE_READONLY: "it is read-only: look at its mode, and whether the file system was mounted read-only",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at the modes of the file and of its directory",
        sqlite3.SQLITE_PERM: "access is denied: look at its mode",
        sqlite3.SQLITE_PROTOCOL: "its locks do not work: on a network file system, put it on a local disk",
    }.get(primary(error))
    if told is None and primary(error) == sqlite3.SQLITE_IOERR:
        told = "its disk reports an error, or a limit on the size of files was met"
    return f"{path} cannot be written: {told or error}{f' [{name}]' if name else ''}"
