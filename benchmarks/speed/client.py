"""The client process: one job from standard input, what it took on standard output; nothing else runs in it.

It warms up (imports, contexts, caches, the origin's certificate), says so, and waits for a word. Only what it does
after that word is counted, by getrusage of this process alone; then it waits again, until its input ends, so that
whoever looks at it from outside has seen it whole.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import time

import msgspec

from benchmarks.speed.jobs import CheckJob, Job, ProbeJob, SilentJob, Spent, StreamsJob, WorkersJob
from prober.engine.loop import run_loop


class Meter:
    """Tells the parent that all is ready, and counts what comes after its word."""

    def __init__(self) -> None:
        self._began = 0.0
        self._before = resource.getrusage(resource.RUSAGE_SELF)

    def start(self) -> None:
        """Ready; returns when the parent says so. Blocks: nothing may run meanwhile."""
        gc.collect()  # the warm-up's garbage is not the stretch's
        print("ready", flush=True)
        if not sys.stdin.readline():
            raise SystemExit("nobody wants the figures any more")
        self._before = resource.getrusage(resource.RUSAGE_SELF)
        self._began = time.perf_counter()

    def spent(self, count: int, more: dict[str, float] | None = None, children: float = 0.0) -> Spent:
        """What it took since `start`; `children` are seconds of other processes to be added to this one's."""
        wall = time.perf_counter() - self._began
        now = resource.getrusage(resource.RUSAGE_SELF)
        return Spent(
            count=count,
            user=now.ru_utime - self._before.ru_utime + children,
            system=now.ru_stime - self._before.ru_stime,
            wall=wall,
            more=more or {},
        )


async def _do(job: Job, meter: Meter) -> Spent:
    """What is loaded here is the job's own: a heavy neighbour would lie in everybody's memory."""
    match job:
        case ProbeJob():
            from benchmarks.speed import probing

            return await probing.probe(job, meter)
        case StreamsJob():
            from benchmarks.speed import streams

            return await streams.ask(job, meter)
        case CheckJob():
            from benchmarks.speed import holding

            return await holding.check(job, meter)
        case WorkersJob():
            from benchmarks.speed import holding

            return await holding.deal(job, meter)
        case SilentJob():
            from benchmarks.speed import holding

            return await holding.hold(job, meter)


def main() -> None:
    """Do one job."""
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    os.sched_setaffinity(0, job.cores)
    spent = run_loop(_do(job, Meter()))
    print(msgspec.json.encode(spent).decode(), flush=True)
    sys.stdin.read()
