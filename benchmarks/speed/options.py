"""How much of everything is done: the usual, and as little as shows that all of it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.speed.machine import Cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Sizes of all parts. Durations are seconds."""

    rounds: int = 5
    probes: int = 2_000
    """Of one client, counted."""
    in_flight: int = 64
    targets: int = 50
    """Distinct ones of a client that goes round them."""
    peer_seconds: float = 4.0
    """For peers that run for a time instead of a number."""
    curls: int = 200
    """Processes of curl."""
    pairs: tuple[int, ...] = (1_000, 10_000, 100_000)
    pair_rounds: tuple[int, ...] = (5, 3, 1)
    """Rounds for each of these, `rounds` at most."""
    routes: int = 4
    held: int = 10_000
    """Probes in flight at once."""
    held_seconds: float = 20.0
    interval: float = 5.0
    """Of `prober serve`."""
    watched: float = 15.0
    """For which it is looked at, at each share of its capacity."""
    counted: tuple[int, int] = (50, 250)
    """Probes of the two processes whose instructions are counted."""
    samples: int = 999
    """Of a profile, each second."""

    @property
    def warm(self) -> int:
        """Probes before the counted ones: every target often enough to be an old acquaintance of the judgement."""
        return 8 * self.targets


USUAL = Amounts()
QUICK = Amounts(
    rounds=2,
    probes=200,
    in_flight=32,
    targets=10,
    peer_seconds=1.0,
    curls=5,
    pairs=(40, 80, 160),
    pair_rounds=(1, 1, 1),
    held=200,
    held_seconds=2.0,
    interval=1.0,
    watched=2.0,
    counted=(5, 15),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one run of the benchmark has to go by."""

    amounts: Amounts
    cores: Cores
    folder: Path
    """For certificates, configurations and the like; gone afterwards."""
    wanted: frozenset[str] = field(default_factory=frozenset)
    """Cases of a part to be measured, by name; empty = all."""
    matched: set[str] = field(default_factory=set)
    """Those of `wanted` that some case had in its name."""

    def wants(self, name: str) -> bool:
        """Whether this case is to be measured."""
        found = {part for part in self.wanted if part in name}
        self.matched.update(found)
        return not self.wanted or bool(found)
