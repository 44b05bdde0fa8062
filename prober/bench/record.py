"""What was measured becomes documents: seconds, histograms, keys and the generator's health. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import convert

from prober.bench.comparison import Comparison
from prober.bench.document import (
    FailureShareDoc,
    GeneratorDoc,
    HealthDoc,
    KeyDoc,
    KpisDoc,
    PhaseDoc,
    RunDoc,
    SecondDoc,
    ValidityDoc,
)
from prober.bench.findings import CapacityDoc, ComparisonDoc, DifferenceDoc, FitnessDoc, FlipDoc, PercentileDoc, TierDoc
from prober.bench.flips import Finding
from prober.bench.generator_health import busiest, mean, opening_health, sustained_health
from prober.bench.intervals import wilson
from prober.bench.knee import Capacity
from prober.bench.kpis import Kpis, counted, figures, merged
from prober.bench.kpis import kpis as kpis_of
from prober.bench.validity import Validity
from prober.load.histogram import Histogram
from prober.load.slices import GeneratorShare, KeySeen, Measured, Slice
from prober.load.words import Load, Measure, Span
from prober.report.scalars import instant, wire_text

RESPONSE: Final = Measure(Span.RESPONSE)
LATENESS: Final = Measure(Span.LATENESS)
MAX_KEYS: Final = 64
"""Leaf keys listed of a run, the most frequent first."""
LEAST_FOR_P99: Final = 20
"""Samples of one second from which its p99 is drawn; it is then near its largest value, and says so in the docs."""


def run_document(
    load: Load, measured: Measured, kpis: Kpis, validity: Validity, *, purpose: str, rate: float
) -> RunDoc:
    """Everything about a run."""
    return RunDoc(
        route=measured.route,
        purpose=purpose,
        started=instant(measured.begun),
        rate=rate,
        seed=load.seed,
        phases=phase_documents(load),
        kpis=convert(kpis, KpisDoc, from_attributes=True),
        validity=convert(validity, ValidityDoc, from_attributes=True),
        health=health_document(load, measured),
        seconds=tuple(second_documents(measured)),
        histograms=histogram_texts(counted(load, measured)),
        keys=key_documents(measured.slices),
        stopped=measured.stopped,
        other_failures=tuple(_other_failures(load, measured)),
        generators=tuple(_generator_document(load, part) for part in measured.generators),
    )


def _generator_document(load: Load, part: GeneratorShare) -> GeneratorDoc:
    own = kpis_of(load, part.measured)
    response = own.spans.get(str(RESPONSE))
    return GeneratorDoc(
        name=part.name,
        processes=part.processes,
        offered=own.offered,
        achieved=own.achieved,
        failed=own.failed,
        health=health_document(load, part.measured),
        uncertainty=part.uncertainty,
        skew=part.skew,
        late=part.late,
        p50=None if response is None else response.p50,
        p99=None if response is None else response.p99,
    )


def _other_failures(load: Load, measured: Measured) -> Iterator[FailureShareDoc]:
    """A run that ended while the load was still growing has nothing but these to tell."""
    whole = Slice(0)
    within = {each.second for each in counted(load, measured)}
    for each in measured.slices:
        if each.second not in within:
            whole.add(each)
    ended = whole.succeeded + whole.failed.total() - whole.dropped
    for (stage, hop, reason), count in whole.failed.most_common():
        yield FailureShareDoc(stage.value, hop, reason.value, count, count / ended, *wilson(count, ended))


def phase_documents(load: Load) -> tuple[PhaseDoc, ...]:
    """The profile."""
    return tuple(PhaseDoc(each.kind.value, each.seconds, each.rate, each.to_rate) for each in load.phases)


def histogram_texts(slices: Sequence[Slice]) -> dict[str, str]:
    """All spans of these seconds, added up and encoded, by measure."""
    whole = Slice(0)
    for each in slices:
        whole.add(each)
    return {str(measure): histogram.encode() for measure, histogram in sorted(whole.spans.items())}


def second_documents(measured: Measured) -> Iterator[SecondDoc]:
    """Every second of a run."""
    busiest: dict[int, float] = {}
    for sample in measured.health:
        busiest[sample.second] = max(busiest.get(sample.second, 0.0), sample.cpu)
    for each in measured.slices:
        yield second_document(each, busiest.get(each.second))


def second_document(one: Slice, cpu: float | None) -> SecondDoc:
    """One second."""
    response = one.spans.get(RESPONSE)
    return SecondDoc(
        second=one.second,
        offered=one.offered,
        started=one.started,
        succeeded=one.succeeded,
        failed=one.failed.total(),
        skipped=one.skipped.total(),
        ended=one.ended,
        ended_well=one.ended_well,
        open=one.open,
        bytes_in=one.bytes_in,
        connections=one.connections,
        handshakes=one.handshakes,
        transactions=one.transactions,
        p50=_percentile(response, 50.0, 1),
        p99=_percentile(response, 99.0, LEAST_FOR_P99),
        cpu=cpu,
        response=response.encode() if response is not None and response.count else None,
        keys={key: seen.count for key, seen in _most_seen(one.keys)},
    )


def _percentile(histogram: Histogram | None, percent: float, least: int) -> float | None:
    return None if histogram is None or histogram.count < least else histogram.percentile(percent)


def key_documents(slices: Sequence[Slice]) -> tuple[KeyDoc, ...]:
    """Leaf keys of a whole run, the most frequent first."""
    whole = Slice(0)
    for each in slices:
        whole.add(each)
    return tuple(
        KeyDoc(key=key, issuer=wire_text(seen.issuer), count=seen.count, first=max(seen.first, 0.0))
        for key, seen in _most_seen(whole.keys)
    )


def _most_seen(keys: dict[str, KeySeen]) -> list[tuple[str, KeySeen]]:
    return sorted(keys.items(), key=lambda each: -each[1].count)[:MAX_KEYS]


def health_document(load: Load, measured: Measured) -> HealthDoc:
    """The generator over the sustain phase, and while tunnels were opened: the worst of its processes, and of its
    machines if it had several."""
    starts = figures(merged(counted(load, measured), LATENESS))
    if measured.generators:
        each = [health_document(load, part.measured) for part in measured.generators]
        return HealthDoc(
            cpu=max(one.cpu for one in each),
            machine_cpu=max(one.machine_cpu for one in each),
            lag=max(one.lag for one in each),
            lateness_p99=starts.p99,
            descriptors=max(one.descriptors for one in each),
            descriptor_limit=measured.descriptor_limit,
            ports=measured.ports,
        )
    stretches = [each for each in (opening_health(load, measured), sustained_health(load, measured)) if each]
    stretches = stretches or [measured.health]
    samples = [each for stretch in stretches for each in stretch]
    return HealthDoc(
        cpu=max(busiest(each) for each in stretches),
        machine_cpu=max(mean([each.machine_cpu for each in stretch]) for stretch in stretches),
        lag=max((each.lag for each in samples), default=0.0),
        lateness_p99=starts.p99,
        descriptors=max((each.descriptors for each in samples), default=0),
        descriptor_limit=measured.descriptor_limit,
        ports=measured.ports,
    )


def flip_document(route: str, finding: Finding, run: int) -> FlipDoc:
    """A finding about leaf keys; `run` is the run's place in the document."""
    return FlipDoc(route, finding.kind.value, finding.text, finding.second, finding.rate, run, finding.before)


def capacity_document(route: str, capacity: Capacity) -> CapacityDoc:
    """What a search has found on a route."""
    return CapacityDoc(
        route=route,
        knee=capacity.knee,
        breaking=capacity.breaking,
        reason=capacity.reason,
        word=str(capacity.word),
        generator_limited=capacity.generator_limited,
        confirmed=capacity.confirmed,
        at_least=capacity.at_least,
        direct_limited=capacity.direct_limited,
        low=capacity.low,
        high=capacity.high,
        baseline_p99=capacity.baseline_p99,
        limit_p99=capacity.limit_p99,
        best_power=capacity.best_power,
    )


def comparison_document(compared: Comparison, rate: float, order: Sequence[str]) -> ComparisonDoc:
    """What rounds of blocks have shown."""
    return ComparisonDoc(
        rate=rate,
        blocks=compared.rounds,
        order=tuple(order),
        differences=tuple(convert(each, DifferenceDoc, from_attributes=True) for each in compared.differences),
        tiers=tuple(convert(each, TierDoc, from_attributes=True) for each in compared.tiers),
        percentiles=tuple(convert(each, PercentileDoc, from_attributes=True) for each in compared.standings),
        remarks=tuple(each.text for each in compared.remarks),
        fitness=tuple(convert(each, FitnessDoc, from_attributes=True) for each in compared.fitness),
    )
