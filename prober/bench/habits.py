"""TLS inspection from run to run: what a route did in an earlier run of a benchmark it should do in a later one.

`flips` looks within a run. A proxy whose licence is used up inspects all of one run and nothing of the next, and
neither shows a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from prober.bench.flips import (
    EARLY,
    MOST,
    Finding,
    Flip,
    KeysBySecond,
    family,
    flips,
    issuer_of,
    moment,
    parted,
    total,
)
from prober.load.slices import Measured, Slice
from prober.load.words import Load

NULL: Final = "direct"


@dataclass(slots=True)
class _Habit:
    """What a route did the last time that it did one thing only."""

    run: int
    """Place in the document."""
    what: str
    """`block at 100/s`."""
    inspected: bool


@dataclass(slots=True)
class _Route:
    habit: _Habit | None = None
    families: set[str] = field(default_factory=set)
    """Authorities seen so far, for want of a null run."""
    last: tuple[int, str] | None = None
    """The last run that showed any: its place and what it was."""
    changes: int = 0


class Habits:
    """All routes of a benchmark. Tell it of every run."""

    def __init__(self) -> None:
        self._known = Slice(0)
        self._routes: dict[str, _Route] = {}

    def null(self, measured: Measured) -> None:
        """A run without a proxy: its keys are the target's own."""
        for each in measured.slices:
            self._known.add(Slice(0, keys=each.keys))

    def saw(self, route: str, run: int, what: str, load: Load, measured: Measured) -> tuple[Finding, ...]:
        """A run of a route: what is to be said of it. `run` is its place in the document, `what` names it."""
        known = self._known.keys
        found = flips(load, measured, [Measured(NULL, 0.0, [self._known], [])] if known else ())
        seconds = [each for each in measured.slices if each.keys]
        mine = self._routes.setdefault(route, _Route())
        change = self._turned(mine, run, what, load, seconds) if known else _another(mine, run, what, load, seconds)
        if change is None or any(each.second is not None for each in found) or mine.changes >= MOST:
            return found
        mine.changes += 1
        return *found, change

    def _turned(self, mine: _Route, run: int, what: str, load: Load, seconds: Sequence[Slice]) -> Finding | None:
        """Whether the route does otherwise than before; and remember what it did, if that was one thing."""
        foreign, plain = parted(seconds, self._known.keys)
        inspected, through = total(foreign.values()), total(plain.values())
        before = mine.habit
        if inspected + through >= EARLY and not (inspected and through):
            mine.habit = _Habit(run, what, inspected > 0)
        if before is None or not (through if before.inspected else inspected):
            return None
        kind, odd = (Flip.FAILS_OPEN, plain) if before.inspected else (Flip.BEGINS, foreign)
        count, of = total(odd.values()), inspected + through
        did = (
            f"was inspected; in run {run + 1} ({what}) it stopped inspecting (fails open): {count:,} of {of:,} "
            "handshakes went through untouched"
            if before.inspected
            else f"was not inspected; in run {run + 1} ({what}) {count:,} of {of:,} handshakes were, by "
            f"{issuer_of(foreign.values())}"
        )
        return _change(kind, f"Run {before.run + 1} ({before.what}) {did},", before.run, of, load, odd)


def _another(mine: _Route, run: int, what: str, load: Load, seconds: Sequence[Slice]) -> Finding | None:
    """Without a null run: whether there are certificates of an authority that no earlier run had."""
    odd = {
        each.second: {key: seen for key, seen in each.keys.items() if family(seen.issuer) not in mine.families}
        for each in seconds
    }
    last, of = mine.last, total(each.keys for each in seconds)
    if of:
        mine.families |= {family(seen.issuer) for each in seconds for seen in each.keys.values()}
        mine.last = run, what
    count = total(odd.values())
    if last is None or not count:
        return None
    text = (
        f"In run {run + 1} ({what}) {count:,} of {of:,} certificates were of an authority that was not seen until run "
        f"{last[0] + 1} ({last[1]}), {issuer_of(odd.values())}. A run without a proxy would tell whether inspection "
        "began or ended. Seen"
    )
    return _change(Flip.ISSUER_CHANGED, text, last[0], of, load, odd)


def _change(kind: Flip, text: str, before: int, of: int, load: Load, odd: KeysBySecond) -> Finding:
    seconds = [second for second, keys in odd.items() if keys]
    first, rate = moment(load, min(seconds), odd[min(seconds)])
    text = f"{text} from second {int(first)} on, at {rate:,.0f}/s offered."
    return Finding(kind, text, first, rate, max(seconds) + 1.0, total(odd.values()), of, before)
