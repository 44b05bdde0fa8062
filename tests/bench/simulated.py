"""Runs over proxies that exist in arithmetic only: a queue before servers, with stalls, failures and keys."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from prober.load.arrivals import due
from prober.load.slices import FailureKey, HealthSample, KeySeen, Measured, Slice
from prober.load.words import Load, Measure, Span
from prober.model import Reason, Stage

REFUSED: FailureKey = (Stage.PROXY, 1, Reason.PROXY_DENIED)
SOUND = {"cpu": 0.3, "lag": 0.001, "descriptors": 50, "machine_cpu": 0.5}


@dataclass
class Proxy:
    """What it does with operations. Times in seconds."""

    work: float
    """Of one operation."""
    servers: int = 1
    exponential: bool = False
    stall: tuple[float, float] | None = None
    """Nothing is begun in this stretch of the run."""
    refuses: float = 0.0
    """Share of operations."""
    lanes: int = 100_000
    """Operations that the client has under way at once."""
    key: Callable[[float], tuple[str, str]] | None = None
    """Leaf key and issuer at a moment."""
    health: dict[str, float] = field(default_factory=dict)
    dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - the same each time

    def run(self, load: Load) -> Measured:
        """Put a load on it."""
        length = math.ceil(load.seconds)
        slices = [Slice(second) for second in range(length)]
        servers, lanes = [0.0] * self.servers, [0.0] * min(self.lanes, 1000)
        ends: list[tuple[float, bool]] = []
        for moment, _ in due(load):
            start = max(moment, heapq.heappop(lanes)) if self.lanes < 1000 else moment
            begin = max(start, heapq.heappop(servers))
            if self.stall and self.stall[0] <= begin < self.stall[1]:
                begin = self.stall[1]
            end = begin + (self.dice.expovariate(1 / self.work) if self.exponential else self.work)
            heapq.heappush(servers, end)
            if self.lanes < 1000:
                heapq.heappush(lanes, end)
            well = self.dice.random() >= self.refuses
            self._note(slices[int(moment)], moment, start, end, well)
            ends.append((end, well))
        for end, well in ends:
            if end < length:
                slices[int(end)].ended += 1
                slices[int(end)].ended_well += well
        sound = SOUND | self.health
        samples = [
            HealthSample(
                second, 0, sound["cpu"], sound["lag"], int(sound["descriptors"]), machine_cpu=sound["machine_cpu"]
            )
            for second in range(length)
        ]
        return Measured("proxy", 0.0, slices, samples, ports=28_000, descriptor_limit=10_000)

    def _note(self, one: Slice, moment: float, start: float, end: float, well: bool) -> None:
        one.offered += 1
        one.started += 1
        one.connections += 1
        one.span(Measure(Span.LATENESS)).record(start - moment)
        if not well:
            one.failed[REFUSED] += 1
            return
        one.succeeded += 1
        one.handshakes += 1
        one.span(Measure(Span.RESPONSE)).record(end - moment)
        one.span(Measure(Span.SERVICE)).record(end - start)
        if self.key is not None:
            name, issuer = self.key(moment)
            seen = one.keys.setdefault(name, KeySeen(0, issuer, moment))
            seen.count += 1


def waits_at_most(time: float, work: float, busy: float) -> float:
    """Erlang: the share of operations that wait `time` at most in M/D/1."""
    if time < 0:
        return 0.0
    units = time / work
    total = math.fsum(
        (busy * (turn - units)) ** turn / math.factorial(turn) * math.exp(-busy * (turn - units))
        for turn in range(int(units) + 1)
    )
    return (1 - busy) * total


def response_of_md1(percent: float, work: float, busy: float) -> float:
    """The percentile of the response time in theory."""
    low, high = 0.0, 12 * work  # beyond, the sum loses its digits
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if waits_at_most(middle, work, busy) < percent / 100 else (low, middle)
    return low + work
