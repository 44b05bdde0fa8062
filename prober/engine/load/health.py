"""How this process is, each second: a generator that cannot keep up must not be taken for a slow proxy."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from prober.engine.load.sources import waiting_ports
from prober.load.slices import HealthSample


class Health:
    """Samples of one process."""

    def __init__(self, worker: int, *, waiting: Callable[[], int] = waiting_ports) -> None:
        self._worker = worker
        self._waiting = waiting
        self._process = psutil.Process()
        self._second = 0
        self._lag = 0.0
        self._descriptors = 0

    def begin(self) -> None:
        """Second 0 begins: what came before does not count."""
        self._process.cpu_percent(None)
        machine_share()
        self._second, self._lag = 0, 0.0
        self._descriptors = self._process.num_fds() if hasattr(self._process, "num_fds") else 0

    def late(self, seconds: float) -> None:
        """The loop came so much later than it should have."""
        self._lag = max(self._lag, seconds)

    def samples(self, at: float, sockets: int) -> list[HealthSample]:
        """One, if a second is over `at` seconds since the start; a stretch of several is told as its last second.

        `sockets` are those that have been opened since and are open: the system's own list of 5,000 descriptors takes
        it longer than a handshake does.
        """
        second = int(at) - 1
        if second < self._second:
            return []
        self._second = second + 1
        lag, self._lag = self._lag, 0.0
        return [
            HealthSample(
                second,
                self._worker,
                self._process.cpu_percent(None) / 100,
                lag,
                self._descriptors + sockets,
                machine_share(),
                self._waiting() if self._worker == 0 else 0,
                self._process.memory_info().rss,
            )
        ]


def machine_share() -> float:
    """Share of all cores in use since this was last asked.

    By whomever: programs that run niced give way only to those of their own session, where the scheduler groups by it.
    """
    times = psutil.cpu_times_percent(None)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return float(min(max(100 - idle, 0.0), 100.0)) / 100
