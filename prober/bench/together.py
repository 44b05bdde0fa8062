"""Several runs put together as one: histograms are added and counts summed; percentiles are never averaged. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from msgspec import convert
from msgspec.structs import replace as changed

from prober.bench.document import FailureShareDoc, KpisDoc, RateDoc, RunDoc, SpanDoc
from prober.bench.intervals import wilson
from prober.bench.kpis import figures
from prober.load.encoded import read
from prober.load.histogram import Histogram
from prober.load.words import Measure


def merged(runs: Sequence[RunDoc]) -> KpisDoc:
    """The figures of several runs as of one: histograms added, counts summed. Percentiles are never averaged."""
    if len(runs) == 1:
        return runs[0].kpis
    all_ = [run.kpis for run in runs]
    seconds = sum(each.seconds for each in all_)
    weights = [each.seconds / seconds if seconds else 1 / len(all_) for each in all_]
    ended = sum(each.ended for each in all_)
    skipped: Counter[str] = Counter()
    for each in all_:
        skipped.update(each.skipped)
    return KpisDoc(
        seconds=seconds,
        offered=sum(each.offered * weight for each, weight in zip(all_, weights, strict=True)),
        achieved=sum(each.achieved * weight for each, weight in zip(all_, weights, strict=True)),
        ended=ended,
        failed=sum(each.failed for each in all_),
        reset=sum(each.reset for each in all_),
        connections=_rates([each.connections for each in all_], weights),
        handshakes=_rates([each.handshakes for each in all_], weights),
        transactions=_rates([each.transactions for each in all_], weights),
        concurrent=_rates([each.concurrent for each in all_], weights),
        throughput=_rates([each.throughput for each in all_], weights),
        spans={name: span_document(histogram) for name, histogram in histograms(runs).items()},
        failures=tuple(_failures(all_, ended)),
        skipped=dict(skipped),
    )


def _rates(rates: Sequence[RateDoc], weights: Sequence[float]) -> RateDoc:
    return RateDoc(
        least=min(each.least for each in rates),
        mean=sum(each.mean * weight for each, weight in zip(rates, weights, strict=True)),
        most=max(each.most for each in rates),
    )


def _failures(all_: Sequence[KpisDoc], ended: int) -> Iterator[FailureShareDoc]:
    found: dict[tuple[str, int, str], list[FailureShareDoc]] = defaultdict(list)
    for each in all_:
        for failure in each.failures:
            found[failure.stage, failure.hop, failure.reason].append(failure)
    for same in found.values():
        count = sum(each.count for each in same)
        low, high = wilson(count, ended)
        yield changed(same[0], count=count, share=count / ended if ended else 0.0, low=low, high=high)


def histograms(runs: Sequence[RunDoc]) -> dict[str, Histogram]:
    """The sustain phases' histograms of several runs, added up by measure; what cannot be read is left out."""
    found: dict[str, Histogram] = {}
    for run in runs:
        for name, text in run.histograms.items():
            try:
                Measure.parse(name)
                histogram = read(text)
            except ValueError:
                continue
            if name in found:
                found[name].add(histogram)
            else:
                found[name] = histogram
    return found


def span_document(histogram: Histogram) -> SpanDoc:
    """A histogram's figures; percentiles with too few samples are null."""
    return convert(figures(histogram), SpanDoc, from_attributes=True)
