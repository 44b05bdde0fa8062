"""The criteria of a valid run as words, and where their limits are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RFC_SUSTAIN: Final = 300
"""Seconds; RFC 9411, section 4.3.4."""


class Fault(StrEnum):
    """Why a run is not valid."""

    STOPPED = "stopped"
    LOST = "generator-lost"
    NOTHING = "nothing-measured"
    FAILED = "failed"
    RESET = "reset"
    BEHIND = "behind"
    UNSTEADY = "unsteady"
    CONCURRENCY = "concurrency"
    IN_FLIGHT = "in-flight"
    LATE = "generator-late"
    SKIPPED_LATE = "generator-skipped"
    LOCAL = "local-exhausted"
    CPU = "generator-cpu"
    MACHINE = "machine-cpu"
    LAG = "loop-lag"


LIMITED: Final = frozenset(
    {Fault.LOST, Fault.LATE, Fault.SKIPPED_LATE, Fault.LOCAL, Fault.CPU, Fault.MACHINE, Fault.LAG}
)
"""Faults of the generator; `IN_FLIGHT` is one too where the limit was the load's own."""


class Remark(StrEnum):
    """What to bear in mind about a run that is valid nevertheless."""

    FEW_SAMPLES = "few-samples"
    SHORT = "short"
    MACHINE = "machine-busy"
    DESCRIPTORS = "descriptors"
    PORTS = "ports"
    NO_HEALTH = "no-health"
    SOURCES = "sources"
    LATE_BEGIN = "late-begin"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the criteria are drawn. Shares are of 1, times in seconds."""

    failed: float = 1e-5
    reset: float = 1e-5
    achieved: float = 0.98
    unsteady: float = 0.05
    concurrency: float = 0.10
    lateness: float = 0.005
    cpu: float = 0.80
    machine_cpu: float = 0.98
    """Above it nobody on this machine gets his turn in time. Beyond `machine_busy` it is remarked on: where proxy and
    origin run on the generator's machine, a saturated machine may well be the proxy's own doing."""
    machine_busy: float = 0.80
    lag: float = 0.02
    """That 95 of 100 seconds' longest standstills stay below."""
    resources: float = 0.90
    """Of the descriptors."""
    together: float = 0.25
    """Seconds between the beginnings of several machines that are not remarked on."""
    skew: float = 1.0
    """Seconds between the wall clocks of several machines."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One criterion that was missed, or one remark."""

    word: str
    """Of `Fault` or `Remark`."""
    text: str
    """What was measured, the limit, what to do."""
    value: float
    limit: float


def percent(share: float) -> str:
    """`98 %`, `0.001 %`; never a 0 for what is not."""
    return f"{100 * share:.3g} %"
