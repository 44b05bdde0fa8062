"""Verdicts on interception as findings: one for each way out, signer and product, not one for each target.

A group has one way out, one signer (its root's key), one product that the names point to, and one hop. Groups that
differ in nothing but the way out become one, unless a proxy of it is known to be the one that opens the connections.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from prober.interception.verdict import Why, Word
from prober.model import Route
from prober.report.document import Result
from prober.report.finding import Finding, Kind, Proof, count_of, named_as, named_ways, names_of
from prober.report.matrix import Way
from prober.report.verdict_sentences import Told, certificate_name, said
from prober.report.verdicts import TOLD, word_of

CLIENT_CERTIFICATE_LOST = "E7"
"""The evidence that somebody on the way swallowed the request for a client certificate."""


def interception_findings(
    results: Iterable[Result], ways: Sequence[Way], totals: Counter[Way], routes: Mapping[str, Route]
) -> list[Finding]:
    """What the verdicts say, grouped; keys that are not the pinned ones are among them.

    `totals` has the number of results of each way, `routes` those of the run by name.
    """
    members: defaultdict[tuple[Kind, Way, Hashable], list[Result]] = defaultdict(list)
    for result in results:
        for kind in _kinds(result):
            members[kind, (result.egress, result.route), _identity(kind, result)].append(result)
    joined: defaultdict[tuple[Kind, Hashable], tuple[list[Way], list[Result]]] = defaultdict(lambda: ([], []))
    for (kind, way, identity), found in members.items():
        proxy_of = way if _hop(found[0]) else None
        mine, all_of_it = joined[kind, (identity, frozenset(each.target.id for each in found), proxy_of)]
        mine.append(way)
        all_of_it.extend(found)
    return [_finding(kind, mine, found, ways, totals, routes) for (kind, _), (mine, found) in joined.items()]


def told_as_pin(result: Result) -> bool:
    """Whether what there is to tell about a result's certificate is that none of the pinned keys is on its path."""
    verdict = result.interception
    return verdict is not None and verdict.policy_mismatch and verdict.verdict not in TOLD


def _kinds(result: Result) -> Iterator[Kind]:
    verdict, word = result.interception, word_of(result)
    lost = verdict is not None and any(each.id == CLIENT_CERTIFICATE_LOST for each in verdict.evidence)
    if lost and word in TOLD:
        yield Kind.CLIENT_CERTIFICATE
    if word == Word.INTERCEPTED:
        yield Kind.INTERCEPTED
    elif word == Word.BLOCKED:
        yield Kind.BLOCKED
    elif word == Word.SUSPECT:
        if verdict is None or not lost or verdict.reason != Why.CONTRADICTING:
            yield Kind.SUSPECT
    elif told_as_pin(result):
        yield Kind.UNTRUSTED


def _identity(kind: Kind, result: Result) -> Hashable:
    """What results of one kind and way must share to be told together."""
    verdict = result.interception
    if verdict is None or kind is Kind.CLIENT_CERTIFICATE:
        return _hop(result)
    if kind is Kind.BLOCKED:
        return certificate_name(result)
    signer, product = verdict.signer, verdict.attribution
    who = None if signer is None else signer.root_spki_sha256 or signer.subject
    whose = None if product is None else (product.vendor, product.product)
    return (who, whose, verdict.hop, verdict.mixed is not None, verdict.reason if kind is Kind.SUSPECT else None)


def _hop(result: Result) -> int | None:
    return None if result.interception is None else result.interception.hop


def _finding(
    kind: Kind,
    mine: Sequence[Way],
    results: Sequence[Result],
    ways: Sequence[Way],
    totals: Counter[Way],
    routes: Mapping[str, Route],
) -> Finding:
    ordered = sorted(mine, key=ways.index)
    told = Told(
        results=tuple(results),
        over=named_ways(ordered, ways),
        count=count_of(results, ordered, totals),
        routes=tuple(named_as(routes[way[1]], way, ways) for way in ordered if way[1] in routes),
    )
    sentence, hint, detail = said(kind, told)
    return Finding(
        kind=kind,
        sentence=sentence,
        hint=hint,
        words=told.words,
        windows="" if kind is Kind.CLIENT_CERTIFICATE else _windows(results),
        detail=detail,
        names=names_of(results),
        results=len(results),
        evidence=tuple(
            proof
            for proof in _evidence(results)
            if kind is not Kind.CLIENT_CERTIFICATE or proof.id == CLIENT_CERTIFICATE_LOST
        ),
        members=tuple((result.target.id, (result.egress, result.route)) for result in results),
    )


def _windows(results: Iterable[Result]) -> str:
    """What Windows would show about the certificate, where all agree."""
    failures = (result.trust_failure for result in results)
    codes = {failure.windows for failure in failures if failure is not None and failure.windows is not None}
    return " or ".join(f"Windows shows about {code.hresult} {code.name}" for code in codes) if len(codes) == 1 else ""


def _evidence(results: Iterable[Result]) -> tuple[Proof, ...]:
    """Evidence that results have in common, strongest first: each id once, with its commonest text."""
    texts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    points: dict[str, int] = {}
    decides: dict[str, bool] = {}
    targets: defaultdict[str, set[str]] = defaultdict(set)
    for result in results:
        for each in () if result.interception is None else result.interception.evidence:
            texts[each.id][each.text] += 1
            points[each.id] = max(each.points, points.get(each.id, each.points))
            decides[each.id] = each.decides or decides.get(each.id, False)
            targets[each.id].add(result.target.id)
    proofs = [
        Proof(id_, points[id_], decides[id_], counted.most_common(1)[0][0], len(targets[id_]))
        for id_, counted in texts.items()
    ]
    return tuple(sorted(proofs, key=lambda proof: (not proof.decides, -proof.points, proof.id)))
