"""Programs that serve until somebody ends them."""

from __future__ import annotations

import asyncio
import signal
from typing import Final

ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The last one comes when the terminal, or the connection to it, is closed."""


async def until_signal(loop: asyncio.AbstractEventLoop) -> None:
    """Return at the first SIGINT, SIGTERM or SIGHUP."""
    ended = asyncio.Event()
    for number in ENDINGS:
        loop.add_signal_handler(number, ended.set)
    try:
        await ended.wait()
    finally:
        for number in ENDINGS:
            loop.remove_signal_handler(number)
