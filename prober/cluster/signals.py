"""Programs that serve until somebody ends them."""

from __future__ import annotations

import asyncio
import signal


async def until_signal(loop: asyncio.AbstractEventLoop) -> None:
    """Return at the first SIGINT or SIGTERM."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        await ended.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
