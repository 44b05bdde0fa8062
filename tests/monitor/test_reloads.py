"""Reading a configuration, where the disk may not answer."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from prober.monitor.aside import aside
from prober.monitor.inforce import InForce
from prober.monitor.reloads import Reading, ReloadError


async def test_work_aside() -> None:
    assert await aside(threading.get_ident) != threading.get_ident()
    assert await aside(lambda: threading.current_thread().daemon), "nobody waits for it at the end"
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)


async def test_a_disk_that_does_not_answer_is_waited_for_only_so_long() -> None:
    answers, asked = threading.Event(), 0
    found = cast("InForce", object())

    def read() -> InForce:
        nonlocal asked
        asked += 1
        answers.wait(20)
        return found

    reading = Reading(read, patience=0.05)
    for _ in range(3):
        with pytest.raises(ReloadError, match="a disk or the server of a PAC script does not answer"):
            await reading()
    assert asked == 1, "no thread is added to those that wait"
    answers.set()
    while reading._under_way is None or not reading._under_way.done():
        await aside(lambda: None)
    assert await reading() is found
    assert asked == 2, "what an earlier reading found is out of date"


async def test_errors_come_through() -> None:
    def read() -> InForce:
        raise ReloadError(["one", "two"])

    with pytest.raises(ReloadError) as caught:
        await Reading(read)()
    assert caught.value.lines == ["one", "two"]
