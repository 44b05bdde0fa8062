"""Tasks that somebody owns: waited for to their end, all together, or cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class CutShortError(Exception):
    """What was waited for came too late."""


async def to_the_end(work: Coroutine[Any, Any, None], name: str) -> None:
    """Await it whatever happens; a cancellation that comes meanwhile takes effect afterwards."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


async def together(work: Iterable[Coroutine[Any, Any, T]], name: str) -> list[T]:
    """All of it at once, in order; the first error ends what is still under way, waits for that, and is raised."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(each, name=f"{name} {number}") for number, each in enumerate(work, 1)]
    if not tasks:
        return []
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    failed = [task.exception() for task in tasks if task in done and not task.cancelled()]
    error = next((each for each in failed if each is not None), None)
    if error is not None:
        raise error
    return [task.result() for task in tasks]


async def until(ended: asyncio.Task[Any], work: Coroutine[Any, Any, T], name: str) -> T:
    """What comes of the work. Where `ended` is done before, it is cancelled and waited for: CutShortError."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    try:
        await asyncio.wait((task, ended), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])
    raise CutShortError(name)
