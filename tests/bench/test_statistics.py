"""The benchmark of the statistics, in small: a proxy against itself and against a slower twin.

The limits are those of the benchmark itself, 7 % and 90 %, with as many draws as take some 15 s together; what 1,000
draws come to is in docs/bench.md.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from benchmarks import bench_statistics
from benchmarks.bench_statistics import FOUND, QUEUES, WRONG, Tally, Turn, lines, recorded

DRAWS = 150
CHEAP_DRAWS = 300


def test_the_limits_are_what_was_asked_for() -> None:
    assert (WRONG, FOUND) == (0.07, 0.90)


def drawn(supply: Sequence[Turn], seed: int, draws: int) -> Tally:
    tally = Tally()
    dice = random.Random(seed)  # noqa: S311 - the same each time
    for _ in range(draws):
        tally.resample(supply, dice)
    return tally


@pytest.mark.parametrize("name", ["M/D/1, 60 % busy", "2 ms + M/M/1, tide, stalls"])
def test_simulated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_statistics, "SUPPLY", 60)
    tally = drawn(QUEUES[name].rounds("a test"), 1, CHEAP_DRAWS)
    assert tally.wrong <= WRONG * CHEAP_DRAWS
    assert tally.found >= FOUND * CHEAP_DRAWS
    assert tally.promised >= 0.8 * CHEAP_DRAWS
    assert list(lines({name: tally}))[-1].startswith(name)


def test_recorded() -> None:
    supply = recorded()
    assert len(supply) >= 100
    tally = drawn(supply, 2, DRAWS)
    assert tally.wrong <= WRONG * DRAWS
    assert tally.found >= FOUND * DRAWS
