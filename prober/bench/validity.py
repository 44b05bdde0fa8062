"""Whether a run says anything about the proxy: RFC 9411's criteria, and the health of the generator.

A run that misses them is invalid, not slow. Where the generator itself was the limit, nothing may be concluded about
the proxy at all; `generator_limited` says so, and no capacity is ever made of such a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prober.bench.criteria import LIMITED, Fault, Limits, Reason, percent
from prober.bench.generator_health import (
    is_local,
    local_failures,
    of_the_generator,
    of_the_machine,
    of_the_ports,
    remarks,
)
from prober.bench.kpis import Kpis, sustained, within
from prober.bench.kpis import kpis as figures_of
from prober.bench.pace import keeping_up, paces
from prober.bench.several import beside_the_others, of_one_of_several
from prober.load.slices import Measured
from prober.load.words import Load, Skip, Workload

WINDOWS: Final = 5
"""Stretches of the sustain phase whose rates are held against one another."""
LEAST_IN_WINDOW: Final = 200
"""Operations that a stretch needs for its rate to mean something."""


@dataclass(frozen=True, slots=True)
class Validity:
    """The judgement on a run."""

    valid: bool
    generator_limited: bool
    """The generator was the limit, or may have been: never a proxy's capacity."""
    reasons: tuple[Reason, ...] = ()
    remarks: tuple[Reason, ...] = ()


def validity(load: Load, measured: Measured, kpis: Kpis, limits: Limits | None = None) -> Validity:
    """Judge a run by its own figures (`kpis` of the same run)."""
    limits = limits or Limits()
    if measured.generators:
        parts = [(part, figures_of(load, part.measured)) for part in measured.generators]
        own = [each for part, figures in parts for each in of_one_of_several(load, part, figures, limits)]
        beside = tuple(beside_the_others(load, parts, limits))
    else:
        own = list(of_the_generator(load, measured, kpis, limits))
        beside = (*of_the_machine(load, measured, limits), *of_the_ports(load, measured, kpis))
    reasons = (*_of_the_run(load, measured, kpis, limits), *own)
    limited = any(reason.word in LIMITED for reason in reasons) or _own_limit(load, kpis, reasons)
    return Validity(not reasons, limited, reasons, (*remarks(load, measured, kpis, limits), *beside))


def _of_the_run(load: Load, measured: Measured, kpis: Kpis, limits: Limits) -> Iterator[Reason]:
    if measured.stopped is not None:
        early = f"The run ended early: {measured.stopped}"
        if measured.lost:
            early += f", after {kpis.seconds} s of {load.seconds:g} s. That says nothing of the way: run it again."
        yield Reason(Fault.LOST if measured.lost else Fault.STOPPED, early, kpis.seconds, load.seconds)
    if not kpis.ended:
        yield Reason(Fault.NOTHING, "No operation of the sustain phase ended: there is nothing to judge.", 0, 1)
        return
    foreign = kpis.failed - local_failures(kpis)
    if foreign / kpis.ended > limits.failed:
        first = next(each for each in kpis.failures if not is_local(each.reason))
        yield Reason(
            Fault.FAILED,
            f"{foreign:,} of {kpis.ended:,} operations failed, {percent(foreign / kpis.ended)}, the most with "
            f"{first.reason} ({first.stage}, hop {first.hop}); allowed are {percent(limits.failed)}. "
            "Lower the rate, or look at the failures.",
            foreign / kpis.ended,
            limits.failed,
        )
    if kpis.reset / kpis.ended > limits.reset:
        yield Reason(
            Fault.RESET,
            f"{kpis.reset:,} connections were reset by the peer, {percent(kpis.reset / kpis.ended)} of "
            f"{kpis.ended:,} operations; allowed are {percent(limits.reset)}. Look for limits of the proxy.",
            kpis.reset / kpis.ended,
            limits.reset,
        )
    yield from _of_the_rate(load, measured, kpis, limits)


def _of_the_rate(load: Load, measured: Measured, kpis: Kpis, limits: Limits) -> Iterator[Reason]:
    if kpis.share is not None and kpis.share < limits.achieved:
        yield Reason(
            Fault.BEHIND,
            f"{kpis.achieved:,.1f} operations per second ended well of {kpis.offered:,.1f} offered, "
            f"{percent(kpis.share)}; at least {percent(limits.achieved)} is asked for. The rate is more than this "
            "way can take.",
            kpis.share,
            limits.achieved,
        )
    drift = _drift(load, measured)
    if drift > limits.unsteady:
        yield Reason(
            Fault.UNSTEADY,
            f"What was achieved of the rate changed by {percent(drift)} within the sustain phase; allowed are "
            f"{percent(limits.unsteady)}. Something stalled or was still warming up: look at the timeline.",
            drift,
            limits.unsteady,
        )
    spread = _spread(kpis) if load.workload is Workload.TUNNEL else 0.0
    if spread > limits.concurrency:
        yield Reason(
            Fault.CONCURRENCY,
            f"Open tunnels went from {kpis.concurrent.least:,.0f} to {kpis.concurrent.most:,.0f} while they were only "
            f"held, {percent(spread)} off their mean; allowed are {percent(limits.concurrency)}. "
            "The proxy closes idle tunnels, or has no room for so many.",
            spread,
            limits.concurrency,
        )
    skipped = kpis.skipped.get(Skip.IN_FLIGHT.value, 0)
    if skipped:
        yield Reason(
            Fault.IN_FLIGHT,
            f"{skipped:,} operations were not started because {load.in_flight:,} were under way, which at this rate is "
            f"{load.in_flight / max(kpis.offered, 1e-9):.2g} s of work. Lower the rate, or raise the limit if the "
            "proxy can be expected to take that many.",
            skipped,
            0,
        )


def _own_limit(load: Load, kpis: Kpis, reasons: Sequence[Reason]) -> bool:
    """Whether `Load.in_flight` is so low that a proxy need not be slow to reach it: less than a second of work."""
    return any(reason.word is Fault.IN_FLIGHT for reason in reasons) and load.in_flight < kpis.offered


# figures behind the criteria


def _drift(load: Load, measured: Measured) -> float:
    """Widest distance of a stretch's achieved share from the whole's (`keeping_up`). Shares, because with Poisson
    arrivals the offered rate itself is not constant. 0 where there is too little for two stretches."""
    held = within(measured.slices, sustained(load))
    offered = sum(each.offered for each in held)
    stretches = min(WINDOWS, len(held) // 2, offered // LEAST_IN_WINDOW)
    whole = keeping_up(held)
    if stretches < 2 or not whole:
        return 0.0
    return max(abs(share / whole - 1) for share in paces(held, stretches) if share is not None)


def _spread(kpis: Kpis) -> float:
    mean = kpis.concurrent.mean
    return max(kpis.concurrent.most - mean, mean - kpis.concurrent.least) / mean if mean else 0.0
