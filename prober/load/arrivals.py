"""When each operation is due: an open loop's timetable, fixed before the run begins.

Time is got by inverting the integrated rate R(t), so that a ramp is exact and phases join without a jump.

* Constant: the k-th operation (from 0) of all workers is due where R(t) = k + 1/2 and belongs to worker k modulo
  workers. The half keeps a whole rate's operations clear of the seconds' borders: r a second means r in each slice.
* Poisson: exponential gaps in R(t) / workers, each worker with its own stream of the seed. The workers' processes add
  up to one Poisson process of the whole rate.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from prober.load.words import Arrivals, Load, Phase, PhaseKind


def due(load: Load, *, worker: int = 0, workers: int = 1) -> Iterator[tuple[float, PhaseKind]]:
    """Seconds since the run's start at which this worker's operations become due, in order, each with its phase.

    Raises ValueError for a worker that is none of the workers and for a phase that cannot be.
    """
    if not 0 <= worker < workers:
        raise ValueError(f"worker {worker} of {workers}: count from 0")
    for phase in load.phases:
        figures = (phase.seconds, phase.rate, phase.to_rate)
        if min(figures) < 0 or not all(map(math.isfinite, figures)):
            raise ValueError(f"{phase.kind} phase of {phase.seconds} s from {phase.rate} to {phase.to_rate} a second")
    if load.arrivals is Arrivals.CONSTANT:
        turns = _evenly(worker, workers)
    else:
        turns = _poisson(random.Random(f"{load.seed}/{worker}/{workers}"), workers)  # noqa: S311 - a timetable, no secret
    return _timed(load.phases, turns)


def planned(phases: Sequence[Phase]) -> float:
    """Operations that become due within the phases; with Poisson arrivals, on average."""
    return sum((phase.rate + phase.to_rate) / 2 * phase.seconds for phase in phases)


def stretch(phases: Sequence[Phase], kind: PhaseKind) -> tuple[float, float]:
    """Begin of the first and end of the last phase of a kind, in seconds since the run's start; (0, 0) without one."""
    begin = end = clock = 0.0
    found = False
    for phase in phases:
        if phase.kind is kind:
            begin, found = begin if found else clock, True
            end = clock + phase.seconds
        clock += phase.seconds
    return begin, end


def rate_at(phases: Sequence[Phase], moment: float) -> float:
    """Operations per second offered at a moment, given in seconds since the run's start; 0 outside the run."""
    clock = 0.0
    for phase in phases:
        if clock <= moment < clock + phase.seconds:
            return phase.rate + (phase.to_rate - phase.rate) * (moment - clock) / phase.seconds
        clock += phase.seconds
    return 0.0


def _evenly(worker: int, workers: int) -> Iterator[float]:
    """Values of R(t) at which a worker's operations are due, evenly spread."""
    turn = worker
    while True:
        yield turn + 0.5
        turn += workers


def _poisson(dice: random.Random, workers: int) -> Iterator[float]:
    """As `_evenly`, at random."""
    turn = 0.0
    while True:
        turn += dice.expovariate(1.0) * workers
        yield turn


def _timed(phases: Sequence[Phase], turns: Iterator[float]) -> Iterator[tuple[float, PhaseKind]]:
    """Each value of R(t) as a time, until the last phase's end."""
    turn = next(turns)
    clock = passed = 0.0
    for phase in phases:
        within = planned((phase,))
        while turn < passed + within:
            yield clock + _inverse(phase, turn - passed), phase.kind
            turn = next(turns)
        clock += phase.seconds
        passed += within


def _inverse(phase: Phase, operations: float) -> float:
    """Seconds into a phase at which this many operations have become due.

    The root of rate·t + slope·t²/2 = operations in the form that stays exact when the slope is small or the rate 0.
    """
    if operations <= 0:
        return 0.0
    slope = (phase.to_rate - phase.rate) / phase.seconds
    root = math.sqrt(max(phase.rate**2 + 2 * slope * operations, 0.0))
    return min(2 * operations / (phase.rate + root), phase.seconds)
