"""Figures with their limits: what a part of the benchmark comes to, and how it is told."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing measured, with every value that was seen: one a round."""

    name: str
    unit: str
    values: tuple[float, ...]
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None
    """As `at_most`, but not to be reached."""

    @property
    def median(self) -> float:
        """What counts."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median is within the limit; None where there is none. Nothing measured meets nothing."""
        limits = (self.at_least, self.at_most, self.below)
        if limits == (None, None, None):
            return None
        if not self.values:
            return False
        return (
            (self.at_least is None or self.median >= self.at_least)
            and (self.at_most is None or self.median <= self.at_most)
            and (self.below is None or self.median < self.below)
        )

    @property
    def limit(self) -> str:
        """The limit in words; empty where there is none."""
        words = (("≥", self.at_least), ("≤", self.at_most), ("<", self.below))
        return " ".join(f"{sign} {value:g}" for sign, value in words if value is not None)


class Part(msgspec.Struct, kw_only=True):
    """One part's outcome."""

    name: str
    about: str
    notes: list[str] = []
    """What the reader must know: which programs took part, what is missing."""
    figures: list[Figure] = []
    raw: list[dict[str, object]] = []
    """Everything that was read, round by round."""
    broken: str | None = None
    """Why there is no more of it."""

    @property
    def met(self) -> bool:
        """Whether it came to its end and no limit is missed."""
        return self.broken is None and all(figure.met is not False for figure in self.figures)

    def document(self) -> dict[str, object]:
        """For JSON, with what is derived."""
        figures = [
            {**msgspec.to_builtins(each), "median": each.median if each.values else None, "met": each.met}
            for each in self.figures
        ]
        return {
            "name": self.name,
            "about": self.about,
            "broken": self.broken,
            "notes": self.notes,
            "figures": figures,
            "raw": self.raw,
        }


def ratio(name: str, ours: Sequence[float], theirs: Sequence[float], *, at_least: float | None = None) -> Figure:
    """Ours over theirs, round by round: what a round's noise did to both cancels out."""
    values = tuple(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Figure(name=name, unit="×", values=values, at_least=at_least)


def difference(name: str, ours: Sequence[float], theirs: Sequence[float], *, below: float | None = None) -> Figure:
    """Ours less theirs, round by round, in microseconds."""
    values = tuple(mine - other for mine, other in zip(ours, theirs, strict=True))
    return Figure(name=name, unit="µs", values=values, below=below)


def lines(part: Part) -> Iterable[str]:
    """The part as text, a table of its figures: median, least and most of the rounds."""
    yield ""
    yield f"{part.name}: {part.about}"
    yield from (f"  ({note})" for note in part.notes)
    if part.broken is not None:
        yield f"  BROKE OFF: {part.broken}"
    if not part.figures:
        return
    width = max(len(each.name) for each in part.figures)
    yield f"  {'':{width}} {'median':>12} {'least':>12} {'most':>12}  {'':5} {'limit':>9}"
    for each in part.figures:
        verdict = {None: "", True: "met", False: "MISSED"}[each.met]
        if not each.values:
            numbers = f"{'not measured':>12} {'':12} {'':12}"
        else:
            numbers = " ".join(f"{_shown(value):>12}" for value in (each.median, min(each.values), max(each.values)))
        yield f"  {each.name:{width}} {numbers}  {each.unit:5} {each.limit:>9}  {verdict}".rstrip()


def _shown(value: float) -> str:
    """Four digits that mean something, thousands set apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"
