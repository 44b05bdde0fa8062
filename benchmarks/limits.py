"""The figures prober promises, measured on this machine in the embedded lab. Prints each beside its limit.

    python benchmarks/limits.py            all of them, about a minute and a half
    python benchmarks/limits.py catalog    one: help, catalog, silent

catalog: every probeable target over four routes, all peers on the same machine: within 20 s and 250 MB.
help:    `prober --help`: within 0.5 s (the best of seven, since nothing else is the program's own).
silent:  10,000 targets that accept and never answer, 5,000 in flight, 10 s deadline: within 40 s and 700 MB,
         all of them tls-timeout.

Exit code 1 if a limit was missed. Memory is the peak resident set of the prober process alone.
"""

from __future__ import annotations

import collections
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

PROBER = (sys.executable, "-m", "prober")
EVERYTHING = ("--cloud", "all", "--required", "all")
ROUTES = ("open", "https-proxy", "socks4a")
"""Beside direct, which is always there."""
SILENT = 10_000
IN_FLIGHT = 5_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    seconds: float
    megabytes: float
    code: int


def measured(arguments: list[str]) -> Cost:
    """Run prober and take its wall time and peak memory."""
    began = time.perf_counter()
    process = subprocess.Popen([*PROBER, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10  # bytes there, KiB here
    return Cost(time.perf_counter() - began, usage.ru_maxrss / scale, process.returncode)


@contextmanager
def lab(folder: Path) -> Iterator[Path]:
    """A lab in a process of its own; gives its prober.yaml."""
    config, ready = folder / "prober.yaml", folder / "ready"
    command = [*PROBER, "lab", "--write-config", str(config), "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit("the lab did not start")
            select.select([], [], [], 0.05)
        yield config
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def line(name: str, value: float, unit: str, limit: float) -> bool:
    """Print one figure; whether it is within its limit."""
    kept = value <= limit
    print(f"{name:<44} {value:8.2f} {unit:<3} limit {limit:g}  {value / limit:5.2f} of it{'' if kept else '  MISSED'}")
    return kept


def help_time(_: Path) -> bool:
    """`prober --help`."""
    best = min(measured(["--help"]).seconds for _ in range(7))
    return line("prober --help", best, "s", 0.5)


def catalog(folder: Path) -> bool:
    """The whole catalog over four routes."""
    with lab(folder) as config:
        out = folder / "catalog.json"
        vias = [part for route in ROUTES for part in ("--via", route)]
        common = ["check", "--config", str(config), *EVERYTHING, *vias]
        cost = measured([*common, "--format", "json", "--output", str(out), "--fail-on", "none"])
    run = json.loads(out.read_text())
    counts = run["summary"]
    print(
        f"catalog: {counts['targets']} targets × {len(run['routes'])} routes = {counts['probes']} probes, "
        f"{counts['reachable']} reached"
    )
    return all([line("  time", cost.seconds, "s", 20), line("  memory", cost.megabytes, "MB", 250), cost.code == 0])


def silent(folder: Path) -> bool:
    """Targets that accept and never answer."""
    with lab(folder) as config:
        settings = yaml.safe_load(config.read_text())
        settings["probe"] = {"timeout": 10, "concurrency": IN_FLIGHT, "per_route": IN_FLIGHT}
        own, names, out = folder / "silent.yaml", folder / "targets", folder / "silent.json"
        own.write_text(yaml.safe_dump(settings))
        names.write_text("\n".join(f"tls://n{index}.silent.lab.test" for index in range(SILENT)))
        common = ["check", "--config", str(own), "--via", "direct", f"@{names}"]
        cost = measured([*common, "--format", "json", "--output", str(out), "--fail-on", "none"])
    results = json.loads(out.read_text())["results"]
    reasons = collections.Counter(result["failure"]["reason"] if result["failure"] else "reached" for result in results)
    print(f"silent: {dict(reasons)}")
    alike = reasons == {"tls-timeout": SILENT}
    return all([line("  time", cost.seconds, "s", 40), line("  memory", cost.megabytes, "MB", 700), alike])


PARTS = {"help": help_time, "catalog": catalog, "silent": silent}


def _room(folder: str, name: str) -> Path:
    room = Path(folder, name)
    room.mkdir()
    return room


def main() -> None:
    """Run what was asked for."""
    asked = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in asked if name not in PARTS]:
        raise SystemExit(f"unknown: {', '.join(unknown)} (known: {', '.join(PARTS)})")
    with tempfile.TemporaryDirectory() as folder:
        kept = [PARTS[name](_room(folder, name)) for name in asked]
    raise SystemExit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
