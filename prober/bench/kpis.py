"""Key performance indicators in RFC 9411's words (section 6.3), of the sustain phase alone.

Percentiles come from merged histograms; none is ever averaged, and none is given that too few samples stand behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from prober.bench.intervals import wilson
from prober.bench.pace import keeping_up
from prober.bench.profiles import holds
from prober.load.arrivals import stretch
from prober.load.histogram import Histogram
from prober.load.slices import Measured, Slice
from prober.load.words import Load, Measure, PhaseKind, Workload

LEAST_SAMPLES: Final = {50.0: 10, 90.0: 100, 95.0: 200, 99.0: 1_000, 99.9: 10_000}
"""Samples that a percentile needs: about ten beyond it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of each second over the sustain phase."""

    least: float = 0.0
    mean: float = 0.0
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class SpanFigures:
    """A stage or a whole operation, in seconds. A percentile with too few samples is None."""

    count: int
    least: float
    mean: float
    most: float
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None


@dataclass(frozen=True, slots=True)
class FailureShare:
    """Operations that failed alike, in the contract's words."""

    stage: str
    hop: int
    reason: str
    count: int
    share: float
    """Of all that ended."""
    low: float
    """95 % interval (Wilson)."""
    high: float


@dataclass(frozen=True, slots=True)
class Kpis:
    """What a run came to."""

    seconds: int
    """Whole seconds of the sustain phase that were measured; fewer than asked for if the run was stopped."""
    offered: float
    """Operations per second that became due."""
    achieved: float
    """Operations per second that ended well, of those that became due in the sustain phase, over the time in which they
    did (`keeping_up`): a queue that grows shows here while it grows."""
    share: float | None
    """Achieved of offered; None where nothing was offered."""
    ended: int
    """Of those that became due in it, each once: a tunnel that was made and then dropped is one that failed."""
    failed: int
    reset: int
    connections: Figure
    handshakes: Figure
    transactions: Figure
    concurrent: Figure
    """Connections open at each second's end."""
    throughput: Figure
    """Bits per second of application data from the target."""
    spans: dict[str, SpanFigures] = field(default_factory=dict)
    """By measure: `response`, `service`, `connect[1]`, `tunnel[1]`, `target-tls`, `ttfb`, …"""
    failures: tuple[FailureShare, ...] = ()
    """The most frequent first."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Operations that were due and never started, by cause."""

    @property
    def failed_share(self) -> float:
        """Of all that ended; 0 where nothing ended."""
        return self.failed / self.ended if self.ended else 0.0


def kpis(load: Load, measured: Measured, *, window: tuple[int, int] | None = None) -> Kpis:
    """The figures of a run's sustain phase, or of `window`: its first second and the one after its last."""
    held = within(measured.slices, window or sustained(load))
    due = counted(load, measured, window)
    whole = Slice(0)
    for each in due:
        whole.add(each)
    failed = whole.failed.total()
    ended = max(failed, whole.succeeded + failed - whole.dropped)
    offered = sum(each.offered for each in held)
    share = keeping_up(held)
    seconds = len(held)
    return Kpis(
        seconds=seconds,
        offered=offered / seconds if seconds else 0.0,
        achieved=(share or 0.0) * offered / seconds if seconds else 0.0,
        share=share,
        ended=ended,
        failed=failed,
        reset=whole.reset,
        connections=_figure(each.connections for each in due),
        handshakes=_figure(each.handshakes for each in due),
        transactions=_figure(each.transactions for each in due),
        concurrent=_figure(each.open for each in held),
        throughput=_figure(8 * each.bytes_in for each in held),
        spans={str(measure): figures(whole.spans[measure]) for measure in sorted(whole.spans)},
        failures=_failures(whole, ended),
        skipped={skip.value: count for skip, count in whole.skipped.most_common() if count},
    )


def sustained(load: Load) -> tuple[int, int]:
    """First second of the sustain phase and the one after its last; of several, from the first to the last."""
    found = holds(load.phases)
    return (found[0][0], found[-1][1]) if found else (0, 0)


def within(slices: Sequence[Slice], window: tuple[int, int]) -> list[Slice]:
    """The slices of a window's seconds."""
    return [each for each in slices if window[0] <= each.second < window[1]]


def counted(load: Load, measured: Measured, window: tuple[int, int] | None = None) -> list[Slice]:
    """The slices whose operations count: those of the sustain phase. Tunnels that are held became due while the
    connections were built up, and what befalls them is written there: so for `tunnel` the ramp-up counts as well."""
    begin, end = window or sustained(load)
    if window is None:
        begin = min(begin, opening(load)[0])
    return within(measured.slices, (begin, end))


def opening(load: Load) -> tuple[int, int]:
    """First second in which tunnels that are to be held are opened, and the one after the last; of any other workload
    nothing: begin and end of what is sustained."""
    begin = sustained(load)[0]
    ramp = stretch(load.phases, PhaseKind.RAMP_UP)
    return (int(ramp[0]), begin) if load.workload is Workload.TUNNEL and ramp[1] else (begin, begin)


def figures(histogram: Histogram) -> SpanFigures:
    """A histogram's figures; a percentile with too few samples is None."""
    found = histogram.percentiles(tuple(LEAST_SAMPLES))
    p50, p90, p95, p99, p999 = (
        found[percent] if histogram.count >= least else None for percent, least in LEAST_SAMPLES.items()
    )
    return SpanFigures(
        histogram.count, histogram.least, histogram.mean, histogram.most, p50=p50, p90=p90, p95=p95, p99=p99, p999=p999
    )


def merged(slices: Iterable[Slice], measure: Measure) -> Histogram:
    """A span's histogram over several seconds."""
    whole = Histogram()
    for each in slices:
        found = each.spans.get(measure)
        if found is not None:
            whole.add(found)
    return whole


def _figure(values: Iterable[float]) -> Figure:
    found = list(values)
    return Figure(min(found), sum(found) / len(found), max(found)) if found else Figure()


def _failures(whole: Slice, ended: int) -> tuple[FailureShare, ...]:
    counts: Counter[tuple[str, int, str]] = Counter()
    for (stage, hop, reason), count in whole.failed.items():
        counts[stage.value, hop, reason.value] += count
    ordered = sorted(((count, key) for key, count in counts.items() if count), key=lambda each: (-each[0], each[1]))
    return tuple(FailureShare(*key, count, count / ended, *wilson(count, ended)) for count, key in ordered)
