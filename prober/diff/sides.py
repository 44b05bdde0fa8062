"""The two sides of a comparison: each is one run or several, joined pair by pair."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from msgspec import structs

from prober.diff.saved import SavedEnvironment, SavedResult, SavedRun
from prober.diff.state import Hops, Pair, PairKey, Reducer
from prober.report.matrix import Way

_MOST_WAIT = 0.95
"""Of `Source.cpu_wait` that is believed: the file may have been edited."""


class SidesError(Exception):
    """Runs that cannot be put side by side; `errors` has every reason as a sentence."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Source:
    """One run of a side."""

    name: str
    """Of the file."""
    egresses: tuple[str, ...]
    started: str
    finished: str
    complete: bool
    pairs: int
    lag: float = 0.0
    """Seconds by which the prober's own loop was late at worst; 0 where that is not known."""
    cpu_wait: float = 0.0
    """Share of its busy time that the prober waited for a processor, below 1; 0 where that is not known."""


@dataclass(slots=True)
class Side:
    """Everything that one side saw. Runs are added one by one; what is not kept of them can go."""

    sources: list[Source] = field(default_factory=list)
    pairs: dict[PairKey, Pair] = field(default_factory=dict)
    ways: set[Way] = field(default_factory=set)
    """Every egress and route with results."""
    errors: list[str] = field(default_factory=list)
    """What its files have against each other, and which cannot be read."""
    firsts: list[int] = field(default_factory=list)
    """How many pairs there were before each source: pairs stand in the order of their sources."""

    def add(self, name: str, run: SavedRun, reducer: Reducer) -> None:
        """Take one run in. A pair that another run of this side has too, and saw otherwise, is an error."""
        routes: dict[str, Hops] = {route.name: route.hops for route in run.routes}
        ways: set[Way] = set()
        clashes: list[PairKey] = []
        first, word, hold = len(self.pairs), reducer.word, self.pairs.setdefault
        for result in run.results:
            key = (word(result.egress), result.target.id, word(result.route))
            ways.add((key[0], key[2]))
            pair: Pair = result
            if result.via is None:  # of a version that did not name each result's own proxies
                pair = structs.replace(result, via=routes.get(result.route, ()))
            if result.samples:
                pair = reducer.state(pair)
            held = hold(key, pair)
            if held is not pair and held != pair and reducer.state(held) != reducer.state(pair):
                clashes.append(key)
        self.firsts.append(first)
        self.ways |= ways
        egresses = tuple(sorted({egress for egress, _ in ways}))
        own = run.environment or SavedEnvironment()
        lag, wait = own.loop_lag_max or 0.0, min(max(own.cpu_wait or 0.0, 0.0), _MOST_WAIT)
        count = len(run.results)
        self.sources.append(Source(name, egresses, run.started, run.finished, run.complete, count, lag, wait))
        self.errors += self._told(clashes, name)

    def _told(self, clashes: Sequence[PairKey], name: str) -> list[str]:
        """A sentence for each file that the newest one contradicts."""
        if not clashes:
            return []
        places = {key: place for place, key in enumerate(self.pairs)}
        by_owner: dict[int, list[PairKey]] = {}
        for key in clashes:
            by_owner.setdefault(bisect_right(self.firsts, places[key]) - 1, []).append(key)
        return [clash(self.sources[owner].name, name, keys) for owner, keys in by_owner.items()]

    @property
    def egresses(self) -> set[str]:
        """Every egress point with results."""
        return {egress for egress, _ in self.ways}

    def lag(self, egress: str) -> float:
        """Seconds by which the prober was late itself, at worst, in the runs from there."""
        return max((source.lag for source in self._from(egress)), default=0.0)

    def stretch(self, egress: str) -> float:
        """How many times longer than alone on its machine the prober took to compute, at worst, in runs from there."""
        return 1 / (1 - max((source.cpu_wait for source in self._from(egress)), default=0.0))

    def _from(self, egress: str) -> list[Source]:
        """Its runs; all of them where there are none, since it may go by another name here."""
        return [source for source in self.sources if egress in source.egresses] or self.sources


def clash(first: str, second: str, keys: Sequence[PairKey]) -> str:
    """What to say of two files that have the same pairs with different results."""
    egress, target, route = keys[0]
    more = f" and {len(keys) - 1:,} more pairs" if len(keys) > 1 else ""
    if first == second:
        return f"{first} has {target} over {route} from {egress} twice, with different results{more}"
    return (
        f"{first} and {second} both have {target} over {route} from {egress}, with different results{more}: give one "
        "file for each egress point (check --egress NAME)"
    )


@dataclass(frozen=True, slots=True)
class Sides:
    """Before and after."""

    before: Side
    after: Side
    renamed: tuple[str, str] | None = None
    """Egress points compared with each other though their names differ: each side has one only."""


def sides_of(before: Iterable[tuple[str, SavedRun]], after: Iterable[tuple[str, SavedRun]]) -> Sides:
    """Runs with their names, put side by side. They may come one at a time. Raises SidesError."""
    reducer = Reducer()
    return beside(side_of(before, reducer), side_of(after, reducer))


def side_of(runs: Iterable[tuple[str, SavedRun]], reducer: Reducer | None = None) -> Side:
    """One side. What its runs have against each other stands in its `errors`."""
    reducer, side = reducer or Reducer(), Side()
    for name, run in runs:
        side.add(name, run, reducer)
    return side


def beside(before: Side, after: Side) -> Sides:
    """Two sides put together. Raises SidesError."""
    errors = [*before.errors, *after.errors]
    if errors:
        raise SidesError(errors)
    if len(before.egresses) != 1 or len(after.egresses) != 1 or before.egresses == after.egresses:
        return Sides(before, after)
    # a pipeline's machine has another name each time: where each side has one egress point, they are the same
    (was,), (now,) = before.egresses, after.egresses
    pairs = {(now, target, route): _from(now, pair) for (_, target, route), pair in before.pairs.items()}
    ways = {(now, route) for _, route in before.ways}
    return Sides(replace(before, pairs=pairs, ways=ways), after, (was, now))


def _from(egress: str, pair: Pair) -> Pair:
    """The pair as if it had been probed from there: else it would not look like the one it is compared with."""
    return structs.replace(pair, egress=egress) if isinstance(pair, SavedResult) else pair
