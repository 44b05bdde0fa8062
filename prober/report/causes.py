"""Results grouped by what is behind them, so that one broken rule on a proxy is one finding and not fifty lines.

A group has one way out, one stage, hop, reason and status (trust failures: one issuer). Groups for which no proxy is to
blame, with the same targets over several ways, become one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from prober.failures import advice, hint, proxy_name, sentence
from prober.interception.verdict import Why
from prober.model import Route
from prober.report.directness import direct_findings
from prober.report.document import Result, Run
from prober.report.failure_document import FailureDoc
from prober.report.fallbacks import fallback_findings
from prober.report.finding import (
    Finding,
    Kind,
    count_of,
    display_name,
    failure_of,
    named_ways,
    names_of,
    own_route,
    proxies_up_to,
    route_of,
)
from prober.report.interceptions import interception_findings, told_as_pin
from prober.report.matrix import Way, ways_of
from prober.report.revocation import revocation_findings
from prober.report.verdict_words import REASONS
from prober.report.verdicts import untrusted_else

__all__ = ["Finding", "Kind", "display_name", "findings_of"]


@dataclass(frozen=True, slots=True)
class _Group:
    kind: Kind
    ways: tuple[Way, ...]
    failure: FailureDoc | None
    extra: str
    """What follows the sentence, or is it."""
    results: tuple[Result, ...]
    hop: int = 0
    """The proxy it is about, where there is no failure."""


def findings_of(run: Run) -> list[Finding]:
    """Every finding, the largest of each kind first."""
    ways = ways_of(run)
    totals = Counter((result.egress, result.route) for result in run.results)
    routes = {route.name: route_of(route) for route in run.routes}
    groups = [
        *_grouped(run.results, Kind.UNREACHABLE, _unreachable_key),
        *_grouped(run.results, Kind.UNTRUSTED, _untrusted_key),
        *_proxy_certificates(run.results),
        *_grouped(run.results, Kind.STATUS, _status_key),
        *_logins(run.results),
    ]
    kinds = list(Kind)
    findings = [_finding(group, ways, totals, routes) for group in _merged(groups, ways)]
    findings += fallback_findings(run.results, ways, totals)
    findings += interception_findings(run.results, ways, totals, routes)
    findings += direct_findings(run)
    findings += revocation_findings(run.results, ways, totals, routes)
    return sorted(findings, key=lambda finding: (kinds.index(finding.kind), -finding.results))


def _unreachable_key(result: Result) -> tuple[Hashable, FailureDoc | None, str] | None:
    failure = result.failure
    if failure is None:
        return None
    return (failure.stage, failure.hop, failure.reason, failure.status), failure, ""


def _untrusted_key(result: Result) -> tuple[Hashable, FailureDoc | None, str] | None:
    failure = result.trust_failure
    if failure is None or not untrusted_else(result) or told_as_pin(result):
        return None
    chain = result.tls.chain if result.tls is not None else ()
    issuer = (chain[0].issuer if chain else None) or ""
    return (failure.reason, issuer), failure, f", issued by {issuer}" if issuer else ""


def _status_key(result: Result) -> tuple[Hashable, FailureDoc | None, str] | None:
    http = result.http
    if http is None or http.as_expected is not False:
        return None
    documented = " or ".join(map(str, http.expected))
    return (http.status, http.expected), None, f"answered {http.status} where {documented} is documented"


_Key = Callable[[Result], tuple[Hashable, FailureDoc | None, str] | None]


def _grouped(results: Iterable[Result], kind: Kind, key: _Key) -> list[_Group]:
    members: dict[Hashable, list[Result]] = defaultdict(list)
    about: dict[Hashable, tuple[Way, FailureDoc | None, str]] = {}
    for result in results:
        found = key(result)
        if found is None:
            continue
        identity, failure, extra = found
        way = (result.egress, result.route)
        identity = (identity, proxies_up_to(result, failure.hop if failure is not None else 0))
        members[way, identity].append(result)
        about.setdefault((way, identity), (way, failure, extra))
    return [
        _Group(kind, (way,), failure, extra, tuple(members[identity]))
        for identity, (way, failure, extra) in about.items()
    ]


def _proxy_certificates(results: Iterable[Result]) -> list[_Group]:
    """HTTPS proxies whose own certificate is not trusted, where that did not end the probe."""
    seen: dict[Hashable, tuple[Way, FailureDoc, list[Result]]] = {}
    for result in results:
        for hop in result.hops:
            failure = hop.tls.trust_failure if hop.tls is not None else None
            if failure is None or (result.failure is not None and result.failure.reason == failure.reason):
                continue
            way = (result.egress, result.route)
            key = (way, failure.hop, failure.reason, proxies_up_to(result, failure.hop))
            seen.setdefault(key, (way, failure, []))[2].append(result)
    return [_Group(Kind.UNTRUSTED, (way,), failure, "", tuple(found)) for way, failure, found in seen.values()]


def _logins(results: Iterable[Result]) -> list[_Group]:
    """Proxies that let a probe pass only after a login."""
    seen: dict[Hashable, tuple[Way, list[Result], str, int]] = {}
    for result in results:
        for number, hop in enumerate(result.hops, 1):
            if result.reachable and hop.login == "accepted":
                way = (result.egress, result.route)
                offered = ", ".join(hop.offered) or "a password"
                text = f"asked for a login ({offered}) and accepted it for"
                key = (way, number, text, proxies_up_to(result, number))
                seen.setdefault(key, (way, [], text, number))[1].append(result)
    return [_Group(Kind.LOGIN, (way,), None, text, tuple(found), number) for way, found, text, number in seen.values()]


def _merged(groups: Sequence[_Group], ways: Sequence[Way]) -> list[_Group]:
    """Join groups that differ in nothing but the way out, unless a proxy is the one to blame."""
    joined: dict[Hashable, _Group] = {}
    for group in groups:
        failure = group.failure
        about = None if failure is None else (failure.stage, failure.hop, failure.reason, failure.status)
        targets = frozenset(result.target.id for result in group.results)
        own = group.ways if group.kind is Kind.LOGIN or (failure is not None and failure.hop) else None
        key = (group.kind, about, group.extra, group.hop, targets, own)
        if key in joined:
            before = joined[key]
            both = tuple(sorted((*before.ways, *group.ways), key=ways.index))
            joined[key] = _Group(group.kind, both, failure, group.extra, (*before.results, *group.results))
        else:
            joined[key] = group
    return list(joined.values())


def _finding(group: _Group, ways: Sequence[Way], totals: Counter[Way], routes: dict[str, Route]) -> Finding:
    names = names_of(group.results)
    route = own_route(group.results[0], routes, ways) if len(group.ways) == 1 else None
    failure = group.failure
    over = _over(group.ways, ways) if failure is None or not failure.hop else ""
    count = count_of(group.results, group.ways, totals)
    meant = "these names" if len(names) > 1 else display_name(group.results[0])
    text, advice = _said(group, route, count, over, meant)
    windows = failure.windows if failure is not None else None
    return Finding(
        kind=group.kind,
        sentence=text,
        hint=advice,
        words="" if failure is None else _words(failure),
        windows="" if windows is None else f"Windows shows about {windows.hresult} {windows.name}",
        detail=_commonest(group),
        names=names,
        results=len(group.results),
        members=tuple((result.target.id, (result.egress, result.route)) for result in group.results),
    )


def _said(group: _Group, route: Route | None, count: str, over: str, meant: str) -> tuple[str, str]:
    """Sentence and hint of a group."""
    if group.kind is Kind.LOGIN:
        return (
            f"{proxy_name(group.hop, route)} {group.extra} {count}",
            "Whoever uses these names needs the same login in its own proxy settings; most of Defender runs as "
            "LocalSystem and cannot log in at all.",
        )
    if group.failure is None:
        return f"{count}{over} {group.extra}", "See what answers: a block page or a changed service looks like this."
    failure = failure_of(group.failure)
    if failure is None:
        return f"{count}{over}: {group.failure.reason}{group.extra}", group.failure.hint
    if group.kind is Kind.UNTRUSTED and failure.hop:
        showed = advice(failure.reason).said.format(count=count, status="")
        return (
            f"{proxy_name(failure.hop, route)} {showed}; {count} went through it all the same",
            "Name the authority that signs this proxy with the hop's trust_roots, or have the proxy's certificate "
            "replaced. No password is sent to it until then.",
        )
    text = f"{sentence(failure, route=route, count=count + over)}{group.extra}"
    if group.kind is Kind.UNTRUSTED and all(map(_nobody_opened, group.results)):
        return text, REASONS[Why.NOT_RETERMINATED_BY_PROXY].do
    return text, hint(failure, route=route, target=meant)


def _nobody_opened(result: Result) -> bool:
    """Whether all that was compared shows the same signer: no proxy to exempt anything on."""
    verdict = result.interception
    return verdict is not None and verdict.reason in (Why.NOT_RETERMINATED_BY_PROXY, Why.CONSISTENT_UNANCHORED)


def _over(mine: Sequence[Way], ways: Sequence[Way]) -> str:
    return f" over {named_ways(mine, ways)}" if len(ways) > 1 else ""


def _words(failure: FailureDoc) -> str:
    where = f"hop {failure.hop}" if failure.hop else "target"
    return f"{failure.reason} (stage {failure.stage}, {where})"


def _commonest(group: _Group) -> str:
    """The detail seen most often, of what the group is about and nothing else."""
    if group.failure is None:
        return ""
    if group.kind is Kind.UNTRUSTED and group.failure.hop:
        return group.failure.detail
    details = (
        failure.detail
        for result in group.results
        if (failure := result.failure if group.kind is Kind.UNREACHABLE else result.trust_failure) is not None
    )
    counted = Counter(detail for detail in details if detail)
    return counted.most_common(1)[0][0] if counted else ""
