"""An earlier run that a run is compared with: while it lasts, to probe once more what differs; and when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from prober.check.errors import PlanErrors
from prober.diff import (
    DiffDoc,
    Side,
    beside,
    compare,
    diff_document,
    differing,
    read_run,
    saved_run,
    side_of,
)
from prober.interception.comparison import PairKey
from prober.report.document import Run
from prober.report.files import RunFileError
from prober.report.sanitize import several

NAMED: Final = 5
"""Egress points that an error lists at most."""


class Against:
    """The earlier side, read once. Of a file with several egress points only those results count that are from here."""

    def __init__(self, path: Path, egress: str | None) -> None:
        """`egress` None is all of them. Raises PlanErrors for a file that cannot be read, and for one that does not
        know this egress point."""
        self._name = str(path)
        try:
            run = read_run(path)
        except RunFileError as error:
            raise PlanErrors([f"--against: {error}"]) from None
        known = sorted({result.egress for result in run.results})
        if egress is not None and len(known) > 1 and egress not in known:
            raise PlanErrors(
                [f"--against {path}: it has no results of egress {egress}, but of {_named(known)} (--egress NAME)"]
            )
        if egress is not None and len(known) > 1:
            run = replace(run, results=[result for result in run.results if result.egress == egress])
        self._before: Side = side_of([(self._name, run)])
        if self._before.errors:
            raise PlanErrors([f"--against: {error}" for error in self._before.errors])

    def doubtful(self, run: Run) -> frozenset[PairKey]:
        """Target id and route of what differs so far and a further probe can confirm."""
        return frozenset((target, route) for _, target, route in differing(beside(self._before, self._after(run))))

    def compared(self, run: Run) -> DiffDoc:
        """The whole comparison."""
        return diff_document(compare(beside(self._before, self._after(run))))

    def _after(self, run: Run) -> Side:
        return side_of([("this run", saved_run(run))])


def _named(egresses: Sequence[str]) -> str:
    more = f" and {several(len(egresses) - NAMED, 'other')}" if len(egresses) > NAMED else ""
    return f"{', '.join(egresses[:NAMED])}{more}"
