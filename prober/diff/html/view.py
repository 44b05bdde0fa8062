"""What the page shows of a comparison: counts, the table of egress points and services, causes with their pairs. Pure.

Only pairs that differ are listed, and no more of them than a browser likes; counts are always of all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from prober.diff.changes import Change
from prober.diff.compare import Comparison
from prober.diff.document import DiffDoc, DifferenceDoc, PairDoc, RowDoc
from prober.diff.html.sights import Sight, sight_of
from prober.diff.kinds import Kind, Severity
from prober.diff.state import PairKey
from prober.report.matrix import SERVICE_ORDER

MAX_CAUSES: Final = 300
"""Causes that are listed."""
MAX_PAIRS: Final = 3000
"""Pairs that are listed in all."""
PAIRS_EACH: Final = 400
"""Pairs that are listed of one cause."""
OPEN: Final = 12
"""Pairs up to which the list of a cause that matters is open."""
_COUNTED: Final = (
    *("pairs", "reached_before", "reached_after"),
    *("regressions", "warnings", "improvements", "information"),
)
"""Fields of a row: three counts of pairs, then differences by severity, gravest first."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A severity with its sign. `word` is its class in the style sheet."""

    word: str
    glyph: str
    one: str
    label: str


MARKS: Final[Mapping[str, Mark]] = {
    Severity.REGRESSION: Mark("regression", "✕", "regression", "worse"),
    Severity.WARNING: Mark("warning", "!", "warning", "to be looked at"),
    Severity.IMPROVEMENT: Mark("improvement", "↑", "improvement", "better"),
    Severity.INFORMATION: Mark("information", "○", "information", "for information"),
}
SAME: Final = Mark("same", "✓", "same", "as before")


@dataclass(frozen=True, slots=True)
class Cell:
    """One egress and service, or a sum of some."""

    pairs: int
    before: int
    after: int
    counts: tuple[tuple[Mark, int], ...]

    @property
    def mark(self) -> Mark:
        """The gravest."""
        return self.counts[0][0] if self.counts else SAME


@dataclass(frozen=True, slots=True)
class Table:
    """Egress points down, services across; their sum (None) first, where there are several."""

    services: tuple[str | None, ...]
    rows: tuple[tuple[str | None, tuple[Cell | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One pair of a cause."""

    pair: PairDoc
    name: str
    before: Sight
    after: Sight


@dataclass(frozen=True, slots=True)
class Cause:
    """One difference with its pairs."""

    number: int
    mark: Mark
    heading: str
    difference: DifferenceDoc
    lines: tuple[Line, ...]
    unlisted: int
    open: bool


def totals_of(document: DiffDoc) -> tuple[tuple[Mark, int], ...]:
    """Differences by severity, gravest first, and the pairs that are as before."""
    summary = document.summary
    counts = (summary.regressions, summary.warnings, summary.improvements, summary.information)
    found = [(MARKS[severity], count) for severity, count in zip(Severity, counts, strict=True) if count]
    same = summary.compared - summary.changed
    return (*found, *([(SAME, same)] if same else []))


def table_of(rows: Iterable[RowDoc]) -> Table:
    """The rows of the document as a table."""
    cells: defaultdict[tuple[str | None, str | None], Counter[str]] = defaultdict(Counter)
    for row in rows:
        counted = Counter({name: getattr(row, name) for name in _COUNTED})
        for place in product((None, row.egress), (None, row.service)):
            cells[place].update(counted)
    egresses = _with_sum(sorted({egress for egress, _ in cells if egress is not None}))
    services = _with_sum(sorted({service for _, service in cells if service is not None}, key=_service_order))
    return Table(
        services,
        tuple((egress, tuple(_cell(cells.get((egress, service))) for service in services)) for egress in egresses),
    )


def _with_sum(names: Sequence[str]) -> tuple[str | None, ...]:
    return (None, *names) if len(names) > 1 else tuple(names)


def _service_order(name: str) -> tuple[int, str]:
    return SERVICE_ORDER.index(name) if name in SERVICE_ORDER else len(SERVICE_ORDER), name


def _cell(counted: Mapping[str, int] | None) -> Cell | None:
    if counted is None:
        return None
    counts = ((MARKS[severity], counted.get(name, 0)) for severity, name in zip(Severity, _COUNTED[3:], strict=True))
    pairs, before, after = (counted.get(name, 0) for name in _COUNTED[:3])
    return Cell(pairs, before, after, tuple((mark, count) for mark, count in counts if count))


def causes_of(document: DiffDoc, comparison: Comparison) -> tuple[Cause, ...]:
    """The differences in their order, each with as many of its pairs as there is room for."""
    changes = {(change.kind.value, change.key): change for change in comparison.changes}
    room = MAX_PAIRS
    made = []
    for number, difference in enumerate(document.differences[:MAX_CAUSES], 1):
        listed = difference.pairs[: min(PAIRS_EACH, room)]
        room -= len(listed)
        kind = Kind(difference.kind)
        matters = kind.severity in (Severity.REGRESSION, Severity.WARNING)
        made.append(
            Cause(
                number=number,
                mark=MARKS[kind.severity],
                heading=kind.about.heading,
                difference=difference,
                lines=tuple(_line(pair, kind, changes) for pair in listed),
                unlisted=len(difference.pairs) - len(listed),
                open=matters and 0 < len(difference.pairs) <= OPEN,
            )
        )
    return tuple(made)


def _line(pair: PairDoc, kind: Kind, changes: Mapping[tuple[str, PairKey], Change]) -> Line:
    change = changes[kind.value, (pair.egress, pair.target, pair.route)]
    host = f"[{pair.host}]" if ":" in pair.host else pair.host
    name = host if pair.port == 443 else f"{host}:{pair.port}"
    return Line(pair, name, sight_of(change.before, kind), sight_of(change.after, kind))
