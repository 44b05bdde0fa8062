"""A stall: what is known of its seconds while it lasts, on a terminal and in `/metrics`."""

from __future__ import annotations

import io
import math

from prober.bench.live import Lines, Live
from prober.bench.metrics import BenchMetrics
from prober.bench.progress import Progress
from prober.bench.watching import Beginning
from prober.load.slices import HealthSample, Slice
from prober.load.words import Measure, Skip, Span
from prober.model import Reason, Stage

from .test_metrics import samples

BEGINNING = Beginning("hq", "run", 10.0, (), 1)
TIMEOUT = (Stage.PROXY, 1, Reason.PROXY_DENIED)
ROUTE = ("route", "hq")


def so_far(second: int) -> Slice:
    """Ten a second; from second 2 on nothing ends, and one a second fails and one is skipped."""
    begun = 10 * (second + 1)
    stalled = max(0, second - 1)
    found = Slice(second, offered=begun, started=begun - stalled, succeeded=20 if second else 10, open=begun - 20)
    found.ended_well = found.succeeded
    found.ended = found.ended_well + stalled
    if stalled:
        found.failed[TIMEOUT] = found.skipped[Skip.LATE] = stalled
    return found


def sample(second: int) -> HealthSample:
    return HealthSample(second, 0, 0.3, 0.001, 60, 0.4, so_far=so_far(second))


def whole(second: int) -> Slice:
    """That second in the end."""
    stalled = second > 1
    found = Slice(second, offered=10, started=10 - stalled, succeeded=10 - 2 * stalled, ended=10, ended_well=10)
    if stalled:
        found.failed[TIMEOUT] = found.skipped[Skip.LATE] = 1
    found.span(Measure(Span.RESPONSE)).record(1.5)
    return found


def test_lines_go_on_in_a_stall() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    lines.begins(BEGINNING)
    for second in range(2):
        lines.health(sample(second))
        lines.second(whole(second))
    assert len(said) == 3
    for second in range(2, 6):
        lines.health(sample(second))
    assert [line.split()[0] for line in said[3:]] == ["2", "3", "4"]
    assert said[4] == (
        "   3 s  offered 10  started 9  achieved 0  failed 1  skipped 1  open 20  "
        "latency not known yet: 16 under way, since second 2"
    )
    for second in range(2, 7):
        lines.second(whole(second))
    lines.health(sample(6))
    assert [line.split()[0] for line in said[6:]] == ["2", "3", "4", "5", "6"]
    assert "p50 1,500 ms" in said[6]


def test_the_panel_goes_on_in_a_stall() -> None:
    with Live(io.StringIO()) as live:
        live.begins(BEGINNING)
        for second in range(2):
            live.health(sample(second))
            live.second(whole(second))
        assert "under way" not in live.text()
        for second in range(2, 6):
            live.health(sample(second))
        stalled = live.text()
        assert "32 under way, since second 2" in stalled
        rows = {line.split()[0]: line.split()[1:] for line in stalled.splitlines() if line.strip()[:1].isdigit()}
        assert rows["5"] == ["10", "0", "1", "1", "40", "not", "yet", "not", "yet"]
        for second in range(2, 6):
            live.second(whole(second))
        assert "not yet" not in live.text()
        assert "under way" not in live.text()


def test_metrics_go_on_in_a_stall_and_count_nothing_twice() -> None:
    metrics = BenchMetrics()
    metrics.begin("hq", "run", 10)
    latency = ("prober_bench_latency_seconds", (("quantile", "0.5"), ROUTE, ("span", "response")))
    failed = (("hop", "1"), ("reason", "proxy-denied"), ROUTE, ("stage", "proxy"))
    for second in range(2):
        metrics.second(whole(second))
    assert samples(metrics)[latency] > 1
    for second in range(2, 6):
        metrics.health(sample(second))
        found = samples(metrics)
        assert found["prober_bench_offered_total", (ROUTE,)] == 10 * (second + 1)
        assert found["prober_bench_failed_total", failed] == second - 1
        assert found["prober_bench_open_connections", (ROUTE,)] == 10 * (second - 1)
        assert found["prober_bench_unfinished_seconds", (ROUTE,)] == second - 1
        assert math.isnan(found[latency]) is (second > 2)
    for second in range(2, 8):
        metrics.second(whole(second))
    found = samples(metrics)
    assert found["prober_bench_offered_total", (ROUTE,)] == 80
    assert found["prober_bench_succeeded_total", (ROUTE,)] == 20 + 6 * 8
    assert found["prober_bench_failed_total", failed] == 6
    assert found["prober_bench_skipped_total", (("cause", "late"), ROUTE)] == 6
    assert found["prober_bench_unfinished_seconds", (ROUTE,)] == 0
    assert found[latency] > 1
    metrics.begin("hq", "run", 10)
    metrics.second(whole(0))
    assert samples(metrics)["prober_bench_offered_total", (ROUTE,)] == 90
    metrics.end()
    assert ("prober_bench_unfinished_seconds", (ROUTE,)) not in samples(metrics)


def test_what_is_whole_is_not_unfinished() -> None:
    progress = Progress()
    assert progress.heard(None) is None
    progress.whole(whole(0))
    assert progress.heard(so_far(0)) is None
    later = progress.heard(so_far(1))
    assert later is not None
    assert (later.offered, later.achieved, later.since) == (10, 10, 1)
