"""The generator's own health: what makes a run say nothing about the proxy, and what to bear in mind beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Final

from prober.bench.criteria import RFC_SUSTAIN, Fault, Limits, Reason, Remark, percent
from prober.bench.kpis import LEAST_SAMPLES, Kpis, counted, figures, merged, opening, sustained
from prober.bench.lateness import late_starts, lateness
from prober.load.arrivals import planned
from prober.load.slices import HealthSample, Measured
from prober.load.words import Load, Measure, Skip, Span, Workload
from prober.model import words

TIME_WAIT: Final = 60
"""Seconds that Linux keeps a local port after a connection."""
LEAST_OPENED: Final = 20
"""Samples from while tunnels were opened, of which the loop's lag is judged: it is a matter of one second in twenty."""
_DENIED: Final = frozenset({words.Reason.PROXY_DENIED, words.Reason.PROXY_AUTH_REQUIRED, words.Reason.PROXY_CLOSED})
"""How a proxy says that it does not admit an address."""


def sustained_health(load: Load, measured: Measured) -> list[HealthSample]:
    """The samples of the sustain phase."""
    begin, end = sustained(load)
    return [each for each in measured.health if begin <= each.second < end]


def opening_health(load: Load, measured: Measured) -> list[HealthSample]:
    """For `tunnel`, the samples from while tunnels were opened: all its work is done and timed then."""
    begin, end = opening(load)
    return [each for each in measured.health if begin <= each.second < end]


def of_the_generator(
    load: Load, measured: Measured, kpis: Kpis, limits: Limits, *, alone: bool = True
) -> Iterator[Reason]:
    """Criteria that the generator missed: one machine's processes (`kpis` of the same). `alone`: there is no other."""
    starts = merged(counted(load, measured), Measure(Span.LATENESS))
    late, may = late_starts(starts, limits.lateness)
    found = lateness(figures(starts))
    if found is not None and late > may:
        yield Reason(
            Fault.LATE,
            f"The generator itself was late: {late:,} of {starts.count:,} operations were started more than "
            f"{1e3 * limits.lateness:.1f} ms after they were due, allowed are {may:,} ({found.name} "
            f"{1e3 * found.seconds:.1f} ms). Use more --workers, another machine, or a lower rate.",
            found.seconds,
            limits.lateness,
        )
    skipped = kpis.skipped.get(Skip.LATE.value, 0)
    if skipped:
        yield Reason(
            Fault.SKIPPED_LATE,
            f"The generator came to {skipped:,} operations more than {load.most_late:g} s late and left them out. "
            "Use more --workers, another machine, or a lower rate.",
            skipped,
            0,
        )
    local = kpis.skipped.get(Skip.LOCAL.value, 0) + local_failures(kpis)
    if local:
        yield Reason(
            Fault.LOCAL,
            f"This machine had no descriptor, port or memory left for {local:,} operations. "
            "Raise its limits (ulimit -n, net.ipv4.ip_local_port_range), "
            f"{'give more addresses (--source)' if alone else 'use more machines'}, or lower the rate.",
            local,
            0,
        )
    yield from _of_the_processor((sustained_health(load, measured), opening_health(load, measured)), limits)


def _of_the_processor(
    health: tuple[Sequence[HealthSample], Sequence[HealthSample]], limits: Limits
) -> Iterator[Reason]:
    """Each stretch for itself: tunnels are opened in seconds and held for minutes, in which nothing is to be done."""
    cpu = max(map(busiest, health))
    if cpu > limits.cpu:
        yield Reason(
            Fault.CPU,
            f"The busiest generator process used {percent(cpu)} of its core, allowed are {percent(limits.cpu)}. "
            "Use more --workers, another machine, or a lower rate.",
            cpu,
            limits.cpu,
        )
    machine = max(mean([each.machine_cpu for each in part]) for part in health)
    if machine > limits.machine_cpu:
        yield Reason(
            Fault.MACHINE,
            f"All cores of this machine were in use, {percent(machine)}; the limit is {percent(limits.machine_cpu)}. "
            "Run the generator on a machine of its own, or lower the rate.",
            machine,
            limits.machine_cpu,
        )
    sustain, opened = health
    lag = _most_of([each.lag for each in sustain])
    if len(opened) >= LEAST_OPENED:
        lag = max(lag, _most_of([each.lag for each in opened]))
    if lag > limits.lag:
        yield Reason(
            Fault.LAG,
            f"In one second of twenty a generator process stood still for {1e3 * lag:.0f} ms or more, allowed are "
            f"{1e3 * limits.lag:.0f} ms. Something else takes their core: use another machine or fewer --workers.",
            lag,
            limits.lag,
        )


def remarks(load: Load, measured: Measured, kpis: Kpis, limits: Limits) -> Iterator[Reason]:
    """What does not make a run invalid."""
    health = sustained_health(load, measured)
    response = kpis.spans.get(Span.RESPONSE.value)
    count = response.count if response is not None else 0
    missing = [each for each in (50.0, 95.0, 99.0) if count < LEAST_SAMPLES[each]]
    if missing:
        least = LEAST_SAMPLES[missing[0]]
        names = ", ".join(f"p{each:g}" for each in missing)
        yield Reason(
            Remark.FEW_SAMPLES,
            f"{count:,} samples are too few for {names} ({least:,} and more): not given. Measure longer.",
            count,
            least,
        )
    if kpis.seconds < RFC_SUSTAIN:
        yield Reason(
            Remark.SHORT,
            f"The sustain phase was {kpis.seconds} s; RFC 9411 asks for {RFC_SUSTAIN} s.",
            kpis.seconds,
            RFC_SUSTAIN,
        )
    if not health:
        yield Reason(Remark.NO_HEALTH, "Nothing is known of the generator's own health in the sustain phase.", 0, 1)
    yield from _of_the_sources(measured, kpis)


def of_the_machine(load: Load, measured: Measured, limits: Limits) -> Iterator[Reason]:
    """What does not make a run invalid, of one machine."""
    health = sustained_health(load, measured)
    machine = mean([each.machine_cpu for each in health])
    if limits.machine_busy < machine <= limits.machine_cpu:
        yield Reason(
            Remark.MACHINE,
            f"{percent(machine)} of this machine's cores was in use. If proxy or origin run here too, the figures are "
            "those of the machine.",
            machine,
            limits.machine_busy,
        )
    opened = max((each.descriptors for each in health), default=0)
    if measured.descriptor_limit and opened > limits.resources * measured.descriptor_limit:
        yield Reason(
            Remark.DESCRIPTORS,
            f"A generator process had {opened:,} of {measured.descriptor_limit:,} descriptors open: raise ulimit -n.",
            opened,
            limits.resources * measured.descriptor_limit,
        )


def of_the_ports(
    load: Load, measured: Measured, kpis: Kpis, *, part: float = 1.0, alone: bool = True
) -> Iterator[Reason]:
    """Whether one machine has local ports enough for its connections (`kpis` of the same); it makes `part` of the load,
    and with `alone` there is no other."""
    more = "Give more local addresses (--source)." if alone else "Use more machines, or lower the rate."
    waiting, ports = kpis.connections.mean * TIME_WAIT, measured.ports * measured.sources
    if ports and waiting > ports:
        yield Reason(
            Remark.PORTS,
            f"{kpis.connections.mean:,.0f} connections per second keep {waiting:,.0f} local ports busy for "
            f"{TIME_WAIT} s each; there are {ports:,} towards one peer. {more}",
            waiting,
            ports,
        )
    held = part * planned(load.phases) if load.workload is Workload.TUNNEL else 0.0
    if ports and held > ports:
        yield Reason(
            Remark.PORTS,
            f"{held:,.0f} tunnels keep a local port each; there are {ports:,} towards one peer. {more}",
            held,
            ports,
        )


def _of_the_sources(measured: Measured, kpis: Kpis) -> Iterator[Reason]:
    denied = sum(each.count for each in kpis.failures if each.reason in _DENIED and each.hop == 1)
    if measured.sources > 1 and denied:
        yield Reason(
            Remark.SOURCES,
            f"Connections left from {measured.sources} local addresses in turn, and the first proxy denied {denied:,} "
            "operations. If it admits one address alone, "
            + ("let it admit 127.0.0.0/8." if measured.generators else "connect from that one: --source 127.0.0.1."),
            denied,
            0,
        )


def local_failures(kpis: Kpis) -> int:
    """Operations that failed for want of something on this machine."""
    return sum(each.count for each in kpis.failures if is_local(each.reason))


def is_local(reason: str) -> bool:
    """Whether a failure word means this machine's own exhaustion."""
    return reason.startswith("local-")


def busiest(health: Sequence[HealthSample]) -> float:
    """Mean share of a core that the busiest process used."""
    workers = {each.worker for each in health}
    return max((mean([each.cpu for each in health if each.worker == worker]) for worker in workers), default=0.0)


def _most_of(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else 0.0


def mean(values: Sequence[float]) -> float:
    """0 of nothing."""
    return fmean(values) if values else 0.0
