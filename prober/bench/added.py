"""What proxies add: a route's stages less those of a null run that may be held against it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prober.bench.document import KpisDoc, RunDoc, SpanDoc
from prober.bench.together import merged
from prober.load.words import Measure, Span

STAGES: Final = (Span.CONNECT, Span.PROXY_TLS, Span.TUNNEL, Span.TARGET_TLS, Span.TTFB, Span.TTLB)
"""In the order in which an operation goes through them."""
WHOLE: Final = (Span.RESPONSE, Span.SERVICE)
LIKE: Final = 0.10
"""Of a route's rate: a null run whose rate is further off is none to subtract, queues grow with the rate."""


@dataclass(frozen=True, slots=True)
class Added:
    """A stage's median and 95th percentile on a route, and what they are more than without a proxy. Seconds."""

    measure: str
    p50: float | None
    p95: float | None
    p50_more: float | None
    """None where either is not known."""
    p95_more: float | None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The null run that a route is held against."""

    kpis: KpisDoc | None = None
    rate: float | None = None
    """Operations per second."""
    why: str = ""
    """Why there is none though null runs were made."""


def baseline(nulls: Sequence[RunDoc], rate: float) -> Baseline:
    """The null runs of the rate that is nearest to `rate`, put together, if they are near enough and valid."""
    if not nulls:
        return Baseline()
    near: dict[float, list[RunDoc]] = {}
    for run in nulls:
        if abs(run.rate - rate) <= LIKE * rate:
            near.setdefault(run.rate, []).append(run)
    for own, runs in sorted(near.items(), key=lambda each: abs(each[0] - rate)):
        valid = [run for run in runs if run.validity.valid]
        if 2 * len(valid) >= len(runs):  # of the rounds of a comparison; a search repeats a rate that failed
            return Baseline(merged(valid), own)
    if near:
        rates = " and ".join(f"{own:,.0f}/s" for own in near)
        return Baseline(why=f"the null run at {rates} was not valid")
    nearest = min((run.rate for run in nulls), key=lambda own: abs(own - rate))
    return Baseline(why=f"at {rate:,.0f}/s: the nearest null run was at {nearest:,.0f}/s")


def added_by(kpis: KpisDoc, baseline: KpisDoc | None) -> Iterator[Added]:
    """Each stage, and the whole operation, with what it took more than without a proxy. A stage that only a proxy has
    (its TLS, its tunnel) is added whole."""
    direct = {} if baseline is None else _by_span(baseline.spans)
    for name, span in sorted(kpis.spans.items(), key=lambda each: _place(each[0])):
        measure = Measure.parse(name)
        if measure.span not in (*STAGES, *WHOLE):
            continue
        without = direct.get(measure.span)
        without50, without95 = (None, None) if without is None else (without.p50, without.p95)
        own = baseline is not None and measure.span in (Span.PROXY_TLS, Span.TUNNEL)
        later = baseline is not None and measure.span is Span.CONNECT and measure.hop > 1
        yield Added(
            name,
            span.p50,
            span.p95,
            span.p50 if own or later else _less(span.p50, without50),
            span.p95 if own or later else _less(span.p95, without95),
        )


def _by_span(spans: Mapping[str, SpanDoc]) -> dict[Span, SpanDoc]:
    return {Measure.parse(name).span: span for name, span in spans.items()}


def _less(value: float | None, without: float | None) -> float | None:
    return None if value is None or without is None else value - without


def _place(name: str) -> tuple[int, int]:
    measure = Measure.parse(name)
    order = (*STAGES, *WHOLE)
    place = order.index(measure.span) if measure.span in order else len(order)
    if 0 < place < 3:  # a later hop's TLS and tunnel come after the ones before it
        return 1, 2 * measure.hop + place
    return place, measure.hop
