"""The measurer measures itself: how late the event loop runs what it promised to run."""

from __future__ import annotations

import asyncio
import time
from typing import Final

_INTERVAL: Final = 0.05


class LoopLag:
    """Samples the lateness of a timer while it is started; `worst` and `mean` are seconds."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._sum = 0.0
        self._samples = 0
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0

    @property
    def mean(self) -> float:
        """Mean lateness in seconds."""
        return self._sum / self._samples if self._samples else 0.0

    def start(self) -> None:
        """Begin sampling on the running loop."""
        self._due = time.perf_counter() + _INTERVAL
        self._handle = asyncio.get_running_loop().call_later(_INTERVAL, self._tick)

    def _tick(self) -> None:
        late = max(0.0, time.perf_counter() - self._due)
        self.worst = max(self.worst, late)
        self._sum += late
        self._samples += 1
        self.start()

    def stop(self) -> None:
        """End sampling."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
