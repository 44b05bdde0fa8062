"""The words of a load: what is done, how often, and what keeps an operation from being started.

Phases and KPIs are called as in RFC 9411 (section 4.3.4 and 6.3); open loop means that operations become due at times
which nothing that happens can move.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Workload(StrEnum):
    """What one operation is."""

    HANDSHAKE = "handshake"
    """Connect, tunnel, TLS with the target, close."""
    TUNNEL = "tunnel"
    """As a handshake, but the tunnel is kept open, idle, until the end of the run."""
    REQUEST = "request"
    """A GET of a small object and its answer; `Load.reuse` of them on one connection."""
    BULK = "bulk"
    """A GET of an object of `Load.object_bytes` on a connection of its own."""


class Arrivals(StrEnum):
    """How the times at which operations are due are spread."""

    CONSTANT = "constant"
    POISSON = "poisson"


class PhaseKind(StrEnum):
    """RFC 9411, section 4.3.4. Only what becomes due in `sustain` counts."""

    INIT = "init"
    RAMP_UP = "ramp-up"
    SUSTAIN = "sustain"
    RAMP_DOWN = "ramp-down"
    COLLECTION = "collection"
    """Nothing more becomes due; what is under way may end."""


class Skip(StrEnum):
    """Why an operation that was due was never started. Skipped ones are told apart from failures and never dropped in
    silence: they would have been the slowest."""

    IN_FLIGHT = "in-flight"
    """`Load.in_flight` operations were under way."""
    LATE = "late"
    """The generator came to it more than `Load.most_late` seconds after it was due."""
    LOCAL = "local"
    """This machine has no descriptor, port or memory left for it."""
    STOPPED = "stopped"
    """The run was stopped before it was due (more than half failed, or interrupted)."""


class Span(StrEnum):
    """What is measured of an operation, in seconds."""

    RESPONSE = "response"
    """From when it was due to its end: what a user would have waited (no coordinated omission)."""
    SERVICE = "service"
    """From when it was really started to its end."""
    LATENESS = "lateness"
    """From when it was due to when it was started: the generator's own fault."""
    CONNECT = "connect"
    """TCP to the first stop; hop 1, or 0 without proxies."""
    PROXY_TLS = "proxy-tls"
    """TLS with an HTTPS proxy; its hop."""
    TUNNEL = "tunnel"
    """CONNECT or SOCKS: from the request to the proxy's answer; its hop."""
    TARGET_TLS = "target-tls"
    """TLS with the target; grows where it is inspected."""
    TTFB = "ttfb"
    """From the first byte of the request to the first of the answer."""
    TTLB = "ttlb"
    """From the first byte of the request to the last of the answer."""


@dataclass(frozen=True, slots=True, order=True)
class Measure:
    """A span at a hop; 0 is the target, or the operation as a whole."""

    span: Span
    hop: int = 0

    def __str__(self) -> str:
        """`tunnel[1]`, or `response`."""
        return f"{self.span.value}[{self.hop}]" if self.hop else self.span.value

    @classmethod
    def parse(cls, text: str) -> Measure:
        """What `str` wrote. Raises ValueError."""
        name, _, rest = text.partition("[")
        return cls(Span(name), int(rest.removesuffix("]")) if rest else 0)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run, in which the rate goes in a line from `rate` to `to_rate` (operations per second)."""

    kind: PhaseKind
    seconds: float
    rate: float
    to_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One run's load on one route, over all generator processes."""

    workload: Workload
    phases: tuple[Phase, ...]
    seed: int
    arrivals: Arrivals = Arrivals.CONSTANT
    reuse: int = 1
    """`request`: transactions on one connection."""
    object_bytes: int = 1024
    """`request` and `bulk`: octets of the object asked for."""
    in_flight: int = 1000
    """Most operations under way at once; tunnels held are not counted."""
    timeout: float = 10.0
    """Seconds for one operation from its start."""
    most_late: float = 1.0
    """Seconds after which an operation that was due is no longer started."""
    resume: bool = False
    """Whether TLS sessions with the target are resumed; RFC 9411 wants full handshakes."""
    stop_at_failed: float = 0.5
    """Stop when more than this share failed of the operations that ended in the last 2 seconds, or of the last 20 that
    ended where that takes longer."""

    @property
    def seconds(self) -> float:
        """Seconds from the first to the last phase's end."""
        return sum(phase.seconds for phase in self.phases)
