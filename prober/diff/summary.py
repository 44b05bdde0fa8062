"""The paragraph at the top of a comparison, to be pasted into a ticket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from prober.diff.causes import Group
from prober.diff.compare import Comparison
from prober.diff.kinds import Kind, Severity
from prober.diff.sentences import sentence_of
from prober.diff.sides import Side
from prober.report.matrix import Way
from prober.report.sanitize import several

TOLD: Final = 5
"""Causes that the paragraph names, of each severity."""
NAMED: Final = 3
"""Egress points, routes and files that it names."""
OLD: Final = 7
"""Days after which a baseline may tell of more than the change."""
_GONE: Final = (Kind.EGRESS_GONE, Kind.ROUTE_GONE, Kind.TARGET_GONE, Kind.PAIR_GONE)
_ADDED: Final = tuple(kind.backwards for kind in _GONE)


def summary_text(comparison: Comparison, groups: Sequence[Group], ways: Sequence[Way]) -> str:
    """The verdict, every regression and every warning with its cause, and where there is neither the improvements. What
    was not compared is said in any case. Escape before showing."""
    worse, warned, better = (
        [group for group in groups if group.severity is severity and group.kind not in _GONE]
        for severity in (Severity.REGRESSION, Severity.WARNING, Severity.IMPROVEMENT)
    )
    well = not worse and not warned
    causes = [*_causes(worse, ways), _rest(comparison), *_causes(warned, ways), *_causes(better if well else [], ways)]
    return " ".join(filter(None, (_verdict(comparison), *causes, *_limits(comparison), _when(comparison))))


def _causes(groups: Sequence[Group], ways: Sequence[Way]) -> list[str]:
    told = [f"{group.kind.about.heading}: {_ended(sentence_of(group, ways))}" for group in groups[:TOLD]]
    if len(groups) > TOLD:
        told.append(f"And {several(len(groups) - TOLD, 'more cause')}, below.")
    return told


def _verdict(comparison: Comparison) -> str:
    worse = [change for change in comparison.changes if change.kind.severity is Severity.REGRESSION]
    pairs = {change.key for change in worse if change.after is not None}
    compared = several(comparison.compared, "pair of target and route", "pairs of target and route")
    if not comparison.compared:
        return "Nothing was compared: the two sides have no pair of target and route in common."
    if pairs:
        return f"REGRESSION: {len(pairs):,} of {compared} {'is' if len(pairs) == 1 else 'are'} worse than before."
    if worse:
        return f"REGRESSION: {compared} compared and none of them worse, but not all of before was probed again."
    if not comparison.changes:
        return f"No difference: {compared} compared."
    return f"No regression: {compared} compared."


def _rest(comparison: Comparison) -> str:
    """What there is beside regressions, but for pairs that one side only has."""
    one_sided = {*_GONE, *_ADDED}
    counted = Counter(change.kind.severity for change in comparison.changes if change.kind not in one_sided)
    words = (
        (Severity.WARNING, several(counted[Severity.WARNING], "warning")),
        (Severity.IMPROVEMENT, several(counted[Severity.IMPROVEMENT], "improvement")),
        (Severity.INFORMATION, f"{counted[Severity.INFORMATION]:,} for information"),
    )
    parts = [text for severity, text in words if counted[severity]]
    return f"Beside that: {', '.join(parts)}." if parts else ""


def _limits(comparison: Comparison) -> list[str]:
    """What the verdict does not cover: a board must not take what was not measured for well."""
    said = []
    for kinds, missing, there in ((_GONE, "after", "before"), (_ADDED, "before", "after")):
        mine = [change.key for change in comparison.changes if change.kind in kinds]
        if mine and comparison.compared:
            pairs = several(len(mine), "pair")
            whole = _missing(comparison, kinds)
            were = "was" if len(mine) == 1 else "were"
            said.append(f"NOT COVERED: {pairs} of {there} {were} not probed {missing}{whole}.")
    otherwise = comparison.kinds[Kind.TARGET_CHANGED]
    if otherwise:
        pairs = several(otherwise, "pair is of a target", "pairs are of targets")
        said.append(f"{pairs} that the catalogs define otherwise than before.")
    for word, side in (("before", comparison.sides.before), ("after", comparison.sides.after)):
        cut = sorted(source.name for source in side.sources if not source.complete)
        if cut:
            said.append(f"INTERRUPTED {word}: {_named(cut, 'file')}.")
    return [*said, *_age(comparison)]


def _missing(comparison: Comparison, kinds: Sequence[Kind]) -> str:
    """Egress points and routes that are missing as a whole."""
    egresses = {change.key[0] for change in comparison.changes if change.kind is kinds[0]}
    routes = {change.key[2] for change in comparison.changes if change.kind is kinds[1]}
    parts = [
        f"{word} {_named(sorted(names), word)}" for word, names in (("egress", egresses), ("route", routes)) if names
    ]
    return f" ({'; '.join(parts)})" if parts else ""


def _named(names: Sequence[str], word: str) -> str:
    more = f" and {several(len(names) - NAMED, f'other {word}')}" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _age(comparison: Comparison) -> list[str]:
    """Sides that lie far apart, or the wrong way round."""
    before = _moments(source.started for source in comparison.sides.before.sources)
    after = _moments(source.started for source in comparison.sides.after.sources)
    if not before or not after:
        return []
    if min(before) > max(after):
        return ["The runs of before were made AFTER those of after: the sides seem to be swapped."]
    days = (max(after) - min(before)).days
    return [f"The baseline is {days:,} days older: not all of this need be the change."] if days > OLD else []


def _moments(instants: Iterable[str]) -> list[datetime]:
    """Those that are readable; files may have been written by anybody."""
    found = []
    for instant in instants:
        try:
            moment = datetime.fromisoformat(instant)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            found.append(moment)
    return found


def _when(comparison: Comparison) -> str:
    before, after = comparison.sides.before, comparison.sides.after
    egresses = sorted(before.egresses | after.egresses)
    whence = f"Egress {', '.join(egresses)}" if len(egresses) <= NAMED else f"{len(egresses)} egress points"
    return f"{whence}; before {_span(before)}, after {_span(after)}." if egresses else ""


def _span(side: Side) -> str:
    """From the start of its first run to the end of its last one: the same for several files and for them merged."""
    ends = min(source.started for source in side.sources), max(source.finished for source in side.sources)
    first, last = (moment[:16].replace("T", " ") for moment in ends)
    return f"{first} UTC" if first == last else f"{first} to {last} UTC"


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
