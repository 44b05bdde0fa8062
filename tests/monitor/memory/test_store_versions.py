"""What was ever written stays readable: files of each version lie in `states/`, and steps lead onwards.

`python -m tests.monitor.memory.test_store_versions` writes the file of the version in force; do so before raising it.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from prober.interception.verdict import Word
from prober.monitor.memory.schema import APPLICATION, STEPS, TABLES, VERSION, LaterVersionError, prepare
from prober.monitor.state import REACHED, Outcome, Track

from ..boards import NOW
from .stores import World, change, opened, sound

STATES = Path(__file__).with_name("states")


async def write(path: Path) -> None:
    """A file with some of everything."""
    world = World()
    async with opened(path) as store:
        for number in range(6):
            store.remember("paris", world.round(failing=(1, 4) if number > 2 else ()))
        store.record([change(number) for number in range(8)])


@pytest.mark.parametrize("version", range(1, VERSION + 1))
async def test_each_version_is_read(tmp_path: Path, version: int) -> None:
    path = tmp_path / "prober.db"
    shutil.copy(STATES / f"state-{version}.db", path)
    path.chmod(0o600)
    async with opened(path) as store:
        assert store.trouble is None
        loaded = {each.key: each for each in await store.load("paris")}
        found = await store.transitions()
    assert len(loaded) == 12
    assert all(len(each.recent) == 5 for each in loaded.values())
    good, bad = loaded["mde.c2.t0", "direct"], loaded["mde.c2.t0", "hq"]
    assert good.identity == "https GET t0.example.test:443/ over direct"
    assert good.reach is not None
    assert (good.reach.value, good.reach.since) == (REACHED, NOW + 30)  # type: ignore[union-attr] # it is held
    assert bad.reach.value == Outcome("connect", 0, "tcp-refused")  # type: ignore[union-attr] # it is held
    assert bad.reach.since == NOW + 120.01  # type: ignore[union-attr] # it is held
    assert good.interception.value is Word.CLEAN  # type: ignore[union-attr] # it is held
    assert good.leaf is not None
    assert good.leaves == (good.leaf.value,)
    newest = good.recent[-1]
    assert newest.tls is not None
    assert len(newest.tls.chain) == 2
    assert newest.http is not None
    assert (newest.http.status, newest.timings.total, newest.at) == (200, 0.075, NOW + 180)
    assert bad.recent[-1].failure is not None
    assert bad.recent[-1].failure.detail == "connect to 203.0.113.7:443: nobody listens"
    assert [each.id for each in found] == list(range(8, 0, -1))
    assert found[0].transition == change(7)
    assert found[1].transition.track is Track.INTERCEPTION
    assert sound(path)


def test_every_step_is_there() -> None:
    assert sorted(STEPS) == list(range(1, VERSION))


def at_version(path: Path, version: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA user_version = {version}")
    return connection


class TestSteps:
    def test_they_are_taken_in_order_and_at_once(self, tmp_path: Path) -> None:
        """As a later version would do it."""
        connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        assert prepare(connection) == 0
        steps = {
            1: lambda at: at.execute("ALTER TABLE pairs ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'"),
            2: lambda at: at.execute("UPDATE pairs SET colour = 'red'"),
        }
        connection.execute("INSERT INTO pairs VALUES (1, 'e', 't', 'r', 'i', x'00')")
        assert prepare(connection, version=3, steps=steps) == 1
        assert connection.execute("SELECT colour FROM pairs").fetchone() == ("red",)
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert prepare(connection, version=3, steps={}) == 3
        with pytest.raises(LaterVersionError, match="its version is 3, this prober knows 1"):
            prepare(connection)
        connection.close()

    def test_one_that_fails_changes_nothing(self, tmp_path: Path) -> None:
        connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        prepare(connection)

        def half(at: sqlite3.Connection) -> None:
            at.execute("DROP TABLE samples")
            raise sqlite3.OperationalError("no more")

        with pytest.raises(sqlite3.OperationalError, match="no more"):
            prepare(connection, version=2, steps={1: half})
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM samples").fetchone() == (0,)
        assert not connection.in_transaction
        connection.close()

    def test_a_new_file_says_whose_it_is(self, tmp_path: Path) -> None:
        connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        prepare(connection)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert len(TABLES) > 5
        connection.close()


if __name__ == "__main__":
    STATES.mkdir(exist_ok=True)
    asyncio.run(write(STATES / f"state-{VERSION}.db"))
