"""A saved run as a comparison reads it: the fields of `prober.report.document` that differences are made of.

A hundred thousand results with their chains would be gigabytes of values; what is not asked for is passed over while
the JSON is read. Field names, defaults and meanings are the document's; tests hold the two against each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from prober.report.document import Run
from prober.report.failure_document import FailureDoc
from prober.report.files import content, decode_as
from prober.report.scalars import Count, Instant, Port

ATTEMPT: Final = "attempt"
CONFIRMATION: Final = "confirmation"
CLIENT_CERTIFICATE: Final = "client-certificate"


class SavedHop(Struct, frozen=True, gc=False):
    """A proxy."""

    scheme: str
    host: str
    port: Port


class SavedRoute(Struct, frozen=True, gc=False):
    """A named way out."""

    name: str
    hops: tuple[SavedHop, ...]


class SavedFailure(Struct, frozen=True, gc=False):
    """A failure without its advice."""

    stage: str
    hop: Count
    reason: str
    detail: str = ""
    status: int | None = None


class SavedTarget(Struct, frozen=True, gc=False):
    """What is asked for."""

    id: str
    service: str
    host: str
    port: Port
    scheme: str
    path: str
    method: str = "GET"


class SavedCertificate(Struct, frozen=True, gc=False):
    """One certificate of a chain."""

    spki_sha256: str | None = None
    issuer: str | None = None


class SavedTls(Struct, frozen=True, gc=False):
    """The handshake with the target."""

    chain: tuple[SavedCertificate, ...]
    anchor: str | None = None


class SavedHttp(Struct, frozen=True, gc=False):
    """The answer."""

    status: int
    as_expected: bool | None = None


class SavedSigner(Struct, frozen=True, gc=False):
    """Who signed."""

    subject: str
    root: str = ""


class SavedProduct(Struct, frozen=True, gc=False):
    """Whose product it seems to be."""

    vendor: str
    product: str


class SavedMixed(Struct, frozen=True, gc=False):
    """Only some connections are intercepted."""

    intercepted: Count
    of: Count


class SavedVerdict(Struct, frozen=True, gc=False):
    """The verdict on interception."""

    verdict: str
    reason: str | None = None
    hop: Count | None = None
    signer: SavedSigner | None = None
    attribution: SavedProduct | None = None
    mixed: SavedMixed | None = None


class SavedHopTimings(Struct, frozen=True, gc=False):
    """Seconds spent on one proxy."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    negotiate: float | None = None


class SavedTimings(Struct, frozen=True, gc=False):
    """Seconds spent in each stage."""

    dns: float | None = None
    connect: float | None = None
    hops: tuple[SavedHopTimings, ...] = ()
    tls: float | None = None
    ttfb: float | None = None
    total: float | None = None


class SavedSampleTls(Struct, frozen=True, gc=False):
    """A handshake as samples keep it."""

    leaf_spki_sha256: str | None = None


class SavedPassedOver(Struct, frozen=True, gc=False):
    """A way that could not be connected."""

    via: tuple[SavedHop, ...]
    failure: SavedFailure


class SavedSample(Struct, frozen=True, gc=False):
    """One of several probes of a pair."""

    at: Instant
    reachable: bool
    failure: SavedFailure | None
    timings: SavedTimings
    tls: SavedSampleTls | None
    http_status: int | None
    purpose: str = ATTEMPT
    passed_over: tuple[SavedPassedOver, ...] = ()


class SavedRevocation(Struct, frozen=True, gc=False):
    """Whether revocation can be looked up."""

    reachable: bool | None
    failure: SavedFailure | None
    revoked: SavedFailure | None


class SavedResult(Struct, frozen=True, gc=False):
    """One target over one route from one egress."""

    target: SavedTarget
    egress: str
    route: str
    reachable: bool
    trusted: bool | None
    trust_failure: SavedFailure | None
    failure: SavedFailure | None
    tls: SavedTls | None
    http: SavedHttp | None
    interception: SavedVerdict | None
    samples: tuple[SavedSample, ...]
    via: tuple[SavedHop, ...] | None = None
    passed_over: tuple[SavedPassedOver, ...] = ()
    revocation: SavedRevocation | None = None

    @property
    def reached(self) -> bool | None:
        """What a single probe says; `PairState.reached` is what several do."""
        return self.reachable

    @property
    def timings(self) -> tuple[SavedTimings, ...]:
        """None: speed is compared where there are several probes (`PairState.timings`)."""
        return ()


class SavedEnvironment(Struct, frozen=True, gc=False):
    """How the prober itself fared."""

    loop_lag_max: float | None = None
    cpu_wait: float | None = None


class SavedRun(Struct, frozen=True, gc=False):
    """A run."""

    schema: str
    egress: str
    started: Instant
    finished: Instant
    complete: bool
    routes: tuple[SavedRoute, ...]
    results: list[SavedResult]
    environment: SavedEnvironment | None = None


def read_run(path: Path) -> SavedRun:
    """A saved run. Raises RunFileError, a sentence that names the file."""
    return decode_as(SavedRun, content(path), str(path))


def saved_run(run: Run) -> SavedRun:
    """A run at hand, as if it had been saved and read."""
    return msgspec.convert(run, SavedRun, from_attributes=True)


def whole_failure(failure: SavedFailure) -> FailureDoc:
    """As other rooms want one; its advice is left empty."""
    return FailureDoc(failure.stage, failure.hop, failure.reason, failure.detail, "", None, failure.status)
