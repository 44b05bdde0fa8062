"""The tables of the state file, by version. What was ever written stays readable: a new version brings its step along.

`PRAGMA user_version` is the version of tables and of what lies in them (`remembering`). To change either: raise
`VERSION`, write the step from the former version into `STEPS`, and add a file of the former version to
tests/monitor/memory/states/.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

from prober import __version__

VERSION: Final = 1
APPLICATION: Final = 0x70726F62
"""`PRAGMA application_id`, "prob": by it a state file is known for ours (https://www.sqlite.org/fileformat2.html,
section 1.3.18)."""
MARK: Final = "prober_state"
"""Name of a table: by it a file is known for ours whose first octets are damaged."""

TABLES: Final = (
    f"CREATE TABLE {MARK} (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    f"INSERT INTO {MARK} VALUES ('made by', 'prober {__version__}')",  # noqa: S608 # constants
    """CREATE TABLE pairs (id INTEGER PRIMARY KEY, egress TEXT NOT NULL, target TEXT NOT NULL, route TEXT NOT NULL,
       identity TEXT NOT NULL, states BLOB NOT NULL, UNIQUE (egress, target, route))""",
    # New samples come at the end and old ones go at the beginning, whatever pair they are of: few pages change
    """CREATE TABLE samples (id INTEGER PRIMARY KEY, pair INTEGER NOT NULL, shape INTEGER NOT NULL,
       noted INTEGER NOT NULL, at REAL NOT NULL, total REAL, data BLOB NOT NULL)""",
    "CREATE TABLE shapes (id INTEGER PRIMARY KEY, digest BLOB NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE certificates (id INTEGER PRIMARY KEY, der BLOB NOT NULL)",
    # noted: history.RunningClock when it was written down, by which it is pruned
    """CREATE TABLE transitions (id INTEGER PRIMARY KEY, noted INTEGER NOT NULL, at REAL NOT NULL,
       confirmed_at REAL NOT NULL, target TEXT NOT NULL, route TEXT NOT NULL, track TEXT NOT NULL,
       before TEXT NOT NULL, after TEXT NOT NULL, since REAL NOT NULL, detail TEXT NOT NULL)""",
    # Each holds the row's id at its end, so that a filter is served newest first without sorting
    "CREATE INDEX transitions_by_target ON transitions (target, route)",
    "CREATE INDEX transitions_by_route ON transitions (route)",
    "CREATE INDEX transitions_by_track ON transitions (track)",
)

Step = Callable[[sqlite3.Connection], None]
STEPS: Final[Mapping[int, Step]] = {}
"""From a version to the next one: `STEPS[1]` makes 2 of 1. Runs within a transaction."""


class LaterVersionError(Exception):
    """The file was written by a later prober: `version` is its version."""

    def __init__(self, version: int) -> None:
        super().__init__(f"its version is {version}, this prober knows {VERSION}")
        self.version = version


class DamagedFileError(Exception):
    """The file is ours and not as SQLite or this program would have left it."""


def prepare(
    connection: sqlite3.Connection,
    *,
    tables: tuple[str, ...] = TABLES,
    version: int = VERSION,
    steps: Mapping[int, Step] = STEPS,
) -> int:
    """Create the tables in an empty file, or bring older ones to `version`. Returns the version that was found, 0 for
    an empty file. All or nothing. Raises LaterVersionError, DamagedFileError, and sqlite3.Error."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if found > version:
        raise LaterVersionError(found)
    if not empty and found < 1:
        raise DamagedFileError(f"it has tables and no version ({found})")
    if empty:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before there is a table
    connection.execute("BEGIN EXCLUSIVE")
    try:
        if empty:
            for statement in tables:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
        else:
            for step in range(found, version):
                steps[step](connection)
        if found != version:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return 0 if empty else found
