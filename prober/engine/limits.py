"""Our own limits, raised as far as the system lets us and respected beyond: they are never somebody's outage."""

from __future__ import annotations

import sys
from dataclasses import dataclass

_RESERVE = 64
"""Descriptors kept for everything that is not a probe: the loop, DNS, files, the terminal."""


@dataclass(frozen=True, slots=True)
class Descriptors:
    """How many probes can be in flight, and whether that is less than was asked for."""

    allowed: int
    asked: int
    limit: int | None
    """The process's descriptor limit; None where there is none."""

    @property
    def clamped(self) -> bool:
        """Whether the wish could not be met."""
        return self.allowed < self.asked


def reserve_descriptors(concurrency: int, workers: int = 1) -> Descriptors:
    """Raise the soft descriptor limit as needed (never above the hard one) and say what is possible.

    `concurrency` is for the whole run; each of `workers` processes has a limit of its own.
    """
    if sys.platform == "win32":
        return Descriptors(concurrency, concurrency, None)
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = -(-concurrency // workers) + _RESERVE
    if soft != resource.RLIM_INFINITY and soft < needed:
        wished = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
            soft = wished
        except (ValueError, OSError):  # macOS refuses values above kern.maxfilesperproc
            pass
    if soft == resource.RLIM_INFINITY:
        return Descriptors(concurrency, concurrency, None)
    return Descriptors(min(concurrency, max(1, (soft - _RESERVE) * workers)), concurrency, soft)
