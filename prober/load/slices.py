"""What one second of a load was like. Slices of several processes add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from prober.load.histogram import Histogram
from prober.load.words import Measure, Skip
from prober.model import Reason, Stage

FailureKey = tuple[Stage, int, Reason]
"""Stage, hop (0 = the target) and reason, in the contract's words."""


OTHER_KEYS = "others"
"""Stands for keys beyond those that a second tells apart, and for certificates in which no key is found."""


@dataclass(slots=True)
class KeySeen:
    """A leaf key that the target showed within a second."""

    count: int = 0
    issuer: str = ""
    """The certificate's issuer as an RFC 4514 string, not escaped for any display; at most 300 characters."""
    first: float = 0.0
    """Seconds since the run's start."""


@dataclass(slots=True)
class Slice:
    """A second of a run. Counters and spans belong to the second in which the operation was due; `ended`, `ended_well`,
    `bytes_in` and `open` to the second in which that happened."""

    second: int
    """Since the run's start; the first is 0."""
    offered: int = 0
    """Operations that became due: started and skipped."""
    started: int = 0
    succeeded: int = 0
    failed: Counter[FailureKey] = field(default_factory=Counter)
    skipped: Counter[Skip] = field(default_factory=Counter)
    dropped: int = 0
    """Tunnels that were made and held, and then dropped in this second: each is in `failed` here, and in `succeeded` of
    the second in which it was due."""
    ended: int = 0
    """Operations that ended in this second, well or not."""
    ended_well: int = 0
    connections: int = 0
    """TCP connections made."""
    handshakes: int = 0
    """TLS handshakes with the target completed; resumed ones too."""
    transactions: int = 0
    """Answers that came whole, with status 200."""
    reset: int = 0
    """Connections that the peer reset before we had said goodbye."""
    bytes_in: int = 0
    """Octets of application data received from the target."""
    open: int = 0
    """Connections open at the second's end."""
    spans: dict[Measure, Histogram] = field(default_factory=dict)
    keys: dict[str, KeySeen] = field(default_factory=dict)
    """By SHA-256 of the leaf's SubjectPublicKeyInfo, hex, or `OTHER_KEYS`."""

    def span(self, measure: Measure) -> Histogram:
        """The histogram of a span, made when first asked for."""
        found = self.spans.get(measure)
        if found is None:
            found = self.spans[measure] = Histogram()
        return found

    def count(self, other: Slice) -> None:
        """As `add`, of its counters alone."""
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failed.update(other.failed)
        self.skipped.update(other.skipped)

    def add(self, other: Slice) -> None:
        """Take in the same second of another process (or another second, for a sum)."""
        self.count(other)
        for measure, histogram in other.spans.items():
            self.span(measure).add(histogram)
        for key, seen in other.keys.items():
            mine = self.keys.get(key)
            if mine is None:
                self.keys[key] = KeySeen(seen.count, seen.issuer, seen.first)
            else:
                mine.count += seen.count
                mine.first = min(mine.first, seen.first)


_COUNTED = (
    "offered",
    "started",
    "succeeded",
    "dropped",
    "ended",
    "ended_well",
    "connections",
    "handshakes",
    "transactions",
    "reset",
    "bytes_in",
    "open",
)


@dataclass(frozen=True, slots=True)
class HealthSample:
    """How one generator process was over a second."""

    second: int
    worker: int
    cpu: float
    """Share of one core this process used, 0 to 1 and a bit."""
    lag: float
    """Longest time the loop stood still, in seconds."""
    descriptors: int
    """Open ones."""
    machine_cpu: float
    """Share of all cores of the machine in use, by whomever, 0 to 1."""
    time_wait: int = 0
    """Sockets of this machine in TIME_WAIT; each keeps a port for a minute."""
    memory: int = 0
    """Bytes of this process that are resident."""
    so_far: Slice | None = None
    """What became due until this second's end, whether it has ended or not: counters alone, since the run's start, with
    the connections that are open now. A process tells its own; to watchers it is that of all processes, and comes with
    the sample that completes the second. None = not known (yet)."""


@dataclass(slots=True)
class Measured:
    """One run over one route: what all processes saw."""

    route: str
    begun: float
    """Seconds since the epoch."""
    slices: list[Slice]
    """One a second from 0 on, without gaps."""
    health: list[HealthSample]
    stopped: str | None = None
    """Why the run ended early, as a sentence; None = it did not."""
    lost: bool = False
    """Whether it ended early because something that made the load was lost: then that says nothing of the proxy."""
    ports: int = 0
    """Local ports this machine has for connections from one address to one peer."""
    sources: int = 1
    """Local addresses that were connected from."""
    descriptor_limit: int = 0
    generators: list[GeneratorShare] = field(default_factory=list)
    """What each machine saw by itself, where several made the load; it is in all of the above."""


@dataclass(slots=True)
class GeneratorShare:
    """One machine's part of a run that several made."""

    name: str
    """The agent's, with its egress."""
    measured: Measured
    processes: int
    uncertainty: float = 0.0
    """Seconds by which its second 0 may have been off that of any other at most, as far as questions about the time
    tell: what two clocks drift apart in a run is not in it."""
    skew: float = 0.0
    """Its wall clock minus that of the machine that puts the results together, in seconds; only told."""
    late: float = 0.0
    """Seconds after second 0 at which it heard that it was to begin; 0 = in time."""
