"""`/metrics` while a benchmark runs: what is there, what it is called, and that the documents agree."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from prober.bench.metrics import METRICS, BenchMetrics, Listening
from prober.bench.order import Mode
from prober.bench.watching import MetricsWatcher

from .made import Simulated, conducted, order

DOCS = Path(__file__).parents[2] / "docs" / "bench.md"


def samples(metrics: BenchMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_counters_are_what_the_document_says() -> None:
    metrics = BenchMetrics()
    conduct = conducted(order(Mode.RUN, "flaky"), watchers=(MetricsWatcher(metrics),))
    await conduct.carry_out()
    run = conduct.document().runs[1]
    found = samples(metrics)
    route = ("route", "flaky")
    assert found["prober_bench_offered_total", (route,)] == sum(second.offered for second in run.seconds)
    assert found["prober_bench_succeeded_total", (route,)] == sum(second.succeeded for second in run.seconds)
    failed = (("hop", "1"), ("reason", "proxy-denied"), route, ("stage", "proxy"))
    assert found["prober_bench_failed_total", failed] == sum(second.failed for second in run.seconds)
    count = found["prober_bench_duration_seconds_count", (route, ("span", "response"))]
    assert count == sum(second.succeeded for second in run.seconds)
    slow = found["prober_bench_duration_seconds_bucket", (("le", "1.0"), route, ("span", "response"))]
    assert slow < count  # those of the stall


async def test_gauges_are_of_the_run_under_way_alone() -> None:
    metrics = BenchMetrics()
    during: list[dict[tuple[str, tuple[tuple[str, str], ...]], float]] = []
    generator = Simulated()
    generator.before = lambda _: during.append(samples(metrics))
    await conducted(order(Mode.RUN, "tinyproxy"), generator, (MetricsWatcher(metrics),)).carry_out()
    assert during[1]["prober_bench_run_info", (("purpose", "run"), ("route", "tinyproxy"))] == 1
    assert during[1]["prober_bench_target_rate", (("route", "tinyproxy"),)] == 100
    after = samples(metrics)
    assert not [name for name, _ in after if name in ("prober_bench_run_info", "prober_bench_latency_seconds")]
    assert after["prober_bench_open_connections", (("route", "tinyproxy"),)] == 0
    assert ("prober_bench_generator_cpu_ratio", (("worker", "1"),)) in after


async def test_every_metric_is_declared_and_documented() -> None:
    metrics = BenchMetrics()
    names: set[str] = set()
    generator = Simulated()
    generator.before = lambda _: names.update(family.name for family in metrics.registry.collect() if family.samples)
    await conducted(order(Mode.RUN, "flaky", "tinyproxy"), generator, (MetricsWatcher(metrics),)).carry_out()
    declared = {name.removesuffix("_total") for name in METRICS}
    assert names <= declared
    assert {family.name for family in metrics.registry.collect()} == declared
    rows = re.findall(
        r"^\| `(prober_bench_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", DOCS.read_text("utf-8"), re.MULTILINE
    )
    documented = {name: (kind, labels.replace("`", ""), about) for name, kind, labels, about in rows}
    assert documented == {name: (about.kind, ", ".join(about.labels), about.help) for name, about in METRICS.items()}


def test_it_is_served_for_as_long_as_it_is_open() -> None:
    metrics = BenchMetrics()
    with Listening(metrics, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:  # our own
            assert b"prober_bench_build_info" in answer.read()
        with pytest.raises(OSError, match="in use"):
            Listening(BenchMetrics(), "127.0.0.1", listening.port)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=10)  # our own
