"""The run document, schema `prober.run/1`: what `--format json` and `--save` write (docs/run-document.md).

Times are seconds, instants RFC 3339 in UTC with `Z`; null means not measured. Words (stages, reasons, anchors) are
plain strings here so that a document of a later version, which may know more of them, can still be read. Unknown
fields are ignored on reading, and every field that is not in the contract has a default, for the same reason.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

from prober.report.failure_document import FailureDoc
from prober.report.judgement import InterceptionDoc, TrustDoc
from prober.report.revocation_document import RevocationDoc
from prober.report.scalars import Count, Digest, Instant, Port

SCHEMA: Final = "prober.run/1"


class HopTimingsDoc(Struct, frozen=True):
    """Seconds spent on one proxy."""

    dns: float | None
    connect: float | None
    tls: float | None
    negotiate: float | None


class TimingsDoc(Struct, frozen=True):
    """Seconds spent in each stage."""

    dns: float | None
    connect: float | None
    hops: tuple[HopTimingsDoc, ...]
    tls: float | None
    ttfb: float | None
    total: float | None


class CertificateDoc(Struct, frozen=True):
    """One certificate as it was sent. Only its digest is sure: all else is null where it does not parse."""

    sha256: Digest
    spki_sha256: Digest | None
    subject: str | None
    """RFC 4514."""
    issuer: str | None
    """RFC 4514."""
    serial: str | None
    """Hexadecimal."""
    not_before: Instant | None
    not_after: Instant | None
    sans: tuple[str, ...]
    """Subject alternative names."""


class HelloDoc(Struct, frozen=True):
    """The ServerHello, in the numbers of the wire (RFC 8446 section 4.1.3)."""

    version: int
    """The version in force: 771 is TLS 1.2, 772 TLS 1.3."""
    cipher: int
    group: int | None
    """The key share's group; null where the ServerHello carries none."""
    extensions: tuple[int, ...]
    """Types in the order sent."""
    retried: bool = False
    """Whether a HelloRetryRequest came before it."""


class TlsDoc(Struct, frozen=True):
    """What the handshake with the target showed."""

    version: str
    cipher: str
    group: str | None
    alpn: str | None
    client_cert_requested: bool
    ocsp_stapled: bool
    chain: tuple[CertificateDoc, ...]
    """As sent, leaf first."""
    anchor: str | None
    """Where the chain ends; null where it was not judged."""
    hello: HelloDoc | None = None
    """Null where it was not seen or could not be read."""
    key_proven: bool | None = None
    """Whether the peer proved to hold the leaf's key; null in runs of versions that did not look."""


class HttpDoc(Struct, frozen=True):
    """What the HTTP answer showed."""

    status: int
    expected: tuple[int, ...]
    """The statuses documented for this request; empty = none is."""
    as_expected: bool | None
    """Null where no status is documented."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers worth keeping, names in lower case, values as sent: escape before showing."""


class HopTlsDoc(Struct, frozen=True):
    """The TLS connection to an HTTPS proxy."""

    version: str
    cipher: str
    chain: tuple[CertificateDoc, ...]
    trust_failure: FailureDoc | None
    """Why the proxy's own certificate is not trusted, if it was judged."""


class HopDoc(Struct, frozen=True):
    """What one proxy showed."""

    status: int | None
    """Its last answer: HTTP status, or SOCKS reply code."""
    offered: tuple[str, ...]
    """Login schemes it demanded, lower case."""
    login: str
    """`none` (nothing sent), `accepted` or `rejected`."""
    tls: HopTlsDoc | None


class SampleTlsDoc(Struct, frozen=True):
    """A handshake as a sample keeps it: certificates by digest. Null = not kept by the version that wrote it."""

    version: str
    cipher: str
    leaf_sha256: Digest | None
    leaf_spki_sha256: Digest | None
    group: str | None = None
    alpn: str | None = None
    client_cert_requested: bool | None = None
    ocsp_stapled: bool | None = None
    chain: tuple[Digest, ...] | None = None
    """The certificates as sent, leaf first; they stand in `run.certificates`."""
    hello: HelloDoc | None = None
    key_proven: bool | None = None


class RouteHopDoc(Struct, frozen=True):
    """One proxy of a route. Never a user or a password."""

    scheme: str
    host: str
    port: Port
    auth: str
    """`none`, `basic` or `password`: what the prober holds for it."""


class PassedOverDoc(Struct, frozen=True):
    """A way of the route that came first and could not be connected."""

    via: tuple[RouteHopDoc, ...]
    """Its proxies, outermost first; none = direct."""
    failure: FailureDoc


class SampleDoc(Struct, frozen=True):
    """One of several independent probes of a pair."""

    at: Instant
    reachable: bool
    failure: FailureDoc | None
    timings: TimingsDoc
    peer: str | None
    tls: SampleTlsDoc | None
    http_status: int | None
    purpose: str = "attempt"
    """`attempt`, `confirmation`, `client-certificate` or `locate`."""
    http_headers: tuple[tuple[str, str], ...] = ()
    """As in a result."""
    passed_over: tuple[PassedOverDoc, ...] = ()
    """As in a result."""


class PrefixDoc(Struct, frozen=True):
    """A probe over the first proxies of a chain only (`--locate`)."""

    hops: Count
    """How many of the route's proxies it went through."""
    sample: SampleDoc


class TargetDoc(Struct, frozen=True):
    """The target, as far as a reader of the run needs it."""

    id: str
    service: str
    group: str
    host: str
    port: Port
    scheme: str
    path: str
    geography: str
    cloud: tuple[str, ...]
    required: str
    method: str = "GET"
    os: tuple[str, ...] = ()
    """Families it is for; empty = any."""
    inspection_bypass: bool | None = None
    """Whether TLS inspection must leave it alone; null = nothing is stated."""
    trust: str | None = None
    """Who is expected to sign: `public` or `vendor_private`; null = not known."""
    client_certificate: bool = False
    """Whether the service authenticates its client by certificate."""
    proxy_login: bool = True
    """Whether the service can log in to a proxy."""


class Result(Struct, frozen=True):
    """One target over one route from one egress."""

    target: TargetDoc
    egress: str
    route: str
    at: Instant
    reachable: bool
    trusted: bool | None
    """Null where there was no TLS or it was not judged."""
    trust_failure: FailureDoc | None
    failure: FailureDoc | None
    """Explains `reachable: false` and nothing else."""
    timings: TimingsDoc
    peer: str | None
    """The address of the TCP connection made by this prober."""
    tls: TlsDoc | None
    http: HttpDoc | None
    interception: InterceptionDoc | None
    """The verdict; null where nothing was judged, and in runs of versions that did not."""
    samples: tuple[SampleDoc, ...]
    """All probes of the pair, oldest first, if there were several; else empty."""
    hops: tuple[HopDoc, ...] = ()
    """One for each proxy that was spoken to, outermost first."""
    attempts: Count = 1
    """Connections opened in all, retries included."""
    ipv6_only: tuple[int, ...] = ()
    """Hops (0 = the target) whose name was resolved here and had no IPv4 address."""
    prefixes: tuple[PrefixDoc, ...] = ()
    """Probes over the first proxies of the route only."""
    via: tuple[RouteHopDoc, ...] | None = None
    """The proxies of this pair, outermost first: a rule (the environment's) gives each target its own. Null in runs of
    versions that did not say; then those of `run.routes` count."""
    passed_over: tuple[PassedOverDoc, ...] = ()
    """Ways tried before the one of `via`, in order: a PAC script or a device's settings list several."""
    revocation: RevocationDoc | None = None
    """Whether a client that checks revocation could; null where that was not asked for, or there is no certificate."""


class ProberDoc(Struct, frozen=True):
    """The program that made the run."""

    version: str
    python: str
    openssl: str


class RouteDoc(Struct, frozen=True):
    """A named way out; no hops = direct."""

    name: str
    hops: tuple[RouteHopDoc, ...]
    rule: str | None = None
    """What decides target by target, for people (`environment`, `PAC …`, `WPAD …`); null for fixed hops. Then each
    result's `via` counts."""
    candidate: bool = False
    """Whether it is one candidate of a device's component, probed to see what it would do; no word of --fail-on."""


class Summary(Struct, frozen=True):
    """Counts over all results."""

    targets: Count
    probes: Count
    """Results, that is pairs of target and route; samples do not count."""
    reachable: Count
    unreachable: Count
    untrusted: Count
    intercepted: Count | None
    """Null where no result was judged."""
    suspect: Count | None
    """Null where no result was judged."""
    services_without_probes: tuple[str, ...]
    unexpected_status: Count = 0
    """Results whose HTTP status is not a documented one."""
    mixed: Count = 0
    """Results of which only some connections were intercepted."""
    blocked: Count = 0
    """Results that a block page or a captive portal answered."""
    revocation_unreachable: Count | None = None
    """Results whose certificates' revocation cannot be looked up; null where no result was asked for it."""
    revoked: Count = 0
    """Results with a revoked certificate."""


class SkippedDoc(Struct, frozen=True):
    """A target that was left out, never silently."""

    target: dict[str, Any]
    """The catalog's attributes of it."""
    why: str
    option: str | None = None
    """The option that would make it probeable."""
    kind: str | None = None
    """`template`, `wildcard-host` or `wildcard-path`; null in runs of versions that did not say."""


class NoteDoc(Struct, frozen=True):
    """Something about the run as a whole; ids in `prober.report.notes`."""

    id: str
    text: str


class Environment(Struct, frozen=True):
    """How the prober was set and how it fared itself."""

    loop_lag_max: float | None = None
    """Seconds by which the event loop was late at worst: large values make the timings doubtful."""
    cpu_wait: float | None = None
    """Share of its busy time that the prober waited for a processor, 0 to 1; null = the system does not say."""
    concurrency: Count | None = None
    """Probes in flight at most, after clamping."""
    descriptors: Count | None = None
    """The limit of open descriptors."""
    timeout: float | None = None
    """Deadline of a probe in seconds."""
    retries: Count | None = None
    attempts: Count | None = None
    profile: str | None = None
    """Name of the ClientHello profile."""
    family: str | None = None
    platform: str | None = None


class Run(Struct, frozen=True):
    """A set of results with what is needed to read them again."""

    schema: str
    prober: ProberDoc
    egress: str
    started: Instant
    finished: Instant
    complete: bool
    """False if the run was interrupted; what was measured is there."""
    routes: tuple[RouteDoc, ...]
    summary: Summary
    skipped: tuple[SkippedDoc, ...]
    results: tuple[Result, ...]
    notes: tuple[NoteDoc, ...] = ()
    environment: Environment | None = None
    certificates: dict[Digest, bytes] = field(default_factory=dict)
    """Every certificate seen, DER in base64 by SHA-256, so that a saved run can be judged again."""
    trust: TrustDoc | None = None
    """The trust that the run was judged with; null in runs of versions that did not say."""
