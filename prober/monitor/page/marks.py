"""What one cell of the matrix says: one mark, what else is wrong, since when, and what is being confirmed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from prober.interception.verdict import Word
from prober.monitor.held import Held, State, Unsettled, confirmed
from prober.monitor.state import TRUSTED, Outcome, PairState
from prober.report.marks import GLYPHS, LABELS, MEANINGS, Mark

__all__ = ["GLYPHS", "LABELS", "MEANINGS", "UNSEEN", "Cell", "Mark", "cell_of", "unexpected_status"]

_VERDICTS: Final = {
    Word.INTERCEPTED: Mark.INTERCEPTED,
    Word.BLOCKED: Mark.BLOCKED,
    Word.SUSPECT: Mark.SUSPECT,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What is shown of a pair. Equal cells look the same, however many probes came between."""

    mark: Mark
    also: tuple[Mark, ...] = ()
    """Further marks, gravest first."""
    word: str = ""
    """The closed word that says more: `proxy-denied`, `cert-expired`, `404`."""
    hop: int = 0
    """Of an unreachable target, the proxy at which it ends; 0 = the target itself."""
    since: float | None = None
    """Since when it is as `mark` says: seconds since the epoch."""
    pending: str = ""
    """What the last probe says instead, while it is being confirmed."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """What a filter by state finds it under."""
        marks = (self.mark, *self.also)
        broken = ("broken",) if self.mark.broken else ()
        return (*(mark.value for mark in marks), *broken, *(("pending",) if self.pending else ()))


UNSEEN: Final = Cell(Mark.UNKNOWN)


def cell_of(state: PairState) -> Cell:
    """What to show of a pair."""
    exported = state.exported
    if exported is None:
        return UNSEEN
    pending = _pending(state)
    if exported.reachable is None:
        return Cell(Mark.UNKNOWN, pending=pending)
    found = dict(_marks(state))
    if not found:
        return Cell(Mark.OK, since=_well_since(state), pending=pending)
    mark, *also = sorted(found, key=list(Mark).index)
    word, since = found[mark]
    failure = exported.failure
    return Cell(mark, tuple(also), word, 0 if failure is None else failure.hop, since, pending)


def _marks(state: PairState) -> list[tuple[Mark, tuple[str, float | None]]]:
    """Every mark that holds, with its word and since when."""
    exported = state.exported
    if exported is None:
        return []
    found: list[tuple[Mark, tuple[str, float | None]]] = []
    if exported.failure is not None:
        found.append((Mark.UNREACHABLE, (exported.failure.reason, exported.since)))
    told = None if exported.verdict is None else _VERDICTS.get(exported.verdict)
    if told is not None:
        found.append((told, ("", _since(state.interception))))
    elif exported.trusted is False:
        trust = confirmed(state.trust)
        found.append((Mark.UNTRUSTED, ("", None) if trust is None else (trust.value, trust.kind_since)))
    if (status := unexpected_status(state)) is not None:
        found.append((Mark.STATUS, (str(status), None)))
    return found


def unexpected_status(state: PairState) -> int | None:
    """The HTTP status seen last, if others are documented."""
    if not state.target.expected:
        return None
    status = next((each.http.status for each in reversed(state.recent) if each.http is not None), None)
    return status if status is not None and status not in state.target.expected else None


def _well_since(state: PairState) -> float | None:
    """Since when nothing has been wrong: the latest of what became well."""
    moments = [
        held.since
        for held in (confirmed(state.reach), confirmed(state.trust), confirmed(state.interception))
        if held is not None and held.value != Word.INCONCLUSIVE
    ]
    return max(moments, default=None)


def _since(state: State[Any]) -> float | None:
    held = confirmed(state)
    return None if held is None else held.since


def _pending(state: PairState) -> str:
    """What was seen and is not confirmed yet, in words."""
    said = (
        _candidate(state.reach, _outcome),
        _candidate(state.trust, lambda reason: "trusted" if reason == TRUSTED else str(reason)),
        _candidate(state.interception, str),
    )
    return ", ".join(filter(None, said))


def _candidate(state: State[Any], text: Callable[[Any], str]) -> str:
    if isinstance(state, Unsettled):
        return "" if state.candidate == Word.INCONCLUSIVE else text(state.candidate)
    return text(state.candidate) if isinstance(state, Held) and state.contradicted else ""


def _outcome(outcome: Outcome) -> str:
    return "reached" if outcome.reached else outcome.reason
