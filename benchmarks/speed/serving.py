"""A `prober serve` to be looked at: its configuration, its processes on their cores, what its histograms gained."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from benchmarks.bench_ceiling import free_port
from benchmarks.serve_load import Watcher, counters, started
from benchmarks.speed.machine import Cores, on
from benchmarks.speed.servers import Origin

LATENESS = "prober_schedule_lateness_seconds"
LAG = "prober_event_loop_lag_seconds"
_BUCKET = re.compile(r'^(\w+)_bucket\{(?:.*,)?le="([^"]+)".*\} (\S+)$', re.MULTILINE)
_PROCESS = re.compile(r'process="([^"]+)"')
_READY_SECONDS = 60.0

Buckets = dict[str, dict[float, float]]
"""Process (`all` where there is no such label) to upper bound in seconds to how many are not above it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened between two scrapes. Times are seconds."""

    seconds: float
    made: float
    reached: float
    lost: float
    skipped: float
    lateness: dict[str, float]
    """`p50` and `p99`."""
    lag: dict[str, float]
    """99th percentile by process."""
    scrapes: int
    slowest_scrape: float


def config(folder: Path, server: Origin, targets: int, interval: float) -> Path:
    """prober.yaml for so many https targets, direct, each probed once an interval."""
    entries = [{"id": f"t{number}", "host": f"t{number}.lab.test"} for number in range(targets)]
    catalog, file = folder / "load.yaml", folder / "serve.yaml"
    catalog.write_text(yaml.safe_dump({"service": "BENCH", "groups": [{"name": "load", "targets": entries}]}))
    settings = {
        "egress": "benchmark",
        "catalogs": [str(catalog)],
        "routes": {"direct": []},
        "probe": {"timeout": 10, "concurrency": 512, "per_route": 512},
        "resolve": {"*:443": f"127.0.0.1:{server.port}"},
        "trust": {"roots": [{"file": server.root, "anchor": "public"}]},
        "serve": {"interval": interval, "state": None},
    }
    file.write_text(yaml.safe_dump(settings))
    return file


@contextmanager
def serving(file: Path, cores: Cores, log: Path) -> Iterator[Watcher]:
    """`prober serve` with one worker on the client's core, the process that is scraped beside everybody else."""
    port = free_port()
    command = [sys.executable, "-m", "prober", "serve", "--config", str(file), "--workers", "1"]
    with on(cores.others), started([*command, "--web.listen-address", f"127.0.0.1:{port}"], log=log) as process:
        watcher = Watcher(port, process.pid)
        until = time.monotonic() + _READY_SECONDS
        while not _ready(watcher):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"prober serve did not start: {log.read_text()[-1000:]}")
            time.sleep(0.1)
        for worker in psutil.Process(process.pid).children(recursive=True):
            worker.cpu_affinity(list(cores.client))
        yield watcher


def _ready(watcher: Watcher) -> bool:
    try:
        watcher.get("/-/ready")
    except OSError:
        return False
    return True


def watch(watcher: Watcher, seconds: float, *, every: float | None) -> Seen:
    """Look on for so long; a scrape every so many seconds, or none but the two that are compared."""
    watcher.scrape()
    before, began = watcher.text, time.monotonic()
    watcher.scrapes.clear()
    turn = 0
    while every is not None and (turn + 1) * every < seconds:
        turn += 1
        time.sleep(max(0.0, began + turn * every - time.monotonic()))
        watcher.scrape()
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    watcher.scrape()
    passed = time.monotonic() - began
    first, last = counters(before), counters(watcher.text)
    late = between(buckets(before, LATENESS), buckets(watcher.text, LATENESS)).get("all", {})
    lag = between(buckets(before, LAG), buckets(watcher.text, LAG))
    return Seen(
        seconds=passed,
        made=last["made"] - first["made"],
        reached=last["reached"] - first["reached"],
        lost=last["lost"] - first["lost"],
        skipped=last["skipped"] - first["skipped"],
        lateness={"p50": quantile(late, 0.5), "p99": quantile(late, 0.99)},
        lag={name: quantile(counts, 0.99) for name, counts in sorted(lag.items())},
        scrapes=turn,
        slowest_scrape=max(watcher.scrapes),
    )


def buckets(text: str, metric: str) -> Buckets:
    """A histogram as a scrape has it."""
    found: Buckets = {}
    for line in _BUCKET.finditer(text):
        if line[1] == metric:
            process = _PROCESS.search(line[0])
            found.setdefault(process[1] if process else "all", {})[float(line[2])] = float(line[3])
    return found


def between(before: Buckets, after: Buckets) -> Buckets:
    """What came in the meantime."""
    return {
        name: {bound: count - before.get(name, {}).get(bound, 0.0) for bound, count in counts.items()}
        for name, counts in after.items()
    }


def quantile(counts: dict[float, float], share: float) -> float:
    """As Prometheus' histogram_quantile: linear within its bucket, the last bound for what is above it. Seconds; 0.0
    where nothing was counted."""
    low, passed = 0.0, 0.0
    rank = share * max(counts.values(), default=0.0)
    for bound, count in sorted(counts.items()):
        if count >= rank:
            return low if bound == float("inf") else low + (bound - low) * (rank - passed) / max(1e-9, count - passed)
        low, passed = bound, count
    return low
