"""One pair, with everything that is known of it, for its page and for the drawer."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prober.failures import advice
from prober.interception.verdict import Evidence, Verdict, Why
from prober.model import Failure, HopFacts, Observation, Route, Scheme, Target
from prober.monitor.board import Board
from prober.monitor.held import confirmed
from prober.monitor.page.causes import findings_on
from prober.monitor.page.chains import SideBySide, side_by_side
from prober.monitor.page.changes import Change, gathered
from prober.monitor.page.marks import Cell, cell_of
from prober.monitor.page.waterfall import Waterfall, waterfall_of
from prober.monitor.state import PairKey, PairState, Transition
from prober.report.build import failure_document
from prober.report.failure_document import FailureDoc
from prober.report.finding import Finding
from prober.report.verdict_words import BASES, CAVEATS, REASONS, VERDICTS
from prober.routes.text import RESERVED_NAMES

HISTORY: Final = 50
"""Transitions shown."""


@dataclass(frozen=True, slots=True)
class HopSeen:
    """What one proxy showed in one probe."""

    number: int
    url: str
    facts: HopFacts | None
    """None if the probe did not come so far."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One observation."""

    seen: Observation
    failure: FailureDoc | None
    meaning: str
    """What the failure's word means."""
    waterfall: Waterfall | None
    hops: tuple[HopSeen, ...]
    as_expected: bool | None
    """Of the HTTP status; None where none is documented."""
    passed_over: tuple[tuple[str, Failure], ...] = ()
    """Ways that were tried before, each with why it could not be connected."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A piece of evidence."""

    evidence: Evidence
    may_be: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict in sentences."""

    verdict: Verdict
    meaning: str
    basis: str
    reason: str
    do: str
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class OverRoute:
    """The same target over one of all routes."""

    route: str
    cell: Cell
    own: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command line that probes the same again."""

    where: str
    line: str
    """Quoted for a POSIX shell."""


@dataclass(frozen=True, slots=True)
class PairView:
    """Everything about a pair."""

    state: PairState
    cell: Cell
    findings: tuple[Finding, ...]
    probes: tuple[Probe, ...]
    """Newest first."""
    judged: Judged | None
    chains: SideBySide | None
    trust_failure: FailureDoc | None
    """Why the newest certificate is not trusted."""
    routes: tuple[OverRoute, ...]
    changes: tuple[Change, ...]
    commands: tuple[Command, ...]


def pair_view(board: Board, key: PairKey, transitions: Sequence[Transition], *, beside: str = "") -> PairView:
    """The view of a pair. `beside` names the route whose chain stands beside its own. Raises KeyError."""
    state = board.pairs[key]
    failure = None if state.trust_now is None else state.trust_now.failure
    over = [other for other in board.pairs.values() if other.target.id == key[0]]
    return PairView(
        state=state,
        cell=cell_of(state),
        findings=tuple(findings_on(state, board.comparison, board.egress)),
        probes=tuple(_probe(each, state) for each in reversed(state.recent)),
        judged=_judged(state.verdict),
        chains=side_by_side(state, board.pairs, board.comparison, beside),
        trust_failure=failure_document(failure, state.route, state.target),
        routes=tuple(OverRoute(other.route.name, cell_of(other), other is state) for other in over),
        changes=tuple(gathered(transitions)),
        commands=tuple(commands(state.target, state.route)),
    )


def revision(board: Board, target: str) -> str:
    """Changes whenever a view of one of the target's pairs would."""
    states = [state for state in board.pairs.values() if state.target.id == target]
    held = [confirmed(each.reach) for each in states]
    return f"{sum(state.revision for state in states)}-{sum(each is not None for each in held)}-{len(states)}"


def _probe(seen: Observation, state: PairState) -> Probe:
    failure, route, target = seen.failure, state.route.after(len(seen.passed_over)), state.target
    expected = None
    if seen.http is not None and target.expected:
        expected = seen.http.status in target.expected
    return Probe(
        seen=seen,
        failure=failure_document(failure, route, target),
        meaning="" if failure is None else advice(failure.reason).meaning,
        waterfall=waterfall_of(seen, route),
        hops=tuple(
            HopSeen(number, hop.url, seen.hops[number - 1] if number <= len(seen.hops) else None)
            for number, hop in enumerate(route.hops, 1)
        ),
        as_expected=expected,
        passed_over=tuple(
            (",".join(way.way) or "direct", why)
            for way, why in zip(state.route.each_way, seen.passed_over, strict=False)
        ),
    )


def _judged(verdict: Verdict | None) -> Judged | None:
    if verdict is None or verdict.reason is Why.NO_TLS:
        return None
    reason = None if verdict.reason is None else REASONS[verdict.reason]
    word = VERDICTS[verdict.word]
    return Judged(
        verdict=verdict,
        meaning=word.meaning,
        basis=BASES[verdict.basis].meaning,
        reason="" if reason is None else reason.meaning,
        do=word.do if reason is None else reason.do,
        proofs=tuple(Proof(each, CAVEATS[each.id].meaning if each.id in CAVEATS else "") for each in verdict.evidence),
    )


def commands(target: Target, route: Route) -> list[Command]:
    """Command lines that probe the same again: with this prober's configuration at hand, and from anywhere."""
    asked = f"{target.scheme}://{target.address}{'' if target.scheme is Scheme.TLS else target.path}"
    named = shlex.join(["prober", "check", asked, "--via", route.name, "--attempts", "3", "-v"])
    if not route.hops:
        return [Command("from anywhere", named)]
    chain = ",".join(route.way)
    if route.name not in RESERVED_NAMES:
        chain = f"{route.name}={chain}"
    spelt = shlex.join(["prober", "check", asked, "--via", chain, "--attempts", "3", "-v"])
    return [Command("with this prober's configuration", named), Command("from anywhere, without logins", spelt)]
