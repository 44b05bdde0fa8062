"""The knee: what came through, and how late, at each rate that was tried on a route. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from prober.bench.document import Bench, RunDoc
from prober.bench.findings import CapacityDoc
from prober.bench.html.drawing import element, line, linear, logarithmic, path, text
from prober.bench.html.frame import LEFT, RIGHT, WIDTH, Figure, Key, Plot, grid, legend, marker, milliseconds, plain
from prober.load.words import Span

_RATES: Final = (58.0, 258.0)
_SPANS: Final = (300.0, 430.0)
_HEIGHT: Final = 478.0


_SIGNS: Final = (
    ("valid", "circle", "m-valid"),
    ("not valid", "cross", "m-invalid"),
    ("generator-limited", "triangle", "m-limited"),
)


def knee(route: str, runs: Sequence[RunDoc], capacity: CapacityDoc, *, most: float, folded: bool = False) -> Figure:
    """Achieved over offered on top, p99 of the response time below. `most` is the highest rate of all such charts."""
    runs = sorted(runs, key=lambda run: run.rate)
    x = linear([most * 1.04], LEFT, WIDTH - RIGHT, count=8)
    upper = Plot(x, linear([most * 1.04], _RATES[1], _RATES[0], count=5))
    late = [value for run in runs if (value := _p99(run)) is not None]
    lower = Plot(x, logarithmic(late, _SPANS[1], _SPANS[0]))
    figure = Figure(f"Knee of {route}", _about(route, capacity), _HEIGHT, folded=folded)
    keys, _ = legend(
        [
            *(Key(words, class_, kind) for words, kind, class_ in _SIGNS if (kind, class_) in set(map(_sign, runs))),
            Key("all that was offered", "ideal"),
            *([Key("between knee and breaking point", "band", "bar")] if _band(capacity) else []),
        ],
        LEFT,
        20,
    )
    figure.parts = [
        keys,
        grid(upper, title="achieved per second", form=plain),
        grid(lower, title="p99 response in ms (log)", form=milliseconds, x_title="offered per second", x_form=plain),
        *_marks(capacity, upper, lower),
        line(*upper.at(0, 0), *upper.at(most * 1.04, most * 1.04), "ideal"),
        path([upper.at(run.kpis.offered, run.kpis.achieved) for run in runs], "line thread"),
        path([None if (value := _p99(run)) is None else lower.at(run.kpis.offered, value) for run in runs],
             "line thread"),
        *(_points(runs, upper, lower)),
    ]  # fmt: skip
    figure.caption = sentence(route, capacity)
    return figure


def sentence(route: str, capacity: CapacityDoc) -> str:
    """What the search found, in words."""
    reason = capacity.reason.rstrip(".")
    if capacity.knee is None:
        return f"{route}: no rate that was tried held. {reason}."
    rate = f"{capacity.knee:,.0f}/s"
    if capacity.generator_limited:
        return f"{route}: at least {rate}; then the generator was the limit: not the proxy's capacity. {reason}."
    unsure = "" if capacity.confirmed else " (not confirmed by repeated runs)"
    if capacity.at_least:
        return f"{route}: at least {rate}{unsure}. {reason}."
    limit = "" if capacity.limit_p99 is None else f" with p99 below {milliseconds(capacity.limit_p99)} ms"
    return f"{route}: bears {rate}{limit}{unsure}. {reason}."


def null_sentence(capacity: CapacityDoc) -> str:
    """What the null search found, and what it is good for."""
    reason = capacity.reason.rstrip(".")
    what = "no rate that was tried held" if capacity.knee is None else f"held {capacity.knee:,.0f}/s"
    return (
        f"{capacity.route} (null run, searched roughly): {what}. {reason}. A route that breaks there, or above, "
        "has not shown its own limit."
    )


def capacity_lines(bench: Bench) -> Iterator[str]:
    """What every search found, that of the null run first."""
    if bench.null_capacity is not None:
        yield null_sentence(bench.null_capacity)
    yield from (sentence(each.route, each) for each in bench.capacities)


def _p99(run: RunDoc) -> float | None:
    span = run.kpis.spans.get(Span.RESPONSE.value)
    if span is None:
        return None
    return span.p95 if span.p99 is None else span.p99


def _band(capacity: CapacityDoc) -> bool:
    if capacity.knee is None or capacity.breaking is None or capacity.at_least:
        return False  # where the capacity is not between the two, the chart must not say so
    return capacity.breaking > capacity.knee


def _marks(capacity: CapacityDoc, upper: Plot, lower: Plot) -> Iterator[Markup]:
    if capacity.knee is None:
        return
    left = upper.x.at(capacity.knee)
    if capacity.breaking is not None and _band(capacity):
        right = upper.x.at(capacity.breaking)
        for plot in (upper, lower):
            yield element(
                "rect", x=left, y=plot.top, width=max(right - left, 1.0), height=plot.bottom - plot.top, class_="band"
            )
    yield line(left, upper.top, left, lower.bottom, "knee")
    words = f"{'at least ' if capacity.at_least or capacity.generator_limited else ''}{capacity.knee:,.0f}/s"
    near_left = left - upper.left < 120
    yield text(left + (6 if near_left else -6), upper.top + 16, words, "knee-name", "start" if near_left else "end")


def _points(runs: Sequence[RunDoc], upper: Plot, lower: Plot) -> Iterator[Markup]:
    for run in runs:
        kind, class_ = _sign(run)
        value = _p99(run)
        yield marker(kind, *upper.at(run.kpis.offered, run.kpis.achieved), class_)
        if value is not None:
            yield marker(kind, *lower.at(run.kpis.offered, value), class_)


def _sign(run: RunDoc) -> tuple[str, str]:
    if run.validity.generator_limited:
        return "triangle", "m-limited"
    return ("circle", "m-valid") if run.validity.valid else ("cross", "m-invalid")


def _about(route: str, capacity: CapacityDoc) -> str:
    return sentence(route, capacity)
