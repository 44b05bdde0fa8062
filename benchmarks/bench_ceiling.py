"""How many full TLS handshakes a second the load generator makes on this machine, origin and proxy beside it.

    python benchmarks/bench_ceiling.py [--rounds 3] [--seconds 5] [--workers 1] [--origins 1] [--only direct|tinyproxy]

The load rises by a tenth from step to step, as `prober bench` puts it on a proxy: open loop, each handshake due at its
own moment, TLS 1.3, X25519, AES-128-GCM, ECDSA P-256, no session resumed. A step is kept if everything succeeded,
nothing was skipped, 98 % ended within the step, and the 99th percentile of the generator's lateness is at most 5 ms.
The ceiling of a round is the last step before the first that is not kept; one that fails is tried once more, since what
other programs do meanwhile is no fault of it.

Printed are the ceilings' minimum, median and maximum over the rounds, beside the limits (900 direct, 600 through
tinyproxy), and what a handshake costs the generator in processor time. Then a run at half as much again as the median,
as `prober bench` judges it: it must call that generator-limited. Exit code 1 if a median is below its limit, or if not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from prober.bench.kpis import kpis
from prober.bench.validity import Validity, validity
from prober.engine.load.generators import Generators
from prober.engine.loop import run_loop
from prober.load.histogram import Histogram
from prober.load.slices import Measured
from prober.load.words import Load, Measure, Phase, PhaseKind, Span, Workload
from prober.model import Hop, HopScheme, Route, Scheme, Target

LIMITS = {"direct": 900, "tinyproxy": 600}
FIRST = 150.0
STEP = 1.1
BEYOND = 1.5
MOST_LATE = 0.005
LEAST_ACHIEVED = 0.98
SETTLE = 1.0
READY_SECONDS = 30.0

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 30
MaxClients 4000
LogLevel Critical
LogFile "{log}"
Allow 127.0.0.0/8
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one rate."""

    rate: float
    achieved: float
    late: float
    response: float
    cpu: float
    """Seconds of the generator's processor time for a handshake."""
    machine: float
    """Share of the machine in use, by whomever."""
    wrong: str | None

    def __str__(self) -> str:
        return (
            f"{self.rate:7.0f}/s  achieved {self.achieved:6.0f}/s  lateness p99 {self.late * 1e3:6.2f} ms  "
            f"response p99 {self.response * 1e3:7.1f} ms  {self.cpu * 1e6:5.0f} us each  "
            f"machine {self.machine:4.0%}  {self.wrong or 'kept'}"
        )


@contextmanager
def running(command: list[str], port: int | None = None, ready: Path | None = None) -> Iterator[None]:
    """A program until it is not needed any more; waits for its port or its ready file."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + READY_SECONDS
        while not (ready.exists() if ready is not None else _answers(port or 0)):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@contextmanager
def origin(folder: Path, workers: int) -> Iterator[int]:
    """The lab's origin; gives its port."""
    ready = folder / "ready"
    command = [sys.executable, "-m", "prober", "lab", "origin", "--workers", str(workers), "--ready-file", str(ready)]
    with running(command, ready=ready):
        yield json.loads(ready.read_text())["ports"]["bare-origin"]


@contextmanager
def tinyproxy(folder: Path) -> Iterator[Route | None]:
    """A route through tinyproxy; None where there is none."""
    program = shutil.which("tinyproxy")
    if program is None:
        yield None
        return
    port = free_port()
    settings = folder / "tinyproxy.conf"
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    settings.write_text(user + TINYPROXY.format(port=port, log=folder / "tinyproxy.log"))
    (folder / "tinyproxy.log").touch(mode=0o666)
    folder.chmod(0o755)
    with running([program, "-d", "-c", str(settings)], port=port):
        yield Route("tinyproxy", (Hop(HopScheme.HTTP, "127.0.0.1", port),))


def load(rate: float, seconds: float) -> Load:
    """A second to settle, then the stretch that counts."""
    phases = (
        Phase(PhaseKind.RAMP_UP, SETTLE, rate / 2, rate),
        Phase(PhaseKind.SUSTAIN, seconds, rate, rate),
        Phase(PhaseKind.COLLECTION, 1.0, 0.0, 0.0),
    )
    return Load(workload=Workload.HANDSHAKE, phases=phases, seed=1, in_flight=4000, stop_at_failed=0.1)


def judge(rate: float, seconds: float, measured: Measured) -> Step:
    """What of the sustained seconds is worth."""
    counted = [each for each in measured.slices if SETTLE <= each.second < SETTLE + seconds]
    late, response = Histogram(), Histogram()
    for each in counted:
        late.add(each.span(Measure(Span.LATENESS)))
        response.add(each.span(Measure(Span.RESPONSE)))
    succeeded = sum(each.succeeded for each in measured.slices)
    failed = sum(each.failed.total() for each in measured.slices)
    skipped = sum(each.skipped.total() for each in measured.slices)
    achieved = sum(each.ended_well for each in counted) / seconds
    p99 = late.percentile(99)
    wrong = None
    if measured.stopped is not None:
        wrong = f"stopped: {measured.stopped}"
    elif failed or skipped:
        wrong = f"{failed} failed, {skipped} skipped"
    elif achieved < LEAST_ACHIEVED * rate:
        wrong = f"achieved {achieved / rate:.1%}"
    elif p99 > MOST_LATE:
        wrong = "the generator was late"
    cpu = sum(sample.cpu for sample in measured.health)
    machine = [sample.machine_cpu for sample in measured.health if sample.worker == 0]
    return Step(
        rate,
        achieved,
        p99,
        response.percentile(99),
        cpu / max(1, succeeded),
        statistics.mean(machine) if machine else 0.0,
        wrong,
    )


def reported(asked: Load, measured: Measured) -> Validity:
    """What `prober bench` says of a run."""
    return validity(asked, measured, kpis(asked, measured))


def rate_of(asked: Load) -> float:
    """Operations per second of the sustain phase."""
    return next(phase.to_rate for phase in asked.phases if phase.kind is PhaseKind.SUSTAIN)


async def ceiling(making: Generators, target: Target, route: Route, first: float, seconds: float) -> tuple[Step, float]:
    """The last step that was kept, with the next one's rate; rate 0 if none was."""
    rate, best = first, Step(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "nothing was kept")
    while True:
        for _ in range(2):
            step = judge(rate, seconds, await making.run(load(rate, seconds), target, route))
            print(f"  {route.name:<10}{step}", flush=True)
            if step.wrong is None:
                break
        if step.wrong is not None:
            return best, rate
        best, rate = step, rate * STEP


async def measure(arguments: argparse.Namespace, routes: list[Route], target: Target) -> bool:
    """All rounds; whether every limit is met."""
    met = True
    for route in routes:
        found: list[Step] = []
        first = arguments.first
        async with Generators(arguments.workers) as making:
            for _ in range(arguments.rounds):
                best, _ = await ceiling(making, target, route, first, arguments.seconds)
                found.append(best)
                first = max(arguments.first, best.rate / STEP**3)
            above = load(BEYOND * max(step.rate for step in found) or first, arguments.seconds)
            told = reported(above, await making.run(above, target, route))
        rates = [step.rate for step in found]
        costs = [step.cpu * 1e6 for step in found]
        limit = LIMITS[route.name]
        median = statistics.median(rates)
        met = met and median >= limit and told.generator_limited
        print(
            f"{route.name}: min {min(rates):.0f}, median {median:.0f}, max {max(rates):.0f} handshakes/s "
            f"over {len(rates)} rounds (limit {limit}: {'met' if median >= limit else 'MISSED'}); "
            f"generator {min(costs):.0f} to {max(costs):.0f} us of processor time for each",
            flush=True,
        )
        words = ", ".join(reason.word for reason in told.reasons)
        print(
            f"{route.name} at {rate_of(above):.0f}/s is reported as "
            f"{'generator-limited' if told.generator_limited else 'NOT generator-limited'} ({words})",
            flush=True,
        )
    return met


def main() -> None:
    """Measure, print, fail if a limit was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=1, help="generator processes")
    parser.add_argument("--origins", type=int, default=1, help="origin processes")
    parser.add_argument("--first", type=float, default=FIRST, help="first rate")
    parser.add_argument("--only", choices=list(LIMITS))
    arguments = parser.parse_args()
    busy = psutil.cpu_percent(2.0)
    print(f"{os.cpu_count()} cores, {busy:.0f} % of them in use before we begin", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prober-ceiling-")))
        port = stack.enter_context(origin(folder, arguments.origins))
        routes = [Route("direct")]
        proxied = stack.enter_context(tinyproxy(folder))
        if proxied is None:
            print("tinyproxy is not installed: only the direct ceiling is measured")
        else:
            routes.append(proxied)
        if arguments.only:
            routes = [route for route in routes if route.name == arguments.only]
        target = Target(id="origin", scheme=Scheme.TLS, host="127.0.0.1", port=port)
        met = run_loop(measure(arguments, routes, target))
    sys.exit(0 if met and len(routes) + bool(arguments.only) == len(LIMITS) else 1)


if __name__ == "__main__":
    main()
