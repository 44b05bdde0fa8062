"""What is broken, by cause: one proxy that refuses forty targets is one line. The findings of a run, of what is
confirmed now, with the time since when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from prober.interception.comparison import Comparison
from prober.interception.trust import Trust
from prober.interception.verdict import Verdict
from prober.model import Observation, Route
from prober.monitor.held import State, confirmed
from prober.monitor.page.marks import Cell, Mark
from prober.monitor.page.results import SLICE, result_of
from prober.monitor.state import TRUSTED, PairKey, PairState
from prober.report.build import build_result, instant, route_document, summary_of
from prober.report.causes import findings_of
from prober.report.document import SCHEMA, ProberDoc, Result, Run
from prober.report.finding import Finding, Kind
from prober.report.verdicts import TOLD

MARKS: Final[Mapping[Kind, Mark]] = {
    Kind.UNREACHABLE: Mark.UNREACHABLE,
    Kind.INTERCEPTED: Mark.INTERCEPTED,
    Kind.CLIENT_CERTIFICATE: Mark.INTERCEPTED,
    Kind.BLOCKED: Mark.BLOCKED,
    Kind.SUSPECT: Mark.SUSPECT,
    Kind.UNTRUSTED: Mark.UNTRUSTED,
    Kind.STATUS: Mark.STATUS,
    Kind.FALLBACK: Mark.OK,
    Kind.LOGIN: Mark.OK,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is broken, with everything it explains."""

    mark: Mark
    finding: Finding
    since: float | None
    """Since when the first of what it explains has been so: seconds since the epoch."""
    newest: float | None
    """Since when the last; None where it is about the same moment."""
    route: str
    """Its only route; empty = several."""
    target: str
    """Its only target; empty = several."""


_APART: Final = 120.0
"""Seconds by which the beginnings within one cause differ before that is told."""

_Kept = tuple[Cell, Verdict | None, Trust | None, Result]


class Causes:
    """Groups what is broken by its causes. Results are made once and kept for as long as they say the same."""

    def __init__(self) -> None:
        self._kept: dict[PairKey, _Kept] = {}
        self._well: dict[PairKey, Result] = {}

    def forget(self) -> None:
        """The pairs have changed."""
        self._kept.clear()
        self._well.clear()

    async def of(
        self,
        pairs: Mapping[PairKey, PairState],
        cells: Mapping[PairKey, Cell],
        routes: tuple[Route, ...],
        comparison: Comparison,
        egress: str,
    ) -> list[Cause]:
        """The causes of what is broken now, the gravest first."""
        results: list[Result] = []
        made = 0
        for key, state in pairs.items():
            cell = cells.get(key)
            if cell is None or state.last is None:
                continue
            kept = self._kept.get(key)
            result: Result | None
            if not cell.mark.broken:
                self._kept.pop(key, None)
                made += key not in self._well
                result = self._stub(state, egress)
            elif kept is not None and kept[:3] == (cell, state.verdict, state.trust_now):
                result = kept[3]
            else:
                made += 1
                result = _confirmed_result(state, comparison, egress)
                if result is not None:
                    self._kept[key] = (cell, state.verdict, state.trust_now, result)
            if result is not None:
                results.append(result)
            if made >= SLICE:
                made = 0
                await asyncio.sleep(0)
        if not self._kept:
            return []
        run = _run(results, routes, egress)
        findings = await asyncio.to_thread(findings_of, run)  # over thousands of results it takes a while
        return [_cause(finding, pairs) for finding in findings if finding.kind is not Kind.LOGIN]

    def _stub(self, state: PairState, egress: str) -> Result:
        """A result with nothing wrong, of which a finding needs the count only."""
        stub = self._well.get(state.key)
        if stub is None:
            seen = Observation(target=state.target.id, route=state.route.name, at=0.0)
            stub = self._well[state.key] = build_result(state.target, state.route, (seen,), None, egress)
        return stub


def _confirmed_result(state: PairState, comparison: Comparison, egress: str) -> Result | None:
    """The pair's result without what is not confirmed yet; None before the first observation."""
    result, exported = result_of(state, comparison, egress, samples=False), state.exported
    if result is None or exported is None:
        return None
    changes: dict[str, Any] = {}
    told = None if result.interception is None else result.interception.verdict
    if told in TOLD and (exported.verdict is None or exported.verdict.value != told):
        changes["interception"] = None
    trust = confirmed(state.trust)
    if trust is None or trust.value == TRUSTED:
        changes |= {"trusted": None, "trust_failure": None}
    return msgspec.structs.replace(result, **changes) if changes else result


def _run(results: list[Result], routes: tuple[Route, ...], egress: str) -> Run:
    return Run(
        schema=SCHEMA,
        prober=ProberDoc("", "", ""),
        egress=egress,
        started=instant(0),
        finished=instant(0),
        complete=True,
        routes=tuple(map(route_document, routes)),
        summary=summary_of(()),
        skipped=(),
        results=tuple(results),
    )


def findings_on(state: PairState, comparison: Comparison, egress: str) -> list[Finding]:
    """What is to be said of one pair by itself, logins included."""
    result = _confirmed_result(state, comparison, egress)
    return [] if result is None else findings_of(_run([result], (state.route,), egress))


def _cause(finding: Finding, pairs: Mapping[PairKey, PairState]) -> Cause:
    states = [pairs[id_, route] for id_, (_, route) in finding.members if (id_, route) in pairs]
    moments = sorted(moment for state in states if (moment := _since(finding.kind, state)) is not None)
    since = moments[0] if moments else None
    newest = moments[-1] if moments and moments[-1] - moments[0] > _APART else None
    routes = {state.route.name for state in states}
    targets = {state.target.id for state in states}
    return Cause(
        MARKS[finding.kind],
        finding,
        since,
        newest,
        routes.pop() if len(routes) == 1 else "",
        targets.pop() if len(targets) == 1 else "",
    )


def _since(kind: Kind, state: PairState) -> float | None:
    track: State[Any] = None
    match MARKS[kind]:
        case Mark.UNREACHABLE:
            track = state.reach
        case Mark.INTERCEPTED | Mark.BLOCKED | Mark.SUSPECT:
            track = state.interception
        case Mark.UNTRUSTED:
            track = state.trust
    held = confirmed(track)
    return None if held is None else held.since
