"""The document of a benchmark, schema `prober.bench/1`: what `bench --save` writes and every report is made from.

Times are seconds, rates are per second, throughput is bits per second, instants RFC 3339 in UTC; null means not
measured, or too few samples. Words (purposes, spans, reasons) are plain strings, so that a document of a later version
can still be read. Unknown fields are ignored on reading. Histograms are HdrHistogram V2,
compressed, base64, of microseconds.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from prober.bench.amounts import Amount, Encoded, Share
from prober.bench.findings import CapacityDoc, ComparisonDoc, FlipDoc
from prober.report.document import ProberDoc, RouteDoc
from prober.report.scalars import Count, Instant, Port

SCHEMA: Final = "prober.bench/1"


class PhaseDoc(Struct, frozen=True):
    """A stretch of a run (RFC 9411, section 4.3.4), the rate going in a line from `rate` to `to_rate`."""

    kind: str
    seconds: Amount
    rate: Amount
    to_rate: Amount


class LoadDoc(Struct, frozen=True):
    """What was done to every route alike."""

    workload: str
    arrivals: str
    reuse: Count
    object_bytes: Count
    in_flight: Count
    timeout: Amount
    most_late: Amount
    resume: bool
    workers: Count
    """Generator processes."""


class TargetDoc(Struct, frozen=True):
    """Where the load went."""

    url: str
    host: str
    port: Port
    addresses: tuple[str, ...] = ()
    """What the host meant when it was looked at; the load went there and nowhere else."""
    lab: bool = False
    """Whether it was prober's own origin on this machine."""
    key: str = ""
    """Kind of its certificate's key, where that is known."""


class MachineDoc(Struct, frozen=True):
    """The machine that made the load."""

    system: str = ""
    """Operating system and kernel."""
    cpu: str = ""
    cores: Count = 0
    memory: Count = 0
    """Octets."""
    descriptors: Count = 0
    """Open files that a process may have."""
    settings: dict[str, str] = {}
    """Kernel settings that bound a load, by sysctl name."""
    libraries: dict[str, str] = {}


class RateDoc(Struct, frozen=True):
    """A figure per second over the sustain phase."""

    least: Amount
    mean: Amount
    most: Amount


class SpanDoc(Struct, frozen=True):
    """A stage or a whole operation over the sustain phase. Percentiles with too few samples are null."""

    count: Count
    least: Amount
    mean: Amount
    most: Amount
    p50: Amount | None = None
    p90: Amount | None = None
    p95: Amount | None = None
    p99: Amount | None = None
    p999: Amount | None = None


class FailureShareDoc(Struct, frozen=True):
    """Operations that failed alike, in the contract's words."""

    stage: str
    hop: Count
    reason: str
    count: Count
    share: Share
    """Of all that ended."""
    low: Share
    """95 % interval (Wilson)."""
    high: Share


class KpisDoc(Struct, frozen=True):
    """Key performance indicators (RFC 9411, section 6.3), of the sustain phase alone."""

    seconds: Amount
    """Length of the sustain phase."""
    offered: Amount
    """Operations per second that became due."""
    achieved: Amount
    """Operations per second that ended well."""
    ended: Count
    failed: Count
    reset: Count
    """Connections that the peer reset."""
    connections: RateDoc
    handshakes: RateDoc
    transactions: RateDoc
    concurrent: RateDoc
    throughput: RateDoc
    """Bits per second of application data from the target."""
    spans: dict[str, SpanDoc]
    """By measure: `response`, `service`, `connect[1]`, `tunnel[1]`, `target-tls`, `ttfb`, …"""
    failures: tuple[FailureShareDoc, ...] = ()
    skipped: dict[str, Count] = {}
    """Operations that were due and never started, by cause."""


class ReasonDoc(Struct, frozen=True):
    """Why a run is not valid, or what to bear in mind."""

    word: str
    text: str


class ValidityDoc(Struct, frozen=True):
    """Whether a run says anything about the proxy."""

    valid: bool
    generator_limited: bool
    """The generator was the limit, not the proxy: never a capacity."""
    reasons: tuple[ReasonDoc, ...] = ()
    remarks: tuple[ReasonDoc, ...] = ()
    """What does not make it invalid."""


class HealthDoc(Struct, frozen=True):
    """How the generator was over the sustain phase, the worst of its processes."""

    cpu: Share = 0.0
    """Share of a core, the busiest process, mean."""
    machine_cpu: Share = 0.0
    """Share of all cores, whoever used them, mean."""
    lag: Amount = 0.0
    """Longest time that a loop stood still."""
    lateness_p99: Amount | None = None
    descriptors: Count = 0
    """Most open at once in a process."""
    descriptor_limit: Count = 0
    ports: Count = 0
    """Local ports there are for one peer."""


class GroundDoc(Struct, frozen=True):
    """One of several machines that made the load: an agent."""

    name: str
    egress: str
    processes: Count
    machine: MachineDoc


class GeneratorDoc(Struct, frozen=True):
    """One machine's part of a run that several made. The run's figures are those of all."""

    name: str
    """As in `GroundDoc`."""
    processes: Count
    offered: Amount
    """Operations per second that became due to it."""
    achieved: Amount
    """Operations per second that ended well."""
    failed: Count
    health: HealthDoc
    uncertainty: Amount
    """Seconds by which its beginning may have been off that of the others at most."""
    skew: float
    """Its wall clock minus that of the machine that wrote this, in seconds. Nothing is measured by it."""
    late: Amount
    """Seconds after the beginning at which it heard that it was to begin; 0 = in time."""
    p50: Amount | None = None
    """Response time of its own operations."""
    p99: Amount | None = None


class SecondDoc(Struct, frozen=True):
    """A second of a run."""

    second: Count
    offered: Count
    started: Count
    succeeded: Count
    failed: Count
    skipped: Count
    ended: Count
    ended_well: Count
    open: Count
    bytes_in: Count
    connections: Count = 0
    handshakes: Count = 0
    transactions: Count = 0
    p50: Amount | None = None
    """Response time of those due in this second."""
    p99: Amount | None = None
    cpu: Share | None = None
    """Busiest generator process."""
    response: Encoded | None = None
    """Histogram of the response times."""
    keys: dict[str, Count] = {}
    """Leaf keys seen, by SHA-256 of their SubjectPublicKeyInfo."""


class KeyDoc(Struct, frozen=True):
    """A leaf key that the target showed in a run."""

    key: str
    """SHA-256 of the SubjectPublicKeyInfo, hex."""
    issuer: str
    """As it came: escape before showing."""
    count: Count
    first: Amount
    """Seconds since the run's start."""


class RunDoc(Struct, frozen=True):
    """One load on one route."""

    route: str
    purpose: str
    """`null` (direct, the generator's own ceiling), `run`, `qualify`, `step`, `bisect`, `confirm` or `block`."""
    started: Instant
    rate: Amount
    """Operations per second in the sustain phase, as asked for."""
    seed: int
    phases: tuple[PhaseDoc, ...]
    kpis: KpisDoc
    validity: ValidityDoc
    health: HealthDoc
    seconds: tuple[SecondDoc, ...]
    histograms: dict[str, Encoded]
    """Of the sustain phase, by measure."""
    keys: tuple[KeyDoc, ...] = ()
    stopped: str | None = None
    other_failures: tuple[FailureShareDoc, ...] = ()
    """Of operations that were due before or after what counts; shares are of all that ended then."""
    generators: tuple[GeneratorDoc, ...] = ()
    """Where several machines made the load."""


class Bench(Struct, frozen=True):
    """Everything."""

    schema: str
    prober: ProberDoc
    started: Instant
    finished: Instant
    complete: bool
    """Whether everything that was ordered was measured."""
    mode: str
    """`run`, `find-capacity` or `compare`."""
    seed: int
    command: tuple[str, ...]
    """What to run to have it again; without passwords."""
    load: LoadDoc
    target: TargetDoc
    routes: tuple[RouteDoc, ...]
    machine: MachineDoc
    runs: tuple[RunDoc, ...]
    stopped: str | None = None
    """Why it is not complete."""
    capacities: tuple[CapacityDoc, ...] = ()
    null_capacity: CapacityDoc | None = None
    """What the way without a proxy bears, roughly: of the generator, this machine and the target."""
    comparison: ComparisonDoc | None = None
    flips: tuple[FlipDoc, ...] = ()
    notes: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    """Routes of the order of which there is no run; `notes` say why."""
    grounds: tuple[GroundDoc, ...] = ()
    """The machines that made the load, where it was not the one that wrote this (`machine`)."""
