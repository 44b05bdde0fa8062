"""Targets for which a route's first way could not be connected, so that another one was taken: it worked, but not as
somebody meant it to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from prober.failures import hint, proxy_name
from prober.report.document import PassedOverDoc, Result, RouteHopDoc
from prober.report.finding import Finding, Kind, count_of, display_name, failure_of, names_of, proxies_up_to, route_over
from prober.report.matrix import Way, way_name

_ALL = 99
"""More proxies than a way has."""


def fallback_findings(results: Iterable[Result], ways: Sequence[Way], totals: Counter[Way]) -> list[Finding]:
    """One for each way out, with what was passed over and what was taken instead."""
    members: dict[tuple[object, ...], list[Result]] = defaultdict(list)
    for result in results:
        if result.passed_over:
            passed = tuple((each.via, each.failure.stage, each.failure.reason) for each in result.passed_over)
            members[(result.egress, result.route), passed, proxies_up_to(result, _ALL)].append(result)
    return [_finding(found, ways, totals) for found in members.values()]


def _finding(results: list[Result], ways: Sequence[Way], totals: Counter[Way]) -> Finding:
    first = results[0]
    way = (first.egress, first.route)
    names = names_of(results)
    meant = "these names" if len(names) > 1 else display_name(first)
    passed = first.passed_over[0]
    failure = failure_of(passed.failure)
    name = way_name(way, ways)
    route = route_over(name, passed.via)
    advice = passed.failure.hint if failure is None else hint(failure, route=route, target=meant)
    reached = sum(result.reachable for result in results)
    outcome = "" if reached == len(results) else f", and {len(results) - reached} of them failed there too"
    if not reached:
        outcome = ", and failed there too"
    tried = " and then ".join(_tried(name, each) for each in first.passed_over)
    count = count_of(results, [way], totals)
    return Finding(
        kind=Kind.FALLBACK,
        sentence=f"{tried}: {count} went {_way_text(first.via or ())} instead{outcome}",
        hint=f"{advice} Until then the next way of route {name} carries the traffic.",
        words=f"{passed.failure.reason} (stage {passed.failure.stage}, hop {passed.failure.hop}), passed over",
        windows="",
        detail=passed.failure.detail,
        names=names,
        results=len(results),
        members=tuple((result.target.id, (result.egress, result.route)) for result in results),
    )


def _tried(route: str, passed: PassedOverDoc) -> str:
    who = proxy_name(1, route_over(route, passed.via)) if passed.via else f"the direct way of route {route}"
    return f"{who} could not be connected ({passed.failure.reason})"


def _way_text(via: Sequence[RouteHopDoc]) -> str:
    if not via:
        return "direct"
    return "over " + ", ".join(f"{hop.scheme}://{_host(hop.host)}:{hop.port}" for hop in via)


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
