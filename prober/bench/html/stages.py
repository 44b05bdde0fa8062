"""The stages of an operation as a waterfall for each route. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from prober.bench.added import STAGES, Added
from prober.bench.html.drawing import Scale, element, line, linear, text
from prober.bench.html.frame import RIGHT, WIDTH, Figure, Key, Plot, grid, legend, milliseconds
from prober.bench.standing import Standing
from prober.load.words import Measure, Span

NAMES: Final = {
    Span.CONNECT: "TCP connection",
    Span.PROXY_TLS: "TLS with the proxy",
    Span.TUNNEL: "CONNECT or SOCKS",
    Span.TARGET_TLS: "TLS with the target",
    Span.TTFB: "to the first byte",
    Span.TTLB: "to the last byte",
}
_LABELS: Final = 214.0
_VALUES: Final = 200.0
_ROW: Final = 20.0
_GAP: Final = 14.0


def waterfall(standings: Sequence[Standing]) -> Figure | None:
    """A row for each stage, begun where the median of the one before ended. None without any stage."""
    shown = [(each, stages_of(each)) for each in standings]
    shown = [(each, stages) for each, stages in shown if stages]
    if not shown:
        return None
    ends = [sum(more for _, more, _ in _bars(stages)) for _, stages in shown]
    tails = [start + (stage.p95 or 0) for _, stages in shown for stage, _, start in _bars(stages)]
    present = {Measure.parse(stage.measure).span for _, stages in shown for stage in stages}
    used = [span for span in STAGES if span in present]
    keys, low = legend(
        [*(Key(NAMES[span], f"g-{span.value}", "bar") for span in used), Key("to its 95th percentile", "whisker")],
        4,
        20,
    )
    top = low + 34
    height = sum(_ROW * len(stages) + _GAP + _ROW for _, stages in shown)
    longest = max([*ends, *tails])
    cut = min(longest, max(ends) * 2.2) or longest or 0.001
    x = linear([cut], _LABELS, WIDTH - _VALUES, count=6)
    plot = Plot(x, Scale(0, 1, top + height, top))
    figure = Figure("Where the time goes", _about(shown), top + height + 46)
    figure.parts = [
        keys,
        grid(plot, title="", x_title="ms from the start of an operation, stage after stage (medians)",
             x_form=milliseconds),
        text(WIDTH - RIGHT, top - 8, "p50 · p95 · more than direct", "tick", "end"),
    ]  # fmt: skip
    y = top + 4
    for standing, stages in shown:
        figure.parts += _rows(standing, stages, plot, y)
        y += _ROW * (len(stages) + 1) + _GAP
    figure.caption = (
        "Each bar is a stage's median and begins where the one before ended; the thin line reaches to its 95th "
        "percentile. Medians do not add up to the median of the whole. “More than direct” is the difference of medians "
        "to the null run at about the same rate: what the way over the proxy adds. "
        "Where a proxy opens TLS, the TLS stage is its own work."
    )
    return figure


def stages_of(standing: Standing) -> list[Added]:
    """Its stages with a median, each once: of the answer the time to its first byte, and what is left to the last."""
    return [each for each in standing.added if Measure.parse(each.measure).span in STAGES and each.p50 is not None]


def _bars(stages: Sequence[Added]) -> Iterator[tuple[Added, float, float]]:
    """Each stage with its width and start, in seconds. The last byte's time counts from the request, as the first's."""
    begun = 0.0
    first = 0.0
    for stage in stages:
        span = Measure.parse(stage.measure).span
        width = stage.p50 or 0.0
        if span is Span.TTLB:
            yield stage, max(width - first, 0.0), begun
            begun += max(width - first, 0.0)
            continue
        if span is Span.TTFB:
            first = width
        yield stage, width, begun
        begun += width


def _rows(standing: Standing, stages: Sequence[Added], plot: Plot, y: float) -> Iterator[Markup]:
    against = "" if standing.null_rate is None else f", more than direct at {standing.null_rate:,.0f}/s"
    yield text(4, y + 14, standing.route + (" (null run)" if standing.null else against), "route")
    y += _ROW
    for stage, width, begun in _bars(stages):
        measure = Measure.parse(stage.measure)
        hop = f", hop {measure.hop}" if measure.hop else ""
        left, right = plot.x.at(begun), plot.x.at(begun + width)
        shift = begun if measure.span is not Span.TTLB else begun + width - (stage.p50 or 0)
        yield text(_LABELS - 8, y + 14, f"{NAMES[measure.span]}{hop}", "label", "end")
        if stage.p95 is not None:
            tail = plot.x.at(shift + stage.p95)
            yield line(left, y + 10, tail, y + 10, "whisker")
            if shift + stage.p95 <= plot.x.high:
                yield line(tail, y + 6, tail, y + 14, "whisker")
        yield element(
            "rect", x=left, y=y + 3, width=max(right - left, 1.5), height=14, class_=f"g-{measure.span.value}"
        )
        yield text(WIDTH - RIGHT, y + 14, _values(stage, null=standing.null), "value", "end")
        y += _ROW


def _values(stage: Added, *, null: bool) -> str:
    p95 = "–" if stage.p95 is None else fine(stage.p95)
    more = "" if null else " · –" if stage.p50_more is None else f" · {signed(stage.p50_more)}"
    return f"{fine(stage.p50 or 0)} · {p95}{more}"


def fine(seconds: float) -> str:
    """Milliseconds to three figures: `0.41`, `12.3`, `1,204`."""
    value = seconds * 1000
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def signed(seconds: float) -> str:
    """The same with its sign."""
    return ("+" if seconds >= 0 else "−") + fine(abs(seconds))


def _about(shown: Sequence[tuple[Standing, list[Added]]]) -> str:
    return "; ".join(
        f"{standing.route}: " + ", ".join(f"{stage.measure} {fine(stage.p50 or 0)} ms" for stage in stages)
        for standing, stages in shown
    )
