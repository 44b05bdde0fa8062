"""What a run says of one pair, reduced to what differences are made of.

Several probes of a pair are kept as sets: a difference counts only where no probe of one side looks like a probe of
the other. Reachability goes by majority, and a confirmation must not contradict it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from msgspec import Struct

from prober.diff.saved import (
    ATTEMPT,
    CLIENT_CERTIFICATE,
    CONFIRMATION,
    SavedFailure,
    SavedHop,
    SavedResult,
    SavedRevocation,
    SavedSample,
    SavedTarget,
    SavedTimings,
    SavedVerdict,
)

PairKey = tuple[str, str, str]
"""Egress, target id, route."""
Broke = tuple[str, int, str]
"""Stage, hop, reason."""
Hops = tuple[SavedHop, ...]
Passed = tuple[tuple[Hops, str, str], ...]
"""Ways passed over: proxies, stage and reason of each."""

_NOTHING: Final[frozenset[Any]] = frozenset()
_PART: Final = re.compile(r"(?:[^,+\\]|\\.)+", re.DOTALL)
"""A piece of a name between unescaped commas and pluses (RFC 4514 section 2.2)."""


class PairState(Struct, frozen=True, gc=False):
    """One pair as a run saw it."""

    target: SavedTarget
    reached: bool | None
    """Of the majority; None where there is none, or where a confirmation contradicts it."""
    flapping: bool
    """Its probes do not agree on whether it is reached."""
    failure: SavedFailure | None
    """Of the probe that stands for all."""
    broke: frozenset[Broke]
    """Where and why its probes failed."""
    via: Hops
    passed: Passed
    """Ways passed over by the probe that stands for all."""
    ways: frozenset[Passed]
    """The same of all its probes."""
    verdict: SavedVerdict | None
    trusted: bool | None
    trust_failure: SavedFailure | None
    anchor: str | None
    issuer: str
    """Name of who signed the leaf; empty where nothing is known."""
    leaves: frozenset[str]
    """Keys of the certificates that were shown."""
    status: int | None
    statuses: frozenset[int]
    as_expected: bool | None
    revocation: SavedRevocation | None
    timings: tuple[SavedTimings, ...]
    """Of the attempts that reached it, where there were several."""


Pair = SavedResult | PairState
"""A pair as a side keeps it: a single probe as it was read, since most are the same on both sides and then nobody looks
into them; several probes reduced, since they are many times as large."""

T = TypeVar("T", bound=Hashable)


class Reducer:
    """Reduces results; what many of them have in common is kept once."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}
        self._ones: dict[Hashable, frozenset[Any]] = {}

    def state(self, result: Pair) -> PairState:
        """One result; what is reduced already stays as it is."""
        if isinstance(result, PairState):
            return result
        counted, confirmations = _probes(result.samples) if result.samples else ((), ())
        every = (*counted, *confirmations)
        tls, http, failure = result.tls, result.http, result.failure
        leaf = tls.chain[0] if tls is not None and tls.chain else None
        passed = self._once(_passed(result)) if result.passed_over else ()
        reached, flapping = _outcome(counted, confirmations) if counted else (result.reachable, False)
        broke, ways = self._alone(_broke(failure)), self._alone(passed)
        leaves = self._alone(None if leaf is None else leaf.spki_sha256)
        statuses = self._alone(None if http is None else http.status)
        if every:
            broke = self._with(broke, [_broke(each.failure) for each in every])
            ways = self._with(ways, [_passed(each) for each in every])
            leaves = self._with(leaves, [each.tls.leaf_spki_sha256 for each in every if each.tls is not None])
            statuses = self._with(statuses, [each.http_status for each in every])
        return PairState(
            result.target,
            reached,
            flapping,
            failure,
            broke,
            self._once(result.via) if result.via else (),
            passed,
            ways,
            result.interception,
            result.trusted,
            result.trust_failure,
            None if tls is None else tls.anchor,
            (leaf.issuer or "") if leaf is not None else "",
            leaves,
            None if http is None else http.status,
            statuses,
            None if http is None else http.as_expected,
            result.revocation,
            tuple(each.timings for each in counted if each.reachable) if len(counted) > 1 else (),
        )

    def word(self, text: str) -> str:
        """The text, kept once."""
        return self._once(text)

    def _once(self, value: T) -> T:
        kept: T = self._kept.setdefault(value, value)
        return kept

    def _alone(self, value: T | None) -> frozenset[T]:
        """The set of this one value, kept once; of None the empty one."""
        if value is None:
            return _NOTHING
        kept: frozenset[T] | None = self._ones.get(value)
        if kept is None:
            kept = self._ones[value] = frozenset((value,))
        return kept

    def _with(self, held: frozenset[T], others: Sequence[T | None]) -> frozenset[T]:
        """The set with more in it, kept once."""
        return self._once(held.union(each for each in others if each is not None))


def _probes(samples: Sequence[SavedSample]) -> tuple[list[SavedSample], list[SavedSample]]:
    """The probes that speak for a pair, as `prober.report.build.headline` has it, and its confirmations."""
    presented = [each for each in samples if each.purpose == CLIENT_CERTIFICATE]
    counted = presented or [each for each in samples if each.purpose == ATTEMPT]
    return counted, [each for each in samples if each.purpose == CONFIRMATION]


def _outcome(counted: Sequence[SavedSample], confirmations: Sequence[SavedSample]) -> tuple[bool | None, bool]:
    """What the majority says, if it is one and the latest confirmation agrees; and whether all agree."""
    up = sum(each.reachable for each in counted)
    outcomes = {each.reachable for each in (*counted, *confirmations)}
    majority = None if up * 2 == len(counted) else up * 2 > len(counted)
    if confirmations and max(confirmations, key=lambda each: each.at).reachable is not majority:
        majority = None
    return majority, len(outcomes) > 1


def _broke(failure: SavedFailure | None) -> Broke | None:
    return None if failure is None else (failure.stage, failure.hop, failure.reason)


def _passed(probe: SavedResult | SavedSample) -> Passed:
    return tuple((each.via, each.failure.stage, each.failure.reason) for each in probe.passed_over)


@lru_cache(maxsize=65536)
def issuer_family(issuer: str) -> str:
    """Organisation and common name of an authority without digits: authorities of one make (RFC 4514 name).

    The same that verdicts go by (`prober.interception.looks.family_of`), from the name alone.
    """
    names: dict[str, str] = {}
    for piece in _PART.findall(issuer):
        word, _, value = piece.strip().partition("=")
        names[word.upper()] = value  # the document has the certificate's order backwards: its first name counts
    parts = [names.get(word, "") for word in ("O", "CN")]
    return " / ".join("".join(c for c in part if not c.isdigit()).strip(" -.") for part in parts if part) or issuer
