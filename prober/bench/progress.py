"""Seconds of which something is still under way: what is known of them while a run goes on.

A second is whole, with its latencies, once all that became due in it has ended; in a stall that takes as long as the
stall. Its counters are there at its end (`HealthSample.so_far`).
"""

from __future__ import annotations

from dataclasses import dataclass

from prober.load.slices import Slice


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A second that is over and not whole."""

    second: int
    offered: int
    started: int
    achieved: int
    """Operations that ended well in it."""
    failed: int
    """That turned out to have failed in it."""
    skipped: int
    open: int
    """Connections, at its end."""
    under_way: int
    """Operations, at its end."""
    since: int
    """The first second that is not whole."""


class Progress:
    """Follows one run."""

    def __init__(self) -> None:
        self._before = Slice(-1)
        self._whole = 0
        """Seconds that are."""

    def whole(self, one: Slice) -> None:
        """A second is."""
        self._whole = one.second + 1

    def heard(self, so_far: Slice | None) -> Unfinished | None:
        """The run's counters up to a second. None if that is whole already, or if there are none."""
        if so_far is None:
            return None
        before, self._before = self._before, so_far
        if so_far.second < self._whole:
            return None
        return Unfinished(
            second=so_far.second,
            offered=so_far.offered - before.offered,
            started=so_far.started - before.started,
            achieved=so_far.ended_well - before.ended_well,
            failed=so_far.failed.total() - before.failed.total(),
            skipped=so_far.skipped.total() - before.skipped.total(),
            open=so_far.open,
            under_way=so_far.started - so_far.ended,
            since=self._whole,
        )
