"""What a scrape costs: rendering, gzip, HTTP, and how late it makes the event loop. No probes: states change as if.

    python benchmarks/scrape.py                                400 targets x 4 routes, each pair probed every 30 s
    python benchmarks/scrape.py --targets 5000 --seconds 30    20,000 pairs
    python benchmarks/scrape.py --json out.json

The server runs as in `prober serve` (aiohttp on uvloop), the scraper in a process of its own, which asks like
Prometheus (OpenMetrics, gzip) every `--every` seconds. Lag is measured with a timer of 5 ms, first without scrapes,
then with them; `own` is the processor time that the loop's thread spent while the timer waited: what is left of the lag
when other programs are not there. `ratio` compares the processor time with that of prometheus-client's
generate_latest on the same series: the number that carries over to another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import gzip
import http.client
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from prometheus_client import generate_latest

from prober.engine.loop import run_loop
from prober.engine.run import Pair
from prober.interception import TrustStore
from prober.model import (
    Failure,
    Hop,
    HopScheme,
    HopTimings,
    HttpFacts,
    Observation,
    Reason,
    Route,
    Scheme,
    Stage,
    Target,
    Timings,
    TlsFacts,
)
from prober.monitor.board import Board
from prober.monitor.metrics.counters import Counters
from prober.monitor.metrics.exposition import Body, Exposition
from prober.monitor.metrics.facts import ProcessFacts
from prober.monitor.metrics.formats import Format, Style
from prober.monitor.metrics.histogram import LATE_SECONDS, Histogram
from prober.monitor.web.metrics import metrics_routes

SERVICES = ("MDE", "MDAV", "MDI", "MMA", "AMA", "COMMON")
REFUSED = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "403 Forbidden")
STYLE = Style(Format.OPENMETRICS, "underscores")
TICK = 0.005
"""Seconds between two looks at the loop."""


class Authority:
    """Signs a certificate for each host."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Benchmark Root")])
        self.root = self._sign(self.name, (), ca=True)

    def _sign(self, subject: x509.Name, hosts: Sequence[str], *, ca: bool = False) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def facts(self, host: str) -> TlsFacts:
        """A handshake with that host."""
        leaf = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), [host])
        chain = (leaf.public_bytes(Encoding.DER), self.root.public_bytes(Encoding.DER))
        return TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "http/1.1", False, False, chain)


class World:
    """A board on which everything has been probed, and a stream of further observations."""

    def __init__(self, targets: int, routes: int) -> None:
        authority = Authority()
        ways = [Route("direct")]
        ways += [Route(f"proxy-{n}", (Hop(HopScheme.HTTP, f"10.0.0.{n}", 8080),)) for n in range(1, routes)]
        self.pairs = [Pair(target, way) for target in map(_target, range(targets)) for way in ways]
        self._tls = {pair.target.host: authority.facts(pair.target.host) for pair in self.pairs[::routes]}
        store = TrustStore(authority.root.public_bytes(Encoding.PEM), b"", (), None, with_shipped=False)
        self.board = Board("benchmark", self.pairs, store, confirm=2)
        self.counters = Counters()
        self.counters.keep(self.pairs)
        self.lag = Histogram(LATE_SECONDS)
        self.exposition = Exposition(self.board, self.counters, self._facts, lambda _: 30.0)
        self._next = cycle(enumerate(self.pairs))
        for _ in self.pairs:
            self.probe()

    def _facts(self) -> ProcessFacts:
        return ProcessFacts(
            pairs=len(self.pairs), in_flight=9, restarts=0, skipped=0, lags={"front": self.lag}, reload_ok=True
        )

    def probe(self) -> None:
        """The next pair has been probed: one in fifty fails."""
        number, pair = next(self._next)
        hops = tuple(HopTimings(connect=0.003, negotiate=0.01 + number % 7 / 1000) for _ in pair.route.hops)
        failed = number % 50 == 7
        observation = Observation(
            target=pair.target.id,
            route=pair.route.name,
            at=time.time(),
            failure=REFUSED if failed else None,
            timings=Timings(dns=0.001, hops=hops, tls=0.02, ttfb=0.04, total=0.08 + number % 11 / 1000),
            tls=None if failed else self._tls[pair.target.host],
            http=None if failed else HttpFacts(200, (("server", "Microsoft-IIS/10.0"),)),
        )
        taken = self.board.take((pair.target.id, pair.route.name), observation)
        if taken is not None:
            self.counters.probed(taken.state, observation, 0.001)
            for change in taken.transitions:
                self.counters.transition(change)


def _target(number: int) -> Target:
    service = SERVICES[number % len(SERVICES)]
    host = f"endpoint-{number}.region{number % 9}.security.example.com"
    return Target(
        id=f"{service.lower()}.c2.endpoint-{number}",
        scheme=Scheme.HTTPS,
        host=host,
        port=443,
        service=service,
        group="c2",
        geography=("WW", "EU", "US")[number % 3],
    )


class Timed:
    """Seconds of several calls, and the processor time of the whole process for them: medians."""

    def __init__(self) -> None:
        self._walls: list[float] = []
        self._cpus: list[float] = []

    async def call(self, what: Callable[[], Awaitable[object]], times: int = 1) -> Timed:
        """Call and time it."""
        for _ in range(times):
            began, used = time.perf_counter(), time.process_time()
            await what()
            self._walls.append(time.perf_counter() - began)
            self._cpus.append(time.process_time() - used)
        return self

    @property
    def wall(self) -> float:
        """Seconds."""
        return statistics.median(self._walls)

    @property
    def cpu(self) -> float:
        """Seconds of processor time."""
        return statistics.median(self._cpus)


async def renderings(world: World, times: int) -> dict[str, Any]:
    """One scrape at a time, nothing else on the loop."""
    exposition = world.exposition

    async def text() -> Body:
        return await exposition.scrape(STYLE)

    async def packed() -> Body:
        return await exposition.scrape(STYLE, gzip=True)

    first = await Timed().call(text)
    same = await Timed().call(text, times)
    changed = Timed()
    for _ in range(3):
        for _ in world.pairs:
            world.probe()
        await changed.call(text)
    zipped = await Timed().call(packed, times)
    began = time.process_time()
    by_library = generate_latest(exposition.registry())
    library = time.process_time() - began
    body, small = await text(), await packed()
    series = _series(b"".join(body.pieces))
    if series != _series(by_library):
        raise SystemExit("the exposition and prometheus-client do not print the same series")
    return {
        "pairs": len(world.pairs),
        "series": series,
        "bytes": body.length,
        "bytes_gzip": small.length,
        "first_s": first.wall,
        "nothing_changed_s": same.wall,
        "nothing_changed_cpu_s": same.cpu,
        "everything_changed_s": changed.wall,
        "everything_changed_cpu_s": changed.cpu,
        "with_gzip_s": zipped.wall,
        "gzip_cpu_s": zipped.cpu - same.cpu,
        "generate_latest_cpu_s": library,
        "ratio_nothing_changed": library / same.cpu,
        "ratio_everything_changed": library / changed.cpu,
    }


def _series(text: bytes) -> int:
    return sum(not line.startswith(b"#") for line in text.splitlines())


class Pauses:
    """How long Python's garbage collection takes at a time: it stops everything, whoever makes the garbage."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began = 0.0

    def __call__(self, phase: str, _: dict[str, int]) -> None:
        """Called by gc."""
        if phase == "start":
            self._began = time.thread_time()
        else:
            self.longest = max(self.longest, time.thread_time() - self._began)


async def lag_during(world: World, seconds: float, rate: float) -> dict[str, float]:
    """How late timers are while states change `rate` times a second."""
    late: list[float] = []
    own: list[float] = []
    pauses = Pauses()
    gc.callbacks.append(pauses)
    made, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        due, used = time.perf_counter() + TICK, time.thread_time()
        await asyncio.sleep(TICK)
        late.append(max(0.0, time.perf_counter() - due))
        own.append(time.thread_time() - used)
        world.lag.observe(late[-1])
        for _ in range(min(20, int((time.perf_counter() - began) * rate) - made)):
            world.probe()
            made += 1
    gc.callbacks.remove(pauses)
    found = {"changes_per_s": made / seconds, "longest_gc_ms": pauses.longest * 1000}
    for name, values in (("", sorted(late)), ("own_", sorted(own))):
        found[f"{name}p50_ms"] = values[len(values) // 2] * 1000
        found[f"{name}p99_ms"] = values[int(len(values) * 0.99)] * 1000
        found[f"{name}max_ms"] = values[-1] * 1000
    return found


async def over_http(world: World, args: argparse.Namespace) -> dict[str, Any]:
    """Served and scraped, with states changing."""
    app = web.Application()
    app.add_routes(metrics_routes(world.exposition))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    rate = len(world.pairs) / args.interval
    try:
        quiet = await lag_during(world, args.seconds / 2, rate)
        client = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--scrape", str(port), "--every", str(args.every), stdout=asyncio.subprocess.PIPE
        )
        try:
            busy = await lag_during(world, args.seconds, rate)
        finally:
            client.terminate()
        output, _ = await client.communicate()
    finally:
        await runner.cleanup()
    times = [float(line) for line in output.split()]
    return {
        "scrapes": len(times),
        "http_median_s": statistics.median(times) if times else None,
        "http_max_s": max(times, default=None),
        "lag_without_scrapes": quiet,
        "lag_with_scrapes": busy,
    }


def scrape_for_ever(port: int, every: float) -> None:
    """The scraper: prints the seconds of each scrape, read and unpacked."""
    wishes = {
        "Accept": "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,text/plain;q=0.3",
        "Accept-Encoding": "gzip",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while True:
        began = time.perf_counter()
        connection.request("GET", "/metrics", headers=wishes)
        answer = connection.getresponse()
        packed = answer.read()
        spent = time.perf_counter() - began
        if answer.status != 200 or not gzip.decompress(packed).endswith(b"# EOF\n"):
            raise SystemExit(f"answered {answer.status}, {len(packed)} bytes")
        print(spent, flush=True)
        time.sleep(max(0.0, every - (time.perf_counter() - began)))


def shown(value: object) -> str:
    """Short, for people."""
    return f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Everything, as one flat mapping and two small ones."""
    world = World(args.targets, args.routes)
    return {**await renderings(world, args.times), **await over_http(world, args)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=400)
    parser.add_argument("--routes", type=int, default=4)
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between two probes of a pair")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long it is scraped")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two scrapes")
    parser.add_argument("--times", type=int, default=7, help="scrapes of each kind that are timed alone")
    parser.add_argument("--json", type=Path, help="write every number to this file")
    parser.add_argument("--scrape", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.scrape:
        scrape_for_ever(args.scrape, args.every)
        return
    found = run_loop(measure(args))
    for name, value in found.items():
        if isinstance(value, dict):
            print(f"{name:30} " + ", ".join(f"{key} {shown(each)}" for key, each in value.items()))
        else:
            print(f"{name:30} {shown(value)}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
