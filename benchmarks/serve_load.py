"""`prober serve` under its usual load, for as long as asked: is it punctual, quick to scrape, and flat in memory?

    python benchmarks/serve_load.py                   30 minutes: 400 targets × 4 routes every 30 s
    python benchmarks/serve_load.py --minutes 3       the same, shorter
    python benchmarks/serve_load.py --json FILE       the figures, too

Targets, proxies and Prometheus' part (a scrape every 5 s, gzip) run on the same machine; an open page (its stream of
events) and its reload once a minute come with it. Read from the program's own metrics: schedule lateness and loop lag
by process, probes made, lost and reached; from outside: the time of each scrape, and the resident memory of each of its
processes. Limits: p99 of lateness 50 ms, p99 of loop lag 20 ms, a scrape of 20,000 series 0.5 s; memory of each process
flat: the last quarter's median within 5 % of the second's; the routes are healthy, so 99 % of the probes reach their
target; after the first interval as many are made as planned, within 5 %, none is lost, and 0.1 % of the moments at most
is skipped; the open page was told news.

Exit code 1 if a limit was missed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import yaml

PROBER = (sys.executable, "-m", "prober")
EVERYTHING = ("--cloud", "all", "--required", "all")
ROUTES = ("direct", "open", "https-proxy", "socks4a")
_BUCKET = re.compile(r'^(\w+)_bucket\{(?:.*,)?le="([^"]+)".*\} (\S+)')
_PROCESS = re.compile(r'process="([^"]+)"')
_TOKEN = re.compile(r'data-token="([^"]+)"')


@contextmanager
def started(
    command: list[str], ready: Path | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program, from its ready file on."""
    with (log or Path(os.devnull)).open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        while ready is not None and not ready.exists():
            if process.poll() is not None:
                raise SystemExit(f"{command[3]} did not start")
            select.select([], [], [], 0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def write_config(lab: Path, folder: Path, targets: int, interval: float) -> Path:
    """The lab's configuration with as many targets as asked for, four routes and an interval."""
    settings = yaml.safe_load(lab.read_text())
    command = [*PROBER, "targets", "list", "--config", str(lab), *EVERYTHING, "--format", "json"]
    known = [each for each in json.loads(subprocess.check_output(command)) if each["probeable"]]
    missing = max(0, targets - len(known))
    hosts = [each["host"] for each in known if each["scheme"] == "https"]
    more = [{"id": f"n{n}", "host": hosts[n % len(hosts)], "path": f"/more/{n}"} for n in range(missing)]
    if more:
        own = folder / "more.yaml"
        own.write_text(yaml.safe_dump(_catalog(more)))
        settings["catalogs"] = [*settings.get("catalogs", ["mde", "mdav", "mdi", "mma", "ama", "common"]), str(own)]
    settings["routes"] = {name: settings["routes"][name] for name in ROUTES if name in settings["routes"]} | {
        "direct": []
    }
    settings["serve"] = {"interval": interval, "state": str(folder / "state.db")}
    config = folder / "serve.yaml"
    config.write_text(yaml.safe_dump(settings))
    return config


def _catalog(more: list[dict[str, str]]) -> dict[str, object]:
    return {"service": "BENCH", "groups": [{"name": "more", "targets": more}]}


class Watcher:
    """Scrapes, and looks at the processes, while the program runs."""

    def __init__(self, port: int, pid: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.process = psutil.Process(pid)
        self.scrapes: list[float] = []
        self.memory: dict[str, list[tuple[float, float]]] = {}
        """Moment and MB, by process."""
        self.pages: list[float] = []
        self.first: dict[str, float] = {}
        """Counters when the first interval was over."""
        self.counted: tuple[float, float] = (0.0, 0.0)
        """When that was, and when the last scrape was: seconds."""
        self.text = ""
        self.size = 0

    def get(self, path: str, timeout: float = 30) -> bytes:
        """One answer, decompressed."""
        request = urllib.request.Request(self.base + path, headers={"Accept-Encoding": "gzip"})  # noqa: S310 # loopback
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 # loopback
            body: bytes = answer.read()
            self.size = len(body)
            return gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body

    def scrape(self) -> None:
        """One scrape, timed."""
        began = time.perf_counter()
        body = self.get("/metrics")
        self.scrapes.append(time.perf_counter() - began)
        self.text = body.decode()

    def page(self) -> None:
        """The page as a browser loads it, timed."""
        began = time.perf_counter()
        self.get("/")
        self.pages.append(time.perf_counter() - began)

    def look(self, at: float) -> None:
        """Resident memory of each of its processes, in MB."""
        for name, each in [("front", self.process), *_named(self.process.children(recursive=True))]:
            self.memory.setdefault(name, []).append((at, each.memory_info().rss / 1e6))

    def count(self, at: float, after: float) -> None:
        """Note what was counted, the first time after so many seconds, and when."""
        first, _ = self.counted
        if not self.first and at >= after:
            self.first, first = counters(self.text), at
        self.counted = first, at

    def series(self) -> int:
        """Series in the last scrape."""
        return sum(1 for line in self.text.splitlines() if line and not line.startswith("#"))

    def p99(self, metric: str) -> dict[str, float]:
        """The 99th percentile by process, as histogram_quantile has it: linear within its bucket. Seconds."""
        counts: dict[str, list[tuple[float, float]]] = {}
        for line in self.text.splitlines():
            if (found := _BUCKET.match(line)) and found[1] == metric:
                process = _PROCESS.search(line)
                counts.setdefault(process[1] if process else "all", []).append((float(found[2]), float(found[3])))
        return {name: _quantile(buckets, 0.99) for name, buckets in counts.items()}


def _quantile(buckets: list[tuple[float, float]], share: float) -> float:
    buckets = sorted(buckets)
    rank = share * buckets[-1][1]
    low, before = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            return low if bound == float("inf") else low + (bound - low) * (rank - before) / max(1.0, count - before)
        low, before = bound, count
    return low


def _named(workers: list[psutil.Process]) -> list[tuple[str, psutil.Process]]:
    """One that was started again has another number: a new one is not another's growth."""
    return [(f"worker {each.pid}", each) for each in workers]


def counters(text: str) -> dict[str, float]:
    """What of a scrape tells how many probes were made and how they ended, added up over all pairs."""
    found = {"made": 0.0, "reached": 0.0, "lost": 0.0, "skipped": 0.0}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        metric = name.partition("{")[0]
        if metric == "prober_probes_total":
            found["made"] += float(value)
            found["reached"] += float(value) if 'result="success"' in name else 0.0
        elif metric in ("prober_probes_lost_total", "prober_schedule_skipped_total"):
            found[metric.split("_")[2]] += float(value)
    return found


def planned(text: str) -> float:
    """Probes a second that the intervals of a scrape ask for."""
    return sum(
        1 / float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("prober_target_interval_seconds{")
    )


class Page:
    """An open page: takes its stream of events, and is loaded again where the stream says so, as a browser does."""

    def __init__(self, port: int) -> None:
        self.heard: Counter[str] = Counter()
        self.loads = 0
        self._base = f"http://127.0.0.1:{port}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._stay, daemon=True)

    def open(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; the next event is the last one."""
        self._stop.set()
        self._thread.join(10)

    def _stay(self) -> None:
        while not self._stop.is_set():
            try:
                with urllib.request.urlopen(self._base + "/", timeout=60) as answer:  # noqa: S310 # loopback
                    found = _TOKEN.search(answer.read().decode())
                self.loads += 1
                if found is None:
                    raise SystemExit("the page has no data-token: this benchmark is of another version")
                with urllib.request.urlopen(  # noqa: S310 # loopback
                    f"{self._base}/api/v1/events?from={found[1]}", timeout=60
                ) as stream:
                    self._listen(stream)
            except OSError as error:
                self.heard[f"{type(error).__name__}"] += 1
            self._stop.wait(5)

    def _listen(self, stream: Iterable[bytes]) -> None:
        """Count events until the stream ends: after `reload` or `bye`."""
        for line in stream:
            if line.startswith(b"event: "):
                self.heard[line[7:].strip().decode()] += 1
            if self._stop.is_set():
                return


def watch(watcher: Watcher, seconds: float, every: float, interval: float) -> None:
    """Scrape until the time is over; progress on stderr."""
    began = time.monotonic()
    turn = 0
    while (passed := time.monotonic() - began) < seconds:
        watcher.scrape()
        watcher.look(passed)
        watcher.count(passed, 1.5 * interval)
        if turn % 12 == 0:
            watcher.page()
            print(
                f"\r{passed:6.0f} s  {sum(each[-1][1] for each in watcher.memory.values()):6.1f} MB  "
                f"{watcher.series():,} series",
                end="",
                file=sys.stderr,
            )
        turn += 1
        time.sleep(max(0.0, began + turn * every - time.monotonic()))
    print(file=sys.stderr)


def flatness(memory: list[tuple[float, float]]) -> tuple[float, float]:
    """Median of the second and of the last quarter of the time, MB: the first one belongs to the start."""
    last = memory[-1][0]
    second = [size for at, size in memory if last * 0.25 <= at < last * 0.5]
    fourth = [size for at, size in memory if at >= last * 0.75]
    return statistics.median(second), statistics.median(fourth)


def line(name: str, value: float, unit: str, limit: float | None) -> bool:
    """Print one figure; whether it is within its limit."""
    kept = limit is None or value <= limit
    against = "" if limit is None else f" limit {limit:g}{'' if kept else '  MISSED'}"
    print(f"{name:<46} {value:10.2f} {unit:<3}{against}")
    return kept


def memory(watcher: Watcher) -> list[bool]:
    """Print each process's memory; whether it is flat, and whether all were there all the time."""
    kept = []
    last = max(at for sizes in watcher.memory.values() for at, _ in sizes)
    for name, sizes in watcher.memory.items():
        if sizes[0][0] > last * 0.25 or sizes[-1][0] < last:
            print(f"memory, {name}: there from {sizes[0][0]:.0f} s to {sizes[-1][0]:.0f} s only  MISSED")
            kept.append(False)
            continue
        second, fourth = flatness(sizes)
        line(f"memory, {name}, second quarter", second, "MB", None)
        kept.append(line(f"memory, {name}, last quarter of the second's", fourth / second, "", 1.05))
    return kept


def work(watcher: Watcher) -> tuple[list[bool], dict[str, float]]:
    """Print whether the work was done; within the limits, and the figures. Counted from the first interval's end on."""
    since, until = watcher.counted
    now = counters(watcher.text)
    asked = planned(watcher.text) * (until - since)
    if not watcher.first or not asked:
        raise SystemExit("too short: nothing to compare after one and a half intervals")
    done = {name: value - watcher.first[name] for name, value in now.items()}
    line("probes planned after the first interval", asked, "", None)
    kept = [
        line("probes made, off what was planned", abs(done["made"] / asked - 1), "", 0.05),
        line("probes that did not reach their target", 1 - done["reached"] / max(1.0, done["made"]), "", 0.01),
        line("moments skipped, of those planned", done["skipped"] / asked, "", 0.001),
        line("probes lost", now["lost"], "", 0),
    ]
    return kept, {"planned": asked, **done}


def report(watcher: Watcher, page: Page) -> tuple[bool, dict[str, object]]:
    """Print the figures; whether all are within their limits, and the figures."""
    lateness = watcher.p99("prober_schedule_lateness_seconds")
    lag = watcher.p99("prober_event_loop_lag_seconds")
    scrapes = sorted(watcher.scrapes[1:])
    series = watcher.series()
    for_20k = scrapes[-1] * 20_000 / series if series > 20_000 else scrapes[-1]
    line("probes", counters(watcher.text)["made"], "", None)
    line("series in a scrape", series, "", None)
    kept, done = work(watcher)
    kept += [line(f"schedule lateness p99 ({name})", value * 1000, "ms", 50) for name, value in lateness.items()]
    kept += [line(f"event loop lag p99 ({name})", value * 1000, "ms", 20) for name, value in sorted(lag.items())]
    line("scrape, median", statistics.median(scrapes) * 1000, "ms", None)
    line("scrape, slowest", scrapes[-1] * 1000, "ms", None)
    kept.append(line("slowest scrape, for 20,000 series", for_20k, "s", 0.5))
    line("page, slowest", max(watcher.pages) * 1000, "ms", None)
    told = page.heard["news"] > 0
    kept += [*memory(watcher), told]
    print(f"the open page: loaded {page.loads} times; heard {dict(page.heard)}{'' if told else '  MISSED: no news'}")
    figures: dict[str, object] = {
        "series": series, "work": done, "lateness_p99": lateness, "lag_p99": lag, "scrapes": watcher.scrapes,
        "pages": watcher.pages, "memory_mb": watcher.memory, "page_heard": dict(page.heard), "page_loads": page.loads,
    }  # fmt: skip
    return all(kept), figures


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--targets", type=int, default=400)
    parser.add_argument("--interval", type=float, default=30)
    parser.add_argument("--every", type=float, default=5, help="seconds between scrapes")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lab, ready, port = folder / "lab.yaml", folder / "ready", free_port()
        with started([*PROBER, "lab", "--write-config", str(lab), "--ready-file", str(ready)], ready):
            config = write_config(lab, folder, options.targets, options.interval)
            serve = [*PROBER, "serve", "--config", str(config), *EVERYTHING, "--workers", str(options.workers)]
            errors = folder / "errors"
            with started([*serve, "--web.listen-address", f"127.0.0.1:{port}"], None, errors) as process:
                kept, figures = _measure(Watcher(port, process.pid), port, options)
        print(errors.read_text()[:2000], file=sys.stderr)
    if options.json is not None:
        options.json.write_text(json.dumps(figures))
    raise SystemExit(0 if kept else 1)


def _measure(watcher: Watcher, port: int, options: argparse.Namespace) -> tuple[bool, dict[str, object]]:
    for _ in range(100):
        try:
            watcher.get("/-/ready")
            break
        except OSError:
            time.sleep(0.2)
    page = Page(port)
    page.open()
    try:
        watch(watcher, options.minutes * 60, options.every, options.interval)
    finally:
        page.close()
    return report(watcher, page)


if __name__ == "__main__":
    main()
