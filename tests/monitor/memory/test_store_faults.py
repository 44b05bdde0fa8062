"""Disks that are full, frozen, read-only or gone; files that are damaged, foreign, locked, removed: the real things."""

# Files and programs are looked at where they are needed, between two steps: nothing else runs on a test's loop. The
# chances taken are the same each time.
# ruff: noqa: ASYNC221, ASYNC240, S311

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from prober.monitor.memory import store as store_module
from prober.monitor.memory.schema import VERSION
from prober.monitor.memory.store import LockedError, Store, StoreError

from ..boards import pairs
from .stores import Clock, World, ask, by_key, change, opened, sound

ROOT = Path(__file__).parents[3]
KIB, MIB = 1 << 10, 1 << 20
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, or gives up rights: needs root")


NO_LOCKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
static int answer(const char *name, int file, int command, void *more) {
    if (command == F_SETLK || command == F_SETLKW || command == F_GETLK) { errno = ENOLCK; return -1; }
    return ((int (*)(int, int, ...)) dlsym(RTLD_NEXT, name))(file, command, more);
}
#define OF(name) int name(int file, int command, ...) { \\
    va_list all; va_start(all, command); void *more = va_arg(all, void *); va_end(all); \\
    return answer(#name, file, command, more); }
OF(fcntl)
OF(fcntl64)
"""


@asynccontextmanager
async def storing(*arguments: str | Path, preload: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """tests/monitor/memory/storing.py as a process of its own; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.monitor.memory.storing",
        *map(str, arguments),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **({} if preload is None else {"LD_PRELOAD": str(preload)})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode().strip()


async def lines(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.read()).decode().splitlines()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def filled(path: Path, rounds: int = 3) -> World:
    """A state file with something in it, closed."""
    world = World()
    async with opened(path) as store:
        for number in range(rounds):
            store.remember("paris", world.round(failing=(1, 4)))
            store.record([change(number)])
            await store.flush()
    return world


def fill(ballast: Path) -> None:
    """Until the disk is full, again if something was given back meanwhile."""
    with ballast.open("ab", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


def remembered(world: World) -> list[object]:
    return list(by_key(list(world.board.remembered(world.board.pairs))))


class TestDisk:
    @as_root
    async def test_full(self, tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
        """It is said once, memory has the newest state, and what waited is written when there is room."""
        told: list[str | None] = []
        world, path = World(), tiny / "prober.db"
        caplog.set_level(logging.INFO, "prober.monitor")
        async with opened(path, on_trouble=told.append) as store:
            store.remember("paris", world.round())
            store.record([change(1)])
            await store.flush()
            ballast = tiny / "ballast"
            with pytest.raises(OSError, match="No space"):
                fill(ballast)
            for number in range(2, 60):
                store.remember("paris", world.round(failing=range(number % 12)))
                store.record([change(number)])
                await store.flush()
                with pytest.raises(OSError, match="No space"):
                    fill(ballast)  # a write-ahead log that was given up left room for a few more writes
            assert store.trouble is not None
            assert "no room" in store.trouble
            assert "prober.db" in store.trouble
            assert [each.transition.detail for each in await store.transitions(limit=2)] == ["number 59", "number 58"]
            assert await store.transitions(target="mde.c2.t1", limit=1000) != []
            ballast.unlink()
            await store.flush()
            assert store.trouble is None
            await asyncio.sleep(0)
            assert [text is None for text in told] == [False, True]
            assert [each.levelname for each in caplog.records] == ["ERROR", "INFO"]
            assert len(await store.transitions(limit=1000)) == 59
        assert sound(path)
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)
            assert [each.id for each in await store.transitions(limit=1000)] == list(range(59, 0, -1))

    async def test_a_limit_on_the_size_of_files(self, tmp_path: Path) -> None:
        """RLIMIT_FSIZE: write(2) fails with EFBIG."""
        path = tmp_path / "prober.db"
        world = await filled(path)
        async with storing(path, "--limit-file", str(8 * KIB), "--rounds", "5", "--every", "1000") as process:
            told = await lines(process)
            assert await process.wait() == 0
        assert told[0] == "ready 12"
        assert any("cannot be written" in each and "SQLITE_IOERR_WRITE" in each for each in told)
        assert not any(each.startswith("written") for each in told)
        assert told[-1] == "closed"
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)
        assert sound(path)

    @as_root
    async def test_read_only_and_back(self, tiny: Path) -> None:
        path = tiny / "prober.db"
        world = await filled(path)
        subprocess.run(["mount", "-o", "remount,ro", str(tiny)], check=True)
        async with opened(path) as store:
            assert store.trouble is not None
            assert "Read-only file system" in store.trouble
            store.remember("paris", world.round())
            await store.flush()
            subprocess.run(["mount", "-o", "remount,rw", str(tiny)], check=True)
            await store.flush()
            assert store.trouble is None
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)

    @as_root
    async def test_it_does_not_answer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A frozen file system: the thread hangs in the kernel, where nothing can end it."""
        image, place = tmp_path / "image", tmp_path / "place"
        image.write_bytes(b"")
        os.truncate(image, 16 * MIB)
        place.mkdir()
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
        mounted = subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False, capture_output=True)
        if mounted.returncode:
            pytest.skip("no loop devices here")
        monkeypatch.setattr(store_module, "ANSWER", 0.1)
        told: list[str | None] = []
        clock, world = Clock(), World()
        try:
            async with opened(place / "prober.db", clock, every=0.001, on_trouble=told.append) as store:
                store.remember("paris", world.round())
                await store.flush()
                subprocess.run(["fsfreeze", "-f", str(place)], check=True)
                try:
                    await hangs(store, clock, world, told)
                finally:
                    subprocess.run(["fsfreeze", "-u", str(place)], check=True)
                await store.flush()
                store.remember("paris", world.round())
                assert store.trouble is None
                assert told[-1] is None
            async with opened(place / "prober.db") as store:
                assert by_key(await store.load("paris")) == remembered(world)
        finally:
            subprocess.run(["umount", "-l", str(place)], check=True)

    async def test_the_thread_hangs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same without rights: what is put into the file waits for ever."""
        monkeypatch.setattr(store_module, "ANSWER", 0.1)
        told: list[str | None] = []
        go_on = threading.Event()
        clock, world = Clock(), World()

        def hide(text: str) -> str:
            go_on.wait(60)
            return text

        async with opened(tmp_path / "prober.db", clock, every=0.001, on_trouble=told.append, hide=hide) as store:
            try:
                await hangs(store, clock, world, told)
            finally:
                go_on.set()
            await store.flush()
            store.remember("paris", world.round())
            assert store.trouble is None

    async def test_the_end_does_not_wait_for_a_disk_that_hangs(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        go_on = threading.Event()

        def hide(text: str) -> str:
            go_on.wait(60)
            return text

        began = time.monotonic()
        async with opened(tmp_path / "prober.db", hide=hide, end=0.2) as store:
            store.remember("paris", World().round(failing=(0,)))
        assert time.monotonic() - began < 20
        assert "12 pairs is lost" in caplog.text
        go_on.set()


async def hangs(store: Store, clock: Clock, world: World, told: list[str | None]) -> None:
    """What is expected while the disk does not answer."""
    assert store._writer is not None
    store.remember("paris", world.round(failing=(0,)))
    async with asyncio.timeout(20):
        while store._writer.busy_since is None:
            clock.pass_by(0.001)
            await asyncio.sleep(0.01)
    clock.pass_by(14)
    assert store.trouble is None
    clock.pass_by(2)
    assert store.trouble is not None
    assert "does not answer" in store.trouble
    slowest = 0.0
    for number in range(400):
        began = time.perf_counter()
        store.remember("paris", world.round())
        store.record([change(number)] * 100)
        slowest = max(slowest, time.perf_counter() - began)
    assert told == [store.trouble]
    assert store._waiting.pairs == 12
    found = await store.transitions(limit=1000, route="hq")
    assert len(found) == 1000
    assert found[0].id == 40_000 - 100
    assert len(store._waiting._changes) == 10_000
    assert slowest < 5  # nothing waited for the disk


def overwritten(place: float, octets: int) -> Callable[[bytes], bytes]:
    """Random octets from a place in the file (0 to 1)."""

    def damage(data: bytes) -> bytes:
        start = int(place * len(data))
        noise = random.Random(7).randbytes(octets)
        return data[:start] + noise + data[start + octets :]

    return damage


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "header": overwritten(0, 100),
    "header-and-more": overwritten(0, 1000),
    "second-page": lambda data: data[:4096] + random.Random(1).randbytes(4096) + data[8192:],
    "all-but-the-first-page": lambda data: data[:4096] + random.Random(1).randbytes(len(data) - 4096),
    "half": lambda data: data[: len(data) // 2],
    "a-page-and-a-half": lambda data: data[:6000],
    "less-than-a-page": lambda data: data[:1000],
    "ten-octets": lambda data: data[:10],
    "zeros": lambda data: bytes(len(data)),
    "zeros-after-the-first-page": lambda data: data[:4096] + bytes(len(data) - 4096),
}


class TestDamage:
    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    async def test_a_damaged_file_is_set_aside(
        self, tmp_path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "prober.db"
        await filled(path)
        broken = damage(path.read_bytes())
        path.write_bytes(broken)
        world = World()
        async with opened(path) as store:
            assert store.trouble is None
            assert await store.load("paris") == []
            assert await store.transitions() == []
            store.remember("paris", world.round())
        names = sorted(each.name for each in tmp_path.iterdir())
        assert len(names) == 2
        assert re.fullmatch(r"prober\.db\.corrupt-20260921T141320Z", names[1])
        assert (tmp_path / names[1]).read_bytes() == broken
        assert names[1] in caplog.text
        assert sound(path)
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)

    async def test_the_wal_goes_with_it(self, tmp_path: Path) -> None:
        """What is left of a damaged file can be got out only with its WAL; it must not be taken for the new one's."""
        path = tmp_path / "prober.db"
        async with storing(path, "--every", "1000") as process:
            while await line(process) != "written 20":
                pass
            process.kill()
            await process.wait()
        wal = path.with_name("prober.db-wal").read_bytes()
        data = path.read_bytes()
        path.write_bytes(b"\xff" * 100 + data[100:])
        async with opened(path) as store:
            assert await store.load("paris") == []
        (kept,) = tmp_path.glob("*.corrupt-*-wal")
        assert kept.read_bytes() == wal

    async def test_three_damaged_files_are_enough(self, tmp_path: Path) -> None:
        """Nothing is ever deleted, and a disk that breaks one after the other is not worth a fourth."""
        path = tmp_path / "prober.db"
        for _ in range(3):
            await filled(path)
            path.write_bytes(DAMAGES["half"](path.read_bytes()))
            async with opened(path) as store:
                assert store.trouble is None
        path.write_bytes(DAMAGES["half"](path.read_bytes()))
        broken = path.read_bytes()
        world = World()
        async with opened(path) as store:
            assert store.trouble is not None
            assert "3 damaged ones" in store.trouble
            assert path.read_bytes() == broken
            assert len(list(tmp_path.glob("prober.db.corrupt-*"))) == 3
            store.remember("paris", world.round())
            await store.flush()
            next(tmp_path.glob("prober.db.corrupt-*")).unlink()
            await store.flush()
            assert store.trouble is None

    @pytest.mark.parametrize("seed", range(40))
    async def test_noise_never_becomes_a_past(self, tmp_path: Path, seed: int) -> None:
        """Octets changed anywhere, a few or many: a pair comes back as it was, with fewer observations, or not."""
        path, chance = tmp_path / "prober.db", random.Random(seed)
        world = await filled(path, rounds=7)
        data = bytearray(path.read_bytes())
        for _ in range(chance.choice([1, 3, 30, 300])):
            start = chance.randrange(len(data))
            noise = chance.randbytes(chance.choice([1, 4, 40]))
            data[start : start + len(noise)] = noise
        path.write_bytes(data)
        truth = {each.key: each for each in world.board.remembered(world.board.pairs)}
        async with opened(path) as store:
            for each in await store.load("paris"):
                known = truth[each.key]
                assert replace(each, recent=()) == replace(known, recent=())
                assert set(each.recent) <= set(known.recent)
            for recorded in await store.transitions():
                assert isinstance(recorded.transition.detail, str)
            store.remember("paris", world.round())
            store.record([change(99)])
            await store.flush()
            trouble = store.trouble
        if trouble is None:
            async with opened(path) as store:
                loaded = {each.key: each for each in await store.load("paris")}
            assert [each.key for each in loaded.values()] != []
            for key, found in loaded.items():
                newest = world.board.pairs[key].recent[-1]
                assert found.recent[-1] == newest
        else:  # its first page is no longer known for ours: left alone
            assert "is no state file of prober's" in trouble

    async def test_begun_and_no_more(self, tmp_path: Path) -> None:
        """SQLite writes a first page before there is a table; killed then, it is still ours to fill."""
        path = tmp_path / "prober.db"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        connection.close()
        assert path.stat().st_size == 4096
        world = await filled(path)
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)

    async def test_emptied_under_it(self, tmp_path: Path) -> None:
        """`: > prober.db` while it runs: at the next start at the latest there is a whole file again."""
        path = tmp_path / "prober.db"
        world = await filled(path)
        async with opened(path) as store:
            os.truncate(path, 0)
            for _ in range(3):
                store.remember("paris", world.round())
                store.record([change(1)])
                await store.flush()
            assert await store.transitions() != []
        async with opened(path) as store:
            store.remember("paris", world.round())
            await store.flush()
            assert store.trouble is None
        assert sound(path)
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)

    async def test_overwritten_under_it(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """With what is nobody's: only the process that has it open knows that it was ours. Its first page is not
        written again where nothing of it changes, so that the next one would have to leave it as it is."""
        path = tmp_path / "prober.db"
        world = await filled(path)
        noise = random.Random(20).randbytes(max(65536, path.stat().st_size))
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)
            with path.open("r+b", buffering=0) as file:  # at one go: the store's own thread must not find it empty
                assert file.write(noise) == len(noise)
        [aside] = tmp_path.glob("prober.db.corrupt-*")
        assert aside.read_bytes() == noise
        assert not path.exists()
        assert re.findall(r"damaged \((.+?)\): it now is (\S+),", caplog.text) == [
            ("it was overwritten while it was in use", aside.name)
        ]
        async with opened(path) as store:
            assert store.trouble is None
            store.remember("paris", world.round())
            await store.flush()
        assert sound(path)


class TestSomebodyElses:
    async def check_left_alone(self, path: Path, words: str) -> None:
        """Neither written nor renamed; it says so, and goes on by itself when the file has gone."""
        before, world = path.read_bytes(), World()
        async with opened(path) as store:
            assert store.trouble is not None
            assert words in store.trouble
            assert await store.load("paris") == []
            store.remember("paris", world.round())
            store.record([change(5)])
            await store.flush()
            assert words in store.trouble
            assert [each.transition.detail for each in await store.transitions()] == ["number 5"]
            assert path.read_bytes() == before
            assert [each.name for each in path.parent.iterdir()] == [path.name]
            path.rename(path.with_name("theirs"))
            await store.flush()
            assert store.trouble is None
        assert path.with_name("theirs").read_bytes() == before
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)

    @pytest.mark.parametrize("text", ["egress: paris\n", "x", "SQLite format 3 is what this text is about\n" * 99])
    async def test_a_text(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "prober.db"
        path.write_text(text)
        await self.check_left_alone(path, "is no state file of prober's")

    async def test_another_programs_database(self, tmp_path: Path) -> None:
        path = tmp_path / "prober.db"
        ask(path, "CREATE TABLE bookmarks (url)")
        await self.check_left_alone(path, "is no state file of prober's")

    async def test_a_later_version(self, tmp_path: Path) -> None:
        path = tmp_path / "prober.db"
        await filled(path)
        ask(path, f"PRAGMA user_version = {VERSION + 1}")
        ask(path, "PRAGMA journal_mode = DELETE")
        await self.check_left_alone(path, "was written by a later version of prober")

    async def test_a_directory(self, tmp_path: Path) -> None:
        store = Store(tmp_path, history_days=90)
        with pytest.raises(StoreError, match=r"no regular file: give serve\.state the name of a file"):
            await store.open()

    async def test_no_directory(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "missing" / "prober.db", history_days=90)
        with pytest.raises(StoreError, match=r"there is no directory .*missing; create it, or set serve\.state"):
            await store.open()

    @as_root
    @pytest.mark.parametrize(("mode", "words"), [(0o000, "Permission denied"), (0o444, "Permission denied")])
    async def test_without_rights(self, mode: int, words: str) -> None:
        """As a user who may not read, or may not write; the file stays as it is."""
        place = Path("/var/tmp") / f"prober-test-{os.getpid()}-{mode}"  # noqa: S108 # a place that user may enter
        place.mkdir(0o755)
        try:
            path = place / "prober.db"
            await filled(path)
            path.chmod(mode)
            before = path.read_bytes()
            arguments = (path, "--user", "65534", "--rounds", "2", "--every", "1000")
            async with storing(*arguments) as process:
                told = await lines(process)
            assert told[0].startswith(("ready", "trouble"))
            assert any(words in each for each in told)
            assert told[-1] == "closed"
            assert path.read_bytes() == before
        finally:
            shutil.rmtree(place)


class TestTwo:
    async def test_a_second_process_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "prober.db"
        async with storing(path, "--hold") as process:
            assert await line(process) == "ready 0"
            with pytest.raises(LockedError, match="two probers cannot share a state file") as refused:
                async with opened(path):
                    pass
            if sys.platform == "linux":
                assert f"(process {process.pid})" in str(refused.value)
            async with storing(path, "--rounds", "1") as second:
                assert (await lines(second))[0].startswith("refused")
                assert await second.wait() == 2
        async with opened(path) as store:
            assert store.trouble is None

    @pytest.mark.skipif(shutil.which("cc") is None, reason="takes a compiler to take the locks away")
    async def test_a_file_system_without_locks(self, tmp_path: Path) -> None:
        """NFS without its lock service: fcntl(2) says ENOLCK, and SQLite "busy". That is no other prober's fault."""
        source, library = tmp_path / "nolocks.c", tmp_path / "nolocks.so"
        source.write_text(NO_LOCKS)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
        (tmp_path / "state").mkdir()
        path = tmp_path / "state" / "prober.db"
        async with storing(path, "--rounds", "1", "--every", "1000", preload=library) as process:
            told = await lines(process)
            assert await process.wait() == 0
        assert any("No locks available" in each and "put it on a local disk" in each for each in told)
        assert not any(each.startswith(("refused", "written")) for each in told)

    async def test_the_one_before_may_still_be_ending(self, tmp_path: Path) -> None:
        path = tmp_path / "prober.db"
        async with storing(path, "--hold") as process:
            assert await line(process) == "ready 0"
            asyncio.get_running_loop().call_later(0.3, process.kill)
            async with opened(path, patience=60.0) as store:
                assert store.trouble is None

    async def test_a_second_one_in_this_process(self, tmp_path: Path) -> None:
        """Two names of one file, too: opening and closing it once more would release the lock of the first."""
        path = tmp_path / "prober.db"
        other = tmp_path / "other.db"
        async with opened(path):
            other.symlink_to(path)
            for name in (path, other):
                with pytest.raises(LockedError):
                    async with opened(name):
                        pass
            async with storing(path, "--rounds", "1") as second:
                assert (await lines(second))[0].startswith("refused")
        async with opened(other) as store:
            assert store.trouble is None


class TestMovedAway:
    async def test_removed_while_it_runs(self, tmp_path: Path) -> None:
        path = tmp_path / "prober.db"
        world = await filled(path)
        async with opened(path) as store:
            path.unlink()
            store.remember("paris", world.round())
            await store.flush()
            assert store.trouble is None
        assert sound(path)
        async with opened(path) as store:
            assert by_key(await store.load("paris")) != []
            assert await store.transitions() == []

    async def test_its_directory_removed_and_made_again(self, tmp_path: Path) -> None:
        place = tmp_path / "state"
        place.mkdir()
        world = await filled(place / "prober.db")
        async with opened(place / "prober.db") as store:
            shutil.rmtree(place)
            store.remember("paris", world.round())
            await store.flush()
            assert store.trouble is not None
            assert "there is no directory" in store.trouble
            place.mkdir()
            await store.flush()
            assert store.trouble is None

    async def test_replaced_by_a_backup(self, tmp_path: Path) -> None:
        """A copy put in its place is taken: its history, with the newest state on top."""
        path, copy = tmp_path / "prober.db", tmp_path / "copy"
        world = await filled(path, rounds=3)
        shutil.copy(path, copy)
        async with opened(path) as store:
            store.record([change(50), change(51)])
            await store.flush()
            copy.replace(path)
            store.remember("paris", world.round())
            store.record([change(52)])
            await store.flush()
            assert store.trouble is None
            found = [each.transition.detail for each in await store.transitions()]
        assert found == ["number 52", "number 2", "number 1", "number 0"]
        assert sound(path)
        async with opened(path) as store:
            assert by_key(await store.load("paris")) == remembered(world)

    async def test_replaced_by_somebody_elses(self, tmp_path: Path) -> None:
        path, other = tmp_path / "prober.db", tmp_path / "other"
        other.write_text("precious")
        async with opened(path) as store:
            other.replace(path)
            store.remember("paris", World(pairs()).round())
            await store.flush()
            assert store.trouble is not None
            assert path.read_text() == "precious"
