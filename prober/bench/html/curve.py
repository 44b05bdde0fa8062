"""Percentile curves: how slow the slow ones are, out to where the samples end. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from prober.bench.html.drawing import Scale, logarithmic, path, text
from prober.bench.html.frame import LEFT, WIDTH, Figure, Key, Plot, grid, legend, milliseconds
from prober.load.histogram import Histogram

BEYOND: Final = 10
"""Samples beyond a percentile below which it is not drawn."""
_END: Final = 100.0
"""Pixels for names at the right."""
_TICKS: Final = (0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999)


def curves(routes: Sequence[tuple[str, int, Histogram | None, Histogram | None]], title: str) -> Figure | None:
    """A curve for each route (name, colour, response, service): response solid, service dashed. None without any."""
    drawn = [each for each in routes if each[2] is not None and each[2].count >= 2 * BEYOND]
    if not drawn:
        return None
    most = max(histogram.count for _, _, histogram, _ in drawn if histogram is not None)
    furthest = max(2.0, math.log10(most / BEYOND))
    x = Scale(0.0, furthest, LEFT, WIDTH - _END)
    lines = [
        (name, colour, kind, list(_points(histogram)))
        for name, colour, response, service in drawn
        for kind, histogram in (("response", response), ("service", service))
        if histogram is not None and histogram.count
    ]
    values = [value for _, _, _, points in lines for _, value in points]
    entries = [Key(name, f"line r{colour}") for name, colour, _, _ in drawn]
    keys, low = legend(
        [
            *entries,
            Key("response, from when it was due", "line plain"),
            Key("service, from its start", "line plain dash"),
        ],
        LEFT,
        20,
    )
    top, bottom = low + 36, low + 336
    plot = Plot(x, logarithmic(values, bottom, top))
    ticks = [_nines(each) for each in _TICKS if _nines(each) <= furthest + 0.01]
    figure = Figure(title, _about(drawn), bottom + 44)
    figure.parts = [
        keys,
        grid(plot, title="ms (log)", form=milliseconds, x_title="percentile (log of what is beyond)",
             x_form=lambda nines: f"p{100 - 100 / 10**nines:.5g}", x_ticks=ticks),
    ]  # fmt: skip
    for _, colour, kind, points in reversed(lines):
        class_ = f"line r{colour}" + (" dash" if kind == "service" else "")
        figure.parts.append(path([plot.at(nines, value) for nines, value in points], class_))
    figure.parts += _names([line for line in lines if line[2] == "response"], plot)
    figure.caption = (
        f"Read upwards: at p99 one operation in a hundred was slower than this. A curve ends where fewer than {BEYOND} "
        "operations are beyond it. A gap between response and service is time that operations waited for their start."
    )
    return figure


def _nines(percent: float) -> float:
    """How many nines a percentile has: 90 → 1, 99.9 → 3."""
    return -math.log10(1 - percent / 100)


def _points(histogram: Histogram) -> Iterator[tuple[float, float]]:
    """Nines and seconds, a hundred points a decade of what is beyond."""
    last = math.log10(max(histogram.count / BEYOND, 1.0))
    count = max(int(last * 60), 2)
    nines = [last * place / count for place in range(count + 1)]
    values = histogram.percentiles([100 - 100 / 10**each for each in nines])
    yield from zip(nines, values.values(), strict=False)


def _names(lines: Sequence[tuple[str, int, str, list[tuple[float, float]]]], plot: Plot) -> Iterator[Markup]:
    """Each curve's name at its end, kept from lying upon one another."""
    ends = sorted(((*plot.at(*points[-1]), name, colour) for name, colour, _, points in lines if points),
                  key=lambda each: each[1])  # fmt: skip
    above = -100.0
    for x, y, name, colour in ends:
        above = max(y + 4, above + 14)
        yield text(x + 6, above, name[:14], f"name n{colour}")


def _about(drawn: Sequence[tuple[str, int, Histogram | None, Histogram | None]]) -> str:
    parts = (
        f"{name}: median {milliseconds(histogram.percentile(50))} ms, 99th percentile "
        f"{milliseconds(histogram.percentile(99))} ms"
        for name, _, histogram, _ in drawn
        if histogram is not None
    )
    return "; ".join(parts)
