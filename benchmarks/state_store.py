"""What the state store costs: time on the event loop, octets on the disk, and how late the loop is while it writes.

    python benchmarks/state_store.py [PAIRS] [INTERVAL] [SECONDS] [--without]

PAIRS steady pairs (three quarters behind proxies) are each probed every INTERVAL seconds, for SECONDS, in real time;
the loop is woken each millisecond to see how late it is. --without keeps nothing: the difference is the store's.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from prober.engine.run import Pair
from prober.interception import TrustStore
from prober.lab.authorities import Authorities, Credential
from prober.model import (
    Hop,
    HopFacts,
    HopScheme,
    HopTimings,
    HttpFacts,
    Observation,
    Route,
    Scheme,
    Target,
    Timings,
    TlsFacts,
)
from prober.monitor.board import Board
from prober.monitor.memory.store import Store

ROUTES = (
    Route("direct"),
    Route("hq", (Hop(HopScheme.HTTP, "hq.corp.test", 3128),)),
    Route("two", (Hop(HopScheme.SOCKS5H, "10.0.0.7", 1080), Hop(HopScheme.HTTPS, "proxy.corp.test", 8443))),
    Route("branch", (Hop(HopScheme.HTTP, "branch.corp.test", 3128),)),
)


def world(pairs: int) -> tuple[Board, list[Pair], dict[str, TlsFacts]]:
    """A board, its pairs, and what each host shows."""
    authorities = Authorities()
    targets = [
        Target(id=f"mde.c2.t{number}", scheme=Scheme.HTTPS, host=f"t{number}.example.test", port=443, service="MDE")
        for number in range(-(-pairs // len(ROUTES)))
    ]
    shown = {each.host: tls_of(authorities.issuer_for(each.host, None).leaf(each.host)) for each in targets}
    both = [Pair(target, route) for target in targets for route in ROUTES][:pairs]
    judge = TrustStore(
        b"".join(each.public_bytes(Encoding.PEM) for each in authorities.public_roots), None, with_shipped=False
    )
    return Board("paris", both, judge, confirm=2), both, shown


def tls_of(credential: Credential) -> TlsFacts:
    """A handshake that showed this certificate."""
    chain = tuple(each.public_bytes(Encoding.DER) for each in (credential.certificate, *credential.chain))
    return TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "http/1.1", False, True, chain)


def probe(pair: Pair, tls: TlsFacts, at: float, number: int) -> Observation:
    """One probe of a steady pair: times differ, all else is as before."""
    spans = [random.random() / 20 for _ in range(9)]  # noqa: S311 # times of a benchmark
    hops = tuple(HopTimings(None, spans[0], spans[1], spans[2]) for _ in pair.route.hops)
    peer = f"203.0.113.{number % 3 if number % 7 == 0 else 1}:443"
    headers = (("server", "Microsoft-HTTPAPI/2.0"), ("content-type", "text/html"), ("x-cache", "CONFIG_NOCACHE"))
    return Observation(
        target=pair.target.id,
        route=pair.route.name,
        at=at,
        timings=Timings(spans[3], spans[4], hops, spans[5], spans[6], sum(spans)),
        peer=peer,
        tls=replace(tls, chain=tuple(bytes(bytearray(der)) for der in tls.chain)),
        http=HttpFacts(200, headers),
        hops=tuple(HopFacts(200) for _ in hops),
    )


class Figures:
    """What was measured, in seconds."""

    def __init__(self) -> None:
        self.take: list[float] = []
        self.put: list[float] = []
        self.late: list[float] = []
        self.probes = 0


async def watch(
    board: Board, both: list[Pair], shown: dict[str, TlsFacts], store: Store, rate: float, seconds: float
) -> Figures:
    """Probes at an even pace; once a second what changed goes to the store, as `serve` does it."""
    figures, dirty = Figures(), []
    begun = flushed = time.perf_counter()
    while (now := time.perf_counter()) - begun < seconds:
        while figures.probes < (now - begun) * rate:
            pair = both[figures.probes % len(both)]
            observation = probe(pair, shown[pair.target.host], time.time(), figures.probes)
            dirty.append((pair.target.id, pair.route.name))
            start = time.perf_counter()
            board.take(dirty[-1], observation)
            figures.take.append(time.perf_counter() - start)
            figures.probes += 1
        if now - flushed >= 1.0:
            start = time.perf_counter()
            store.remember("paris", list(board.remembered(dirty)))
            figures.put.append((time.perf_counter() - start) / max(1, len(dirty)))
            dirty, flushed = [], now
        start = time.perf_counter()
        await asyncio.sleep(0.001)
        figures.late.append(time.perf_counter() - start - 0.001)
    return figures


async def main(pairs: int, interval: float, seconds: float, *, kept: bool) -> None:
    """Measure and tell."""
    board, both, shown = world(pairs)
    for pair in both * 6:  # until all is steady
        board.take((pair.target.id, pair.route.name), probe(pair, shown[pair.target.host], time.time(), 1))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "prober.db"
        store = Store(path if kept else None, history_days=90)
        await store.open()
        start = time.perf_counter()
        store.remember("paris", list(board.remembered(board.pairs)))
        await store.flush()
        first = time.perf_counter() - start
        written, cpu, start = _written(), time.process_time(), time.perf_counter()
        figures = await watch(board, both, shown, store, pairs / interval, seconds)
        await store.flush()
        spent, cpu, written = time.perf_counter() - start, time.process_time() - cpu, _written() - written
        print(
            f"{pairs} pairs every {interval:g} s for {spent:.0f} s: {figures.probes} probes, trouble: {store.trouble}"
        )
        take, put = (_spread(each, 1e6, "µs") for each in (figures.take, figures.put))
        print(f"  Board.take, steady pair: {take}")
        print(f"  remembered + remember, each pair: {put}")
        print(f"  loop late by {_spread(figures.late, 1e3, 'ms')}; {cpu / spent * 100:.0f} % of a core in all")
        if kept:
            print(f"  written: {written / spent / 1024:.0f} KiB/s, {written / spent * 86400 / 2**30:.1f} GiB a day")
            print(f"  all pairs for the first time: {first:.2f} s")
            await restart(store, path)
        await store.close()


async def restart(store: Store, path: Path) -> None:
    """Close, open and load."""
    sizes = [each.stat().st_size / 2**20 for each in (path, path.with_name(path.name + "-wal"))]
    moments = [time.perf_counter()]
    await store.close()
    moments.append(time.perf_counter())
    again = Store(path, history_days=90)
    await again.open()
    moments.append(time.perf_counter())
    found = await again.load("paris")
    moments.append(time.perf_counter())
    await again.close()
    closing, opening, loading = (later - earlier for earlier, later in pairwise(moments))
    print(f"  file {sizes[0]:.1f} MiB, WAL {sizes[1]:.1f} MiB; close {closing:.2f} s, open {opening:.2f} s")
    print(f"  load {loading:.2f} s: {len(found)} pairs")


def _written() -> int:
    """Octets this process has handed to write(2): proc(5), wchar."""
    told = Path("/proc/self/io").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("wchar"))


def _spread(values: list[float], times: float, unit: str) -> str:
    ordered = sorted(values)
    shares = (f"p{share * 100:g} {ordered[int(len(ordered) * share)] * times:.2f}" for share in (0.5, 0.99, 0.999))
    return f"{', '.join(shares)}, max {ordered[-1] * times:.2f} {unit}"


if __name__ == "__main__":
    given = [float(each) for each in sys.argv[1:] if not each.startswith("-")]
    numbers = given + [1600.0, 30.0, 20.0][len(given) :]
    asyncio.run(main(int(numbers[0]), numbers[1], numbers[2], kept="--without" not in sys.argv))
