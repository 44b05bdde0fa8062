"""Starting and ending processes of this program's own."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def command(program: str) -> tuple[str, ...]:
    """How to run a program text, in which `{path!r}` stands for the parent's module path: both are the same program.

    The working directory is no place for modules (`-P`).
    """
    return sys.executable, "-P", "-c", program.format(path=sys.path)


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


def ending(code: int | None) -> str:
    """How a process ended, in words. The kernel's own shortage of memory shows as SIGKILL."""
    if code is None or code >= 0:
        return f"ended with exit code {code} (its messages are above)"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
