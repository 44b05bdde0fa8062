"""What was asked for: a benchmark's mode, load, routes and limits, settled before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from prober.bench.document import LoadDoc, TargetDoc
from prober.load.words import Load, Phase
from prober.model import Route, Target


class Mode(StrEnum):
    """What is wanted of the routes."""

    RUN = "run"
    """How each is at one rate."""
    FIND_CAPACITY = "find-capacity"
    """The highest rate that each bears."""
    COMPARE = "compare"
    """What separates them at one rate, with intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A benchmark to carry out."""

    mode: Mode
    load: Load
    """As for `rate`; other rates differ in their phases alone."""
    rate: float
    """Operations per second of the sustain phase; where a search begins."""
    profile: Callable[[float, float | None], tuple[Phase, ...]]
    """The phases for a rate and a length of the sustain phase in seconds; None = as long as was asked for."""
    target: Target
    routes: tuple[Route, ...]
    """Those to judge; direct may be among them."""
    null: Route | None
    """The way without a proxy for the null run; None = none is made."""
    target_document: TargetDoc
    workers: int
    rounds: int | None
    """Of a comparison; None = until a difference worth telling would be found (`comparison.LOOKS`)."""
    most_rate: float
    """A search goes no further."""
    step_seconds: float
    """Sustain phase of a search's steps."""
    confirm_seconds: float
    """The same of its confirmation runs."""
    slowest: float | None
    """Limit of the response time's p99 in a search, in seconds; None = three times that of the lowest load."""
    expected: int | None
    """Octets of a whole body; None = what the answer says."""
    command: tuple[str, ...]

    def at(self, rate: float, *, seed: int | None = None, seconds: float | None = None) -> Load:
        """The load for a rate, and for a length of its sustain phase."""
        phases = self.profile(rate, seconds)
        return replace(self.load, phases=phases, seed=self.load.seed if seed is None else seed)

    @property
    def load_document(self) -> LoadDoc:
        """What was done to every route alike."""
        load = self.load
        return LoadDoc(
            workload=load.workload.value,
            arrivals=load.arrivals.value,
            reuse=load.reuse,
            object_bytes=load.object_bytes,
            in_flight=load.in_flight,
            timeout=load.timeout,
            most_late=load.most_late,
            resume=load.resume,
            workers=self.workers,
        )
