"""Two states of one pair compared: every difference that matters, each with the cause it has.

Of reachability, of the certificate, of the status and of the way each pair has one difference at most. Where a target
is not reached on one side, nothing else of the pair is compared: there is nothing to compare it with. All rules are
the same in both directions: the sides swapped give the kinds backwards.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Final

from prober.diff.kinds import Kind
from prober.diff.saved import SavedVerdict
from prober.diff.speed import SHARE, Shift, shift_of
from prober.diff.state import Hops, PairKey, PairState, issuer_family
from prober.report.names import common_name

_RANKS: Final = {"suspect": 1, "blocked": 2, "intercepted": 3}
"""Verdicts that are findings, gravest last."""
_FALLBACKS: Final = frozenset({Kind.NEWLY_ON_FALLBACK, Kind.NO_LONGER_ON_FALLBACK})
_WORSE: Final = {1: Kind.NEWLY_SUSPECT, 2: Kind.NEWLY_BLOCKED, 3: Kind.NEWLY_INTERCEPTED}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of one pair."""

    kind: Kind
    key: PairKey
    cause: Hashable
    """What changes of one kind must share to be told together, beside the proxy that is to blame."""
    before: PairState | None
    after: PairState | None
    stage: str = ""
    hop: int | None = None
    """Where it is to be looked for: 0 = the target itself, 1… = proxies; None = not known, or nowhere."""
    reason: str = ""
    shift: Shift | None = None

    @property
    def state(self) -> PairState:
        """The newer state, or the older one of what is gone."""
        state = self.after or self.before
        if state is None:
            raise ValueError("a change without a state")
        return state

    @property
    def bad(self) -> PairState:
        """The state that has what the difference is about: of an improvement the older one."""
        return self.before if self.before is not None and _is_backwards(self.kind) else self.state

    @property
    def proxies(self) -> Hops:
        """The proxies up to the one to blame, if one is: the same words may be about different ones."""
        bad = self.bad
        way = bad.passed[0][0] if self.kind in _FALLBACKS and bad.passed else bad.via
        return way[: self.hop or 0]

    @property
    def flapping(self) -> bool:
        """Whether the probes of one side do not all agree."""
        return any(side is not None and side.flapping for side in (self.before, self.after))


def changes_of(key: PairKey, before: PairState, after: PairState, share: float = SHARE) -> Iterator[Change]:
    """Every difference between two states of a pair. `share` is what counts as slower."""
    if before is after or before == after:
        return
    if _asked(before) != _asked(after):
        yield Change(Kind.TARGET_CHANGED, key, (), before, after)
    if before.reached is not None and after.reached is not None and before.reached is not after.reached:
        yield _reach(key, before, after)
        return
    if before.flapping is not after.flapping:
        kind = Kind.NEWLY_FLAPPING if after.flapping else Kind.NO_LONGER_FLAPPING
        flapping = after if after.flapping else before
        where = frozenset(hop for _, hop, _ in flapping.broke)  # what fails now and then does so in more than one way
        yield Change(kind, key, where, before, after, *_first_broken(flapping))
    if before.failure is not None or after.failure is not None:
        if before.failure is not None and after.failure is not None and before.broke.isdisjoint(after.broke):
            yield _failure(key, before, after)
        return
    yield from _certificate(key, before, after)
    yield from _status(key, before, after)
    yield from _revocation(key, before, after)
    yield from _ways(key, before, after)
    shift = shift_of(before.timings, after.timings, share) if before.timings and after.timings else None
    if shift is not None:
        kind = Kind.SLOWER if shift.after > shift.before else Kind.FASTER
        yield Change(kind, key, (shift.stage, shift.hop), before, after, shift.stage, shift.hop, "", shift)


def _reach(key: PairKey, before: PairState, after: PairState) -> Change:
    kind, failed = (Kind.NEWLY_REACHABLE, before) if after.reached else (Kind.NEWLY_UNREACHABLE, after)
    reached = after if after.reached else before
    failure = failed.failure
    # what was not reached and now is, but only by somebody who opens it, must not pass for good news alone
    told = _verdict_cause(reached.verdict) if _rank(reached.verdict) else None
    if failure is None:
        return Change(kind, key, told, before, after)
    cause = (failure.stage, failure.hop, failure.reason, failure.status, told)
    return Change(kind, key, cause, before, after, failure.stage, failure.hop, failure.reason)


def _failure(key: PairKey, before: PairState, after: PairState) -> Change:
    old, new = before.failure, after.failure
    if old is None or new is None:
        raise ValueError("no failure to compare")
    cause = (old.stage, old.hop, old.reason, new.stage, new.hop, new.reason)
    return Change(Kind.FAILURE_CHANGED, key, cause, before, after, new.stage, new.hop, new.reason)


def _certificate(key: PairKey, before: PairState, after: PairState) -> Iterator[Change]:
    """The gravest that is to be said about it: what explains the rest."""
    old, new = before.verdict, after.verdict
    if old is not None and new is not None and _rank(old) != _rank(new):
        worse = _rank(new) > _rank(old)
        kind = _WORSE[max(_rank(old), _rank(new))]
        told = new if worse else old
        place = ("tls", told.hop, told.reason or "")
        yield Change(kind if worse else kind.backwards, key, _verdict_cause(told), before, after, *place)
        return
    if before.trusted is not None and after.trusted is not None and before.trusted is not after.trusted:
        kind, bad = (Kind.NO_LONGER_UNTRUSTED, before) if after.trusted else (Kind.NEWLY_UNTRUSTED, after)
        failure = bad.trust_failure
        reason = failure.reason if failure is not None else ""
        yield Change(kind, key, (reason, bad.issuer), before, after, "tls", 0, reason)
        return
    if not before.leaves or not after.leaves or not before.leaves.isdisjoint(after.leaves):
        return
    if _rank(old) == _rank(new) == _RANKS["intercepted"] and before.issuer == after.issuer:
        return  # whoever opens TLS makes keys as it likes: many gateways a new one for each connection
    yield Change(*_key_change(before, after, key), before, after, "tls", 0)


def _key_change(before: PairState, after: PairState, key: PairKey) -> tuple[Kind, PairKey, Hashable]:
    if before.anchor != after.anchor:
        return Kind.ANCHOR_CHANGED, key, (before.anchor, after.anchor, before.issuer, after.issuer)
    if before.issuer == after.issuer:
        return Kind.LEAF_KEY_CHANGED, key, after.issuer
    if issuer_family(before.issuer) == issuer_family(after.issuer):
        return Kind.ISSUING_CA_CHANGED, key, (before.issuer, after.issuer)
    return Kind.ISSUER_FAMILY_CHANGED, key, (before.issuer, after.issuer)


def _status(key: PairKey, before: PairState, after: PairState) -> Iterator[Change]:
    if before.status is None or after.status is None or not before.statuses.isdisjoint(after.statuses):
        return
    cause = (before.status, after.status)
    kind = Kind.STATUS_CHANGED
    if _is_unexpected(after) and not _is_unexpected(before):
        kind = Kind.NEWLY_UNEXPECTED_STATUS
    elif _is_unexpected(before) and not _is_unexpected(after):
        kind = Kind.NO_LONGER_UNEXPECTED_STATUS
    yield Change(kind, key, cause, before, after, "http", 0)


def _is_unexpected(state: PairState) -> bool:
    """Not as documented; where nothing is documented, the server's own error (RFC 9110 section 15.6)."""
    if state.as_expected is None:
        return state.status is not None and state.status >= 500
    return not state.as_expected


def _revocation(key: PairKey, before: PairState, after: PairState) -> Iterator[Change]:
    old, new = before.revocation, after.revocation
    if old is None or new is None:
        return
    if (old.revoked is None) is not (new.revoked is None):
        kind = Kind.NEWLY_REVOKED if new.revoked is not None else Kind.NO_LONGER_REVOKED
        yield Change(kind, key, (), before, after, "tls", 0, "cert-revoked")
    elif (old.reachable is False) is not (new.reachable is False):
        kind, bad = (Kind.REVOCATION_LOST, new) if new.reachable is False else (Kind.REVOCATION_BACK, old)
        failure = bad.failure
        place = (failure.stage, failure.hop, failure.reason) if failure is not None else ("", 0, "")
        yield Change(kind, key, place, before, after, *place)


def _ways(key: PairKey, before: PairState, after: PairState) -> Iterator[Change]:
    if not before.ways.isdisjoint(after.ways):
        if before.passed == after.passed and before.via != after.via:
            yield Change(Kind.WAY_CHANGED, key, (before.via, after.via), before, after)
        return
    more = len(after.passed) > len(before.passed)
    if len(after.passed) == len(before.passed):
        yield Change(Kind.WAY_CHANGED, key, (before.passed, before.via, after.passed, after.via), before, after)
        return
    kind, bad, good = (Kind.NEWLY_ON_FALLBACK, after, before) if more else (Kind.NO_LONGER_ON_FALLBACK, before, after)
    _, stage, reason = bad.passed[0]
    cause = (bad.passed, bad.via, good.passed, good.via)
    yield Change(kind, key, cause, before, after, stage, 1 if bad.passed[0][0] else 0, reason)


def _asked(state: PairState) -> tuple[str, str, int, str, str]:
    target = state.target
    return target.scheme, target.host, target.port, target.path, target.method


def _rank(verdict: SavedVerdict | None) -> int:
    return 0 if verdict is None else _RANKS.get(verdict.verdict, 0)


def _verdict_cause(verdict: SavedVerdict | None) -> tuple[Hashable, ...]:
    """Who opens it, as far as it is known."""
    if verdict is None:
        return ()
    signer, product = verdict.signer, verdict.attribution
    who = "" if signer is None else common_name(signer.root or signer.subject)
    whose = None if product is None else (product.vendor, product.product)
    reason = verdict.reason if verdict.verdict == "suspect" else None
    return (
        verdict.verdict,
        "" if verdict.verdict == "blocked" else who,
        whose,
        verdict.hop,
        verdict.mixed is not None,
        reason,
    )


def _first_broken(state: PairState) -> tuple[str, int | None, str]:
    return min(state.broke) if state.broke else ("", None, "")


def _is_backwards(kind: Kind) -> bool:
    return kind.severity == "improvement"
