"""What came of one request to /probe, before it is put into metrics."""

from __future__ import annotations

from dataclasses import dataclass, field

from prober.interception.trust import Trust
from prober.model import Failure, Observation, Route, Target
from prober.monitor.blackbox.modules import ReadyModule

MODULE_STAGE = "module"
"""Stage of a failure of which the network is innocent: the module asks for something else."""
MODULE_REASONS = (
    "status",
    "http-version",
    "ssl",
    "not-ssl",
    "tls-version",
    "body-size",
    "redirect-refused",
    "too-many-redirects",
    "keys-changing",
    "timeout",
    "lost",
)
"""Its reasons. `lost`: the probe's process ended; `keys-changing`: the server showed another key each time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the probe is no success: failure words, or those of `MODULE_REASONS`."""

    stage: str
    hop: int
    reason: str
    detail: str = ""
    """For a person; may quote the peer."""

    @classmethod
    def of(cls, failure: Failure) -> Fault:
        """A failure of the engine's, or of trust."""
        return cls(failure.stage.value, failure.hop, failure.reason.value, failure.detail)

    @classmethod
    def module(cls, reason: str, detail: str = "") -> Fault:
        """The module is not content."""
        return cls(MODULE_STAGE, 0, reason, detail)


@dataclass(frozen=True, slots=True)
class Step:
    """One request (or one handshake), redirects making several."""

    target: Target
    route: Route
    observation: Observation
    trust: Trust | None
    """None where no certificate was seen."""
    last_expiry: float | None = None
    """When the last of all trusted paths ceases to be valid: seconds since the epoch."""

    @property
    def direct(self) -> bool:
        """Whether no proxy is on the way."""
        return not self.route.hops


@dataclass(slots=True)
class Findings:
    """All of one probe."""

    ready: ReadyModule
    steps: list[Step] = field(default_factory=list)
    answer: Step | None = None
    """The step whose response counts; None = none came that may be believed."""
    redirects: int = 0
    body_read: bool = False
    """Whether the answer's body was read, as it is unless a redirect is not followed."""
    fault: Fault | None = None
    denied: str | None = None
    """Why the address of the very first target may not be connected to. There is nothing to show then."""
    duration: float = 0.0
    """Seconds."""

    @property
    def success(self) -> bool:
        """What `probe_success` says."""
        return self.fault is None and self.denied is None and bool(self.steps)
