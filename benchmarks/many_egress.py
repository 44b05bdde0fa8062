"""What a run over several egress points costs beside the same pairs without the engine, on this machine alone.

    python benchmarks/many_egress.py [--pairs 100000] [--agents 4] [--rounds 1] [--with-alone] [--json FILE]

Targets are bare TLS handshakes with `prober lab origin` at several loopback addresses. Without the engine: as many
`prober check --save` as there are egress points, all at once, each with its own targets' share of the pairs, then
`prober merge`. With it: `prober scheduler`, as many agents, and `prober check --scheduler --save`.

Counted is the processor time, user and system, of all processes of prober: checks and merge here; client, scheduler,
agents and their workers there. The start of agents and scheduler is a fixed cost, paid once for all runs: theirs counts
from when they are ready (it is printed beside). Clients and checks count from their start. Both sides must have
exactly the same egress points, targets, routes and outcomes. Of several rounds, which take turns, the median counts.

Limits: 15 % more processor time, and a client of at most 400 MB (peak resident set). Exit code 1 if one is missed or
the runs differ. `--with-alone` leaves the other side out and has no limits: whether so many pairs can be run at all,
each one there once and reached, and what the client takes for them (exit code 1 if one is missing).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import psutil
import yaml

PROBER: Final = (sys.executable, "-m", "prober")
MOST_OVERHEAD: Final = 0.15
MOST_MEGABYTES: Final = 400.0
ORIGINS: Final = 4
FIRST_PORT: Final = 10_001
"""Of targets: which of them leads to which origin."""
READY_SECONDS: Final = 60.0
_MB: Final = 1 << 10
"""KiB, as `ru_maxrss` has it."""


class _Target(msgspec.Struct):
    id: str


class _Result(msgspec.Struct):
    egress: str
    target: _Target
    route: str
    reachable: bool


class _Run(msgspec.Struct):
    results: list[_Result]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took until its end."""

    cpu: float
    """Seconds, its children's with it."""
    megabytes: float


@dataclass(slots=True)
class Side:
    """A run one way or the other."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    """Seconds by part."""
    fixed: float = 0.0
    """Seconds that do not count."""
    client: float = 0.0
    """MB."""

    @property
    def total(self) -> float:
        """Seconds of all parts."""
        return sum(self.cpu.values())


class Started:
    """A program of prober's that serves until it is told to end."""

    def __init__(self, arguments: Sequence[str], ready: str) -> None:
        """Return once it has said something that `ready` matches on stderr."""
        self._process = subprocess.Popen([*PROBER, *arguments], stderr=subprocess.PIPE, text=True)
        self.said = self._wait(re.compile(ready))
        self._before = self.begin()
        threading.Thread(target=self._drain, daemon=True).start()

    def _wait(self, ready: re.Pattern[str]) -> re.Match[str]:
        heard = []
        assert self._process.stderr is not None  # noqa: S101 # it was asked for
        for line in self._process.stderr:
            heard.append(line)
            if found := ready.search(line):
                return found
        raise SystemExit(f"it did not start: {self._process.args!r}\n{''.join(heard)}")

    def _drain(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 # as above
        for line in self._process.stderr:
            print(f"  {line}", end="", file=sys.stderr)

    def begin(self) -> dict[int, float]:
        """Count from now on; what it and its children took until here."""
        self._before = cpu_of(self._process.pid)
        return self._before

    def spent(self) -> dict[str, float]:
        """Processor time since `begin`: its own, and that of its children."""
        now = cpu_of(self._process.pid)
        own = now[self._process.pid] - self._before.get(self._process.pid, 0.0)
        return {"own": own, "children": sum(now.values()) - sum(self._before.values()) - own}

    def end(self) -> None:
        """In good order."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def cpu_of(pid: int) -> dict[int, float]:
    """Seconds of a process and all its descendants, by pid; those that have ended count for who waited for them."""
    found = {}
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[process.pid] = times.user + times.system + times.children_user + times.children_system
    return found


def waited(process: subprocess.Popen[bytes]) -> Cost:
    """Wait for a process and take what it used. Ends the program if it failed."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"exit code {process.returncode}: {process.args!r}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _MB)


def run(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start prober, its report thrown away."""
    return subprocess.Popen([*PROBER, *arguments], stdout=subprocess.DEVNULL)


@contextmanager
def origins(folder: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Bare TLS origins at loopback addresses of their own; gives where they are, and files with their roots."""
    places, roots = [], []
    with ExitStack() as stack:
        for number in range(ORIGINS):
            address, root, ready = f"127.1.0.{number + 1}", folder / f"root{number}.pem", folder / f"origin{number}"
            files = ["--ready-file", str(ready), "--write-root", str(root)]
            command = [*PROBER, "lab", "origin", "--listen", f"{address}:0", *files]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            until = time.monotonic() + READY_SECONDS
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("an origin did not start")
                time.sleep(0.05)
            places.append(f"{address}:{json.loads(ready.read_text())['ports']['bare-origin']}")
            roots.append(str(root))
        yield places, roots


class Bench:
    """The pairs, and both ways to probe them."""

    def __init__(self, folder: Path, pairs: int, agents: int, places: list[str], roots: list[str]) -> None:
        self._folder = folder
        self.names = [f"site{number}" for number in range(agents)]
        self.of_each = -(-pairs // agents)
        """Targets."""
        self.pairs = self.of_each * agents
        self._targets = folder / "targets"
        lines = (f"tls://t{number}.lab.test:{FIRST_PORT + number % len(places)}" for number in range(self.of_each))
        self._targets.write_text("\n".join(lines))
        settings = {
            "routes": {"direct": []},
            "resolve": {f"*:{FIRST_PORT + number}": place for number, place in enumerate(places)},
            "trust": {"roots": [{"file": root, "anchor": "public"} for root in roots]},
        }
        self._configs = {}
        for name in self.names:
            self._configs[name] = folder / f"{name}.yaml"
            self._configs[name].write_text(yaml.safe_dump({"egress": name, **settings}))
        self.without = folder / "without.json"
        self.with_ = folder / "with.json"

    def _check(self, save: Path, *more: str) -> list[str]:
        return ["check", f"@{self._targets}", "--save", str(save), "--fail-on", "none", "--quiet", *more]

    def alone(self) -> Side:
        """Without the engine: a check for each egress, and a merge."""
        side, began = Side(), time.monotonic()
        saved = {name: self._folder / f"{name}.json" for name in self.names}
        running = [run(self._check(saved[name], "--config", str(self._configs[name]))) for name in self.names]
        costs = [waited(process) for process in running]
        merged = waited(run(["merge", *map(str, saved.values()), "--save", str(self.without), "--quiet"]))
        side.seconds = time.monotonic() - began
        side.cpu = {"checks": sum(cost.cpu for cost in costs), "merge": merged.cpu}
        side.client = max(cost.megabytes for cost in (*costs, merged))
        return side

    def together(self) -> Side:
        """With it."""
        side = Side()
        with ExitStack() as stack:
            scheduler = Started(["scheduler", "--listen", "tcp://127.0.0.1:0"], r"scheduler at (\S+)")
            stack.callback(scheduler.end)
            place = scheduler.said[1]
            agents = []
            for name in self.names:
                agents.append(
                    Started(["agent", "--scheduler", place, "--config", str(self._configs[name])], "offering egress:")
                )
                stack.callback(agents[-1].end)
            began = time.monotonic()
            side.fixed = sum(sum(each.begin().values()) for each in (scheduler, *agents))
            client = waited(run(self._check(self.with_, "--scheduler", place)))
            side.seconds = time.monotonic() - began
            spent = [agent.spent() for agent in agents]
            side.cpu = {
                "client": client.cpu,
                "scheduler": sum(scheduler.spent().values()),
                "agents": sum(each["own"] for each in spent),
                "workers": sum(each["children"] for each in spent),
            }
            side.client = client.megabytes
        return side


def outcomes(file: Path) -> dict[tuple[str, str, str], bool]:
    """Whether each egress reached each target over each route."""
    results = msgspec.json.decode(file.read_bytes(), type=_Run).results
    return {(each.egress, each.target.id, each.route): each.reachable for each in results}


def alike(first: Path, second: Path) -> bool:
    """Whether two runs have the same pairs and came to the same; prints what is not so."""
    ours, theirs = outcomes(first), outcomes(second)
    reached = sum(ours.values()), sum(theirs.values())
    print(f"pairs: {len(ours):,} and {len(theirs):,}, reached {reached[0]:,} and {reached[1]:,}")
    if ours != theirs:
        differing = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
        print(f"  DIFFERENT: {len(differing):,} pairs, {', '.join(' '.join(key) for key in sorted(differing)[:3])}")
    return ours == theirs


def whole(file: Path, names: Sequence[str], targets: int) -> bool:
    """Whether a run has every pair of every egress once, all reached; prints what is not so."""
    results = msgspec.json.decode(file.read_bytes(), type=_Run).results
    there = {(each.egress, each.target.id) for each in results}
    reached = sum(each.reachable for each in results)
    asked = len(names) * targets
    print(f"pairs: {len(results):,} of {asked:,}, {len(there):,} different, reached {reached:,}")
    return len(results) == len(there) == asked == reached and {name for name, _ in there} == set(names)


def show(name: str, side: Side, pairs: int) -> None:
    """A line for a side."""
    parts = ", ".join(f"{part} {seconds:.2f}" for part, seconds in side.cpu.items())
    fixed = f"; not counted: {side.fixed:.2f} s of start" if side.fixed else ""
    each = side.total / pairs * 1e6
    print(
        f"{name:<8} {side.total:7.2f} s of CPU ({parts}), {each:.0f} µs a pair, {side.seconds:.1f} s, "
        f"largest client {side.client:.0f} MB{fixed}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=4, help="each with an egress point of its own")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--with-alone", action="store_true", help="the engine's side only, without limits")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, origins(Path(name)) as (places, roots):
        bench = Bench(Path(name), asked.pairs, asked.agents, places, roots)
        if asked.with_alone:
            figures, good = with_alone(bench, asked.rounds)
        else:
            figures, good = beside(bench, asked.rounds)
    if asked.json is not None:
        figures = {"pairs": bench.pairs, "agents": asked.agents, **figures}
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")
    sys.exit(0 if good else 1)


def beside(bench: Bench, times: int) -> tuple[dict[str, object], bool]:
    """Both ways in turns: the figures, and whether they had the same pairs and both limits were kept."""
    ratios: list[float] = []
    rounds: list[dict[str, dict[str, object]]] = []
    megabytes = 0.0
    for _ in range(times):
        alone = bench.alone()
        show("without", alone, bench.pairs)
        together = bench.together()
        show("with", together, bench.pairs)
        ratios.append(together.total / alone.total)
        megabytes = max(megabytes, together.client)
        rounds.append({"without": asdict(alone), "with": asdict(together)})
    same = alike(bench.without, bench.with_)  # last of all: a child's peak is at least its parent's size
    overhead = statistics.median(ratios) - 1
    kept = {
        "overhead": overhead <= MOST_OVERHEAD,
        "client": megabytes <= MOST_MEGABYTES,
    }
    print(f"overhead {overhead:+.1%} of CPU, limit {MOST_OVERHEAD:.0%}{'' if kept['overhead'] else '  MISSED'}")
    print(f"client {megabytes:.0f} MB, limit {MOST_MEGABYTES:.0f} MB{'' if kept['client'] else '  MISSED'}")
    figures = {"overhead": overhead, "client_megabytes": megabytes, "same": same, "rounds": rounds}
    return figures, same and all(kept.values())


def with_alone(bench: Bench, times: int) -> tuple[dict[str, object], bool]:
    """The engine's side only: the figures, and whether every pair was there."""
    sides = []
    for _ in range(times):
        sides.append(bench.together())
        show("with", sides[-1], bench.pairs)
    every = whole(bench.with_, bench.names, bench.of_each)  # last, as above
    megabytes = max(side.client for side in sides)
    return {"client_megabytes": megabytes, "whole": every, "rounds": [asdict(side) for side in sides]}, every


if __name__ == "__main__":
    main()
