"""Work that blocks, in a thread that keeps nobody from ending.

`asyncio.to_thread` has the program wait for its threads at the end. One that reads a file on a dead network drive, or
asks a resolver that hangs, would keep it for ever.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Do it in a thread of its own, and wait for what comes of it; who is cancelled waits no longer. For what happens
    now and then: a thread costs a tenth of a millisecond."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def give(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(result)  # type: ignore[arg-type] # without an error there is a result
        else:
            answer.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 # it is raised where it was asked for
            error = raised
        with suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(give, result, error)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await answer
