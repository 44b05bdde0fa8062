"""Work that is waited for all together, or cut short: nothing of it is left, whatever comes of it."""

from __future__ import annotations

import asyncio

import pytest

from prober.engine.tasks import CutShortError, together, until


async def value(of: int) -> int:
    return of


async def failing() -> int:
    raise ValueError("it failed")


class Endless:
    """Work without an end, and how it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False

    async def work(self) -> int:
        try:
            self.begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return 0


async def test_all_of_it_in_order() -> None:
    assert await together([value(1), value(2), value(3)], "value") == [1, 2, 3]
    assert await together([], "nothing") == []


async def test_the_first_error_ends_the_rest() -> None:
    endless = Endless()
    with pytest.raises(ValueError, match="it failed"):
        await together([endless.work(), failing()], "work")
    assert endless.cancelled


async def test_a_cancellation_ends_all() -> None:
    some = [Endless(), Endless()]
    task = asyncio.get_running_loop().create_task(together([each.work() for each in some], "work"), name="together")
    for each in some:
        await each.begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert all(each.cancelled for each in some)


async def test_what_comes_in_time() -> None:
    never = asyncio.get_running_loop().create_task(Endless().work(), name="never")
    assert await until(never, value(5), "work") == 5
    with pytest.raises(ValueError, match="it failed"):
        await until(never, failing(), "work")
    never.cancel()
    await asyncio.wait([never])


async def test_what_comes_too_late_is_cut_short() -> None:
    endless = Endless()
    ended = asyncio.get_running_loop().create_task(endless.begun.wait(), name="ended")
    with pytest.raises(CutShortError, match="work"):
        await until(ended, endless.work(), "work")
    assert endless.cancelled
