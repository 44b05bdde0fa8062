"""A comparison as a document, schema `prober.diff/1` (docs/diff.md), and the rows of its table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Struct

from prober import __version__
from prober.diff.causes import Group, groups_of
from prober.diff.changes import Change
from prober.diff.compare import Comparison
from prober.diff.kinds import ORDER, Severity
from prober.diff.sentences import detail_of, hint_of, sentence_of, words_of
from prober.diff.sides import Side, Source
from prober.diff.summary import summary_text
from prober.report.matrix import GIVEN, Way
from prober.report.sanitize import seconds, several

SCHEMA: Final = "prober.diff/1"


class SourceDoc(Struct, frozen=True):
    """One file of a side."""

    file: str
    egresses: tuple[str, ...]
    started: str
    finished: str
    complete: bool
    pairs: int


class RowDoc(Struct, frozen=True):
    """One egress and service."""

    egress: str
    service: str
    pairs: int
    """Pairs that both sides have."""
    reached_before: int
    reached_after: int
    regressions: int
    """Differences by severity; a pair may have several."""
    warnings: int
    improvements: int
    information: int


class SpeedDoc(Struct, frozen=True):
    """How much slower or faster. Seconds."""

    before: float
    """Median."""
    after: float
    low: float
    """Of the interval of the difference."""
    high: float


class PairDoc(Struct, frozen=True):
    """One pair that a difference is about."""

    egress: str
    target: str
    route: str
    host: str
    port: int
    service: str
    flapping: bool
    speed: SpeedDoc | None = None


class DifferenceDoc(Struct, frozen=True):
    """Differences of one kind with one cause."""

    kind: str
    severity: str
    sentence: str
    """Texts may quote the peer: escape before showing."""
    hint: str
    detail: str
    stage: str | None
    hop: int | None
    """0 = the target itself, 1… = proxies, outermost first; null = not known."""
    reason: str | None
    words: str
    targets: int
    suffixes: tuple[str, ...]
    """The part of the DNS that holds just these targets, where there is one."""
    pairs: tuple[PairDoc, ...]


class SummaryDoc(Struct, frozen=True):
    """Counts, and the paragraph for a ticket."""

    text: str
    compared: int
    """Pairs that both sides have."""
    changed: int
    """Those of them that differ in anything."""
    regressions: int
    """Differences by severity, each counted for each pair."""
    warnings: int
    improvements: int
    information: int
    kinds: dict[str, int]


class DiffDoc(Struct, frozen=True):
    """Two sides and how they differ."""

    schema: str
    version: str
    """Of the program."""
    before: tuple[SourceDoc, ...]
    after: tuple[SourceDoc, ...]
    summary: SummaryDoc
    table: tuple[RowDoc, ...]
    differences: tuple[DifferenceDoc, ...]
    notes: tuple[str, ...]


def diff_document(comparison: Comparison) -> DiffDoc:
    """Everything there is to say about a comparison, gravest first; the same in whatever order the runs came."""
    groups = groups_of(comparison)
    ways = ways_compared(comparison)
    sides = comparison.sides
    severities = Counter(change.kind.severity for change in comparison.changes)
    kinds = comparison.kinds
    both = {change.key for change in comparison.changes if change.before is not None and change.after is not None}
    return DiffDoc(
        schema=SCHEMA,
        version=__version__,
        before=_sources(sides.before),
        after=_sources(sides.after),
        summary=SummaryDoc(
            text=summary_text(comparison, groups, ways),
            compared=comparison.compared,
            changed=len(both),
            regressions=severities[Severity.REGRESSION],
            warnings=severities[Severity.WARNING],
            improvements=severities[Severity.IMPROVEMENT],
            information=severities[Severity.INFORMATION],
            kinds={kind.value: kinds[kind] for kind in sorted(kinds, key=ORDER.__getitem__)},
        ),
        table=tuple(_rows(comparison)),
        differences=tuple(_difference(group, ways) for group in groups),
        notes=tuple(notes_on(comparison)),
    )


def encode_diff(document: DiffDoc) -> bytes:
    """As JSON on several lines."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def ways_compared(comparison: Comparison) -> tuple[Way, ...]:
    """Every egress and route of either side, in order."""
    return tuple(sorted(comparison.sides.before.ways | comparison.sides.after.ways))


def notes_on(comparison: Comparison) -> list[str]:
    """What is to be said about the comparison as a whole."""
    sides, notes = comparison.sides, []
    if sides.renamed is not None:
        was, now = sides.renamed
        notes.append(
            f"The only egress point before ({was}) is compared with the only one now ({now}): their names differ."
        )
    for word, side in (("before", sides.before), ("after", sides.after)):
        cut = sorted(source.name for source in side.sources if not source.complete)
        if cut:
            notes.append(
                f"Interrupted ({word}): {', '.join(cut)}. What such a run did not measure is told as not probed."
            )
    if comparison.doubted:
        late = max(source.lag for side in (sides.before, sides.after) for source in side.sources)
        notes.append(
            f"{several(comparison.doubted, 'pair')} took another time than before, but the prober itself was up to "
            f"{seconds(late)} late: that is not told as slower or faster. Probe fewer pairs at once (--concurrency), "
            "or on a machine with less to do."
        )
    if not comparison.compared:
        notes.append("The two sides have no pair of target and route in common: nothing was compared.")
    return notes


def _sources(side: Side) -> tuple[SourceDoc, ...]:
    return tuple(map(_source, sorted(side.sources, key=lambda source: (source.egresses, source.started, source.name))))


def _source(source: Source) -> SourceDoc:
    return SourceDoc(
        file=source.name,
        egresses=source.egresses,
        started=source.started,
        finished=source.finished,
        complete=source.complete,
        pairs=source.pairs,
    )


def _difference(group: Group, ways: Sequence[Way]) -> DifferenceDoc:
    first = group.first
    return DifferenceDoc(
        kind=group.kind.value,
        severity=group.severity.value,
        sentence=sentence_of(group, ways),
        hint=hint_of(group),
        detail=detail_of(group),
        stage=first.stage or None,
        hop=first.hop,
        reason=first.reason or None,
        words=words_of(group),
        targets=len(group.targets),
        suffixes=group.suffixes,
        pairs=tuple(map(_pair, group.changes)),
    )


def _pair(change: Change) -> PairDoc:
    egress, target, route = change.key
    asked, shift = change.state.target, change.shift
    return PairDoc(
        egress=egress,
        target=target,
        route=route,
        host=asked.host,
        port=asked.port,
        service=asked.service,
        flapping=change.flapping,
        speed=None if shift is None else SpeedDoc(*map(_rounded, (shift.before, shift.after, shift.low, shift.high))),
    )


def _rounded(seconds: float) -> float:
    return round(seconds, 6)


def _rows(comparison: Comparison) -> list[RowDoc]:
    before, after = comparison.sides.before.pairs, comparison.sides.after.pairs
    counts: defaultdict[tuple[str, str], _Counts] = defaultdict(_Counts)
    get = after.get
    for key, old in before.items():
        new = get(key)
        counted = counts[key[0], (new or old).target.service or GIVEN]
        if new is not None:
            counted.pairs += 1
            counted.before += old.reached is True
            counted.after += new.reached is True
    for change in comparison.changes:
        counts[change.key[0], change.state.target.service or GIVEN].severities[change.kind.severity] += 1
    return [
        RowDoc(
            egress,
            service,
            counted.pairs,
            counted.before,
            counted.after,
            *(counted.severities[severity] for severity in Severity),
        )
        for (egress, service), counted in sorted(counts.items(), key=lambda item: item[0])
    ]


@dataclass(slots=True)
class _Counts:
    pairs: int = 0
    before: int = 0
    after: int = 0
    severities: Counter[Severity] = field(default_factory=Counter)
