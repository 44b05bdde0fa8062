"""The same direct HTTPS load by `prober bench`'s generator, by wrk and by hey: do they count and measure the same?

    python benchmarks/bench_against_wrk.py [--rounds 10] [--seconds 4] [--rate 200] [--markdown FILE]

Requests   GETs of 1 KiB on connections that are kept, at a rate that each keeps in its own way: prober in an open
           loop, hey with a limit for each of its workers (`-q`), wrk with a delay before each request (a script).
           Latency is from the first byte of the request to the last of the answer (prober: `ttlb`).
Handshakes a GET on a connection of its own, half as often: prober and hey (`-disable-keepalive`). Latency is from the
           first step of connecting to the last byte of the answer (prober: service time). wrk does not time connecting.

All in turn, in random order, round after round, against one origin (`prober lab origin`, ECDSA leaf, TLS 1.3). Printed
are minimum, median and maximum over rounds, and how far prober is from the other, round by round: the middle of the
differences with its interval (95 %, signed ranks, as `prober bench --compare` has it). Three words:

agree        the whole interval is within 0.3 ms (a count: 1 %): as near as programs of three languages can be
undecided    it is wider than that and holds 0: the noise of rounds on this machine, and no more can be said
differ       it does not hold 0, and is not within 0.3 ms. Then the exit code is 1.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prober.bench.ranks import shift
from prober.engine.load.generators import Generators
from prober.engine.loop import run_loop
from prober.load.histogram import Histogram
from prober.load.words import Load, Measure, Phase, PhaseKind, Span, Workload
from prober.model import Route, Scheme, Target

CONNECTIONS: Final = 1
"""Of wrk and hey: several would send together, in step, and wait for one another at the origin."""
PERCENTILES: Final = (50.0, 90.0, 99.0)
AGREE, UNDECIDED, DIFFER = "agree", "undecided", "differ"
LEVEL: Final = 0.05
NEAR: Final = 0.0003
"""Seconds within which two programs of different languages are held to say the same."""
READY_SECONDS: Final = 30.0
BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """What a program says of its load."""

    rate: float
    """Answers per second."""
    percentiles: tuple[float, ...]
    """Seconds."""
    failed: int


@contextmanager
def origin() -> Iterator[Target]:
    """The lab's origin, as a target."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder, "ready")
        process = subprocess.Popen(
            [sys.executable, "-m", "prober", "lab", "origin", "--ready-file", str(ready)], stdout=subprocess.DEVNULL
        )
        try:
            until = time.monotonic() + READY_SECONDS
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("the origin did not start")
                time.sleep(0.05)
            port = json.loads(ready.read_text())["ports"]["bare-origin"]
            path = f"/bytes/{BYTES}"
            url = f"https://127.0.0.1:{port}{path}"
            yield Target(id=url, scheme=Scheme.HTTPS, host="127.0.0.1", port=port, path=path)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def by_prober(target: Target, rate: float, seconds: int, *, kept: bool) -> Seen:
    """One open-loop run; a second to settle does not count."""
    phases = (
        Phase(PhaseKind.RAMP_UP, 1, rate, rate),
        Phase(PhaseKind.SUSTAIN, seconds, rate, rate),
        Phase(PhaseKind.COLLECTION, 2, 0, 0),
    )
    load = Load(workload=Workload.REQUEST, phases=phases, seed=1, reuse=1_000_000 if kept else 1)

    async def run() -> Seen:
        async with Generators(1) as generators:
            measured = await generators.run(load, target, Route("direct"), expected=BYTES)
        counted = [each for each in measured.slices if 1 <= each.second <= seconds]
        times = Histogram()
        for each in counted:
            times.add(each.span(Measure(Span.TTLB if kept else Span.SERVICE)))
        failed = sum(each.failed.total() for each in counted)
        made = sum(each.succeeded for each in counted)
        return Seen(made / seconds, tuple(times.percentile(each) for each in PERCENTILES), failed)

    return run_loop(run())


def by_hey(target: Target, rate: float, seconds: int, *, kept: bool) -> Seen:
    """`-o csv`: a line for each request; the first second does not count."""
    told = _told(
        "hey",
        *("-z", f"{seconds + 1}s", "-c", str(CONNECTIONS), "-q", f"{rate / CONNECTIONS:g}", "-o", "csv"),
        *([] if kept else ["-disable-keepalive"]),
        target.id,
    )
    rows = list(csv.DictReader(io.StringIO(told)))
    counted = [row for row in rows if 1 <= float(row["offset"]) < seconds + 1]
    times = sorted(float(row["response-time"]) for row in counted)
    failed = sum(row["status-code"] != "200" for row in counted)
    return Seen((len(counted) - failed) / seconds, tuple(_percentile(times, each) for each in PERCENTILES), failed)


WRK = """
function delay() return DELAY end
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("seen %d %d %f %f %f %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(90), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def by_wrk(target: Target, rate: float, seconds: int, *, kept: bool) -> Seen:
    """Each connection waits before each request; that the answer takes time too makes it a little slower than asked."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK.replace("DELAY", str(round(1000 * CONNECTIONS / rate))))
        script.flush()
        told = _told("wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", script.name, target.id)
    found = re.search(r"^seen (\d+) (\d+) ([\d.]+) ([\d.]+) ([\d.]+) (\d+)$", told, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk said something else: {told[-300:]}")
    made, micros, *percentiles, failed = (float(each) for each in found.groups())
    return Seen(made / micros * 1e6, tuple(each / 1e6 for each in percentiles), int(failed))


def _told(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _percentile(values: list[float], percent: float) -> float:
    return values[max(int(percent * len(values) / 100 + 0.5), 1) - 1] if values else 0.0


Program = Callable[..., Seen]
PROGRAMS: Final[dict[str, Program]] = {"prober": by_prober, "wrk": by_wrk, "hey": by_hey}


def spread(values: list[float], digits: int = 2) -> str:
    """`least / median / most`."""
    return " / ".join(f"{each:.{digits}f}" for each in (min(values), statistics.median(values), max(values)))


def verdict(mine: list[float], theirs: list[float], near: float, unit: float, digits: int) -> str:
    """One of the three words, with the difference and its interval."""
    seen = shift([one - other for one, other in zip(mine, theirs, strict=True)])
    low, high = seen.interval(LEVEL)
    apart = DIFFER if seen.different(LEVEL) else UNDECIDED
    word = AGREE if -near <= low and high <= near else apart
    return f"{word} ({unit * seen.estimate:+.{digits}f} [{unit * low:+.{digits}f}, {unit * high:+.{digits}f}])"


def table(title: str, found: dict[str, list[Seen]]) -> list[str]:
    """Markdown: a row for each program and figure."""
    mine = found["prober"]
    lines = [
        f"### {title}",
        "",
        "| figure | program | least / median / most | prober against it |",
        "|---|---|---|---|",
    ]
    for name, seen in found.items():
        rates = [each.rate for each in seen]
        beside = "" if name == "prober" else verdict([each.rate for each in mine], rates, 0.01 * mine[0].rate, 1, 1)
        if name == "wrk":
            beside = "waits after each answer: slower by design"
        lines.append(f"| answers/s | {name} | {spread(rates, 1)} | {beside} |")
    for place, percent in enumerate(PERCENTILES):
        for name, seen in found.items():
            times = [each.percentiles[place] for each in seen]
            own = [each.percentiles[place] for each in mine]
            beside = "" if name == "prober" else verdict(own, times, NEAR, 1e3, 2)
            lines.append(f"| p{percent:g} ms | {name} | {spread([1e3 * each for each in times])} | {beside} |")
    failed = ", ".join(f"{name} {sum(each.failed for each in seen)}" for name, seen in found.items())
    return [*lines, "", f"Failed: {failed}.", ""]


def rounds(names: list[str], count: int, measure: Callable[[str], Seen]) -> dict[str, list[Seen]]:
    """All programs in each round, in random order."""
    found: dict[str, list[Seen]] = {name: [] for name in names}
    dice = random.Random(1)  # noqa: S311 - the same each time
    for _ in range(count):
        for name in dice.sample(names, len(names)):
            found[name].append(measure(name))
            print(f"  {name}: {found[name][-1]}", file=sys.stderr)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="six or more: fewer cannot show anything")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    names = [name for name in PROGRAMS if name == "prober" or shutil.which(name)]
    if len(names) == 1:
        raise SystemExit("neither wrk nor hey is installed: apt-get install wrk hey")
    lines: list[str] = []
    with origin() as target:
        for title, rate, kept in (
            (f"Requests on kept connections, {options.rate:g}/s", options.rate, True),
            (f"A handshake for each request, {options.rate / 2:g}/s", options.rate / 2, False),
        ):
            able = [name for name in names if kept or name != "wrk"]

            def measure(name: str, rate: float = rate, kept: bool = kept) -> Seen:
                return PROGRAMS[name](target, rate, options.seconds, kept=kept)

            if len(able) > 1:
                lines += table(title, rounds(able, options.rounds, measure))
    print("\n".join(lines))
    if options.markdown is not None:
        options.markdown.write_text("\n".join(lines))
    sys.exit(1 if any(f"| {DIFFER} (" in line for line in lines) else 0)


if __name__ == "__main__":
    main()
