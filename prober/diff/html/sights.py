"""What one side saw of a pair, in few words: a sign, a word, and what the difference is about. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from prober.diff.kinds import Kind
from prober.diff.state import PairState
from prober.report.html.signs import SIGNS
from prober.report.names import common_name
from prober.report.sanitize import duration

_DIGITS: Final = 12
"""Of a key's digest: enough to tell two apart."""
_OF_CERTIFICATES: Final = frozenset(
    kind
    for kind in Kind
    if kind.value.endswith(("intercepted", "blocked", "suspect", "untrusted", "revoked"))
    or kind in (Kind.ANCHOR_CHANGED, Kind.ISSUER_FAMILY_CHANGED, Kind.ISSUING_CA_CHANGED, Kind.LEAF_KEY_CHANGED)
)
_OF_WAYS: Final = frozenset({Kind.NEWLY_ON_FALLBACK, Kind.NO_LONGER_ON_FALLBACK, Kind.WAY_CHANGED})
_OF_SPEED: Final = frozenset({Kind.SLOWER, Kind.FASTER})


@dataclass(frozen=True, slots=True)
class Sight:
    """One side of a pair. `word` is the class of its sign in the style sheet."""

    word: str
    glyph: str
    text: str
    facts: tuple[str, ...] = ()


NOT_PROBED: Final = Sight("absent", "–", "not probed")


def sight_of(state: PairState | None, kind: Kind) -> Sight:
    """What to show of a state beside a difference of this kind. Texts are as they came: escape before showing."""
    if state is None:
        return NOT_PROBED
    if state.reached is None:
        return _of("suspect", "probes disagree", *sorted({reason for _, _, reason in state.broke}))
    if not state.reached:
        failure = state.failure
        if failure is None:
            return _of("unreachable", "not reached")
        where = f"hop {failure.hop}" if failure.hop else "target"
        return _of("unreachable", failure.reason, f"stage {failure.stage}, {where}")
    return _reached(state, kind)


def _reached(state: PairState, kind: Kind) -> Sight:
    facts = tuple(_facts(state, kind))
    verdict = state.verdict
    if verdict is not None and verdict.verdict in ("intercepted", "blocked", "suspect"):
        times = "" if verdict.mixed is None else f" {verdict.mixed.intercepted} of {verdict.mixed.of}"
        at = f"hop {verdict.hop}" if verdict.hop else ""
        return _of(verdict.verdict, f"{verdict.verdict}{times}", at, *facts)
    if state.trusted is False:
        reason = "certificate not trusted" if state.trust_failure is None else state.trust_failure.reason
        return _of("untrusted", reason, *facts)
    if state.as_expected is False:
        return _of("status", "unexpected status", *facts)
    return _of("ok", "reached", *facts)


def _facts(state: PairState, kind: Kind) -> Iterator[str]:
    if kind in _OF_SPEED:
        totals = [each.total for each in state.timings if each.total is not None]
        if totals:
            yield f"median {duration(median(totals))} of {len(totals)}"
        return
    if kind is Kind.TARGET_CHANGED:
        target = state.target
        yield f"{target.method} {target.scheme}://{target.host}:{target.port}{target.path}"
        return
    if kind in _OF_WAYS:
        yield " → ".join(f"{hop.scheme}://{hop.host}:{hop.port}" for hop in state.via) or "direct"
        return
    if kind in (Kind.REVOCATION_LOST, Kind.REVOCATION_BACK):
        found = state.revocation
        yield "revocation out of reach" if found is not None and found.reachable is False else "revocation in reach"
        return
    if kind in _OF_CERTIFICATES:
        yield from _certificate(state, kind)
        return
    if state.status is not None:
        yield f"status {state.status}"
    if state.flapping:
        yield "some of its probes fail"


def _certificate(state: PairState, kind: Kind) -> Iterator[str]:
    signer = state.verdict.signer if state.verdict is not None else None
    if signer is not None:
        yield f"signed by {common_name(signer.root or signer.subject)}"
    elif state.issuer:
        yield f"issued by {common_name(state.issuer)}"
    if kind is Kind.ANCHOR_CHANGED and state.anchor:
        yield f"anchor {state.anchor}"
    if kind is Kind.LEAF_KEY_CHANGED:
        yield f"key {', '.join(sorted(key[:_DIGITS] for key in state.leaves))}"
    if state.revocation is not None and state.revocation.revoked is not None:
        yield "revoked"


def _of(word: str, text: str, *facts: str) -> Sight:
    return Sight(word, SIGNS[word].glyph, text, tuple(filter(None, facts)))
