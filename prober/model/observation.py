"""What a probe saw, as frozen values. No judgement: trust and interception are decided from these later.

Times are seconds, instants are seconds since the Unix epoch (UTC), sizes are bytes. `None` always means "not measured"
or "unknown", never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from prober.model.words import Failure


@dataclass(frozen=True, slots=True)
class HopTimings:
    """Seconds spent on one proxy."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    negotiate: float | None = None
    """CONNECT or SOCKS: includes the proxy's own DNS and its connection to the next address."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds spent in each stage of a probe."""

    dns: float | None = None
    """The target's name, where it was resolved here."""
    connect: float | None = None
    """TCP to the target, on a direct route."""
    hops: tuple[HopTimings, ...] = ()
    tls: float | None = None
    ttfb: float | None = None
    """From the request's last byte handed to the kernel to the first byte of the answer."""
    total: float | None = None
    transfer: float | None = None
    """From the first byte of the answer to its last; only where the body was asked for."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """The first answer of a TLS server, read from its bytes (RFC 8446 section 4.1.3, RFC 5246 section 7.4.1.3).

    Numbers as on the wire; comparing routes wants the server's own choices, not a library's names for them.
    """

    version: int
    """The version in force: 0x0303 for TLS 1.2, 0x0304 for TLS 1.3 (from supported_versions where it is sent)."""
    cipher: int
    group: int | None
    """The key share's group (TLS 1.3); None where the ServerHello does not carry one."""
    extensions: tuple[int, ...]
    """Types in the order sent."""
    retried: bool = False
    """Whether a HelloRetryRequest came before it."""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What one TLS handshake showed. Nothing here is verified."""

    version: str
    """`TLSv1.3` and so on."""
    cipher: str
    group: str | None
    """Key-exchange group in lower case (`x25519`); None if the library cannot tell."""
    alpn: str | None
    client_cert_requested: bool
    ocsp_stapled: bool
    chain: tuple[bytes, ...]
    """The certificates as sent, DER, leaf first. May be cut short only at the failure of the handshake."""
    hello: ServerHello | None = None
    """None where it was not seen or could not be read."""
    key_proven: bool = True
    """Whether the peer proved to hold the leaf's private key: the handshake finished, or it came past the server's
    signature. A chain alone can be replayed by anybody."""


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """The body of an answer, where it was asked for."""

    announced: int | None
    """Its length as the head has it; None where it has none (chunked, or until the connection ends)."""
    read: int
    """Bytes that came, transfer coding undone, content coding not."""
    cut: bool = False
    """There was more than was to be read."""
    content: bytes | None = field(default=None, repr=False)
    """The body itself, whole; None where nobody asked for it, or where it was cut."""


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """What one HTTP answer showed."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    """Headers worth keeping (Server, Via, Location, …), names in lower case, as sent: escape before showing. All of
    them where the body was asked for."""
    version: str = ""
    """`1.1` or `1.0`; empty = not noted."""
    body: BodyFacts | None = None
    """None = not asked for."""


@dataclass(frozen=True, slots=True)
class HopFacts:
    """What one proxy showed while a probe went through it."""

    status: int | None = None
    """Status of its last answer to CONNECT, or its SOCKS reply code."""
    offered: tuple[str, ...] = ()
    """Authentication schemes it demanded, lower case; empty = it asked for none."""
    login: str = "none"
    """`none` (nothing sent), `accepted` or `rejected`."""
    tls: TlsFacts | None = None
    tls_failure: Failure | None = None
    """Why an HTTPS proxy's own certificate is not trusted, if it was looked at."""


class Purpose(StrEnum):
    """Why a probe was made."""

    ATTEMPT = "attempt"
    """One of the probes asked for."""
    CONFIRMATION = "confirmation"
    """Once more, because what was seen contradicts another route."""
    CLIENT_CERTIFICATE = "client-certificate"
    """Once more with the client certificate, after the chain was judged clean."""
    LOCATE = "locate"
    """Over the first hops of a chain, to find the one where the verdict changes."""
    REVOCATION = "revocation"
    """Of an address at which a certificate's authority says what it has revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The facts of one probe. No judgement: trust and interception are decided from these later."""

    target: str
    """The target's id."""
    route: str
    """The route's name."""
    at: float
    """When the probe began: seconds since the epoch."""
    failure: Failure | None = None
    timings: Timings = field(default_factory=Timings)
    peer: str | None = None
    """`address:port` of the TCP connection this prober made (the first hop's, if there is one)."""
    tried: str | None = None
    """`address:port` of the last connection that this prober began, made or not."""
    tls: TlsFacts | None = None
    http: HttpFacts | None = None
    hops: tuple[HopFacts, ...] = ()
    ipv6_only: tuple[int, ...] = ()
    """Hops (0 = target) whose name was resolved here and had no IPv4 address."""
    attempts: int = 1
    """Connections opened for this observation, retries included."""
    purpose: Purpose = Purpose.ATTEMPT
    passed_over: tuple[Failure, ...] = ()
    """Why the ways of the route that come before this one could not be connected; `route.after(len(passed_over))` is
    the way that all else here speaks of."""

    @property
    def reachable(self) -> bool:
        """`failure` explains `reachable: false` and nothing else."""
        return self.failure is None
