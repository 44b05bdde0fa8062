"""Load profiles: RFC 9411's phases (section 4.3.4), of whole seconds, so that each second belongs to one phase."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from prober.load.words import Phase, PhaseKind

RFC_INIT: Final = 5.0
RFC_RAMP: Final = 30.0
RFC_SUSTAIN: Final = 300.0
"""Seconds; the least that RFC 9411 asks for."""
COLLECTION: Final = 5.0
"""Seconds in which what is under way may end."""


def steady(
    rate: float,
    duration: float,
    *,
    ramp: float = 2.0,
    settle: float = 1.0,
    ramp_down: float = 0.0,
    init: float = 0.0,
    collection: float = COLLECTION,
) -> tuple[Phase, ...]:
    """A rate (operations per second) kept for `duration` seconds, after a ramp from 0 and `settle` seconds at the full
    rate that do not count. All seconds are rounded up to whole ones; phases without length are left out.

    Raises ValueError for a rate or a duration that is not above 0.
    """
    if not (0 < rate < math.inf and 0 < duration < math.inf):
        raise ValueError(f"{rate:g}/s for {duration:g} s: both must be above 0")
    return _present(
        Phase(PhaseKind.INIT, math.ceil(init), 0.0, 0.0),
        Phase(PhaseKind.RAMP_UP, math.ceil(ramp), 0.0, rate),
        Phase(PhaseKind.RAMP_UP, math.ceil(settle), rate, rate),
        Phase(PhaseKind.SUSTAIN, math.ceil(duration), rate, rate),
        Phase(PhaseKind.RAMP_DOWN, math.ceil(ramp_down), rate, 0.0),
        Phase(PhaseKind.COLLECTION, math.ceil(collection), 0.0, 0.0),
    )


def rfc9411(rate: float) -> tuple[Phase, ...]:
    """All five phases with the sustain phase that the RFC asks for; six minutes and a quarter."""
    return steady(rate, RFC_SUSTAIN, ramp=RFC_RAMP, settle=0.0, ramp_down=RFC_RAMP, init=RFC_INIT)


def steps(
    rates: Sequence[float], hold: float, *, ramp: float = 2.0, collection: float = COLLECTION
) -> tuple[Phase, ...]:
    """One run over several rates, each held for `hold` seconds after a ramp from the one before."""
    if not rates or not all(0 < rate < math.inf for rate in rates) or not 0 < hold < math.inf:
        raise ValueError("steps: each rate and the time to hold it must be above 0")
    phases: list[Phase] = []
    before = 0.0
    for rate in rates:
        phases.append(Phase(PhaseKind.RAMP_UP, math.ceil(ramp), before, rate))
        phases.append(Phase(PhaseKind.SUSTAIN, math.ceil(hold), rate, rate))
        before = rate
    return _present(*phases, Phase(PhaseKind.COLLECTION, math.ceil(collection), 0.0, 0.0))


def hold_tunnels(
    count: int, duration: float, *, rate: float = 50.0, collection: float = COLLECTION
) -> tuple[Phase, ...]:
    """`count` tunnels opened at a rate, then held for `duration` seconds in which no more become due."""
    if count < 1 or not 0 < rate < math.inf or not 0 < duration < math.inf:
        raise ValueError("tunnels: their number, their rate and the time to hold them must be above 0")
    opening = max(1, math.ceil(count / rate))
    return _present(
        Phase(PhaseKind.RAMP_UP, opening, count / opening, count / opening),
        Phase(PhaseKind.SUSTAIN, math.ceil(duration), 0.0, 0.0),
        Phase(PhaseKind.COLLECTION, math.ceil(collection), 0.0, 0.0),
    )


def holds(phases: Sequence[Phase]) -> tuple[tuple[int, int, float], ...]:
    """Each sustain phase: its first second, the second after its last, its rate. One for `steady`, one a step for
    `steps`: figures of different rates are never mixed."""
    found: list[tuple[int, int, float]] = []
    clock = 0.0
    for phase in phases:
        if phase.kind is PhaseKind.SUSTAIN:
            found.append((math.ceil(clock - 1e-9), math.floor(clock + phase.seconds + 1e-9), phase.rate))
        clock += phase.seconds
    return tuple(found)


def _present(*phases: Phase) -> tuple[Phase, ...]:
    return tuple(phase for phase in phases if phase.seconds > 0)
