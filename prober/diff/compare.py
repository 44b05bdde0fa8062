"""Two sides compared: the differences of all pairs, and what is there on one side only. Order never matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from prober.diff.believed import believed
from prober.diff.changes import Change, changes_of
from prober.diff.kinds import ORDER, Kind
from prober.diff.sides import Side, Sides
from prober.diff.speed import SHARE, comparable
from prober.diff.state import PairKey, Reducer
from prober.report.matrix import Way


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides and how they differ."""

    sides: Sides
    changes: tuple[Change, ...]
    """In the order of the report, then by egress, route and target."""
    compared: int
    """Pairs that both sides have."""
    share: float
    """What counted as slower."""
    doubted: int = 0
    """Pairs with another speed that is not told: the prober's own machine may be all there is to it."""

    @property
    def kinds(self) -> Counter[Kind]:
        """Pairs by kind."""
        return Counter(change.kind for change in self.changes)


def compare(sides: Sides, share: float = SHARE) -> Comparison:
    """Every difference. `share` is what the median of a pair's probes must have changed by to be told as slower."""
    before, after = sides.before.pairs, sides.after.pairs
    found: list[Change] = []
    timed: Counter[Way] = Counter()
    compared, state = 0, Reducer().state
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            continue
        compared += 1
        if old.timings and new.timings and comparable(old.timings, new.timings):
            timed[key[0], key[2]] += 1
        if old != new:
            found += changes_of(key, state(old), state(new), share)
    told, doubted = believed(sides, found, timed)
    told += _one_sided(sides, compared)
    return Comparison(sides, tuple(sorted(told, key=_place)), compared, share, doubted)


def differing(sides: Sides) -> set[PairKey]:
    """Pairs to probe once more before their differences count: those that a further probe can speak about."""
    timeless = {Kind.SLOWER, Kind.FASTER, Kind.TARGET_CHANGED}
    before, after, state = sides.before.pairs, sides.after.pairs, Reducer().state
    return {
        key
        for key, old in before.items()
        if (new := after.get(key)) is not None and old != new
        for change in changes_of(key, state(old), state(new))
        if change.kind not in timeless
    }


def _one_sided(sides: Sides, compared: int) -> Iterator[Change]:
    gone = (Kind.EGRESS_GONE, Kind.ROUTE_GONE, Kind.TARGET_GONE, Kind.PAIR_GONE)
    added = (Kind.EGRESS_ADDED, Kind.ROUTE_ADDED, Kind.TARGET_ADDED, Kind.PAIR_ADDED)
    yield from _missing(sides.before, sides.after, compared, gone)
    yield from _missing(sides.after, sides.before, compared, added)


def _missing(side: Side, other: Side, compared: int, kinds: tuple[Kind, Kind, Kind, Kind]) -> Iterator[Change]:
    """Pairs of one side that the other does not have, each told as the largest thing that is not there."""
    if compared == len(side.pairs):
        return
    lacking = [(key, pair) for key, pair in side.pairs.items() if key not in other.pairs]
    egresses, ways = other.egresses, other.ways
    targets = {(egress, target) for egress, target, _ in other.pairs}
    gone, reduced = kinds[0] is Kind.EGRESS_GONE, Reducer().state
    for key, pair in lacking:
        egress, target, route = key
        kind, cause = kinds[3], ()
        if egress not in egresses:
            kind = kinds[0]
        elif (egress, route) not in ways:
            kind = kinds[1]
        elif (egress, target) not in targets:
            kind = kinds[2]
        state = reduced(pair)
        yield Change(kind, key, cause, state if gone else None, None if gone else state)


def _place(change: Change) -> tuple[object, ...]:
    egress, target, route = change.key
    return ORDER[change.kind], egress, route, target
