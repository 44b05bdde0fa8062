"""The state of a pair as plain data, for `/api/v1/pairs`: what is confirmed, what the last probe said. Pure."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from prober.monitor.held import State, confirmed
from prober.monitor.memory.history import Recorded
from prober.monitor.page.marks import cell_of
from prober.monitor.page.rendering import segment
from prober.monitor.state import TRUSTED, Outcome, PairState
from prober.report.build import instant
from prober.report.scalars import rounded, wire_text

PATH: Final = "/api/v1/pairs"


class FailureWords(Struct, frozen=True):
    """A failure's closed words."""

    stage: str
    hop: int
    reason: str


class Confirmed(Struct, frozen=True):
    """What is confirmed; null = nothing is yet, or it cannot be said. Each with the moment since when."""

    reachable: bool | None
    failure: FailureWords | None
    since: str | None
    """Of `reachable`."""
    failure_since: str | None
    """Of the failure in these words: it may have been another one before."""
    trusted: bool | None
    trust_failure: str | None
    trusted_since: str | None
    verdict: str | None
    verdict_since: str | None
    leaf_spki_sha256: str | None
    leaf_since: str | None


class Last(Struct, frozen=True):
    """What the last probe said, confirmed or not."""

    at: str
    reachable: bool | None
    """Null if it was not made for a reason of the prober's own: the failure says which."""
    failure: FailureWords | None
    trusted: bool | None
    verdict: str | None
    status: int | None
    duration: float | None
    """Seconds."""


class PairDoc(Struct, frozen=True):
    """The state of one pair."""

    target: str
    """The target's id."""
    service: str
    group: str
    geography: str
    scheme: str
    host: str
    port: int
    egress: str
    route: str
    state: str
    """The gravest of what is confirmed, as on the page."""
    also: tuple[str, ...]
    contradicted: bool
    """Whether something was seen that is being confirmed."""
    interval: float
    """Seconds between two probes."""
    confirmed: Confirmed | None
    """Null before the first probe, as is the next."""
    last: Last | None
    not_after: str | None
    """When the server's certificate runs out."""
    issuer: str | None
    anchor: str | None
    href: str


class TransitionDoc(Struct, frozen=True):
    """A change that was confirmed."""

    id: int
    """Grows; `cursor` takes it."""
    at: str
    """When the change was first seen."""
    confirmed_at: str
    target: str
    route: str
    track: str
    before: str
    after: str
    since: str
    """Since when it had been as before."""
    detail: str


def pair_document(state: PairState, egress: str, interval: float) -> PairDoc:
    """A pair's state."""
    target, route, exported = state.target, state.route, state.exported
    cell = cell_of(state)
    return PairDoc(
        target=target.id,
        service=target.service,
        group=target.group,
        geography=target.geography,
        scheme=target.scheme.value,
        host=target.host,
        port=target.port,
        egress=egress,
        route=route.name,
        state=cell.mark.value,
        also=tuple(mark.value for mark in cell.also),
        contradicted=state.contradicted,
        interval=interval,
        confirmed=None if exported is None else _confirmed(state),
        last=_last(state),
        not_after=None if exported is None or exported.not_after is None else instant(exported.not_after),
        issuer=None if exported is None or exported.issuer is None else wire_text(exported.issuer),
        anchor=None if exported is None else exported.anchor,
        href=f"{PATH}/{segment(target.id)}/{segment(route.name)}",
    )


def transition_document(recorded: Recorded) -> TransitionDoc:
    """A change as data."""
    transition = recorded.transition
    return TransitionDoc(
        id=recorded.id,
        at=instant(transition.at),
        confirmed_at=instant(transition.confirmed_at),
        target=transition.target,
        route=transition.route,
        track=transition.track.value,
        before=transition.before,
        after=transition.after,
        since=instant(transition.since),
        detail=wire_text(transition.detail),
    )


def _confirmed(state: PairState) -> Confirmed:
    exported = state.exported
    reach, trust, interception = confirmed(state.reach), confirmed(state.trust), confirmed(state.interception)
    said = None if exported is None or exported.verdict is None else exported.verdict.value
    return Confirmed(
        reachable=None if reach is None else reach.value.reached,
        failure=None if reach is None else _words(reach.value),
        since=None if reach is None else instant(reach.kind_since),
        failure_since=None if reach is None or reach.value.reached else instant(reach.since),
        trusted=None if trust is None else trust.value == TRUSTED,
        trust_failure=None if trust is None or trust.value == TRUSTED else trust.value,
        trusted_since=None if trust is None else instant(trust.kind_since),
        verdict=said,
        verdict_since=_since(state.interception) if interception is not None and interception.value == said else None,
        leaf_spki_sha256=None if state.leaf is None else state.leaf.value,
        leaf_since=None if state.leaf is None else instant(state.leaf.since),
    )


def _last(state: PairState) -> Last | None:
    last, exported = state.newest, state.exported
    if last is None or exported is None:
        return None
    return Last(
        at=instant(last.at),
        reachable=exported.last_reachable,
        failure=_words(exported.last),
        trusted=exported.last_trusted,
        verdict=None if exported.last_verdict is None else exported.last_verdict.value,
        status=exported.status,
        duration=rounded(exported.duration),
    )


def _words(outcome: Outcome) -> FailureWords | None:
    return None if outcome.reached else FailureWords(*outcome)


def _since(state: State[Any]) -> str | None:
    held = confirmed(state)
    return None if held is None else instant(held.since)
