"""Several machines make one load: each is judged by itself, and whether they began together.

Figures of all machines together would hide one that is unwell among others that are not: the busiest processor and the
late starts are asked of each, as are ports and descriptors. A machine judged by few starts of its own may be found late
by chance (`prober.bench.lateness`), so with several machines a sound run is a little more often called
generator-limited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from prober.bench.criteria import Limits, Reason, Remark
from prober.bench.generator_health import of_the_generator, of_the_machine, of_the_ports
from prober.bench.kpis import Kpis
from prober.load.slices import GeneratorShare
from prober.load.words import Load


def of_one_of_several(load: Load, part: GeneratorShare, own: Kpis, limits: Limits) -> Iterator[Reason]:
    """Criteria that one machine missed (`own` are its figures)."""
    for reason in of_the_generator(load, part.measured, own, limits, alone=False):
        yield _named(part, reason)


def _named(part: GeneratorShare, reason: Reason) -> Reason:
    return replace(reason, text=f"Generator {part.name}: {reason.text}")


def beside_the_others(load: Load, parts: Sequence[tuple[GeneratorShare, Kpis]], limits: Limits) -> Iterator[Reason]:
    """What to bear in mind about each, by its own figures: its machine and ports, whether they began together, what
    their clocks say."""
    processes = sum(part.processes for part, _ in parts)
    for part, own in parts:
        ports = of_the_ports(load, part.measured, own, part=part.processes / processes, alone=False)
        for reason in (*of_the_machine(load, part.measured, limits), *ports):
            yield _named(part, reason)
        if part.late > 0:
            yield Reason(
                Remark.LATE_BEGIN,
                f"Generator {part.name} heard {1e3 * part.late:.0f} ms after the others' beginning that it was to "
                "begin: its first operations were late.",
                part.late,
                0,
            )
        if part.uncertainty > limits.together:
            yield Reason(
                Remark.CLOCK,
                f"Generator {part.name} may have begun {1e3 * part.uncertainty:.0f} ms before or after the others: its "
                "answers took that long. The first and the last second of a phase are not the same everywhere.",
                part.uncertainty,
                limits.together,
            )
        if abs(part.skew) > limits.skew:
            yield Reason(
                Remark.CLOCK,
                f"The clock of generator {part.name} is {part.skew:+.1f} s off this machine's: nothing here depends on "
                "it, but its logs cannot be read beside others'.",
                abs(part.skew),
                limits.skew,
            )
