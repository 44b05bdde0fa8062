"""Memory of the load generator over a long run, and with thousands of idle tunnels.

    python benchmarks/bench_memory.py [--minutes 10] [--rate 500] [--workload handshake] [--tunnels 5000]

Two parts: operations at a constant rate for minutes, and tunnels that are opened and held; both against
`prober lab origin`, direct, on this machine. Printed is the resident memory of the front (which merges and keeps every
second) and of each generator process, minute by minute. Growth is what the largest of a process's later samples is
above its first after ten seconds. Exit code 1 if all processes together grow by 50 MB or more, or tunnels take 500 MB.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psutil

from prober.bench.asking import LEAST_IN_FLIGHT
from prober.bench.profiles import hold_tunnels, steady
from prober.engine.limits import reserve_descriptors
from prober.engine.load.generators import Generators
from prober.engine.loop import run_loop
from prober.load.slices import HealthSample, Measured
from prober.load.words import Load, Workload
from prober.model import Route, Scheme, Target

MB: Final = 1 << 20
MOST_GROWTH: Final = 50
MOST_HELD: Final = 500
SETTLED: Final = 10
"""Seconds after which memory counts: imports, contexts and the first histograms are there."""
HELD_SECONDS: Final = 20.0


@dataclass
class Memory:
    """Resident bytes by process, second by second."""

    samples: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def note(self, sample: HealthSample) -> None:
        """A generator's, and the front's own beside the first one's."""
        self.samples[f"generator {sample.worker + 1}"][sample.second] = sample.memory
        if sample.worker == 0:
            self.samples["front"][sample.second] = psutil.Process().memory_info().rss

    def growth(self) -> float:
        """MB, over all processes."""
        total = 0
        for seconds in self.samples.values():
            later = {second: each for second, each in seconds.items() if second >= SETTLED}
            total += max(later.values()) - later[min(later)] if later else 0
        return total / MB

    def most(self) -> float:
        """MB, all processes at their largest."""
        return sum(max(seconds.values()) for seconds in self.samples.values()) / MB

    def show(self) -> None:
        """A line for each process and minute's end."""
        for name, seconds in sorted(self.samples.items()):
            last = max(seconds)
            points = sorted({min(SETTLED, last), *range(59, last, 60), last})
            told = ", ".join(f"{second + 1} s {seconds[second] / MB:.0f}" for second in points if second in seconds)
            print(f"  {name:12} most {max(seconds.values()) / MB:.0f} MB; after {told} MB")


@contextmanager
def origin() -> Iterator[Target]:
    """The lab's, in a process of its own."""
    command = [sys.executable, "-m", "prober", "lab", "origin", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 # it was asked for
        found = re.match(r"origin on 127\.0\.0\.1:(\d+): ", process.stdout.readline())
        if found is None:
            raise SystemExit("the origin did not start")
        yield Target(id="origin", scheme=Scheme.HTTPS, host="127.0.0.1", port=int(found[1]), path="/bytes/1024")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


async def loaded(load: Load, target: Target, workers: int) -> tuple[Measured, Memory]:
    """One run, direct."""
    memory = Memory()
    async with Generators(workers) as generators:
        measured = await generators.run(load, target, Route("direct"), on_health=memory.note)
    return measured, memory


def told(measured: Measured) -> str:
    """What came of it."""
    succeeded = sum(each.succeeded for each in measured.slices)
    failed = sum(each.failed.total() for each in measured.slices)
    skipped = sum(each.skipped.total() for each in measured.slices)
    stopped = f", stopped: {measured.stopped}" if measured.stopped else ""
    return f"{succeeded:,} succeeded, {failed:,} failed, {skipped:,} skipped{stopped}"


async def long_run(asked: argparse.Namespace, target: Target) -> bool:
    """Whether memory grew by less than the limit."""
    workload = Workload(asked.workload)
    load = Load(
        workload=workload, phases=steady(asked.rate, asked.minutes * 60.0, ramp=2.0), seed=1,
        reuse=asked.reuse if workload is Workload.REQUEST else 1, object_bytes=1024,
        in_flight=max(LEAST_IN_FLIGHT, int(2 * asked.rate)),  # as `prober bench` has it
    )  # fmt: skip
    measured, memory = await loaded(load, target, 1)
    growth = memory.growth()
    print(f"{asked.workload} at {asked.rate:g}/s for {asked.minutes:g} min: {told(measured)}")
    memory.show()
    print(f"  grown by {growth:.0f} MB, limit {MOST_GROWTH}: {'met' if growth < MOST_GROWTH else 'MISSED'}", flush=True)
    return growth < MOST_GROWTH


async def tunnels(asked: argparse.Namespace, target: Target) -> bool:
    """Whether as many idle tunnels fit into the limit."""
    load = Load(
        workload=Workload.TUNNEL, phases=hold_tunnels(asked.tunnels, HELD_SECONDS, rate=250), seed=1,
        in_flight=asked.tunnels + 100,
    )  # fmt: skip
    measured, memory = await loaded(load, target, asked.workers)
    held = max((each.open for each in measured.slices), default=0)
    print(f"{asked.tunnels:,} tunnels over {asked.workers} processes: {told(measured)}; {held:,} open at once")
    memory.show()
    well = memory.most() < MOST_HELD and held >= asked.tunnels
    print(f"  {memory.most():.0f} MB in all, limit {MOST_HELD}: {'met' if well else 'MISSED'}", flush=True)
    return well


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--workload", choices=["handshake", "request"], default="handshake")
    parser.add_argument("--reuse", type=int, default=10, help="request: GETs on one connection")
    parser.add_argument("--tunnels", type=int, default=5000, help="0 = not")
    parser.add_argument("--workers", type=int, default=2, help="generator processes for the tunnels")
    asked = parser.parse_args()
    reserve_descriptors(asked.tunnels + 5000)

    async def both(target: Target) -> bool:
        held = await tunnels(asked, target) if asked.tunnels else True
        return await long_run(asked, target) and held if asked.minutes else held

    with origin() as target:
        well = run_loop(both(target))
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
