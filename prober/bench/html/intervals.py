"""Differences between routes with their intervals: a forest plot. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from prober.bench.findings import ComparisonDoc, DifferenceDoc
from prober.bench.html.drawing import Scale, line, linear, text
from prober.bench.html.frame import RIGHT, WIDTH, Figure, Key, Plot, grid, legend, marker
from prober.bench.html.stages import signed

_LABELS: Final = 250.0
_VALUES: Final = 250.0
_ROW: Final = 22.0


def intervals(comparison: ComparisonDoc) -> Figure | None:
    """A row for each pair and percentile: the difference in ms, its interval, and the line of no difference."""
    rows = comparison.differences
    if not rows:
        return None
    keys, low = legend(
        [Key("different", "m-different", "circle"), Key("indistinguishable", "m-same", "diamond"),
         *([Key("not comparable", "m-invalid", "cross")] if any(each.word for each in rows) else []),
         Key("interval", "ci"), Key("no difference", "zero")],
        4, 20,
    )  # fmt: skip
    top = low + 30
    bottom = top + _ROW * len(rows) + 10
    values = [value * 1000 for each in rows for value in (each.low, each.high, each.difference)]
    x = linear([*values, *(-0.15 * value for value in values)], _LABELS, WIDTH - _VALUES, count=6)
    plot = Plot(x, Scale(0, 1, bottom, top))
    figure = Figure("Routes compared", _about(rows), bottom + 46)
    figure.parts = [
        keys,
        grid(plot, title="", x_title="difference of response times in ms (right: the second is slower)",
             x_form=_round),
        line(x.at(0), top, x.at(0), bottom, "zero"),
        text(WIDTH - RIGHT, top - 8, "difference in ms [interval], in %", "tick", "end"),
    ]  # fmt: skip
    before: tuple[str, str] | None = None
    for place, row in enumerate(rows):
        y = top + _ROW * place + _ROW / 2 + 5
        if before is not None and (row.a, row.b) != before:
            figure.parts.append(line(4, y - _ROW / 2, WIDTH - RIGHT, y - _ROW / 2, "grid"))
        figure.parts += _row(row, plot, y, named=(row.a, row.b) != before)
        before = row.a, row.b
    figure.caption = (
        f"{comparison.blocks} blocks of each route, in random order, at {comparison.rate:,.0f}/s. The unit of analysis "
        "is the round, not the request. Intervals hold at 95 % over the whole chart (Holm's correction). Where one "
        "spans zero the two cannot be told apart, which is not the same as being equal."
    )
    return figure


def _round(value: float) -> str:
    """A tick: `−5,000`, `0`, `0.5`."""
    text = f"{abs(value):,.0f}" if abs(value) >= 10 else f"{abs(value):g}"
    return f"−{text}" if value < 0 else text


def _row(row: DifferenceDoc, plot: Plot, y: float, *, named: bool) -> Iterator[Markup]:
    kind, class_ = ("circle", "m-different") if row.distinguishable else ("diamond", "m-same")
    if row.word:
        kind, class_ = "cross", "m-invalid"
    if named:
        yield text(4, y + 4, f"{row.a[:16]} → {row.b[:16]}", "route")
    yield text(_LABELS - 10, y + 4, row.percentile, "label", "end")
    left, right = plot.x.at(row.low * 1000), plot.x.at(row.high * 1000)
    yield line(left, y, right, y, "ci")
    yield line(left, y - 4, left, y + 4, "ci")
    yield line(right, y - 4, right, y + 4, "ci")
    yield marker(kind, plot.x.at(row.difference * 1000), y, class_)
    words = f"{signed(row.difference)} [{signed(row.low)}, {signed(row.high)}], {row.share:+.0%}"
    yield text(WIDTH - RIGHT, y + 4, words, "value", "end")


def _about(rows: Sequence[DifferenceDoc]) -> str:
    return "; ".join(
        f"{row.a} to {row.b}, {row.percentile}: {signed(row.difference)} ms"
        f"{f', not comparable ({row.word})' if row.word else '' if row.distinguishable else ', indistinguishable'}"
        for row in rows
    )
