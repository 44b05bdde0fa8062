"""What `prober bench` says of a proxy whose behaviour is known, beside what is true, in runs of full length.

    python benchmarks/bench_truth.py [--seconds 60] [--step-seconds 20] [--only latency]

The scripted proxy and the theory are those of tests/bench/truth, which asserts the same in seconds. A run in which the
generator says that it was disturbed (or the proxy, of its own answers) is made again, a few times. Percentiles
must be within 5 % or 2 ms of theory, a capacity within 5 %, an error share's interval must hold the true one, and a
flip must be named to the second. Exit code 1 if anything is not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from prober.bench.capacity import Search
from prober.bench.flips import flips
from prober.bench.knee import Terms
from prober.engine.loop import run_loop
from prober.load.arrivals import rate_at
from prober.load.words import Arrivals, Load, Phase, PhaseKind, Span, Workload
from prober.model import Target
from tests.bench.truth.apparatus import (
    Run,
    Unmeasurable,
    forged_certificate,
    hop_cost,
    lab_origin,
    run_over,
    scripted,
    steady_load,
    undisturbed,
)
from tests.bench.truth.scripted_proxy import Script
from tests.bench.truth.theory import differences, single_server, stalled

SERVICE: Final = 0.1
WORK: Final = 0.025
REFUSING: Final = 0.005
DRAINING: Final = 0.010
STALL: Final = 2.0
SHARE: Final = 0.01
THRESHOLD: Final = 200.0
CAPACITY: Final = 250.0


class Table:
    """Lines as they become known, and whether all was well."""

    def __init__(self) -> None:
        self.well = True
        self.hop = 0.0
        """Seconds that the way to a scripted proxy costs by itself (`hop_cost`)."""

    def say(self, what: str, measured: str, truth: str, *, well: bool) -> None:
        """One figure."""
        self.well = self.well and well
        print(f"{what:40} {measured:>22} {truth:>22}  {'ok' if well else 'NOT WITHIN'}", flush=True)

    def give_up(self, what: str, why: str) -> None:
        """Nothing could be measured."""
        self.well = False
        print(f"{what:40} not measured: {why}", flush=True)

    def percentiles(self, what: str, run: Run, span: Span, theory: list[float], *, hop: int = 0) -> None:
        """Of a span; without a hop, the rest of an operation follows the theory."""
        must = run.tunnels(theory, self.hop) if hop else run.responses(theory, self.hop)
        for percent, seen, wanted, well in differences(run.spans(span, hop), must):
            self.say(f"{what}: {span} p{percent:g}", f"{1e3 * seen:.1f} ms", f"{1e3 * wanted:.1f} ms", well=well)


def nothing(_: Run) -> list[str]:
    """Figures are told as they are; only what held up the run counts."""
    return []


async def latency(table: Table, target: Target, seconds: int) -> None:
    """A fixed service time."""
    run = await undisturbed(Script(service=SERVICE), steady_load(50, seconds), target, off=nothing)
    theory = [SERVICE] * run.kpis.ended
    table.percentiles("fixed 100 ms", run, Span.TUNNEL, theory, hop=1)
    table.percentiles("fixed 100 ms", run, Span.RESPONSE, theory)


async def queue(table: Table, target: Target, seconds: int) -> None:
    """One server, Poisson arrivals."""
    load = steady_load(26, seconds, arrivals=Arrivals.POISSON)
    run = await undisturbed(Script(service=WORK, queue=True), load, target, off=nothing)
    table.percentiles("queue at 65 %", run, Span.TUNNEL, single_server(load, WORK), hop=1)
    table.percentiles("queue at 65 %", run, Span.RESPONSE, single_server(load, WORK))


async def stall(table: Table, target: Target, seconds: int) -> None:
    """Two seconds in which nothing is answered."""
    script = Script(stall_at=12 * seconds, stall=STALL, service=DRAINING, queue=True)
    run = await undisturbed(script, steady_load(25, seconds), target)
    theory = stalled(run.load, run.stalled_from, STALL, service=DRAINING)
    table.percentiles("stall of 2 s", run, Span.RESPONSE, theory)
    most = run.spans(Span.RESPONSE).most
    table.say("stall of 2 s: slowest", f"{most:.3f} s", f"{STALL:.3f} s", well=abs(most / STALL - 1) <= 0.05)


async def errors(table: Table, target: Target, seconds: int) -> None:
    """One CONNECT in a hundred is refused."""
    run = await undisturbed(Script(service=REFUSING, refused=SHARE), steady_load(200, seconds), target)
    [failure] = run.kpis.failures
    interval = f"{failure.low:.2%} to {failure.high:.2%}"
    table.say(f"1 % refused: {failure.reason}", interval, f"{SHARE:.2%}", well=failure.low <= SHARE <= failure.high)


async def flip(table: Table, target: Target, seconds: int) -> None:
    """Inspection ends, or begins, above a rate."""
    ramp = Phase(PhaseKind.RAMP_UP, seconds, 100, 280)
    rest = (Phase(PhaseKind.SUSTAIN, 1, 280, 280), Phase(PhaseKind.COLLECTION, 5, 0, 0))
    load = Load(workload=Workload.HANDSHAKE, phases=(ramp, *rest), seed=7)
    direct = await undisturbed(Script(), steady_load(30, 2), target)
    with tempfile.TemporaryDirectory() as folder:
        script = Script(certificate=forged_certificate(Path(folder)))
        for changed, after in (
            (replace(script, bump_below=THRESHOLD), "passed"),
            (replace(script, bump_above=THRESHOLD), "bumped"),
        ):
            run = await undisturbed(changed, load, target)
            truth = next(each.at for each in run.answered if each.how == after) - run.measured.begun
            [finding] = flips(load, run.measured, [direct.measured])
            second, rate = finding.second or 0.0, finding.rate or 0.0
            offered = rate_at(load.phases, truth)
            well = int(second) == int(truth) and abs(rate / offered - 1) <= 0.05
            table.say(finding.kind, f"{second:.2f} s, {rate:.0f}/s", f"{truth:.2f} s, {offered:.0f}/s", well=well)


async def capacity(table: Table, target: Target, seconds: int) -> None:
    """The whole search, from a tenth of what is there to find."""
    search = Search(Terms(start=CAPACITY / 10, most=1000, seconds=seconds, confirm_seconds=3 * seconds, p99=0.1))
    while (step := search.next()) is not None:
        with scripted(Script(service=1 / CAPACITY, queue=True)) as proxy:
            run = await run_over(proxy, steady_load(step.rate, int(step.seconds)), target)
        search.saw(step, run.kpis, run.validity)
    found = search.result
    knee = found.knee or 0.0
    well = not found.generator_limited and found.confirmed and abs(knee / CAPACITY - 1) <= 0.05
    table.say(f"capacity ({found.word})", f"{knee:.1f}/s", f"{CAPACITY:.1f}/s", well=well)


Case = Callable[[Table, Target, int], Awaitable[None]]
CASES: Final[dict[str, Case]] = {
    "latency": latency,
    "queue": queue,
    "stall": stall,
    "errors": errors,
    "flips": flip,
    "capacity": capacity,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--step-seconds", type=int, default=20)
    parser.add_argument("--only", choices=list(CASES))
    options = parser.parse_args()
    table = Table()

    async def all_of_them(target: Target) -> None:
        table.hop = await hop_cost(target)
        for name, case in CASES.items():
            if options.only in (None, name):
                try:
                    await case(table, target, options.step_seconds if name == "capacity" else options.seconds)
                except (Unmeasurable, AssertionError) as error:
                    table.give_up(name, str(error))

    with lab_origin() as target:
        run_loop(all_of_them(target))
    sys.exit(0 if table.well else 1)


if __name__ == "__main__":
    main()
