"""dask as this program uses it: few tasks, no arrays, no dashboard, and a lost peer is found in half a minute."""

from __future__ import annotations

import logging
from typing import Any, Final

SILENT: Final = 30.0
"""Seconds without a word after which a peer is given up."""

SETTINGS: Final[dict[str, Any]] = {
    "logging": {"version": 1, "disable_existing_loggers": False, "incremental": True},  # else it takes stderr
    "distributed.scheduler.worker-ttl": f"{SILENT:.0f}s",
    "distributed.scheduler.allowed-failures": 3,
    "distributed.scheduler.work-stealing": False,  # shares are given out a few at a time
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.dashboard.status.task-stream-length": 10,
    "distributed.worker.profile.enabled": False,  # it looks at every thread a hundred times a second
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.memory.monitor-interval": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.log-length": 100,
    "distributed.admin.low-level-log-length": 100,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "30s",
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.timeouts.tcp": f"{SILENT:.0f}s",
    "distributed.comm.compression": False,
    "distributed.client.heartbeat": "2s",
    "distributed.diagnostics.nvml": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


def settle() -> None:
    """Set dask up in this process, before `distributed` is imported. Its log lines are about its own inner life."""
    import dask

    dask.config.set(SETTINGS)
    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL if name == "distributed" else logging.ERROR)
