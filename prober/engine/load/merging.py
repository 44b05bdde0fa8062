"""Slices of several processes become one timeline; what the processes say of their success decides about stopping."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from prober.load.slices import Slice

WINDOW = 2.0
"""Seconds over which failures are looked at; `Load.stop_at_failed`."""
FEWEST = 20
"""Operations that must have ended in it: where fewer do in two seconds, it reaches back as far as it takes."""


class Timeline:
    """Gives each second once all processes have told it, in order."""

    def __init__(self, workers: int, on_slice: Callable[[Slice], None] | None) -> None:
        self.slices: list[Slice] = []
        self._on_slice = on_slice
        self._told = [0] * workers
        """Seconds that each process has told; those of one that has ended count as told."""
        self._ended = [False] * workers
        self._waiting: dict[int, Slice] = {}

    def take(self, worker: int, slices: list[Slice]) -> None:
        """A process tells seconds, in order."""
        for each in slices:
            known = self._waiting.get(each.second)
            if known is None:
                self._waiting[each.second] = each
            else:
                known.add(each)
            self._told[worker] = each.second + 1
        self._give()

    def end(self, worker: int) -> None:
        """It tells no more."""
        self._ended[worker] = True
        self._give()

    def _give(self) -> None:
        speaking = [told for told, ended in zip(self._told, self._ended, strict=True) if not ended]
        until = min(speaking) if speaking else max(self._told)
        while len(self.slices) < until:
            number = len(self.slices)
            found = self._waiting.pop(number, None) or Slice(number)
            for histogram in found.spans.values():
                histogram.pack()
            self.slices.append(found)
            if self._on_slice is not None:
                self._on_slice(found)


class Apart:
    """The seconds of each machine's processes by themselves, beside the timeline of all."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """`sizes`: processes of each machine, which are numbered through."""
        self._machines = [machine for machine, size in enumerate(sizes) for _ in range(size)]
        self._seconds: list[dict[int, Slice]] = [{} for _ in sizes]

    def take(self, worker: int, slices: list[Slice]) -> None:
        """A process tells seconds; they are copied."""
        seconds = self._seconds[self._machines[worker]]
        for each in slices:
            own = seconds.setdefault(each.second, Slice(each.second))
            own.add(each)
            for histogram in own.spans.values():
                histogram.pack()

    def slices(self, count: int) -> Iterator[list[Slice]]:
        """For each machine as many seconds as the timeline has."""
        for seconds in self._seconds:
            yield [seconds.get(number) or Slice(number) for number in range(count)]


class Running:
    """The counters of a run up to a second, whatever is under way: `HealthSample.so_far` of several processes."""

    def __init__(self, workers: int) -> None:
        self._latest: list[Slice] = [Slice(-1)] * workers
        self._ended = [False] * workers
        self._given = -1

    def take(self, worker: int, so_far: Slice) -> Slice | None:
        """A process's counters; those of all of them if it was the last to tell that second."""
        self._latest[worker] = so_far
        speaking = [each for each, ended in zip(self._latest, self._ended, strict=True) if not ended]
        second = min((each.second for each in speaking), default=so_far.second)
        if second <= self._given:
            return None
        self._given = second
        whole = Slice(second)
        for each in self._latest:
            whole.count(each)
        return whole

    def end(self, worker: int) -> None:
        """It tells no more; nobody waits for it."""
        self._ended[worker] = True


class Outcomes:
    """How many operations ended lately, and how many of them well, over all processes."""

    def __init__(self, workers: int, most_failed: float) -> None:
        self._most_failed = most_failed
        self._totals = [(0, 0)] * workers
        self._past: deque[tuple[float, int, int]] = deque([(0.0, 0, 0)])
        """When the totals became these, and they; the first is where the window begins."""

    def take(self, worker: int, now: float, ended: int, ended_well: int) -> str | None:
        """A process's totals. A sentence if the run has to stop over them; `now` is seconds since its start."""
        self._totals[worker] = ended, ended_well
        all_ended, all_well = (sum(each) for each in zip(*self._totals, strict=True))
        past = self._past
        if past[-1][1] != all_ended:  # at a slow rate the window is long, and most words bring nothing new
            past.append((now, all_ended, all_well))
        while len(past) > 1 and past[1][0] <= now - WINDOW and all_ended - past[1][1] >= FEWEST:
            past.popleft()
        begin, ended_before, well_before = past[0]
        ended = all_ended - ended_before
        failed = ended - (all_well - well_before)
        if ended < FEWEST or failed <= self._most_failed * ended:
            return None
        length = max(round(WINDOW), round(now - begin))
        return f"{failed} of the {ended} operations that ended within the last {length} s failed"
