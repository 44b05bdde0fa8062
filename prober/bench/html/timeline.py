"""A run second by second: what was offered, achieved and failed, and above what latencies. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from prober.bench.document import RunDoc, SecondDoc
from prober.bench.findings import FlipDoc
from prober.bench.html.drawing import Scale, element, line, linear, logarithmic, path, steps, text
from prober.bench.html.frame import LEFT, RIGHT, WIDTH, Figure, Key, Plot, grid, legend, milliseconds, plain
from prober.load.words import PhaseKind

_RATES: Final = (56.0, 216.0)
_SPANS: Final = (260.0, 390.0)
CAPTION: Final = (
    "Offered is what became due in that second, achieved what ended well in it. Lost are operations that failed or "
    "were never started, in the second in which they were due. Response times count from when an operation was due."
)
_HEIGHT: Final = 434.0


def timeline(
    run: RunDoc, title: str, flips: Sequence[FlipDoc] = (), *, folded: bool = False, told: bool = False
) -> Figure:
    """Rates on top, response times (logarithmic) below, with the phases of the run behind them. `told`: one above it
    has the caption already."""
    seconds = run.seconds
    length = max(sum(phase.seconds for phase in run.phases), len(seconds), 1.0)
    x = Scale(0.0, float(length), LEFT, WIDTH - RIGHT, count=8)
    top = [float(max(each.offered, each.ended_well, _lost(each))) for each in seconds]
    rates = Plot(x, linear([1.06 * max([*top, 1.0])], _RATES[1], _RATES[0], count=4))
    values = [value for each in seconds for value in (each.p50, each.p99) if value]
    spans = Plot(x, logarithmic(values, _SPANS[1], _SPANS[0]))
    figure = Figure(title, _about(run), _HEIGHT, folded=folded)
    keys, _ = legend(_keys(seconds), LEFT, 20)
    figure.parts += [keys, *_phases(run, x)]
    figure.parts.append(grid(rates, title="operations per second", form=plain))
    figure.parts += _rate_lines(seconds, rates)
    figure.parts.append(
        grid(spans, title="response time in ms (log)", form=milliseconds, x_title="seconds since the run began",
             x_form=plain)
    )  # fmt: skip
    figure.parts += [
        _span_line(seconds, spans, "p50", "s-p50"),
        _span_line(seconds, spans, "p99", "s-p99"),
        *_flips(flips, x),
    ]
    if not told:
        figure.caption = CAPTION
    return figure


def _lost(second: SecondDoc) -> int:
    return second.failed + second.skipped


def _keys(seconds: Sequence[SecondDoc]) -> Iterator[Key]:
    yield Key("offered", "s-offered")
    yield Key("achieved", "s-achieved")
    if any(map(_lost, seconds)):
        yield Key("failed", "s-failed", "bar")
    if any(each.skipped for each in seconds):
        yield Key("never started", "s-skipped", "bar")
    yield Key("p50", "s-p50")
    yield Key("p99", "s-p99")
    yield Key("sustain phase (what counts)", "phase", "bar")


def _phases(run: RunDoc, x: Scale) -> Iterator[Markup]:
    """The sustain phase behind everything; its neighbours named where there is room."""
    begun = 0.0
    for phase in run.phases:
        left, right = x.at(begun), x.at(begun + phase.seconds)
        if phase.kind == PhaseKind.SUSTAIN:
            yield element("rect", x=left, y=_RATES[0], width=right - left, height=_SPANS[1] - _RATES[0], class_="phase")
        if right - left > len(phase.kind) * 6.4:
            yield text((left + right) / 2, _RATES[1] + 14, phase.kind, "tick", "middle")
        begun += phase.seconds


def _rate_lines(seconds: Sequence[SecondDoc], plot: Plot) -> Iterator[Markup]:
    wide = plot.x.at(1) - plot.x.at(0)
    for each in seconds:
        x, base = plot.x.at(each.second), plot.y.at(0)
        failed, lost = plot.y.at(each.failed), plot.y.at(_lost(each))
        bar = {"x": x + wide * 0.1, "width": max(wide * 0.8, 0.6)}
        if each.failed:
            yield element("rect", y=failed, height=max(base - failed, 1.5), class_="s-failed", **bar)
        if each.skipped:
            yield element("rect", y=lost, height=max(failed - lost, 1.5), class_="s-skipped", **bar)
    yield path(steps([plot.at(each.second, each.offered) for each in seconds], wide), "s-offered")
    yield path([plot.at(each.second + 0.5, each.ended_well) for each in seconds], "s-achieved")


def _span_line(seconds: Sequence[SecondDoc], plot: Plot, name: str, class_: str) -> Markup:
    found = ((each.second, getattr(each, name)) for each in seconds)
    return path([None if value is None else plot.at(second + 0.5, value) for second, value in found], class_)


def _flips(flips: Sequence[FlipDoc], x: Scale) -> Iterator[Markup]:
    for flip in flips:
        if flip.second is not None:
            place = x.at(flip.second)
            right = place > WIDTH - 220
            yield line(place, _RATES[0], place, _SPANS[1], "flip")
            yield text(
                place + (-5 if right else 5), _RATES[0] + 14, flip.kind, "flip-name", "end" if right else "start"
            )


def _about(run: RunDoc) -> str:
    kpis = run.kpis
    return (
        f"{run.route}: {len(run.seconds)} seconds; in the sustain phase {kpis.offered:.1f} operations per second were "
        f"offered, {kpis.achieved:.1f} ended well, {kpis.failed} failed."
    )
