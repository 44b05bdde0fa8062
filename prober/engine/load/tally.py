"""What one process saw, second by second; a second is told once all that became due in it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from prober.engine.load.keys import Keys
from prober.load.histogram import Histogram
from prober.load.slices import FailureKey, Slice
from prober.load.words import Measure, Skip, Span


class Second:
    """A slice in the making. Histograms are kept at hand: looking one up by its measure costs as much as recording."""

    __slots__ = ("lateness", "response", "service", "slice", "steps", "ttfb", "ttlb", "under_way")

    def __init__(self, number: int, steps: Sequence[Measure]) -> None:
        self.slice = Slice(number)
        self.under_way = 0
        """Operations that became due in it and have not ended."""
        self.lateness, self.response, self.service = Histogram(), Histogram(), Histogram()
        self.ttfb, self.ttlb = Histogram(), Histogram()
        self.steps = [Histogram() for _ in steps]
        """Connecting and each handshake above it, in order."""

    def told(self, steps: Sequence[Measure]) -> Slice:
        """The slice with all that was recorded."""
        spans = self.slice.spans
        named = (
            (Span.RESPONSE, self.response),
            (Span.SERVICE, self.service),
            (Span.LATENESS, self.lateness),
            (Span.TTFB, self.ttfb),
            (Span.TTLB, self.ttlb),
        )
        for span, histogram in named:
            if histogram.count:
                spans[Measure(span)] = histogram
        for measure, histogram in zip(steps, self.steps, strict=True):
            if histogram.count:
                spans[measure] = histogram
        return self.slice


class Working(Protocol):
    """What works for an operation."""

    def expire(self, now: float) -> None:
        """It took too long."""


class Operation:
    """Something that became due and was started."""

    __slots__ = ("connection", "due", "second", "started", "tries")

    def __init__(self, due: float, started: float, second: Second) -> None:
        self.due = due
        """On the clock, as `started`."""
        self.started = started
        self.second = second
        self.connection: Working | None = None
        self.tries = 0
        """Connections made for it so far because a proxy demanded a login and hung up."""


class Tally:
    """Counts. Times are on the clock; `begun` is second 0's beginning."""

    def __init__(self, steps: Sequence[Measure]) -> None:
        self.begun = 0.0
        self.keys = Keys()
        self.ended = 0
        self.ended_well = 0
        """Both since the run's start."""
        self.open = 0
        """Connections open now."""
        self.under_way: dict[Operation, None] = {}
        """In the order in which they were started."""
        self._steps = steps
        self._seconds: dict[int, Second] = {}
        self._closed = 0
        """Seconds that are over."""
        self._told = 0
        self._so_far = Slice(-1)
        """The counters of what was told."""

    def second(self, number: int) -> Second:
        """That second; one that has been told already is the next one that has not."""
        number = max(number, self._told)
        found = self._seconds.get(number)
        if found is None:
            found = self._seconds[number] = Second(number, self._steps)
        return found

    def at(self, now: float) -> Slice:
        """The slice of the second in which `now` lies."""
        return self.second(int(now - self.begun)).slice

    def skip(self, due: float, cause: Skip, count: int = 1) -> None:
        """Something became due, `due` seconds after the start, and was not started."""
        slice_ = self.second(int(due)).slice
        slice_.offered += count
        slice_.skipped[cause] += count

    def start(self, due: float, now: float) -> Operation:
        """Something that became due `due` seconds after the start begins."""
        second = self.second(int(due))
        second.slice.offered += 1
        second.slice.started += 1
        second.under_way += 1
        operation = Operation(self.begun + due, now, second)
        second.lateness.record(now - operation.due)
        self.under_way[operation] = None
        return operation

    def not_started(self, operation: Operation) -> None:
        """This machine had nothing left to start it with."""
        self._forget(operation)
        operation.second.slice.started -= 1
        operation.second.slice.skipped[Skip.LOCAL] += 1

    def succeed(self, operation: Operation, now: float) -> None:
        """It ended well."""
        self._forget(operation)
        second = operation.second
        second.slice.succeeded += 1
        second.response.record(now - operation.due)
        second.service.record(now - operation.started)
        self._end(now, well=1)

    def fail(self, operation: Operation, now: float, why: FailureKey) -> None:
        """It ended otherwise."""
        self._forget(operation)
        operation.second.slice.failed[why] += 1
        self._end(now, well=0)

    def drop(self, now: float, why: FailureKey) -> None:
        """What had ended well, and was to last, did not: a failure of this second."""
        slice_ = self.at(now)
        slice_.failed[why] += 1
        slice_.dropped += 1

    def _forget(self, operation: Operation) -> None:
        del self.under_way[operation]
        operation.second.under_way -= 1

    def _end(self, now: float, *, well: int) -> None:
        slice_ = self.at(now)
        slice_.ended += 1
        slice_.ended_well += well
        self.ended += 1
        self.ended_well += well

    def close_seconds(self, now: float) -> None:
        """Note how many connections are open at the end of each second that is over now."""
        while self.begun + self._closed + 1 <= now:
            self.second(self._closed).slice.open = self.open
            self._closed += 1

    def complete(self, begun_until: float) -> list[Slice]:
        """Seconds that are over and of which nothing is under way or yet to be begun, in order and without gaps; each
        is given once. All that was due before `begun_until`, in seconds since the start, has been begun."""
        found: list[Slice] = []
        while self._told < self._closed and self._told + 1 <= begun_until:
            second = self.second(self._told)
            if second.under_way:
                break
            found.append(second.told(self._steps))
            self._so_far.count(second.slice)
            del self._seconds[self._told]
            self._told += 1
        return found

    def so_far(self, last: int) -> Slice:
        """The counters of all seconds up to `last`, those too in which something is under way."""
        whole = Slice(last)
        whole.count(self._so_far)
        for number, second in self._seconds.items():
            if number <= last:
                whole.count(second.slice)
        whole.open = self.open
        return whole

    def rest(self) -> list[Slice]:
        """All that is left, whatever is under way."""
        last = max(self._seconds, default=self._told - 1)
        found = [self.second(number).told(self._steps) for number in range(self._told, last + 1)]
        self._seconds.clear()
        self._told = self._closed = last + 1
        return found
