"""Observations become results, and results a run document. Pure: what is judged elsewhere is handed in."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from prober.failures import hint, windows_code
from prober.model import (
    Anchor,
    Failure,
    HopFacts,
    HopTimings,
    HttpFacts,
    Observation,
    Route,
    Stage,
    Target,
    Timings,
    TlsFacts,
)
from prober.report.document import (
    CertificateDoc,
    FailureDoc,
    HopDoc,
    HopTimingsDoc,
    HopTlsDoc,
    HttpDoc,
    Result,
    RouteDoc,
    RouteHopDoc,
    SampleDoc,
    SampleTlsDoc,
    SkippedDoc,
    Summary,
    TargetDoc,
    TimingsDoc,
    TlsDoc,
    WindowsDoc,
)


class CertificateFacts(Protocol):
    """What the document needs of a certificate; `prober.interception.certificates` provides it."""

    @property
    def spki_sha256(self) -> str:
        """Lower-case hexadecimal."""
        ...

    @property
    def subject(self) -> str:
        """RFC 4514."""
        ...

    @property
    def issuer(self) -> str:
        """RFC 4514."""
        ...

    @property
    def serial(self) -> str:
        """Hexadecimal."""
        ...

    @property
    def not_before(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def not_after(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def sans(self) -> tuple[str, ...]:
        """Subject alternative names."""
        ...


class Trust(Protocol):
    """What the document needs of a judgement; `prober.interception.trust` provides it."""

    @property
    def trusted(self) -> bool:
        """Whether the chain holds."""
        ...

    @property
    def failure(self) -> Failure | None:
        """Why it does not hold."""
        ...

    @property
    def anchor(self) -> Anchor:
        """Where it ends."""
        ...


CertificateReader = Callable[[bytes], CertificateFacts | None]
"""DER to facts; None if it does not parse."""


def headline(observations: Sequence[Observation]) -> Observation:
    """The observation that stands for all: the most recent one of the majority's outcome; a tie counts as unreachable.

    Raises ValueError if there is none.
    """
    reached = sum(observation.reachable for observation in observations)
    outcome = reached * 2 > len(observations)
    alike = [observation for observation in observations if observation.reachable is outcome]
    return max(alike, key=lambda observation: observation.at)


def build_result(
    target: Target,
    route: Route,
    observations: Sequence[Observation],
    trust: Trust | None,
    egress: str,
    *,
    facts: CertificateReader,
) -> Result:
    """The result of one pair of target and route.

    `observations` holds the `--attempts` independent probes, one at least (else ValueError); `trust` is the judgement
    on the chain of `headline(observations)`, None where there is no chain.
    """
    chosen = headline(observations)
    several = len(observations) > 1
    return Result(
        target=_target(target),
        egress=egress,
        route=route.name,
        at=instant(chosen.at),
        reachable=chosen.reachable,
        trusted=None if trust is None else trust.trusted,
        trust_failure=None if trust is None else _failure(trust.failure, route, target),
        failure=_failure(chosen.failure, route, target),
        timings=_timings(chosen.timings),
        peer=chosen.peer,
        tls=_tls(chosen.tls, trust, facts),
        http=_http(chosen.http, target),
        interception=None,
        samples=tuple(_sample(each, route, target, facts) for each in _oldest_first(observations)) if several else (),
        hops=tuple(_hop(hop, route, target, facts) for hop in chosen.hops),
        attempts=sum(observation.attempts for observation in observations),
        ipv6_only=chosen.ipv6_only,
    )


def summary_of(results: Iterable[Result], services_without_probes: Sequence[str] = ()) -> Summary:
    """The counts over a set of results; summing up a joined set is the same as joining first."""
    targets: set[str] = set()
    probes = reachable = untrusted = unexpected = 0
    verdicts: list[object] = []
    for result in results:
        targets.add(result.target.id)
        probes += 1
        reachable += result.reachable
        untrusted += result.trusted is False
        unexpected += result.http is not None and result.http.as_expected is False
        if result.interception is not None:
            verdicts.append(result.interception.get("verdict"))
    return Summary(
        targets=len(targets),
        probes=probes,
        reachable=reachable,
        unreachable=probes - reachable,
        untrusted=untrusted,
        intercepted=verdicts.count("intercepted") if verdicts else None,
        suspect=verdicts.count("suspect") if verdicts else None,
        services_without_probes=tuple(services_without_probes),
        unexpected_status=unexpected,
    )


def collect_certificates(observations: Iterable[Observation]) -> dict[str, bytes]:
    """Every distinct certificate of the targets and of HTTPS proxies, by SHA-256."""
    distinct: set[bytes] = set()
    for observation in observations:
        if observation.tls is not None:
            distinct.update(observation.tls.chain)
        for hop in observation.hops:
            if hop.tls is not None:
                distinct.update(hop.tls.chain)
    return dict(sorted((hashlib.sha256(der).hexdigest(), der) for der in distinct))


def route_document(route: Route) -> RouteDoc:
    """A route without its users and passwords."""
    hops = (RouteHopDoc(scheme=hop.scheme.value, host=hop.host, port=hop.port, auth=hop.auth) for hop in route.hops)
    return RouteDoc(name=route.name, hops=tuple(hops))


def skipped_document(
    target: Mapping[str, object], why: str, option: str | None = None, kind: str | None = None
) -> SkippedDoc:
    """A target that was left out: the catalog's attributes of it as plain values."""
    attributes = msgspec.json.decode(msgspec.json.encode(dict(target)), type=dict[str, Any])
    return SkippedDoc(target=attributes, why=why, option=option, kind=kind)


def instant(at: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, to the millisecond (`2026-11-22T01:07:03.250Z`)."""
    whole, milli = divmod(round(at * 1000), 1000)
    year, month, day, hour, minute, second, *_ = time.gmtime(whole)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"


@lru_cache(maxsize=4096)
def certificate_document(der: bytes, facts: CertificateReader) -> CertificateDoc:
    """One certificate for a chain; made once for each distinct one."""
    digest = hashlib.sha256(der).hexdigest()
    seen = facts(der)
    if seen is None:
        return CertificateDoc(digest, None, None, None, None, None, None, ())
    return CertificateDoc(
        sha256=digest,
        spki_sha256=seen.spki_sha256,
        subject=_text(seen.subject),
        issuer=_text(seen.issuer),
        serial=seen.serial,
        not_before=_period(seen.not_before),
        not_after=_period(seen.not_after),
        sans=tuple(map(_text, seen.sans)),
    )


def _period(at: float) -> str:
    """Certificates know whole seconds."""
    return instant(at).replace(".000Z", "Z")


@lru_cache(maxsize=16384)
def _target(target: Target) -> TargetDoc:
    return TargetDoc(
        id=target.id,
        service=target.service,
        group=target.group,
        host=target.host,
        port=target.port,
        scheme=target.scheme.value,
        path=target.path,
        geography=target.geography,
        cloud=target.cloud,
        required=target.required.value,
        method=target.method,
        os=target.os,
        inspection_bypass=target.inspection_bypass,
        trust=None if target.trust is None else target.trust.value,
        client_certificate=target.client_certificate,
        proxy_login=target.proxy_login,
    )


def _failure(failure: Failure | None, route: Route, target: Target) -> FailureDoc | None:
    if failure is None:
        return None
    return FailureDoc(
        stage=failure.stage.value,
        hop=failure.hop,
        reason=failure.reason.value,
        detail=_text(failure.detail),
        hint=hint(failure, route=route, target=target),
        windows=_windows(failure, route),
        status=failure.status,
    )


def _windows(failure: Failure, route: Route) -> WindowsDoc | None:
    """Nothing for what a SOCKS proxy answers: Defender's services on Windows do not speak SOCKS 5."""
    at_proxy = failure.stage is Stage.PROXY and 1 <= failure.hop <= len(route.hops)
    if at_proxy and not route.hops[failure.hop - 1].scheme.is_http:
        return None
    code = windows_code(failure)
    return None if code is None else WindowsDoc(code.code, code.hresult, code.name)


def _timings(timings: Timings) -> TimingsDoc:
    return TimingsDoc(
        dns=_seconds(timings.dns),
        connect=_seconds(timings.connect),
        hops=tuple(map(_hop_timings, timings.hops)),
        tls=_seconds(timings.tls),
        ttfb=_seconds(timings.ttfb),
        total=_seconds(timings.total),
    )


def _hop_timings(hop: HopTimings) -> HopTimingsDoc:
    return HopTimingsDoc(
        dns=_seconds(hop.dns),
        connect=_seconds(hop.connect),
        tls=_seconds(hop.tls),
        negotiate=_seconds(hop.negotiate),
    )


def _seconds(value: float | None) -> float | None:
    """To the microsecond: more digits would be noise."""
    return None if value is None else round(value, 6)


def _tls(tls: TlsFacts | None, trust: Trust | None, facts: CertificateReader) -> TlsDoc | None:
    if tls is None:
        return None
    return TlsDoc(
        version=tls.version,
        cipher=tls.cipher,
        group=tls.group,
        alpn=tls.alpn,
        client_cert_requested=tls.client_cert_requested,
        ocsp_stapled=tls.ocsp_stapled,
        chain=tuple(certificate_document(der, facts) for der in tls.chain),
        anchor=None if trust is None else trust.anchor.value,
    )


def _http(http: HttpFacts | None, target: Target) -> HttpDoc | None:
    if http is None:
        return None
    return HttpDoc(
        status=http.status,
        expected=target.expected,
        as_expected=http.status in target.expected if target.expected else None,
        headers=tuple((_text(name), _text(value)) for name, value in http.headers),
    )


def _hop(hop: HopFacts, route: Route, target: Target, facts: CertificateReader) -> HopDoc:
    tls = hop.tls
    return HopDoc(
        status=hop.status,
        offered=tuple(map(_text, hop.offered)),
        login=hop.login,
        tls=None
        if tls is None
        else HopTlsDoc(
            version=tls.version,
            cipher=tls.cipher,
            chain=tuple(certificate_document(der, facts) for der in tls.chain),
            trust_failure=_failure(hop.tls_failure, route, target),
        ),
    )


def _sample(observation: Observation, route: Route, target: Target, facts: CertificateReader) -> SampleDoc:
    tls = observation.tls
    leaf = certificate_document(tls.chain[0], facts) if tls is not None and tls.chain else None
    return SampleDoc(
        at=instant(observation.at),
        reachable=observation.reachable,
        failure=_failure(observation.failure, route, target),
        timings=_timings(observation.timings),
        peer=observation.peer,
        tls=None
        if tls is None
        else SampleTlsDoc(
            version=tls.version,
            cipher=tls.cipher,
            leaf_sha256=leaf.sha256 if leaf else None,
            leaf_spki_sha256=leaf.spki_sha256 if leaf else None,
        ),
        http_status=None if observation.http is None else observation.http.status,
    )


def _oldest_first(observations: Sequence[Observation]) -> list[Observation]:
    return sorted(observations, key=lambda observation: observation.at)


def _text(text: str) -> str:
    """Text from the wire as UTF-8 can carry it: lone surrogates become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
