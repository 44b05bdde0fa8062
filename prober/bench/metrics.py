"""`/metrics` while a benchmark runs: what is offered, achieved and failed, and how late, for Prometheus to scrape.

Counters add up over all runs of a route and go on second by second, whatever is under way; what became due in a second
has its latencies once all of it has ended, and until then they are NaN. Labels come from the command line and
from closed vocabularies: no address, no issuer, no text of anybody else's.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from prober import __version__
from prober.load.slices import HealthSample, Slice
from prober.load.words import Measure, Span

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
LATENCIES: Final = (Span.RESPONSE, Span.SERVICE)
_QUANTILES: Final = {"0.5": 50.0, "0.95": 95.0, "0.99": 99.0}
DEFAULT_HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class About:
    """One metric, for the documentation."""

    kind: str
    labels: tuple[str, ...]
    help: str


METRICS: Final[Mapping[str, About]] = {
    "prober_bench_build_info": About("gauge", ("version",), "1, with the program's version"),
    "prober_bench_run_info": About("gauge", ("route", "purpose"), "1 for the run under way, gone after it"),
    "prober_bench_target_rate": About("gauge", ("route",), "Operations per second asked for in the sustain phase"),
    "prober_bench_offered_total": About("counter", ("route",), "Operations that became due"),
    "prober_bench_started_total": About("counter", ("route",), "Operations started"),
    "prober_bench_succeeded_total": About("counter", ("route",), "Operations that ended well"),
    "prober_bench_failed_total": About("counter", ("route", "stage", "hop", "reason"), "Operations that failed"),
    "prober_bench_skipped_total": About("counter", ("route", "cause"), "Operations that were due and never started"),
    "prober_bench_connections_total": About("counter", ("route",), "TCP connections made"),
    "prober_bench_handshakes_total": About("counter", ("route",), "TLS handshakes with the target completed"),
    "prober_bench_transactions_total": About("counter", ("route",), "Answers that came whole, with status 200"),
    "prober_bench_received_bytes_total": About("counter", ("route",), "Octets of application data from the target"),
    "prober_bench_open_connections": About("gauge", ("route",), "Connections open at the last second's end"),
    "prober_bench_unfinished_seconds": About(
        "gauge", ("route",), "Seconds that are over and of which operations are under way: their latencies are unknown"
    ),
    "prober_bench_latency_seconds": About(
        "gauge", ("route", "span", "quantile"), "Of the last second: span `response` or `service`"
    ),
    "prober_bench_duration_seconds": About(
        "histogram", ("route", "span"), "Response and service times since the benchmark began"
    ),
    "prober_bench_generator_cpu_ratio": About("gauge", ("worker",), "Share of a core a generator process uses"),
    "prober_bench_generator_lag_seconds": About("gauge", ("worker",), "Longest time its loop stood still in a second"),
    "prober_bench_generator_lateness_seconds": About(
        "gauge", ("quantile",), "Of the last second: starts after their due time"
    ),
    "prober_bench_generator_descriptors": About("gauge", ("worker",), "Open descriptors of a generator process"),
}
"""Every metric that a scrape may show; docs/bench.md has the same list."""

_COUNTED: Final = {
    "offered": "prober_bench_offered_total",
    "started": "prober_bench_started_total",
    "succeeded": "prober_bench_succeeded_total",
    "connections": "prober_bench_connections_total",
    "handshakes": "prober_bench_handshakes_total",
    "transactions": "prober_bench_transactions_total",
    "bytes_in": "prober_bench_received_bytes_total",
}
_STALLED: Final = 2
"""Unfinished seconds from which latencies are unknown; one is on its way."""


class BenchMetrics:
    """A registry of its own, fed by the seconds of a benchmark."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        for name, about in METRICS.items():
            if about.kind == "counter":
                self._counters[name] = Counter(name, about.help, about.labels, registry=self.registry)
            elif about.kind == "gauge":
                self._gauges[name] = Gauge(name, about.help, about.labels, registry=self.registry)
        about = METRICS["prober_bench_duration_seconds"]
        self._durations = Histogram(
            "prober_bench_duration_seconds", about.help, about.labels, buckets=BUCKETS, registry=self.registry
        )
        self._gauges["prober_bench_build_info"].labels(__version__).set(1)
        self._under_way: tuple[str, str] | None = None
        self._told: dict[tuple[str, tuple[str | int, ...]], int] = {}
        """What was counted of the run under way, by metric and further labels."""
        self._whole = Slice(-1)
        """The sum of its seconds that are whole."""

    def begin(self, route: str, purpose: str, rate: float) -> None:
        """A run begins."""
        self.end()
        self._under_way = (route, purpose)
        self._told.clear()
        self._whole = Slice(-1)
        self._gauges["prober_bench_unfinished_seconds"].labels(route).set(0)
        self._gauges["prober_bench_run_info"].labels(route, purpose).set(1)
        self._gauges["prober_bench_target_rate"].labels(route).set(rate)

    def end(self) -> None:
        """The run under way, if any, is over: what was true of it is not any more."""
        if self._under_way is not None:
            route = self._under_way[0]
            self._gauges["prober_bench_run_info"].remove(*self._under_way)
            self._gauges["prober_bench_open_connections"].labels(route).set(0)
            self._gauges["prober_bench_target_rate"].remove(route)
            self._gauges["prober_bench_unfinished_seconds"].remove(route)
            for span in LATENCIES:
                for quantile in _QUANTILES:
                    self._gauges["prober_bench_latency_seconds"].remove(route, span.value, quantile)
            self._under_way = None

    def second(self, one: Slice) -> None:
        """A whole second of the run under way."""
        if self._under_way is None:
            return
        route = self._under_way[0]
        self._whole.count(one)
        self._whole.second = one.second
        self._count(route, self._whole)
        self._gauges["prober_bench_unfinished_seconds"].labels(route).set(0)
        self._gauges["prober_bench_open_connections"].labels(route).set(one.open)
        for span in LATENCIES:
            self._latency(route, span, one)
        lateness = one.spans.get(Measure(Span.LATENESS))
        for quantile, percent in _QUANTILES.items():
            value = lateness.percentile(percent) if lateness is not None and lateness.count else math.nan
            self._gauges["prober_bench_generator_lateness_seconds"].labels(quantile).set(value)

    def _count(self, route: str, until: Slice) -> None:
        """The run's counters up to a second, as far as they are more than what was counted."""
        for field, name in _COUNTED.items():
            self._raise(name, route, (), getattr(until, field))
        for (stage, hop, reason), count in until.failed.items():
            self._raise("prober_bench_failed_total", route, (stage.value, hop, reason.value), count)
        for cause, count in until.skipped.items():
            self._raise("prober_bench_skipped_total", route, (cause.value,), count)

    def _raise(self, name: str, route: str, labels: tuple[str | int, ...], count: int) -> None:
        told = self._told.get((name, labels), 0)
        self._counters[name].labels(route, *labels).inc(max(0, count - told))
        self._told[name, labels] = max(count, told)

    def _so_far(self, route: str, so_far: Slice) -> None:
        """A second is over, and need not be whole."""
        self._count(route, so_far)
        self._gauges["prober_bench_open_connections"].labels(route).set(so_far.open)
        unfinished = so_far.second - self._whole.second
        if unfinished <= 0:
            return
        self._gauges["prober_bench_unfinished_seconds"].labels(route).set(unfinished)
        if unfinished >= _STALLED:
            for span in LATENCIES:
                for quantile in _QUANTILES:
                    self._gauges["prober_bench_latency_seconds"].labels(route, span.value, quantile).set(math.nan)

    def _latency(self, route: str, span: Span, one: Slice) -> None:
        histogram = one.spans.get(Measure(span))
        for quantile, percent in _QUANTILES.items():
            gauge = self._gauges["prober_bench_latency_seconds"].labels(route, span.value, quantile)
            gauge.set(histogram.percentile(percent) if histogram is not None and histogram.count else math.nan)
        if histogram is not None:
            observed = self._durations.labels(route, span.value)
            for microseconds, count in histogram.counts():
                for _ in range(count):
                    observed.observe(microseconds / 1e6)

    def health(self, sample: HealthSample) -> None:
        """How a generator process was over a second, and how far the run is."""
        if self._under_way is not None and sample.so_far is not None:
            self._so_far(self._under_way[0], sample.so_far)
        worker = str(sample.worker)
        self._gauges["prober_bench_generator_cpu_ratio"].labels(worker).set(sample.cpu)
        self._gauges["prober_bench_generator_lag_seconds"].labels(worker).set(sample.lag)
        self._gauges["prober_bench_generator_descriptors"].labels(worker).set(sample.descriptors)


class Listening:
    """Serves a registry at `/metrics` from a thread of its own, for as long as the context is open."""

    def __init__(self, metrics: BenchMetrics, host: str, port: int) -> None:
        """Listens at once. Raises OSError."""
        self._server: WSGIServer
        self._thread: threading.Thread
        self._server, self._thread = start_http_server(port, host, metrics.registry)
        self.host = host
        self.port: int = self._server.server_port

    def __enter__(self) -> Listening:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
