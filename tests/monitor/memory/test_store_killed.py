"""kill -9 in the middle of writing: the file stays whole, and at most the last seconds are missing."""

# Files and programs are looked at where they are needed, between two steps: nothing else runs on a test's loop. The
# chances taken are the same each time.
# ruff: noqa: ASYNC110, ASYNC240, S311

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from .stores import ask, opened, sound
from .test_store_faults import ROOT, line, storing

ROUNDS = 15


async def test_what_was_written_stays(tmp_path: Path) -> None:
    """Killed at any moment, again and again, on one file: everything that was told as written is there."""
    path, chance = tmp_path / "prober.db", random.Random(11)
    total = 0
    for _ in range(ROUNDS):
        async with storing(path, "--every", "1000") as process:
            told = ""
            while not told.startswith("ready"):
                told = await line(process)
            handed = written = 0
            for _ in range(chance.randrange(2, 25)):
                told = await line(process)
                number = int(told.split()[1])
                handed, written = (number, written) if told.startswith("handed") else (handed, number)
            process.send_signal(signal.SIGKILL)
            rest = (await process.communicate())[0].decode().split("\n")
        for each in rest:
            word, _, number_text = each.partition(" ")
            if word == "written" and number_text:
                written = max(written, int(number_text))
            if word == "handed" and number_text:
                handed = max(handed, int(number_text))
        async with opened(path) as store:
            assert store.trouble is None
            loaded = await store.load("paris")
            kept = len(await store.transitions(limit=1000)) - total
            assert written <= kept <= handed
            if written:
                assert len(loaded) == 12
                assert all(each.recent for each in loaded)
            total += kept
        assert sound(path)
        assert [each.name for each in tmp_path.iterdir()] == ["prober.db"]  # nothing was set aside


async def test_at_most_two_seconds_are_lost(tmp_path: Path) -> None:
    """With the pause between writes that `serve` has."""
    path = tmp_path / "prober.db"
    async with storing(path) as process:
        while not (await line(process)).startswith("ready"):
            pass
        handed: list[tuple[float, int]] = []
        until = time.monotonic() + 4
        while time.monotonic() < until:
            handed.append((time.monotonic(), int((await line(process)).split()[1])))
        killed = time.monotonic()
        process.send_signal(signal.SIGKILL)
        await process.wait()
    (kept,) = ask(path, "SELECT count(*) FROM transitions")[0]
    lost = [number for at, number in handed if number > kept and at < killed - 2]
    assert lost == []
    assert kept > 0
    assert sound(path)


@pytest.mark.skipif(sys.platform != "linux", reason="kill -9 of a process group, by its start")
async def test_killed_while_it_makes_the_file(tmp_path: Path) -> None:
    """Of a file that is begun there is either nothing or all: the next one starts without trouble."""
    chance = random.Random(5)
    for number in range(12):
        path = tmp_path / f"{number}.db"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.monitor.memory.storing", str(path), "--hold",
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(60):
            while not path.exists():
                await asyncio.sleep(0.001)
        await asyncio.sleep(chance.random() * 0.02)
        process.kill()
        await process.wait()
        async with opened(path) as store:
            assert store.trouble is None
        assert sound(path)
