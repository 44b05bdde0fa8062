"""Whether `prober bench` over two generators says what one generator says at the same total rate.

    python benchmarks/bench_generators.py [--rounds 20] [--rate 50] [--duration 5] [--via CHAIN] [--json FILE]

On this machine: a scheduler, agents at two egress points, `prober lab origin`; with `--via` a proxy of your own on
loopback. Each round measures, in an order drawn for it and with arrivals of its own (`--seed`), the same load three
times: by one generator with one process, by two with one process each, and by one again. What is told of two must be
what is told of one: as many operations, exactly, and percentiles that cannot be told apart (as `bench --compare` tells
routes apart: paired by rounds, 95 % over all that is compared). The second measurement by one is what the machine's own
noise makes of the same question; where it differs from the first, nothing is concluded.

Exit code 1 if the numbers of operations differ, or two differ from one where one does not differ from itself.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from prober.bench.comparison import Block, Comparison, compare
from prober.bench.document import Bench, RunDoc
from prober.bench.pairs import Difference
from prober.bench.saved import load
from prober.bench.together import histograms
from prober.load.words import Span

PROBER: Final = (sys.executable, "-m", "prober")
CASES: Final = {"one": "a", "two": "a,b", "one again": "a"}
"""What is measured, each with the egress points that make the load."""
END_SECONDS: Final = 20


class Started:
    """A program of prober's that serves until it is told to end."""

    def __init__(self, arguments: Sequence[str], ready: str) -> None:
        self._process = subprocess.Popen(
            [*PROBER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said = self._wait(re.compile(ready))
        threading.Thread(target=self._drain, daemon=True).start()

    def _lines(self) -> Sequence[str]:
        assert self._process.stdout is not None  # noqa: S101 # it was asked for
        return self._process.stdout  # type: ignore[return-value] # read line by line alone

    def _wait(self, ready: re.Pattern[str]) -> re.Match[str]:
        heard = []
        for line in self._lines():
            heard.append(line)
            if found := ready.search(line):
                return found
        raise SystemExit(f"it did not start: {self._process.args!r}\n{''.join(heard)}")

    def _drain(self) -> None:
        for line in self._lines():
            print(f"  {line}", end="", file=sys.stderr)

    def end(self) -> None:
        """In good order."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Made:
    """One measurement."""

    case: str
    round: int
    told: Bench

    @property
    def run(self) -> RunDoc:
        """Of the route, not of direct beside it."""
        return self.told.runs[-1]

    @property
    def due(self) -> int:
        """Operations that became due in the whole run."""
        return sum(each.offered for each in self.run.seconds)

    @property
    def block(self) -> Block:
        """For `compare`."""
        figures, validity = self.run.kpis, self.run.validity
        return Block(
            self.case,
            self.round,
            histograms([self.run])[Span.RESPONSE.value],
            figures.ended,
            figures.failed,
            sum(figures.skipped.values()),
            validity.valid,
            validity.generator_limited,
        )


def measured(folder: Path, place: str, port: str, asked: argparse.Namespace) -> list[Made]:
    """All rounds."""
    made = []
    via = ["--via", f"proxy={asked.via}", "--no-direct"] if asked.via else []
    order = random.Random(asked.seed)  # noqa: S311 # an order, no secret
    for turn in range(asked.rounds):
        for case in order.sample(list(CASES), len(CASES)):
            file = folder / "bench.json"
            command = [
                *PROBER, "bench", "--scheduler", place, "--egress", CASES[case], "--workers", "1",
                "--target", f"https://127.0.0.1:{port}/", "--rate", str(asked.rate), "--duration", str(asked.duration),
                "--ramp", "1", "--seed", str(asked.seed + turn), "--save", str(file), "--format", "json",
                "--output", "/dev/null", "--quiet", *via,
            ]  # fmt: skip
            code = subprocess.run(command, check=False).returncode
            if code not in (0, 1):  # 1: a run that is not valid is measured all the same
                raise SystemExit(f"exit code {code}: {command!r}")
            made.append(Made(case, turn, load(file)))
            figures = made[-1].run.kpis
            print(
                f"round {turn + 1:2} {case:9} {made[-1].due} due, {figures.achieved:.1f}/s, {_words(made[-1])}",
                flush=True,
            )
    return made


def _words(made: Made) -> str:
    run = made.run
    if run.validity.valid:
        return "valid"
    return "; ".join(reason.word for reason in run.validity.reasons)


def shown(made: Sequence[Made], compared: Comparison) -> None:
    """The figures as a table, then each generator's part."""
    print(f"\n{'':24}{'difference, ms':>16}{'95 % interval':>24}{'share':>8}")
    for row in compared.differences:
        told = row.word or ("different" if row.distinguishable else "indistinguishable")
        interval = f"[{1e3 * row.low:+.3f}, {1e3 * row.high:+.3f}]"
        name = f"{row.a} to {row.b}, {row.percentile}"
        print(f"{name:24}{1e3 * row.difference:>+16.3f}{interval:>24}{row.share:>+8.1%}  {told}")
    parts = [part for each in made for part in each.run.generators if each.case == "two"]
    unsure, late = max(part.uncertainty for part in parts), max(part.late for part in parts)
    print(
        f"\nof two: {min(part.offered for part in parts):.1f} to {max(part.offered for part in parts):.1f}/s each, "
        f"beginnings sure to {1e3 * unsure:.2f} ms, heard at most {1e3 * late:.2f} ms late"
    )
    invalid = {case: sum(each.case == case and not each.run.validity.valid for each in made) for case in CASES}
    print("not valid: " + ", ".join(f"{case} {count} of {len(made) // len(CASES)}" for case, count in invalid.items()))


def between(compared: Comparison, first: str, second: str) -> list[Difference]:
    """What separates two cases."""
    return [row for row in compared.differences if {row.a, row.b} == {first, second}]


def concluded(made: Sequence[Made], compared: Comparison) -> bool:
    """Whether two say what one says; prints why not."""
    turns = {turn: {each.due for each in made if each.round == turn} for turn in {each.round for each in made}}
    unequal = [turn for turn, due in turns.items() if len(due) != 1]
    print(f"operations due: {'equal in all rounds' if not unequal else f'DIFFERENT in rounds {unequal}'}")
    noisy = {row.percentile for row in between(compared, "one", "one again") if row.distinguishable}
    apart = {row.percentile for row in between(compared, "one", "two") if row.distinguishable}
    for percentile in sorted(noisy):
        print(f"{percentile}: one differs from itself; the machine is too noisy to say anything")
    for percentile in sorted(apart - noisy):
        print(f"{percentile}: two DIFFER from one")
    return not unequal and not apart - noisy


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--duration", type=float, default=5.0, help="seconds of each measurement's sustain phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--via", help="a proxy on loopback to load, such as http://127.0.0.1:8888; else none")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        origin = Started(["lab", "origin", "--listen", "127.0.0.1:0"], r"origin on 127\.0\.0\.1:(\d+):")
        stack.callback(origin.end)
        scheduler = Started(["scheduler", "--listen", "tcp://127.0.0.1:0"], r"scheduler at (\S+)")
        stack.callback(scheduler.end)
        for egress in ("a", "b"):
            agent = Started(["agent", "--scheduler", scheduler.said[1], "--egress", egress], "offering egress:")
            stack.callback(agent.end)
        made = measured(Path(name), scheduler.said[1], origin.said[1], asked)
    compared = compare([each.block for each in made], seed=asked.seed)
    shown(made, compared)
    right = concluded(made, compared)
    if asked.json is not None:
        rows = [asdict(row) for row in compared.differences]
        figures = {"rounds": asked.rounds, "rate": asked.rate, "right": right, "differences": rows}
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
