"""For every test: what an asynchronous test opened, it must have closed."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from inspect import iscoroutinefunction
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio

hypothesis.settings.register_profile("house", deadline=None)  # machines are noisy: no test is timed
hypothesis.settings.load_profile("house")

_GRACE_TURNS = 50
"""Turns of the loop, 10 ms each, that closing sockets get."""


def open_sockets() -> set[tuple[int, int]]:
    """Descriptor and inode of every internet socket of this process (Linux and macOS).

    Socket pairs are left out: loops make and remake them for themselves.
    """
    found: set[tuple[int, int]] = set()
    if not Path("/dev/fd").is_dir():
        return found
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 # Path.iterdir would not be any clearer
        try:
            status = os.fstat(int(name))
            if not stat.S_ISSOCK(status.st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as same:
                if same.family in (socket.AF_INET, socket.AF_INET6):
                    found.add((int(name), status.st_ino))
        except OSError:  # closed meanwhile, as the descriptor of the listing is
            continue
    return found


@pytest_asyncio.fixture
async def _watched_loop() -> AsyncIterator[None]:
    """Tasks and sockets that the test's loop has after the test, but had not before it."""
    before = open_sockets()
    tasks = asyncio.all_tasks()
    yield
    leaked = asyncio.all_tasks() - tasks - {asyncio.current_task()}
    assert not leaked, f"tasks left behind: {leaked}"
    for _ in range(_GRACE_TURNS):
        if not open_sockets() - before:
            return
        gc.collect()  # an object that waits for the collector is closed by it, with a ResourceWarning
        await asyncio.sleep(0.01)
    assert not open_sockets() - before, "sockets left behind"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that ran inside the test set its own level and handler: the next test is not to be silenced by it."""
    root = logging.getLogger()
    level = root.level
    before = root.handlers[:]
    yield
    if root.level != level:
        root.setLevel(level)
        logging.captureWarnings(False)
        for handler in [each for each in root.handlers if type(each) is logging.StreamHandler and each not in before]:
            root.removeHandler(handler)


@pytest.fixture(autouse=True)
def _no_leaks(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.Function) and iscoroutinefunction(request.node.obj):
        request.getfixturevalue("_watched_loop")
