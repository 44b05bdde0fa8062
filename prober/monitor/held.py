"""A value that changes only after it was seen several times in a row: one lost packet at night wakes nobody. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A confirmed value, and what was seen lately that contradicts it."""

    value: T
    since: float
    """When it was first seen, of the observations in a row that confirmed it: seconds since the epoch."""
    candidate: T | None = None
    """The newest value that is another; None = nothing is."""
    seen: int = 0
    """How often in a row something else was seen."""
    candidate_since: float = 0.0
    alike_since: float | None = None
    """Since when values of its kind have been confirmed without a break, where that is longer than `since`."""
    same_kind: bool = False
    """Whether `candidate` is of the value's kind, as another reason for the same is: that contradicts nothing."""

    @property
    def contradicted(self) -> bool:
        """Whether another look is wanted soon."""
        return self.seen > 0 and not self.same_kind

    @property
    def kind_since(self) -> float:
        """Since when it has been a value of its kind: a target that fails in another way has not been up between."""
        return self.since if self.alike_since is None else self.alike_since


@dataclass(frozen=True, slots=True)
class Unsettled(Generic[T]):
    """Nothing is confirmed yet; what was seen so far."""

    candidate: T
    seen: int
    candidate_since: float

    @property
    def contradicted(self) -> bool:
        """As of Held: another look is wanted soon."""
        return True


State = Held[T] | Unsettled[T] | None
"""None before the first observation."""


def held_after(
    state: State[T],
    value: T,
    at: float,
    confirm: int,
    *,
    alike: Callable[[T, T], bool] = lambda one, other: one == other,
    good: Callable[[T], bool] = lambda _: False,
) -> Held[T] | Unsettled[T]:
    """The state after one more observation.

    `confirm` results in a row that contradict a value change it. `alike` says which values are of one kind, and so
    count as equal in a row: failures with different reasons are all failures. Another value of the same kind is no
    contradiction: it replaces the value after `confirm` that are equal, and `kind_since` stays. `good` says what needs
    no confirmation where nothing is known yet: a target that answers is up.
    """
    if isinstance(state, Held):
        if state.value == value:
            if not state.seen:
                return state
            return replace(state, candidate=None, seen=0, candidate_since=0.0, same_kind=False)
        same_kind = alike(state.value, value)
        again = state.candidate == value if same_kind else state.candidate is not None and alike(state.candidate, value)
        seen, since = (state.seen + 1, state.candidate_since) if again else (1, at)
        if seen >= confirm:
            return Held(value, since, alike_since=state.kind_since if same_kind else None)
        return replace(state, candidate=value, seen=seen, candidate_since=since, same_kind=same_kind)
    again = state is not None and alike(state.candidate, value)
    seen, since = (state.seen + 1, state.candidate_since) if again and state is not None else (1, at)
    if seen >= confirm or good(value):
        return Held(value, since)
    return Unsettled(value, seen, since)


def without_candidate(state: State[T]) -> Held[T] | None:
    """What is confirmed, as if nothing had been seen since: after a long break nothing follows on from before it."""
    if not isinstance(state, Held):
        return None
    return replace(state, candidate=None, seen=0, candidate_since=0.0, same_kind=False)


def confirmed(state: State[T]) -> Held[T] | None:
    """The confirmed value, if there is one."""
    return state if isinstance(state, Held) else None
