"""Whether a route may be compared by its blocks at all. Pure.

Response times are of operations that ended well. Where others timed out, were refused or never started, the slowest are
the ones that are missing, and a route looks the faster the more of them it loses. And where the generator was the limit
in most blocks, their times are the generator's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prober.bench.criteria import percent

ALLOWED: Final = 0.001
"""Share of operations that may fail, and that may not be started: a tenth of those beyond p99. Were all that
are missing the slowest, the p99 of the others would be the p98.9 of all; one lost in thousands ends no comparison."""
MOSTLY: Final = 0.5
"""Share of a route's blocks above which the generator was the limit of all that was measured."""


class Unfit(StrEnum):
    """Why a route is not comparable."""

    FAILURES = "failures"
    NOT_STARTED = "not-started"
    GENERATOR = "generator-limited"


@dataclass(frozen=True, slots=True)
class Fitness:
    """What came of a route's blocks."""

    route: str
    blocks: int
    ended: int
    failed: int
    skipped: int
    """Due and never started."""
    invalid: int
    """Blocks that were not valid, those that the generator limited among them."""
    generator_limited: int

    @property
    def word(self) -> str:
        """Why it is not comparable (`Unfit`); empty where it is."""
        if self.failed > ALLOWED * self.ended:
            return Unfit.FAILURES
        if self.skipped > ALLOWED * (self.ended + self.skipped):
            return Unfit.NOT_STARTED
        return Unfit.GENERATOR if self.generator_limited > MOSTLY * self.blocks else ""


def told(found: Sequence[Fitness]) -> Iterator[str]:
    """A sentence for each route of which anything was lost, or a block not valid."""
    for each in found:
        parts = list(_lost(each))
        if each.invalid:
            limited = f", {each.generator_limited} of them generator-limited" if each.generator_limited else ""
            parts.append(f"{each.invalid} of {each.blocks} blocks were not valid{limited}")
        if parts:
            yield f"{each.route}: {'; '.join(parts)}.{_WHY.get(each.word, '')}"


def _lost(each: Fitness) -> Iterator[str]:
    if each.failed:
        yield f"{each.failed:,} of {each.ended:,} operations failed ({percent(each.failed / each.ended)})"
    if each.skipped:
        due = each.ended + each.skipped
        yield f"{each.skipped:,} of {due:,} operations were not started ({percent(each.skipped / due)})"


_SURVIVORS: Final = (
    " Its times are of those that were left: it is not comparable, and has no place among the others "
    f"(allowed are {percent(ALLOWED)})."
)
_WHY: Final = {
    Unfit.FAILURES.value: _SURVIVORS,
    Unfit.NOT_STARTED.value: _SURVIVORS,
    Unfit.GENERATOR.value: " Its times are the generator's as much as its own: it is not comparable. Lower the rate, "
    "or measure on a quieter machine.",
}
