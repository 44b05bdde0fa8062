"""How much this process waited for a processor: what it measures then is the machine's as much as the network's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_SCHEDSTAT: Final = Path("/proc/thread-self/schedstat")
"""Nanoseconds on a processor, nanoseconds of waiting for one though there was something to do, and time slices
(Linux, Documentation/scheduler/sched-stats.rst)."""


class CpuWait:
    """Of the thread that asks, since it was made."""

    def __init__(self, source: Path = _SCHEDSTAT) -> None:
        self._source = source
        self._begun = self._read()

    @property
    def share(self) -> float | None:
        """Share of the time in which there was something to do that was spent waiting for a processor, 0 to 1.

        None = the system does not say.
        """
        now = self._read()
        if now is None or self._begun is None:
            return None
        ran, waited = (late - early for late, early in zip(now, self._begun, strict=True))
        return waited / (ran + waited) if ran + waited > 0 else 0.0

    def _read(self) -> tuple[int, int] | None:
        try:
            ran, waited, *_ = self._source.read_bytes().split()
            return int(ran), int(waited)
        except (OSError, ValueError):
            return None


def worse(one: float | None, other: float | None) -> float | None:
    """The larger share, of two processes."""
    return other if one is None else one if other is None else max(one, other)
