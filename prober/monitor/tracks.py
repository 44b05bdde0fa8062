"""What one observation does to what is confirmed of a pair, and which changes that makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from prober.interception.verdict import Word
from prober.model import Observation
from prober.monitor.graves import GRAVE
from prober.monitor.held import Held, State, confirmed, held_after
from prober.monitor.state import TRUSTED, Outcome, PairState, Track, Transition, outcome_of


class Confirmed(NamedTuple):
    """What is confirmed of a pair, at one moment."""

    reach: State[Outcome]
    trust: State[str]
    interception: State[Word]
    leaf: Held[str] | None


def confirmed_of(state: PairState) -> Confirmed:
    """What is confirmed of a pair now."""
    return Confirmed(state.reach, state.trust, state.interception, state.leaf)


def reach_after(state: State[Outcome], observation: Observation, confirm: int) -> State[Outcome]:
    """The reachability after one more observation: reached, and not reached for whatever reason, are the kinds."""
    return held_after(
        state,
        outcome_of(observation),
        observation.at,
        confirm,
        alike=lambda one, other: one.reached is other.reached,
        good=lambda value: value.reached,
    )


def trust_after(state: State[str], value: str, at: float, confirm: int) -> State[str]:
    """The trust after one more certificate: trusted, and not trusted for whatever reason, are the kinds."""
    return held_after(
        state,
        value,
        at,
        confirm,
        alike=lambda one, other: (one == TRUSTED) is (other == TRUSTED),
        good=lambda reason: reason == TRUSTED,
    )


_BY_KIND: Final = (Track.REACHABLE, Track.TRUST)
"""Tracks of which another reason is no change."""


def transitions(state: PairState, before: Confirmed, observation: Observation) -> Iterator[Transition]:
    """The changes that an observation confirmed; `before` is what was confirmed without it."""
    ends: tuple[tuple[Track, Held[Any] | None, Held[Any] | None], ...] = (
        (Track.REACHABLE, confirmed(before.reach), confirmed(state.reach)),
        (Track.TRUST, confirmed(before.trust), confirmed(state.trust)),
        (Track.INTERCEPTION, confirmed(before.interception), confirmed(state.interception)),
        (Track.CERTIFICATE, before.leaf, state.leaf),
    )
    for track, was, now in ends:
        if was is None or now is None or was.value == now.value:
            continue
        if track in _BY_KIND and _is_well(was) is _is_well(now):
            continue
        empty = "trusted" if track is Track.TRUST else ""
        yield Transition(
            at=now.since,
            confirmed_at=observation.at,
            target=state.target.id,
            route=state.route.name,
            track=track,
            before=str(was.value) or empty,
            after=str(now.value) or empty,
            since=was.kind_since if track in _BY_KIND else was.since,
            detail=_detail(state, track, now, observation),
        )


def _is_well(held: Held[Any]) -> bool:
    return held.value.reached if isinstance(held.value, Outcome) else held.value == TRUSTED


def _detail(state: PairState, track: Track, now: Held[Any], observation: Observation) -> str:
    """What the newest observation says of it, for people."""
    if track is Track.REACHABLE:
        return "" if observation.failure is None else observation.failure.detail
    if track is Track.TRUST:
        failure = None if state.trust_now is None else state.trust_now.failure
        return "" if failure is None else failure.detail
    if track is Track.INTERCEPTION and now.value in GRAVE and state.verdict is not None and state.verdict.evidence:
        return state.verdict.evidence[0].text
    return ""
