"""How often `prober bench --compare` is wrong: a proxy against itself, and against a twin that is 10 % slower.

    python benchmarks/bench_statistics.py              1,000 resamplings of simulated queues, 1,000 of recorded blocks
    python benchmarks/bench_statistics.py --seed 7     others

Simulated: single-server queues with Poisson arrivals (M/M/1, M/D/1), plain and with what makes real proxies awkward:
slow drift, a wandering machine, bursts, stalls of up to 2 s. Of each kind a supply of rounds is simulated, in each of
which the proxy, the proxy again and its twin (all its work takes 10 % longer) come in random order; a resampling
draws rounds of 10 s at 200 operations a second, and who of the equals is called A, and ends as a comparison does: after
20 to 120 rounds, as soon as a difference of 10 % would be found.
Recorded: the blocks (8 s) in bench_blocks.json, of tinyproxy on a busy machine of two cores; the twin's times are the
proxy's own of another block, 10 % longer.

Wrong is: proxy and itself called different, at any percentile, in more than 7 % (of all, and of the recorded ones).
Missed is: the twin found, at any percentile, in less than 90 %. The program fails if either is so.
Beside it: how often a difference of the size that was called detectable is found (promised: 90 %).
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prober.bench.comparison import LOOKS, SECONDS
from prober.bench.intervals import wilson
from prober.bench.pairs import PERCENTS, Difference, distinguish, enough
from prober.load.histogram import Histogram

RATE = 200.0
SLOWER = 1.1
SUPPLY = 120
"""Rounds simulated of each kind of queue."""
WRONG, FOUND = 0.07, 0.90
RECORDED = Path(__file__).with_name("bench_blocks.json")

Percentiles = tuple[float, ...]
Turn = tuple[Percentiles, Percentiles, Percentiles]
"""A round: the proxy, itself again, its twin."""


@dataclass(frozen=True)
class Queue:
    """One kind of proxy. `busy` is the share of time it works; `fixed` seconds come on top of each answer."""

    busy: float
    deterministic: bool = False
    drift: Callable[[float], float] = field(default=lambda _: 1.0)
    bursts: bool = False
    stall_every: float = math.inf
    fixed: float = 0.0

    def block(self, dice: random.Random, begin: float, slower: float) -> Percentiles:
        """Response times of one block that begins at a moment of the machine's clock, as percentiles."""
        work = self.busy / RATE * slower
        clock = free = 0.0
        stall = _gap(dice, self.stall_every)
        burst = _gap(dice, 10.0) if self.bursts else math.inf
        found: list[float] = []
        while True:
            if clock > burst + 1:
                burst = clock + _gap(dice, 10.0)
            clock += _gap(dice, 1 / (RATE * 2.2 if clock >= burst else RATE))
            if clock >= SECONDS:
                break
            if clock > stall:
                free = max(free, stall + dice.uniform(0.3, 2.0))
                stall = clock + _gap(dice, self.stall_every)
            own = work * self.drift(begin + clock)
            free = max(free, clock) + (own if self.deterministic else _gap(dice, own))
            found.append(free - clock + self.fixed * slower)
        found.sort()
        return tuple(found[math.ceil(percent / 100 * len(found)) - 1] for percent in PERCENTS)

    def rounds(self, seed: str) -> list[Turn]:
        """The supply."""
        dice = random.Random(seed)  # noqa: S311 - a simulation
        begin = 0.0
        supply: list[Turn] = []
        for _ in range(SUPPLY):
            found: dict[int, Percentiles] = {}
            for who in dice.sample(range(3), 3):
                found[who] = self.block(dice, begin, SLOWER if who == 2 else 1.0)
                begin += SECONDS + 3
            supply.append((found[0], found[1], found[2]))
        return supply


def _gap(dice: random.Random, mean: float) -> float:
    return -mean * math.log(1 - dice.random()) if mean < math.inf else math.inf


class Wander:
    """A machine whose speed wanders: an autoregressive walk, 2 % a second, forgotten after about a minute."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - a simulation
        steps = (dice.gauss(0, 0.02) for _ in itertools.repeat(None, 3 * SUPPLY * 15))
        self._speed = [math.exp(each) for each in itertools.accumulate(steps, lambda old, new: 0.98 * old + new)]

    def __call__(self, moment: float) -> float:
        """How long its work takes at a moment, as a factor."""
        return self._speed[int(moment)]


def _tide(moment: float) -> float:
    """20 % up and down within five minutes."""
    return 1 + 0.2 * math.sin(2 * math.pi * moment / 300)


QUEUES = {
    "M/M/1, half busy": Queue(0.5),
    "M/D/1, 60 % busy": Queue(0.6, deterministic=True),
    "M/M/1, tide of 20 %": Queue(0.4, drift=_tide),
    "M/M/1, wandering": Queue(0.4, drift=Wander(5)),
    "M/M/1, bursts": Queue(0.3, bursts=True),
    "M/M/1, stalls": Queue(0.3, stall_every=60),
    "2 ms + M/M/1, tide, stalls": Queue(0.2, drift=_tide, stall_every=300, fixed=0.002),
}


def recorded() -> list[Turn]:
    """The recorded rounds, each both ways round; the twin is the other block, 10 % slower."""
    supply: list[Turn] = []
    for pair in json.loads(RECORDED.read_text(encoding="ascii"))["rounds"]:
        found = [Histogram.decode(text).percentiles(PERCENTS) for text in pair]
        one, other = (tuple(each[percent] for percent in PERCENTS) for each in found)
        supply += [(a, b, tuple(SLOWER * value for value in b)) for a, b in ((one, other), (other, one))]
    return supply


def against(rounds: Sequence[tuple[Percentiles, Percentiles]]) -> tuple[Difference, ...]:
    """One comparison of two routes."""
    tables = {name: {turn: pair[place] for turn, pair in enumerate(rounds)} for place, name in enumerate("ab")}
    return distinguish(tables, {("a", f"p{percent:g}"): 1.0 for percent in PERCENTS})


@dataclass
class Tally:
    """What the resamplings of one supply came to."""

    number: int = 0
    wrong: int = 0
    found: int = 0
    promised: int = 0
    """Differences of the detectable size that were found."""
    detectable: list[float] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)

    def resample(self, supply: Sequence[Turn], dice: random.Random) -> None:
        """One more of each kind. The rounds come with a coin for each, who of the equals is called A: their order was
        random when they were measured, too."""
        equals = _equals(supply, dice)
        itself = until_enough(equals)
        self.number += 1
        self.wrong += any(each.distinguishable for each in itself)
        twins = until_enough([(turn[0], turn[2]) for turn in dice.choices(supply, k=LOOKS[-1])])
        self.found += any(each.distinguishable for each in twins)
        self.rounds.append(itself[0].rounds)
        self.detectable.append(itself[0].detectable_share)
        size = 1 + itself[0].detectable_share
        shifted = [(a, tuple(value * size for value in b)) for a, b in _equals(supply, dice)]
        self.promised += against(shifted[: itself[0].rounds])[0].distinguishable


def until_enough(rounds: Sequence[tuple[Percentiles, Percentiles]]) -> tuple[Difference, ...]:
    """A comparison that ends as `prober bench --compare` ends it."""
    for count in LOOKS:
        found = against(rounds[:count])
        if enough(found):
            break
    return found


def _equals(supply: Sequence[Turn], dice: random.Random) -> list[tuple[Percentiles, Percentiles]]:
    drawn = dice.choices(supply, k=LOOKS[-1])
    return [(turn[0], turn[1]) if dice.random() < 0.5 else (turn[1], turn[0]) for turn in drawn]


def lines(tallies: dict[str, Tally]) -> Iterator[str]:
    """The table."""
    yield (
        f"{'':28}{'n':>6}  {'itself called different':26}{'10 % slower twin found':26}"
        f"{'rounds':>7}{'detectable p50':>16}  found"
    )
    for name, each in tallies.items():
        yield (
            f"{name:28}{each.number:6}  {_rate(each.wrong, each.number):26}{_rate(each.found, each.number):26}"
            f"{statistics.median(each.rounds):7.0f}{100 * statistics.median(each.detectable):14.1f} %"
            f"  {100 * each.promised / each.number:.0f} %"
        )


def _rate(count: int, of: int) -> str:
    low, high = wilson(count, of)
    return f"{100 * count / of:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(
        sum(each.number for each in tallies),
        sum(each.wrong for each in tallies),
        sum(each.found for each in tallies),
        sum(each.promised for each in tallies),
        [value for each in tallies for value in each.detectable],
        [value for each in tallies for value in each.rounds],
    )


def main() -> int:
    """Run it all."""
    asked = argparse.ArgumentParser(description="How often a comparison is wrong.")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--resamplings", type=int, default=1_000)
    options = asked.parse_args()
    dice = random.Random(options.seed)  # noqa: S311 - a simulation
    tallies: dict[str, Tally] = {}
    for name, queue in QUEUES.items():
        supply = queue.rounds(f"{options.seed}/{name}")
        tally = tallies[name] = Tally()
        for _ in range(math.ceil(options.resamplings / len(QUEUES))):
            tally.resample(supply, dice)
    simulated = _sum(list(tallies.values()))
    of_recorded = Tally()
    supply = recorded()
    for _ in range(options.resamplings):
        of_recorded.resample(supply, dice)
    tallies |= {"all simulated": simulated, "recorded blocks": of_recorded}
    print(*lines(tallies), sep="\n")
    print(f"rounds of {SECONDS:g} s, {time.process_time():.0f} s of processor time")
    bad = [
        name
        for name, each in (("simulated", simulated), ("recorded", of_recorded))
        if each.wrong > WRONG * each.number or each.found < FOUND * each.number
    ]
    verdict = f"missed: {', '.join(bad)}" if bad else "kept"
    print(f"limits: wrong at most {100 * WRONG:g} %, found at least {100 * FOUND:g} %: {verdict}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
