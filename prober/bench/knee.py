"""The words and shapes of a search for the knee."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StepKind(StrEnum):
    """What a run is for."""

    QUALIFY = "qualify"
    STEP = "step"
    BISECT = "bisect"
    CONFIRM = "confirm"


class Ending(StrEnum):
    """Why the knee is where it is."""

    ERRORS = "errors"
    LATENCY = "latency"
    BEHIND = "achieved-below-offered"
    UNSTEADY = "unsteady"
    STOPPED = "stopped"
    GENERATOR = "generator-limited"
    NOT_REACHED = "not-reached"
    DIRECT = "direct-limited"
    """Without a proxy it broke there too."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is searched, and for what."""

    start: float
    """Operations per second of the qualification and first step: about a tenth of what is expected."""
    most: float
    """Operations per second beyond which the search does not go."""
    factor: float = 1.25
    precision: float = 0.05
    """Of the knee: breaking point and knee are at most this far apart."""
    confirmations: int = 3
    seconds: float = 20.0
    """Sustain phase of a step."""
    confirm_seconds: float = 60.0
    p99: float | None = None
    """Limit of the response time's p99 in seconds; None = `times_baseline`."""
    times_baseline: float = 3.0
    samples: int = 1_100
    """Operations that a step has at least, so that its p99 counts; slow ones last longer for it."""
    least_p99: float = 0.010
    """Seconds that a limit made of the baseline has at least: three times very little is noise."""


@dataclass(frozen=True, slots=True)
class Step:
    """A run to be made."""

    kind: StepKind
    rate: float
    seconds: float
    """Of the sustain phase."""
    number: int
    """From 1, over the whole search."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A run that was made, and what it meant for the search."""

    step: Step
    held: bool
    """Valid, and below the limit of its latency."""
    generator_limited: bool
    word: str
    """An `Ending`; empty where it held."""
    text: str
    achieved: float
    p99: float | None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search found."""

    knee: float | None
    """Highest rate that held; None if none did."""
    breaking: float | None
    """Lowest rate that failed because of the proxy; None if none did."""
    word: str
    """An `Ending`."""
    reason: str
    """A sentence: why it is no more."""
    generator_limited: bool
    confirmed: bool
    at_least: bool
    """The proxy's capacity is not known, only that it is not below the knee."""
    low: float | None
    """What the confirmation runs achieved at least, operations per second."""
    high: float | None
    """The breaking point, or None: the capacity is not above it."""
    baseline_p99: float | None
    limit_p99: float | None
    best_power: float | None
    """The rate at which throughput divided by mean response time was greatest (Kleinrock's power): a knee that needs no
    limit, for comparison."""
    seen: tuple[Seen, ...]
    direct_limited: bool = False
    """It broke where the way without a proxy did (`ceiling`)."""
