"""Which changes of speed are told: none that the prober's own machine explains, and of pairs with few attempts only
what most of their way share.

Attempts of one run share the state of the machine they were made on, so no statistics on attempts can tell a busy
machine from a slower way. Three things can: how late the prober's own loop was, how much it waited for a processor
(what it computes then takes 1 / (1 - share) times as long), and the other ways of the same runs, which a busy machine
does not spare.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cached_property
from statistics import median
from typing import Final

from prober.diff.changes import Change
from prober.diff.kinds import Kind
from prober.diff.sides import Sides
from prober.diff.speed import Shift, median_total
from prober.report.matrix import Way

AGREEING: Final = 5
"""Pairs of a way that must agree before a few attempts are believed to show another speed."""
OWN: Final = 5.0
"""Times the worst lateness of the prober's loop that its machine may have added: a probe waits for the loop at each of
its steps. In 1,650 comparisons of unchanged runs, with every core taken by turns, it was 3.2 at most."""
SPARED: Final = 2.0
"""The same where another way shows that the machine was not to blame. By chance 8 of those comparisons had such a way,
with 1.5 at most."""
STRETCHED: Final = 2.5
"""Times the growth of what the prober computed that a busy machine may have added to a probe's time. In 435 comparisons
of unchanged runs in the lab, where proxies and servers wait for the same processors, it was 2.0 at most."""
_STEADY: Final = 0.1
"""Share of a change up to which another way's median may have changed too."""


def believed(sides: Sides, changes: Iterable[Change], timed: Counter[Way]) -> tuple[list[Change], int]:
    """The changes to tell, and how many of speed are left to the prober's machine.

    `timed` counts the pairs of each way that have attempts enough. Changes that are not of speed are all told.
    """
    changes = list(changes)
    like: Counter[tuple[Way, Kind]] = Counter(
        (_way(change), change.kind) for change in changes if change.shift is not None
    )
    machine = _Machine(sides)
    told, left = [], 0
    for change in changes:
        if change.shift is not None:
            way, alike = _way(change), like[_way(change), change.kind]
            if not change.shift.alone and (alike < AGREEING or alike * 2 <= timed[way]):
                continue
            if machine.explains(change):
                left += 1
                continue
        told.append(change)
    return told, left


class _Machine:
    """How late the prober was itself, and how each way of an egress changed on the whole: worked out when asked for."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._lags: dict[str, float] = {}

    def explains(self, change: Change) -> bool:
        """Whether a busy machine may be all there is to a change of speed.

        Only a way that stayed steady clears it: one that changed the other way round has a cause of its own, behind
        which nobody sees what the machine did to it.
        """
        if change.shift is None:
            return False
        way = _way(change)
        lag = self._lag(way[0])
        difference = change.shift.after - change.shift.before
        if abs(difference) <= SPARED * lag:
            return True
        if abs(difference) > OWN * lag and not self._stretched(change.shift, way[0]):
            return False
        others = (shift for other, shift in self._shifts[way[0]].items() if other != way)
        return all(abs(shift / difference) > _STEADY for shift in others)

    def _stretched(self, shift: Shift, egress: str) -> bool:
        side = self._sides.after if shift.after > shift.before else self._sides.before
        grown = max(shift.before, shift.after) / max(min(shift.before, shift.after), 1e-9) - 1
        return grown <= STRETCHED * (side.stretch(egress) - 1)

    def _lag(self, egress: str) -> float:
        if egress not in self._lags:
            self._lags[egress] = max(side.lag(egress) for side in (self._sides.before, self._sides.after))
        return self._lags[egress]

    @cached_property
    def _shifts(self) -> dict[str, dict[Way, float]]:
        """By egress: of each way with pairs enough, how their durations changed in the middle. Seconds."""
        found: defaultdict[Way, list[float]] = defaultdict(list)
        after = self._sides.after.pairs
        for (egress, target, route), old in self._sides.before.pairs.items():
            new = after.get((egress, target, route))
            if new is None:
                continue
            first, second = median_total(old.timings), median_total(new.timings)
            if first is not None and second is not None:
                found[egress, route].append(second - first)
        shifts: defaultdict[str, dict[Way, float]] = defaultdict(dict)
        for way, each in found.items():
            if len(each) >= AGREEING:
                shifts[way[0]][way] = median(each)
        return shifts


def _way(change: Change) -> Way:
    return change.key[0], change.key[2]
