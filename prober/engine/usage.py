"""What this process uses of the machine: cheap enough to be asked each second."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """None = the system does not say."""

    memory: int | None
    """Bytes that are resident."""
    cpu: float
    """Seconds of processor time, in user and system mode, since the process began."""
    descriptors: int | None
    """Open ones."""


def usage() -> Usage:
    """Of this process, now. Memory and descriptors are known on Linux only."""
    return Usage(_memory(), time.process_time(), _descriptors())


def _memory() -> int | None:
    if sys.platform != "linux":
        return None
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]  # proc_pid_statm(5): resident
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _descriptors() -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1  # without the one of this very look
    except OSError:
        return None
