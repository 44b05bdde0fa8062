"""Numbers of the last minute or so: what the page says of the prober itself, beside what Prometheus remembers."""

from __future__ import annotations

from collections import deque
from heapq import nlargest
from typing import Final

SPAN: Final = 60.0
"""Seconds."""
_MOST: Final = 4096


class Lately:
    """Keeps the newest values, those of the last `SPAN` seconds and `_MOST` of them at most."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, float]] = deque(maxlen=_MOST)

    def add(self, value: float, now: float) -> None:
        """One more, at a moment of the monotonic clock."""
        self._values.append((now, value))

    def high(self, now: float, share: float = 0.01) -> float | None:
        """The value that the highest `share` of them reach (0.01: the 99th percentile, nearest rank); None without
        any."""
        while self._values and now - self._values[0][0] > SPAN:
            self._values.popleft()
        count = len(self._values)
        if not count:
            return None
        return nlargest(max(1, int(count * share)), (value for _, value in self._values))[-1]
