"""Who is told what while a benchmark runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from prober.bench.document import PhaseDoc, RunDoc
from prober.bench.metrics import BenchMetrics
from prober.load.slices import HealthSample, Slice


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run that begins."""

    route: str
    purpose: str
    rate: float
    phases: tuple[PhaseDoc, ...]
    number: int
    """From 1."""
    of: int | None = None
    """How many there will be, where that is known."""


class Watcher(Protocol):
    """Told of everything, on the loop's thread; quick."""

    def begins(self, beginning: Beginning) -> None:
        """A run begins."""

    def second(self, one: Slice) -> None:
        """A second of it is whole."""

    def health(self, sample: HealthSample) -> None:
        """A generator process's second."""

    def ended(self, run: RunDoc) -> None:
        """It is over."""

    def note(self, text: str) -> None:
        """Something worth a line."""


class MetricsWatcher:
    """Feeds `/metrics`."""

    def __init__(self, metrics: BenchMetrics) -> None:
        self._metrics = metrics

    def begins(self, beginning: Beginning) -> None:
        """A run begins."""
        self._metrics.begin(beginning.route, beginning.purpose, beginning.rate)

    def second(self, one: Slice) -> None:
        """A second of it is whole."""
        self._metrics.second(one)

    def health(self, sample: HealthSample) -> None:
        """A generator process's second."""
        self._metrics.health(sample)

    def ended(self, run: RunDoc) -> None:
        """It is over."""
        self._metrics.end()

    def note(self, text: str) -> None:
        """Nothing to count."""
