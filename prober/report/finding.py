"""A finding: one cause with everything it explains, and the words that all findings share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from prober.model import Failure, Hop, HopScheme, Reason, Route, Stage
from prober.report.document import Result, RouteDoc, RouteHopDoc
from prober.report.failure_document import FailureDoc
from prober.report.matrix import Way, way_name
from prober.report.sanitize import several

NAMED_WAYS: Final = 3
"""Routes named in a sentence at most."""


class Kind(StrEnum):
    """What a finding is about, in the order of the report."""

    UNREACHABLE = "unreachable"
    INTERCEPTED = "intercepted"
    CLIENT_CERTIFICATE = "client certificate"
    BLOCKED = "blocked"
    REVOKED = "revoked"
    REVOCATION = "revocation"
    DIRECT = "direct is proxied"
    SUSPECT = "suspect"
    UNTRUSTED = "untrusted"
    STATUS = "unexpected status"
    FALLBACK = "fallback"
    LOGIN = "proxy login"


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence that targets of a finding have in common."""

    id: str
    points: int
    decides: bool
    text: str
    """As one of the targets has it; may quote the peer."""
    targets: int
    """How many have it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause with everything it explains. All texts are as they came: escape before showing."""

    kind: Kind
    sentence: str
    hint: str
    words: str
    """The closed words: stage, hop, reason; or verdict, basis, reason."""
    windows: str
    """The code that Windows would show about, or nothing."""
    detail: str
    """The commonest detail among the results."""
    names: tuple[str, ...]
    """The targets, `host` or `host:port`, each once; empty where the sentence names the only one."""
    results: int
    evidence: tuple[Proof, ...] = ()
    """What a verdict rests on, strongest first."""
    members: tuple[tuple[str, Way], ...] = ()
    """Target id and way (egress, route) of every result it explains."""


def display_name(result: Result) -> str:
    """The target as an allow list names it: `host`, with the port where it is not 443."""
    host = f"[{result.target.host}]" if ":" in result.target.host else result.target.host
    return host if result.target.port == 443 else f"{host}:{result.target.port}"


def names_of(results: Sequence[Result]) -> tuple[str, ...]:
    """The targets' names, each once; none where there is but one target, which the sentence names."""
    several_targets = len({result.target.id for result in results}) > 1
    return tuple(dict.fromkeys(map(display_name, results))) if several_targets else ()


def count_of(results: Sequence[Result], ways: Sequence[Way], totals: Counter[Way]) -> str:
    """`12 of 65 targets`, `all 12 targets`, or the name of the only one; `totals` has the targets of each way."""
    targets = len({result.target.id for result in results})
    of = {totals[way] for way in ways}
    if targets == 1:
        return display_name(results[0])
    if of == {targets}:
        return f"all {targets:,} targets"
    return f"{targets:,} of {several(of.pop(), 'target')}" if len(of) == 1 else several(targets, "target")


def named_ways(mine: Sequence[Way], ways: Sequence[Way]) -> str:
    """`direct, hq`, `all 3 routes`, `5 of 9 routes (direct, hq, two and others)`."""
    names = [way_name(way, ways) for way in mine]
    if len(names) == len(ways) > 1:
        return f"all {len(names)} routes" if len(names) > 2 else "both routes"
    if len(names) > NAMED_WAYS:
        return f"{len(names)} of {len(ways)} routes ({', '.join(names[:NAMED_WAYS])} and others)"
    return ", ".join(names)


def failure_of(document: FailureDoc) -> Failure | None:
    """The failure as a model value; None if another version wrote words that this one does not know."""
    try:
        stage, reason = Stage(document.stage), Reason(document.reason)
    except ValueError:
        return None
    return Failure(stage, document.hop, reason, document.detail, document.status)


def route_of(document: RouteDoc) -> Route:
    """The route as a model value; hops of a scheme that this version does not know are left out with all after them."""
    return route_over(document.name, document.hops)


def route_over(name: str, documents: Sequence[RouteHopDoc]) -> Route:
    """The same of a name and its hops."""
    hops: list[Hop] = []
    for hop in documents:
        if hop.scheme not in {scheme.value for scheme in HopScheme}:
            break
        hops.append(Hop(HopScheme(hop.scheme), hop.host, hop.port))
    return Route(name, tuple(hops))


def own_route(result: Result, routes: Mapping[str, Route], ways: Sequence[Way]) -> Route | None:
    """The route with the proxies of this result, since under a rule each target has its own; named as one of `ways`."""
    route = routes.get(result.route) if result.via is None else route_over(result.route, result.via)
    return None if route is None else named_as(route, (result.egress, result.route), ways)


def named_as(route: Route, way: Way, ways: Sequence[Way]) -> Route:
    """The route with the egress in its name where there are several: one name may stand for two proxies then."""
    return replace(route, name=way_name(way, ways))


def proxies_up_to(result: Result, hop: int) -> tuple[tuple[str, str, int], ...]:
    """The proxies up to the one that something is about: under a rule two results with the same words may speak of
    different ones."""
    return tuple((each.scheme, each.host, each.port) for each in (result.via or ())[:hop])
