"""Long work on the event loop, in slices between which others run."""

from __future__ import annotations

import asyncio
import time
from typing import Final

SLICE: Final = 0.0005
"""Seconds of work at a time."""


class Slices:
    """Lets others run after each slice of work."""

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = SLICE if seconds is None else seconds
        self._until = time.perf_counter() + self._seconds

    async def keep(self) -> None:
        """Yield to the event loop if the slice is over."""
        if time.perf_counter() > self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + self._seconds
