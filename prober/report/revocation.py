"""Revocation in reports: the part of a result, what is found, and one line that sums it up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from prober.failures import proxy_name
from prober.interception.revocation import CertificateRevocation, Revocation, SourceOutcome
from prober.model import Route, Target
from prober.report.document import Result, Run
from prober.report.failure_document import FailureDoc, failure_document
from prober.report.finding import Finding, Kind, count_of, named_ways, names_of
from prober.report.matrix import Way
from prober.report.revocation_document import RevocationCertificateDoc, RevocationDoc, SourceDoc
from prober.report.scalars import instant, wire_text

_HOSTS_NAMED: Final = 6
_MAPS: Final = ("MDAV", "maps")
"""Service and group of the cloud protection of Defender Antivirus, whose own client is known to give up here."""
_SSL_OPTIONS: Final = (
    "With SSLOptions 1 and 3 (the default) Defender Antivirus checks revocation and goes without its cloud; with 0 and "
    "2 it does not check."
)
_CACHED: Final = "Windows may go on for a while with a list that it has kept."


def revocation_document(revocation: Revocation | None, route: Route, target: Target) -> RevocationDoc | None:
    """What is known of a pair's certificates; None where nobody asked."""
    if revocation is None:
        return None
    blamed = next((each.route for each in revocation.failed if each.failure is not None), None) or route
    return RevocationDoc(
        reachable=revocation.reachable,
        failure=failure_document(revocation.failure, blamed, target),
        revoked=failure_document(revocation.revoked, route, target),
        route=revocation.route,
        certificates=tuple(_certificate(each, route, target) for each in revocation.certificates),
    )


def _certificate(certificate: CertificateRevocation, route: Route, target: Target) -> RevocationCertificateDoc:
    revoked = certificate.revoked
    return RevocationCertificateDoc(
        sha256=certificate.sha256,
        reachable=certificate.reachable,
        sources=tuple(_source(each, route, target) for each in certificate.outcomes),
        ignored=tuple(map(wire_text, certificate.ignored)),
        revoked_at=None if revoked is None or revoked.at is None else instant(revoked.at),
    )


def _source(outcome: SourceOutcome, route: Route, target: Target) -> SourceDoc:
    return SourceDoc(
        kind=outcome.kind.value,
        url=wire_text(outcome.url),
        works=outcome.works,
        failure=failure_document(outcome.failure, outcome.route or route, target),
        says=wire_text(outcome.says),
    )


def revocation_line(run: Run) -> str:
    """`revocation: 12 of 40 cannot be looked up, 25 can, 2 name no source, 1 not known`; empty where nobody asked."""
    found = [result.revocation for result in run.results if result.revocation is not None]
    if not found:
        return ""
    states = Counter(map(_state, found))
    told = [f"{number:,} {words}" for words in _STATES if (number := states[words])]
    revoked = sum(each.revoked is not None for each in found)
    return f"revocation: {', '.join([*([f'{revoked:,} revoked'] if revoked else []), *told])}"


_STATES: Final = ("cannot be looked up", "can be looked up", "not known", "without any source")


def _state(revocation: RevocationDoc) -> str:
    if revocation.reachable is not None:
        return _STATES[1] if revocation.reachable else _STATES[0]
    named = any(each.ignored or _telling(each.sources) for each in revocation.certificates)
    return _STATES[2] if named else _STATES[3]


def _telling(sources: Iterable[SourceDoc]) -> list[SourceDoc]:
    return [each for each in sources if each.kind != "ca-issuers"]


def revocation_findings(
    results: Iterable[Result], ways: Sequence[Way], totals: Counter[Way], routes: Mapping[str, Route]
) -> list[Finding]:
    """What cannot be looked up, one finding for each way and place where it fails; and what is revoked."""
    unreachable: defaultdict[Hashable, list[Result]] = defaultdict(list)
    revoked: defaultdict[Hashable, list[Result]] = defaultdict(list)
    for result in results:
        revocation, way = result.revocation, (result.egress, result.route)
        if revocation is None:
            continue
        if revocation.failure is not None:
            failure = revocation.failure
            told = (failure.stage, failure.hop, _hosts((result,)), _is_maps(result))
            unreachable[(way, revocation.route, *told)].append(result)
        if revocation.revoked is not None:
            revoked[(way, revocation.revoked.detail)].append(result)
    return [
        *(_unreachable(each, ways, totals, routes) for each in unreachable.values()),
        *(_revoked(each, ways, totals) for each in revoked.values()),
    ]


def _unreachable(
    results: Sequence[Result], ways: Sequence[Way], totals: Counter[Way], routes: Mapping[str, Route]
) -> Finding:
    revocation, failure = _of(results[0], "failure")
    hosts = _hosts(results)
    named = ", ".join(hosts[:_HOSTS_NAMED]) + (f" and {len(hosts) - _HOSTS_NAMED} more" if hosts[_HOSTS_NAMED:] else "")
    who = f": {proxy_name(failure.hop, routes.get(revocation.route))} is in the way" if failure.hop else ""
    asked = f", asked over {revocation.route}" if revocation.route != results[0].route else ""
    maps = _maps_sentence(results) if _is_maps(results[0]) else ""
    return _finding(
        Kind.REVOCATION,
        results,
        failure,
        f"the revocation of {_whose(results, ways, totals)} cannot be looked up{asked}{who}",
        f"Allow {named} over http on port 80 for the machine itself, without a login. {maps}{_CACHED}",
    )


def _revoked(results: Sequence[Result], ways: Sequence[Way], totals: Counter[Way]) -> Finding:
    _, failure = _of(results[0], "revoked")
    sentence = f"the certificate of {_whose(results, ways, totals)} is revoked by its authority"
    return _finding(Kind.REVOKED, results, failure, sentence, failure.hint)


def _finding(kind: Kind, results: Sequence[Result], failure: FailureDoc, sentence: str, hint: str) -> Finding:
    where = f"hop {failure.hop}" if failure.hop else "target"
    windows = failure.windows
    return Finding(
        kind=kind,
        sentence=sentence,
        hint=hint,
        words=f"{failure.reason} (stage {failure.stage}, {where})",
        windows="" if windows is None else f"Windows shows about {windows.hresult} {windows.name}",
        detail=failure.detail,
        names=names_of(results),
        results=len(results),
        members=tuple((result.target.id, (result.egress, result.route)) for result in results),
    )


def _of(result: Result, name: str) -> tuple[RevocationDoc, FailureDoc]:
    revocation = result.revocation
    failure = None if revocation is None else getattr(revocation, name)
    if revocation is None or not isinstance(failure, FailureDoc):
        raise TypeError(f"{result.target.id} has no such finding")
    return revocation, failure


def _whose(results: Sequence[Result], ways: Sequence[Way], totals: Counter[Way]) -> str:
    way = (results[0].egress, results[0].route)
    over = f" over {named_ways((way,), ways)}" if len(ways) > 1 else ""
    return f"{count_of(results, (way,), totals)}{over}"


def _hosts(results: Iterable[Result]) -> tuple[str, ...]:
    """Hosts of the sources that failed, each once, in order."""
    return tuple(
        dict.fromkeys(
            urlsplit(source.url).hostname or source.url
            for result in results
            for each in (result.revocation.certificates if result.revocation is not None else ())
            if each.reachable is False
            for source in _telling(each.sources)
            if source.works is False
        )
    )


def _is_maps(result: Result) -> bool:
    return (result.target.service, result.target.group) == _MAPS


def _maps_sentence(results: Iterable[Result]) -> str:
    """The vendor's own troubleshooting page has this case, and its symptom."""
    statuses = {result.http.status for result in results if result.http is not None}
    although = f"although its URL answers {statuses.pop()}" if len(statuses) == 1 else "although its URL answers"
    return f"MAPS would fail with 0x80072F8F {although}. {_SSL_OPTIONS} "
