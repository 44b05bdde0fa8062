"""One line that sums up the verdicts of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from prober.interception.verdict import Basis, Word
from prober.report.document import Result, Run
from prober.report.matrix import way_name, ways_of
from prober.report.verdicts import is_mixed, word_of


def verdict_line(run: Run) -> str:
    """`interception: 12 intercepted on hq, 3 suspect, 250 clean (240 proven against direct, 10 by authority), …`.

    Empty where nothing was judged. Words of a later version are counted under their own name.
    """
    judged = [result for result in run.results if result.interception is not None]
    if not judged:
        return ""
    by_word = {word: [each for each in judged if word_of(each) == word] for word in _words(judged)}
    return f"interception: {', '.join(_part(run, word, results) for word, results in by_word.items())}"


def _words(judged: Sequence[Result]) -> list[str]:
    """The words that occur, bad news first."""
    order = [Word.INTERCEPTED, Word.BLOCKED, Word.SUSPECT, Word.CLEAN, Word.INCONCLUSIVE]
    found = {str(word_of(result)) for result in judged}
    return [*(word.value for word in order if word in found), *sorted(found - set(order))]


def _part(run: Run, word: str, results: Sequence[Result]) -> str:
    head = f"{len(results):,} {word}"
    if word in (Word.INTERCEPTED, Word.BLOCKED, Word.SUSPECT):
        return f"{head}{_ways(run, results)}"
    if word == Word.CLEAN:
        return f"{head} ({', '.join(_grounds(results))})"
    reasons = Counter(each.interception.reason for each in results if each.interception and each.interception.reason)
    if not reasons:
        return head
    if len(reasons) == 1:
        return f"{head} ({next(iter(reasons))})"
    return f"{head} ({', '.join(f'{number:,} {reason}' for reason, number in reasons.most_common())})"


def _ways(run: Run, results: Sequence[Result]) -> str:
    """` on hq`, or in brackets what is on which of several ways; and how many are mixed."""
    ways = ways_of(run)
    counted = Counter((result.egress, result.route) for result in results)
    mixed = sum(map(is_mixed, results))
    at_times = f"{mixed:,} of them at times" if mixed else ""
    if len(counted) == 1:
        return f" on {way_name(next(iter(counted)), ways)}{f' ({at_times})' if mixed else ''}"
    shares = ", ".join(f"{counted[way]:,} on {way_name(way, ways)}" for way in ways if counted[way])
    return f" ({shares}{f'; {at_times}' if mixed else ''})"


def _grounds(results: Sequence[Result]) -> list[str]:
    """What clean verdicts rest on: `240 proven against direct`, `10 by authority`."""
    counted: Counter[str] = Counter()
    references: dict[str, set[str]] = {}
    for result in results:
        verdict = result.interception
        if verdict is not None:
            elsewhere = verdict.reference is not None and verdict.reference.kind == "egress"
            basis = "egress" if elsewhere else verdict.basis
            counted[basis] += 1
            names = references.setdefault(basis, set())
            names.add(verdict.reference.name if verdict.reference is not None else "")
    if len(counted) == 1:
        return [_ground(basis, references[basis]) for basis in counted]
    return [f"{number:,} {_ground(basis, references[basis])}" for basis, number in counted.most_common()]


def _ground(basis: str, references: set[str]) -> str:
    (only,) = references if len(references) == 1 else ("",)
    match basis:
        case Basis.PROVEN.value:
            return f"proven against {only}" if only else "proven"
        case Basis.AUTHORITY.value:
            return "by authority"
        case Basis.PINNED.value:
            return "by pins"
        case Basis.BASELINE.value:
            return "by the baseline"
        case "egress":
            return "by what another egress point saw"
        case Basis.NONE.value:
            return "on no basis"
        case _:
            return f"by {basis}"
