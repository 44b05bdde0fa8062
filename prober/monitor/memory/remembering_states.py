"""What is confirmed of a pair, as octets: the other half of `remembering`, with which it shares its version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from prober.interception.verdict import Word
from prober.monitor.held import Held, State, Unsettled
from prober.monitor.memory.remembering import Count, DamagedError, Moment, Span, checked, checksum, decoded, encoder
from prober.monitor.state import Outcome, Remembered

T = TypeVar("T")


class _Held(Struct, Generic[T], array_like=True, tag="held"):
    value: T
    since: Moment
    candidate: T | None
    seen: Count
    candidate_since: Moment
    alike_since: Span
    same_kind: bool = False
    """Files that were written before it have none."""


class _Unsettled(Struct, Generic[T], array_like=True, tag="unsettled"):
    candidate: T
    seen: Count
    candidate_since: Moment


_Ends = tuple[str, int, str]


class _States(Struct):
    reach: _Held[_Ends] | _Unsettled[_Ends] | None
    trust: _Held[str] | _Unsettled[str] | None
    interception: _Held[str] | _Unsettled[str] | None
    leaf: _Held[str] | None
    leaves: tuple[str, ...]


_states: Final = msgspec.msgpack.Decoder(_States)


def encode_states(remembered: Remembered) -> bytes:
    """What is confirmed of a pair and what contradicts it, with a checksum that covers the pair's identity, too."""
    reach, trust, interception = remembered.reach, remembered.trust, remembered.interception
    data = encoder.encode(
        _States(
            _state_in(reach), _state_in(trust), _state_in(interception), _held_in(remembered.leaf), remembered.leaves
        )
    )
    return data + checksum(data, remembered.identity.encode("utf-8", "surrogatepass"))


def decode_states(key: tuple[str, str], identity: object, data: object) -> Remembered:
    """A pair without its observations, of columns as they lie in the file. Raises DamagedError."""
    if not isinstance(identity, str):
        raise DamagedError("the identity is no text")
    states = decoded(_states, checked(data, identity.encode("utf-8", "surrogatepass")))
    try:
        return Remembered(
            key=key,
            identity=identity,
            recent=(),
            reach=_state_out(states.reach, lambda ends: Outcome(*ends)),
            trust=_state_out(states.trust, str),
            interception=_state_out(states.interception, Word),
            leaf=_held_out(states.leaf, str),
            leaves=states.leaves,
        )
    except ValueError as error:  # a word of no vocabulary
        raise DamagedError(str(error)) from error


def _state_in(state: State[Any]) -> _Held[Any] | _Unsettled[Any] | None:
    if isinstance(state, Unsettled):
        return _Unsettled(state.candidate, state.seen, state.candidate_since)
    return _held_in(state)


def _held_in(held: Held[Any] | None) -> _Held[Any] | None:
    if held is None:
        return None
    return _Held(
        held.value, held.since, held.candidate, held.seen, held.candidate_since, held.alike_since, held.same_kind
    )


def _state_out(state: _Held[Any] | _Unsettled[Any] | None, value: Callable[[Any], T]) -> State[T]:
    if isinstance(state, _Unsettled):
        return Unsettled(value(state.candidate), state.seen, state.candidate_since)
    return _held_out(state, value)


def _held_out(held: _Held[Any] | None, value: Callable[[Any], T]) -> Held[T] | None:
    if held is None:
        return None
    candidate = None if held.candidate is None else value(held.candidate)
    return Held(
        value(held.value), held.since, candidate, held.seen, held.candidate_since, held.alike_since, held.same_kind
    )
