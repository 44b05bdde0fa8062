"""Observations become results, and results a run document. Pure: what is judged elsewhere is handed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from prober.interception.certificates import certificate_facts
from prober.interception.revocation import Revocation
from prober.interception.trust import Trust
from prober.interception.verdict import Verdict, Word
from prober.model import (
    Hop,
    HopFacts,
    HopTimings,
    HttpFacts,
    Observation,
    Purpose,
    Route,
    Target,
    Timings,
)
from prober.report.certificates import (
    CertificateReader,
    certificate_document,
    collect_certificates,
    sample_tls,
    tls_document,
)
from prober.report.document import (
    HopDoc,
    HopTimingsDoc,
    HopTlsDoc,
    HttpDoc,
    PassedOverDoc,
    PrefixDoc,
    Result,
    RouteDoc,
    RouteHopDoc,
    SampleDoc,
    SkippedDoc,
    Summary,
    TargetDoc,
    TimingsDoc,
)
from prober.report.failure_document import failure_document
from prober.report.revocation import revocation_document
from prober.report.scalars import instant, rounded, wire_text
from prober.report.verdicts import interception_document, is_mixed, word_of
from prober.routes.rules import RouteRule, fixed_routes, rule_text
from prober.routes.windows.route import DeviceRoute

__all__ = [
    "build_result",
    "collect_certificates",
    "failure_document",
    "headline",
    "instant",
    "route_document",
    "rule_document",
    "skipped_document",
    "summary_of",
]


def headline(observations: Sequence[Observation]) -> Observation:
    """The observation that stands for all: the most recent one of the majority's outcome; a tie counts as unreachable.

    The probes with the client certificate, if there are any, speak for the pair; else the attempts. What was made only
    to confirm or to locate something never does. Raises ValueError if there is none.
    """
    presented = [each for each in observations if each.purpose is Purpose.CLIENT_CERTIFICATE]
    asked_for = presented or [each for each in observations if each.purpose is Purpose.ATTEMPT]
    reached = sum(observation.reachable for observation in asked_for)
    outcome = reached * 2 > len(asked_for)
    alike = [observation for observation in asked_for if observation.reachable is outcome]
    return max(alike, key=lambda observation: observation.at)


def build_result(
    target: Target,
    route: Route,
    observations: Sequence[Observation],
    trust: Trust | None,
    egress: str,
    *,
    verdict: Verdict | None = None,
    prefixes: Iterable[tuple[int, Observation]] = (),
    facts: CertificateReader = certificate_facts,
    chosen: Observation | None = None,
    revocation: Revocation | None = None,
) -> Result:
    """The result of one pair of target and route.

    `observations` holds all probes of the pair, one attempt at least (else ValueError): what `--attempts` asked for,
    confirmations, probes with a client certificate. `trust` is the judgement on the chain of `headline(observations)`,
    None where there is no chain; `verdict` is that on interception, None where it was not judged. `prefixes` are the
    probes over the first so many proxies of the route (`--locate`). `chosen` is the observation that stands for all
    where that is not the `headline`: then `trust` is of its chain. `revocation` is of that chain too; None where nobody
    asked for it.
    """
    chosen = chosen or headline(observations)
    listed, route = route, route.after(len(chosen.passed_over))
    several = len(observations) > 1
    return Result(
        target=_target(target),
        egress=egress,
        route=route.name,
        at=instant(chosen.at),
        reachable=chosen.reachable,
        trusted=None if trust is None else trust.trusted,
        trust_failure=None if trust is None else failure_document(trust.failure, route, target),
        failure=failure_document(chosen.failure, route, target),
        timings=_timings(chosen.timings),
        peer=chosen.peer,
        tls=tls_document(chosen.tls, trust, facts),
        http=_http(chosen.http, target),
        interception=interception_document(verdict),
        samples=tuple(_sample(each, listed, target, facts) for each in _oldest_first(observations)) if several else (),
        hops=tuple(_hop(hop, route, target, facts) for hop in chosen.hops),
        attempts=sum(observation.attempts for observation in observations),
        ipv6_only=chosen.ipv6_only,
        prefixes=tuple(PrefixDoc(hops, _sample(each, route, target, facts)) for hops, each in prefixes),
        via=_hops(route.hops),
        passed_over=_passed_over(chosen, listed, target),
        revocation=revocation_document(revocation, route, target),
    )


def summary_of(results: Iterable[Result], services_without_probes: Sequence[str] = ()) -> Summary:
    """The counts over a set of results; summing up a joined set is the same as joining first."""
    targets: set[str] = set()
    probes = reachable = untrusted = unexpected = mixed = revoked = 0
    looked_up: list[bool | None] = []
    words: list[str] = []
    for result in results:
        targets.add(result.target.id)
        probes += 1
        reachable += result.reachable
        untrusted += result.trusted is False
        unexpected += result.http is not None and result.http.as_expected is False
        mixed += is_mixed(result)
        if result.revocation is not None:
            looked_up.append(result.revocation.reachable)
            revoked += result.revocation.revoked is not None
        if (word := word_of(result)) is not None:
            words.append(word)
    return Summary(
        targets=len(targets),
        probes=probes,
        reachable=reachable,
        unreachable=probes - reachable,
        untrusted=untrusted,
        intercepted=words.count(Word.INTERCEPTED) if words else None,
        suspect=words.count(Word.SUSPECT) if words else None,
        services_without_probes=tuple(services_without_probes),
        unexpected_status=unexpected,
        mixed=mixed,
        blocked=words.count(Word.BLOCKED),
        revocation_unreachable=looked_up.count(False) if looked_up else None,
        revoked=revoked,
    )


def route_document(route: Route) -> RouteDoc:
    """A route without its users and passwords."""
    return RouteDoc(name=route.name, hops=_hops(route.hops))


def rule_document(rule: RouteRule) -> RouteDoc:
    """A rule's name, what decides, and the proxies of the usual case; each result has its own in `via`."""
    usual = next(iter(fixed_routes(rule)), Route(rule.name))
    return RouteDoc(
        name=rule.name,
        hops=_hops(usual.hops),
        rule=rule_text(rule),
        candidate=isinstance(rule, DeviceRoute) and rule.alone,
    )


def _hops(hops: tuple[Hop, ...]) -> tuple[RouteHopDoc, ...]:
    return tuple(RouteHopDoc(scheme=hop.scheme.value, host=hop.host, port=hop.port, auth=hop.auth) for hop in hops)


def skipped_document(
    target: Mapping[str, object], why: str, option: str | None = None, kind: str | None = None
) -> SkippedDoc:
    """A target that was left out: the catalog's attributes of it as plain values."""
    attributes = msgspec.json.decode(msgspec.json.encode(dict(target)), type=dict[str, Any])
    return SkippedDoc(target=attributes, why=why, option=option, kind=kind)


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


def _timings(timings: Timings) -> TimingsDoc:
    return TimingsDoc(
        dns=rounded(timings.dns),
        connect=rounded(timings.connect),
        hops=tuple(map(_hop_timings, timings.hops)),
        tls=rounded(timings.tls),
        ttfb=rounded(timings.ttfb),
        total=rounded(timings.total),
    )


def _hop_timings(hop: HopTimings) -> HopTimingsDoc:
    return HopTimingsDoc(
        dns=rounded(hop.dns),
        connect=rounded(hop.connect),
        tls=rounded(hop.tls),
        negotiate=rounded(hop.negotiate),
    )


def _http(http: HttpFacts | None, target: Target) -> HttpDoc | None:
    if http is None:
        return None
    return HttpDoc(
        status=http.status,
        expected=target.expected,
        as_expected=http.status in target.expected if target.expected else None,
        headers=_headers(http),
    )


def _hop(hop: HopFacts, route: Route, target: Target, facts: CertificateReader) -> HopDoc:
    tls = hop.tls
    return HopDoc(
        status=hop.status,
        offered=tuple(map(wire_text, hop.offered)),
        login=hop.login,
        tls=None
        if tls is None
        else HopTlsDoc(
            version=tls.version,
            cipher=tls.cipher,
            chain=tuple(certificate_document(der, facts) for der in tls.chain),
            trust_failure=failure_document(hop.tls_failure, route, target),
        ),
    )


def _passed_over(observation: Observation, route: Route, target: Target) -> tuple[PassedOverDoc, ...]:
    found = []
    for failed, failure in enumerate(observation.passed_over):
        way = route.after(failed)
        document = failure_document(failure, way, target)
        if document is not None:
            found.append(PassedOverDoc(_hops(way.hops), document))
    return tuple(found)


def _sample(observation: Observation, listed: Route, target: Target, facts: CertificateReader) -> SampleDoc:
    route = listed.after(len(observation.passed_over))
    http = observation.http
    return SampleDoc(
        at=instant(observation.at),
        reachable=observation.reachable,
        failure=failure_document(observation.failure, route, target),
        timings=_timings(observation.timings),
        peer=observation.peer,
        tls=sample_tls(observation.tls, facts),
        http_status=None if http is None else http.status,
        purpose=observation.purpose.value,
        http_headers=() if http is None else _headers(http),
        passed_over=_passed_over(observation, listed, target),
    )


def _headers(http: HttpFacts) -> tuple[tuple[str, str], ...]:
    return tuple((wire_text(name), wire_text(value)) for name, value in http.headers)


def _oldest_first(observations: Sequence[Observation]) -> list[Observation]:
    return sorted(observations, key=lambda observation: observation.at)
