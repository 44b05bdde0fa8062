"""How each route stands: the runs of a benchmark put together to one line a route, and what its proxies added. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from prober.bench.added import Added, Baseline, added_by, baseline
from prober.bench.document import Bench, KpisDoc, ReasonDoc, RunDoc, SpanDoc, ValidityDoc
from prober.bench.findings import CapacityDoc
from prober.bench.fitness import MOSTLY
from prober.bench.together import merged
from prober.load.words import Span


class Purpose(StrEnum):
    """What a run was made for."""

    NULL = "null"
    RUN = "run"
    QUALIFY = "qualify"
    STEP = "step"
    BISECT = "bisect"
    CONFIRM = "confirm"
    BLOCK = "block"


class State(StrEnum):
    """What may be said of a route."""

    VALID = "valid"
    INVALID = "invalid"
    GENERATOR_LIMITED = "generator-limited"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Standing:
    """One route."""

    route: str
    hops: str
    """Its proxies, outermost first; `direct` without."""
    null: bool
    """Whether it is the null run: direct, which tells of the generator and the target, and of no proxy."""
    state: State
    rate: float | None
    """The rate that everything here was measured at."""
    runs: tuple[RunDoc, ...]
    """Those it was measured in."""
    kpis: KpisDoc | None
    validity: ValidityDoc | None
    capacity: CapacityDoc | None
    added: tuple[Added, ...]
    null_rate: float | None = None
    """The rate of the null run that `added` is against; None without."""
    not_added: str = ""
    """Why nothing is called added though there was a null run."""

    @property
    def response(self) -> SpanDoc | None:
        """Response time: what a user would have waited."""
        return None if self.kpis is None else self.kpis.spans.get(Span.RESPONSE.value)

    @property
    def service(self) -> SpanDoc | None:
        """Service time."""
        return None if self.kpis is None else self.kpis.spans.get(Span.SERVICE.value)

    @property
    def failed_share(self) -> float | None:
        """Of all operations that ended."""
        return None if self.kpis is None or not self.kpis.ended else self.kpis.failed / self.kpis.ended


def standings(bench: Bench) -> tuple[Standing, ...]:
    """Every route of a benchmark in its order, the null run first."""
    by_route: dict[str, list[RunDoc]] = defaultdict(list)
    nulls: list[RunDoc] = []
    for run in bench.runs:
        (nulls if run.purpose == Purpose.NULL else by_route[run.route]).append(run)
    capacities = {each.route: each for each in bench.capacities}
    known: dict[float, Baseline] = {}
    found: list[Standing] = []
    if nulls:
        compared = any(run.purpose == Purpose.BLOCK for run in bench.runs)
        found.append(_standing_of_null(nulls if compared else _highest(nulls), bench.null_capacity))
    for route in bench.routes:
        runs = by_route.get(route.name, [])
        if not runs and nulls and not route.hops:
            continue
        chosen = headline(runs, capacities.get(route.name))
        against = _against(nulls, chosen, known)
        hops = " → ".join(f"{hop.scheme}://{_bracketed(hop.host)}:{hop.port}" for hop in route.hops) or "direct"
        found.append(_standing(route.name, hops, chosen, capacities.get(route.name), against))
    return tuple(found)


def headline(runs: Sequence[RunDoc], capacity: CapacityDoc | None) -> list[RunDoc]:
    """The runs that a route's line is about: all blocks of a comparison; of a search those at its knee."""
    blocks = [run for run in runs if run.purpose == Purpose.BLOCK]
    if blocks:
        return blocks
    if capacity is None:
        return list(runs[-1:])
    valid = [run for run in runs if run.validity.valid]
    confirmed = [run for run in valid if run.purpose == Purpose.CONFIRM and run.rate == capacity.knee]
    if confirmed:
        return confirmed
    return [max(valid, key=lambda run: run.rate)] if valid else list(runs[:1])


def _against(nulls: Sequence[RunDoc], chosen: Sequence[RunDoc], known: dict[float, Baseline]) -> Baseline:
    """`known` keeps those of other routes: to put a hundred null runs together takes its time."""
    if not chosen:
        return Baseline()
    rate = chosen[0].rate
    if rate not in known:
        known[rate] = baseline(nulls, rate)
    return known[rate]


def _highest(nulls: Sequence[RunDoc]) -> list[RunDoc]:
    """The null runs of the highest rate that was valid, or of the highest if none was."""
    valid = [run for run in nulls if run.validity.valid] or nulls
    most = max(run.rate for run in valid)
    return [run for run in valid if run.rate == most]


def _standing_of_null(runs: Sequence[RunDoc], capacity: CapacityDoc | None) -> Standing:
    kpis, validity = merged(runs), _validity(runs)
    added = tuple(added_by(kpis, None))
    name, rate = runs[0].route, runs[0].rate
    return Standing(name, "direct", True, _state(validity), rate, tuple(runs), kpis, validity, capacity, added)


def _standing(
    route: str, hops: str, runs: Sequence[RunDoc], capacity: CapacityDoc | None, against: Baseline
) -> Standing:
    if not runs:
        return Standing(route, hops, False, State.NOT_RUN, None, (), None, None, capacity, ())
    kpis, validity = merged(runs), _validity(runs)
    limited = capacity is not None and capacity.generator_limited
    return Standing(
        route,
        hops,
        False,
        State.GENERATOR_LIMITED if limited else _state(validity),
        runs[0].rate,
        tuple(runs),
        kpis,
        validity,
        capacity,
        tuple(added_by(kpis, against.kpis)),
        against.rate,
        against.why,
    )


def _state(validity: ValidityDoc) -> State:
    if validity.generator_limited:
        return State.GENERATOR_LIMITED
    return State.VALID if validity.valid else State.INVALID


def _validity(runs: Sequence[RunDoc]) -> ValidityDoc:
    """Of several runs together (blocks, confirmations): what most of them are, with the reasons of all."""
    reasons: dict[str, ReasonDoc] = {}
    for run in runs:
        for reason in run.validity.reasons:
            reasons.setdefault(reason.word, reason)
    remarks = {each.word: each for run in runs for each in run.validity.remarks}
    return ValidityDoc(
        valid=sum(not run.validity.valid for run in runs) <= MOSTLY * len(runs),
        generator_limited=sum(run.validity.generator_limited for run in runs) > MOSTLY * len(runs),
        reasons=tuple(reasons.values()),
        remarks=tuple(remarks.values()),
    )


def has_findings(bench: Bench) -> bool:
    """Whether there is something to act on: a run that was ordered is not valid, or inspection changed under load.

    That a search broke a route, or that blocks of a comparison were not valid, is what they were for or said anyway.
    """
    ordered = (run for run in bench.runs if run.purpose == Purpose.RUN)
    return any(not run.validity.valid for run in ordered) or any(flip.second is not None for flip in bench.flips)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
