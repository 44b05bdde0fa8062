"""What has happened, counted: probes, failures, transitions, durations. Plain numbers, filled as observations come in.

The label sets come from the configuration: `keep` says which routes and services there are, and nothing else is ever
counted. What is known beforehand is there from the start with 0, so that `rate()` sees the first increment; failures
appear when they happen, bounded by routes × services × stages × reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

from prober.engine.run import Pair
from prober.model import HopScheme, HopTimings, Observation, Route, Stage
from prober.monitor.metrics.histogram import LATE_SECONDS, STAGE_SECONDS, Counted, Histogram
from prober.monitor.state import PairState, Track, Transition, outcome_of

SUCCESS: Final = "success"
FAILURE: Final = "failure"
ERROR: Final = "error"
"""Not made for a reason of the prober's own: it says nothing about the network."""
RESULTS: Final = (SUCCESS, FAILURE, ERROR)
TOTAL: Final = "total"
"""The whole of a probe that reached its target. Failures are left out: a quick refusal is no good latency."""
PHASES: Final = ("connect", "tls", "negotiate")


class Group(NamedTuple):
    """All series of one metric, by the values of the metric's own labels."""

    metric: str
    series: Mapping[tuple[str, ...], float | Counted]


class Counters:
    """The counters and histograms of one process's life. Belongs to the event loop.

    Until `keep` has been called nothing is known, so nothing is counted by route or service.
    """

    def __init__(self) -> None:
        self.lateness = Histogram(LATE_SECONDS)
        self.waits = Histogram(LATE_SECONDS)
        self.probes_lost = 0
        self.generation = 0
        """Counts calls of `keep`: whoever keeps texts made from label sets sees by it that they are out of date."""
        self._probes: dict[tuple[str, ...], int] = {}
        self._failures: dict[tuple[str, ...], int] = {}
        self._transitions: dict[tuple[str, ...], int] = {}
        self._stages: dict[tuple[str, ...], Histogram] = {}
        self._hops: dict[tuple[str, ...], Histogram] = {}
        self._services: dict[str, str] = {}
        self._served: set[tuple[str, str]] = set()

    def keep(self, pairs: Iterable[Pair]) -> None:
        """Count for exactly these pairs from now on. What has left the configuration vanishes, the rest goes on."""
        ways: dict[tuple[str, tuple[HopScheme, ...]], Route] = {}
        self._services = {}
        self._served = set()
        for pair in pairs:
            for way in pair.route.each_way:
                ways[way.name, tuple(hop.scheme for hop in way.hops)] = way
            self._services[pair.target.id] = pair.target.service
            self._served.add((pair.route.name, pair.target.service))
        served = sorted(self._served)
        self._probes = _kept(self._probes, ((*each, result) for each in served for result in RESULTS), int)
        self._transitions = _kept(self._transitions, ((*each, track.value) for each in served for track in Track), int)
        self._failures = {key: count for key, count in self._failures.items() if key[:2] in self._served}
        self._stages = _kept(self._stages, (key for each in ways.values() for key in _stages_of(each)), _durations)
        self._hops = _kept(self._hops, (key for each in ways.values() for key in _hops_of(each)), _durations)
        self.generation += 1

    # what happens

    def probed(self, state: PairState, observation: Observation, late: float, waited: float = 0.0) -> None:
        """A probe has ended that began `late` seconds after its time, beside `waited` in which limits held it back."""
        self.lateness.observe(late)
        self.waits.observe(waited)
        route, service = state.route.name, state.target.service
        if (route, service) not in self._served:
            return
        failure = observation.failure
        self._probes[route, service, result_of(observation)] += 1
        if failure is not None:
            key = (route, service, failure.stage.value, failure.reason.value)
            self._failures[key] = self._failures.get(key, 0) + 1
        for stage, seconds in stage_seconds(observation):
            if (durations := self._stages.get((route, stage))) is not None:
                durations.observe(seconds)
        way = state.route.after(len(observation.passed_over))
        for number, (hop, timings) in enumerate(zip(way.hops, observation.timings.hops, strict=False), 1):
            for phase, spent in _phases(timings):
                durations = self._hops.get((route, str(number), hop.scheme.value, phase))
                if spent is not None and durations is not None:
                    durations.observe(spent)

    def transition(self, transition: Transition) -> None:
        """A change of state was confirmed."""
        service = self._services.get(transition.target)
        if service is not None and (transition.route, service) in self._served:
            self._transitions[transition.route, service, transition.track.value] += 1

    def lost(self) -> None:
        """A probe was lost with its worker."""
        self.probes_lost += 1

    # looking

    def groups(self) -> Iterator[Group]:
        """Every metric with its series as they are now: the mappings are the caller's, their histograms live on."""
        yield Group("prober_probes_total", dict(self._probes))
        yield Group("prober_failures_total", dict(self._failures))
        yield Group("prober_transitions_total", dict(self._transitions))
        yield Group("prober_stage_duration_seconds", dict(self._stages))
        yield Group("prober_hop_duration_seconds", dict(self._hops))
        yield Group("prober_schedule_lateness_seconds", {(): self.lateness})
        yield Group("prober_admission_wait_seconds", {(): self.waits})
        yield Group("prober_probes_lost_total", {(): self.probes_lost})


def result_of(observation: Observation) -> str:
    """A probe's end in one of `RESULTS`."""
    outcome = outcome_of(observation)
    if outcome.reached:
        return SUCCESS
    return ERROR if outcome.own else FAILURE


def stage_seconds(observation: Observation) -> Iterator[tuple[str, float]]:
    """The stages that were measured, by the words of failures (and `total`), with their seconds.

    What happened at several hops is summed up: `dns` is every name resolved here, `connect` the one connection made
    here, `proxy-tls` and `proxy` all proxies together.
    """
    timings = observation.timings
    hops = timings.hops
    measured = {
        Stage.DNS: (timings.dns, *(hop.dns for hop in hops)),
        Stage.CONNECT: (timings.connect, *(hop.connect for hop in hops)),
        Stage.PROXY_TLS: tuple(hop.tls for hop in hops),
        Stage.PROXY: tuple(hop.negotiate for hop in hops),
        Stage.TLS: (timings.tls,),
        Stage.HTTP: (timings.ttfb,),
    }
    for stage, parts in measured.items():
        spent = [part for part in parts if part is not None]
        if spent:
            yield stage.value, sum(spent)
    if timings.total is not None and observation.reachable:
        yield TOTAL, timings.total


def _stages_of(route: Route) -> Iterator[tuple[str, ...]]:
    stages = [Stage.DNS, Stage.CONNECT]
    if any(hop.scheme is HopScheme.HTTPS for hop in route.hops):
        stages.append(Stage.PROXY_TLS)
    if route.hops:
        stages.append(Stage.PROXY)
    for stage in (*stages, Stage.TLS, Stage.HTTP):
        yield route.name, stage.value
    yield route.name, TOTAL


def _hops_of(route: Route) -> Iterator[tuple[str, ...]]:
    """The phases that a hop can have: only the first one is connected to by this machine, only HTTPS has TLS."""
    for number, hop in enumerate(route.hops, 1):
        for phase in PHASES:
            if (phase == "connect" and number > 1) or (phase == "tls" and hop.scheme is not HopScheme.HTTPS):
                continue
            yield route.name, str(number), hop.scheme.value, phase


def _phases(timings: HopTimings) -> tuple[tuple[str, float | None], ...]:
    return tuple(zip(PHASES, (timings.connect, timings.tls, timings.negotiate), strict=True))


def _durations() -> Histogram:
    return Histogram(STAGE_SECONDS)


_Number = TypeVar("_Number")


def _kept(
    old: Mapping[tuple[str, ...], _Number], keys: Iterable[tuple[str, ...]], new: Callable[[], _Number]
) -> dict[tuple[str, ...], _Number]:
    """Exactly these keys: those that were there keep what they had."""
    found = {}
    for key in keys:
        had = old.get(key)
        found[key] = new() if had is None else had
    return found
