"""Probes for a second of processor time, beside other clients in the same run; prints ratios, which noise shares.

    python benchmarks/speed.py [--rounds 5] [--probes 3000] [--in-flight 64]

Everyone makes full TLS 1.3 handshakes with the same origin (`prober lab origin`, ECDSA leaf) and asks one GET, client
on one core, origin on the other, in turn, round after round. What counts is the client's own processor time (user and
system): the origin is written in Python too and may be the slower half.

probe     prober's engine: a https target, chain captured, everything recorded
bare      prober's engine: a tls target, no request
streams   asyncio streams with the standard library's ssl on uvloop, no verification, nothing recorded
s_time    `openssl s_time -new`: handshakes only, in C, one at a time (left out where openssl is missing)
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import select
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prober.engine.loop import run_loop
from prober.engine.run import Pair, Run
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.model import Observation, Route, Scheme, Target

S_TIME_SECONDS = 2


def pin(core: int) -> None:
    """Keep this process (and what it starts) on one core, where the system allows it."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


@contextmanager
def origin() -> Iterator[int]:
    """The lab's bare origin on the second core; gives its port."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder, "ready")
        command = [
            sys.executable,
            "-m",
            "prober",
            "lab",
            "origin",
            "--listen",
            "127.0.0.1:0",
            "--ready-file",
            str(ready),
        ]
        pin(1)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        pin(0)
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit("the origin did not start")
                select.select([], [], [], 0.05)
            found = re.search(r'"bare-origin": *(\d+)', ready.read_text())
            if found is None:
                raise SystemExit(f"no port in {ready.read_text()}")
            yield int(found[1])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def engine(scheme: Scheme, port: int, probes: int, in_flight: int) -> float:
    """Probes for a second of processor time of prober's engine."""
    settings = ProbeSettings(
        timeout=30, retries=0, profile="schannel", family="ipv4-first",
        concurrency=in_flight, per_route=in_flight, per_host=in_flight, rate=None,
    )  # fmt: skip
    route = Route("direct")
    pairs = [Pair(Target(id=str(i), scheme=scheme, host="127.0.0.1", port=port), route) for i in range(probes)]
    failures: list[Observation] = []

    def look(_: Pair, observation: Observation) -> None:
        if not observation.reachable:
            failures.append(observation)

    async def probe() -> None:
        async with Run(settings, ProxyCertificates([])) as run:
            await run.probe(pairs, look)

    began = time.process_time()
    run_loop(probe())
    seconds = time.process_time() - began
    if failures:
        raise SystemExit(f"{len(failures)} probes failed: {failures[0].failure}")
    return probes / seconds


def streams(port: int, probes: int, in_flight: int) -> float:
    """The same requests with asyncio streams."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    async def one(free: asyncio.Semaphore) -> None:
        async with free:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"the origin answered {head[:40]!r}")
            writer.close()

    async def run() -> None:
        free = asyncio.Semaphore(in_flight)
        async with asyncio.TaskGroup() as group:
            for number in range(probes):
                group.create_task(one(free), name=f"request {number}")

    began = time.process_time()
    run_loop(run())
    return probes / (time.process_time() - began)


def s_time(port: int) -> float:
    """Connections for a second of openssl's processor time."""
    command = ["openssl", "s_time", "-new", "-connect", f"127.0.0.1:{port}", "-time", str(S_TIME_SECONDS)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+) connections in \d+ real seconds", done.stdout)
    if found is None:
        raise SystemExit(f"openssl s_time said {done.stdout[-200:]}{done.stderr[-200:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int(found[1]) / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Measure in turn, print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--probes", type=int, default=3000)
    parser.add_argument("--in-flight", type=int, default=64)
    asked = parser.parse_args()
    with origin() as port:
        contestants: dict[str, Callable[[], float]] = {
            "probe": lambda: engine(Scheme.HTTPS, port, asked.probes, asked.in_flight),
            "bare": lambda: engine(Scheme.TLS, port, asked.probes, asked.in_flight),
            "streams": lambda: streams(port, asked.probes, asked.in_flight),
        }
        if shutil.which("openssl"):
            contestants["s_time"] = lambda: s_time(port)
        engine(Scheme.HTTPS, port, 300, asked.in_flight)  # warm: imports, contexts, the origin's certificate
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(asked.rounds):
            for name, run in contestants.items():
                rates[name].append(run())
    print(f"{'':10}{'per CPU s':>10}{'min':>8}{'max':>8}{'probe is … of it':>20}")
    for name, values in rates.items():
        ratios = [ours / theirs for ours, theirs in zip(rates["probe"], values, strict=True)]
        print(
            f"{name:10}{statistics.median(values):10.0f}{min(values):8.0f}{max(values):8.0f}"
            f"{statistics.median(ratios):20.2f}"
        )


if __name__ == "__main__":
    main()
