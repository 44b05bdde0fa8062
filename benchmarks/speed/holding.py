"""What is held while many probes are made: whole runs of any size, probes in flight, workers. In the client process."""

from __future__ import annotations

import asyncio
import gc
import re
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.speed.client import Meter
from benchmarks.speed.jobs import CheckJob, SilentJob, Spent, WorkersJob
from benchmarks.speed.probing import EGRESS, settings, target, trusted
from prober.check.conduct import Conduct
from prober.check.plan import Plan
from prober.engine.limits import reserve_descriptors
from prober.engine.run import Pair, Run
from prober.engine.stores import ProxyCertificates
from prober.engine.workers import WorkerPool
from prober.interception.trust import TrustStore
from prober.interception.verdict import Word
from prober.model import Observation, Reason, Route, Scheme
from prober.report.document import Run as RunDocument
from prober.report.files import encode

_LOOK = 0.2
"""Seconds between two looks at the memory."""
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def resident() -> int:
    """Resident memory of this process, octets."""
    size: int = psutil.Process().memory_info().rss
    return size


def peak() -> int:
    """The most it ever was, octets. Not getrusage's: that remembers what was before the program was started."""
    found = _PEAK.search(Path("/proc/self/status").read_text())
    return 0 if found is None else int(found[1]) * 1024


async def check(job: CheckJob, meter: Meter) -> Spent:
    """A run as `prober check` makes it. The routes have no proxies, so that a pair costs the same however many."""
    await Conduct(_plan(job, trusted(job.root), max(1, job.warm // job.routes))).probe()
    conduct = Conduct(_plan(job, trusted(job.root), job.targets))  # trust of its own: no host is known to it by now
    count = job.targets * job.routes
    gc.collect()
    before = resident()
    meter.start()
    await conduct.probe()
    spent = meter.spent(count)
    gc.collect()
    kept = resident() - before
    document = conduct.document()
    with_document = resident() - before
    size = len(encode(document))
    whole = meter.spent(count)
    _look_at(document, count)
    return Spent(
        count=count,
        user=spent.user,
        system=spent.system,
        wall=spent.wall,
        more={
            "late_s": 0.0 if document.environment is None else document.environment.loop_lag_max or 0.0,
            "kept_bytes_each": kept / count,
            "with_document_bytes_each": with_document / count,
            "json_bytes_each": size / count,
            "peak_bytes": peak(),
            "document_cpu_s": whole.cpu - spent.cpu,
        },
    )


def _plan(job: CheckJob, trust: TrustStore, targets: int) -> Plan:
    routes = tuple(Route("direct" if number == 0 else f"way-{number}") for number in range(job.routes))
    chosen = tuple(target(number, Scheme.TLS, job.port, named=True) for number in range(targets))
    return Plan(
        egress=EGRESS,
        targets=chosen,
        skipped=(),
        services_without_probes=(),
        rules=routes,
        pairs=tuple(Pair(each, route) for each in chosen for route in routes),
        probe=settings(job.in_flight, job.port),
        descriptors=reserve_descriptors(job.in_flight),
        warnings=(),
        attempts=1,
        workers=1,
        judge=trust,
        proxies=ProxyCertificates(()),
        baseline=None,
        locate=False,
        direct=True,
    )


def _look_at(document: RunDocument, count: int) -> None:
    """A run that failed, or in which something was suspected and probed again, is another one's figure."""
    words = {each.interception.verdict if each.interception else None for each in document.results}
    reached = sum(each.reachable for each in document.results)
    if (reached, words) != (count, {Word.CLEAN.value}):
        raise SystemExit(f"{reached} of {count} were reached, the verdicts are {words}")


async def deal(job: WorkersJob, meter: Meter) -> Spent:
    """Probes in worker processes, whose processor time counts as this one's."""
    pairs = [Pair(target(n, Scheme.TLS, job.port, named=True), Route("direct")) for n in range(job.probes)]
    failed: list[Observation] = []

    def look(_: Pair, observation: Observation) -> None:
        if not observation.reachable:
            failed.append(observation)

    async with WorkerPool(settings(job.in_flight, job.port), workers=job.workers) as pool:
        await pool.probe(pairs[: job.warm], look)
        meter.start()
        before = _children()
        await pool.probe(pairs, look)
        spent = meter.spent(job.probes, children=_children() - before)
    if failed:
        raise SystemExit(f"{len(failed)} probes failed: {failed[0].failure}")
    return spent


def _children() -> float:
    """Seconds of processor time of this process's children so far, from /proc: hundredths."""
    times = [each.cpu_times() for each in psutil.Process().children()]
    return float(sum(each.user + each.system for each in times))


class Looking:
    """Looks at this process's memory and descriptors until it is over, or until told to stop."""

    def __init__(self) -> None:
        self.most = 0
        """Octets that were resident at most."""
        self.descriptors = 0
        """Open at most, at the same looks."""
        self.stopped = False

    async def look(self) -> None:
        """Until cancelled."""
        while not self.stopped:
            await asyncio.sleep(_LOOK)
            if not self.stopped:
                self.descriptors = max(self.descriptors, psutil.Process().num_fds())
                self.most = max(self.most, resident())


async def hold(job: SilentJob, meter: Meter) -> Spent:
    """Probes in flight, none of which ends before all are there; then all of them fail, as they must."""
    reserve_descriptors(job.probes)
    pairs = [Pair(target(n, Scheme.TLS, job.port, named=False), Route("direct")) for n in range(job.probes)]
    looking, wrong = Looking(), []

    def look(_: Pair, observation: Observation) -> None:
        looking.stopped = True  # from the first one on they are not all in flight any more
        if observation.failure is None or observation.failure.reason is not Reason.TLS_TIMEOUT:
            wrong.append(observation)

    async with Run(settings(job.probes, job.port, job.seconds), ProxyCertificates(())) as run:
        meter.start()
        before, open_before = resident(), psutil.Process().num_fds()
        watch = asyncio.get_running_loop().create_task(looking.look(), name="memory")
        await run.probe(pairs, look)
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
    in_flight = looking.descriptors - open_before
    if wrong:
        raise SystemExit(f"{len(wrong)} probes of a silent peer came to something else: {wrong[0].failure}")
    if in_flight < 0.99 * job.probes:
        raise SystemExit(f"{in_flight} of {job.probes} were in flight at once when the first deadline fell: too slow")
    return meter.spent(
        job.probes, {"in_flight": in_flight, "bytes_each": (looking.most - before) / in_flight, "peak_bytes": peak()}
    )
