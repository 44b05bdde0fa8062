"""Instructions for one probe, by library: what does not depend on the machine's mood. Counted by callgrind.

Each kind of probe is counted in two processes, one with few and one with many probes; the difference, divided by how
many more there were, is a probe's. callgrind shows OpenSSL a processor of its own making: paths for newer instructions
(ADX, AVX-512) are not taken, so OpenSSL's share is larger than on the machine itself.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.speed.child import progress
from benchmarks.speed.figures import Figure, Part
from benchmarks.speed.machine import on
from benchmarks.speed.options import Asked
from benchmarks.speed.profile import Where, where
from benchmarks.speed.servers import origin, proxies

_NAME = re.compile(r"(c?)ob=\((\d+)\)(?: (.*))?$")
_COST = re.compile(r"[+\-*\d]\S* (\d+)")
KINDS = (("direct", "tls", ()), ("direct, HTTP request", "https", ()), ("http proxy", "tls", ("http",)))
_SHOWN = tuple(each for each in Where if each is not Where.KERNEL)  # which callgrind does not see


def run(asked: Asked) -> Part:
    """Count all kinds."""
    part = Part(name="instructions", about="thousands of instructions of prober for one probe")
    if shutil.which("valgrind") is None:
        part.notes.append("valgrind is missing: nothing was counted")
        return part
    few, many = asked.amounts.counted
    with origin(asked.folder, asked.cores) as server, proxies(asked.folder, asked.cores) as found:
        for name, scheme, wanted in KINDS:
            hops = found.hops(wanted)
            if not asked.wants(name):
                continue
            if hops is None:
                part.notes.append(f"{name} left out: {', '.join(found.missing)} not installed")
                continue
            ports = [str(port) for _, port in hops]
            seen = [
                _counted([str(server.port), scheme, str(number), *ports], asked.folder / f"{number}", asked)
                for number in (few, many)
            ]
            each = {at: (seen[1][at] - seen[0][at]) / (many - few) / 1000 for at in _SHOWN}
            progress(f"instructions: {name}: {sum(each.values()):.0f} k")
            part.raw.append({"case": name, **{at.value: count for at, count in each.items()}})
            part.figures.append(Figure(name=f"{name}: all", unit="k", values=(sum(each.values()),)))
            part.figures += [Figure(name=f"{name}: {at.value}", unit="k", values=(each[at],)) for at in _SHOWN]
    return part


def _counted(arguments: list[str], file: Path, asked: Asked) -> Counter[Where]:
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}"]
    command += [sys.executable, "-m", "benchmarks.speed.counted", *arguments]
    with on(asked.cores.client):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"callgrind: {done.stderr[-500:]}")
    with file.open() as lines:
        return by_library(lines)


def by_library(lines: Iterable[str]) -> Counter[Where]:
    """Instructions of a callgrind output file, those of calls with the one that was called."""
    names: dict[str, str] = {}
    at, spent, of_a_call = "", Counter[Where](), False
    for line in lines:
        if (found := _NAME.match(line.rstrip("\n"))) is not None:
            called, number, name = found.groups()
            if name is not None:
                names[number] = name
            if not called:
                at = names[number]
        elif line.startswith("calls="):
            of_a_call = True  # the next line has its inclusive cost
        elif (cost := _COST.match(line)) is not None:
            if not of_a_call:
                spent[where(at)] += int(cost[1])
            of_a_call = False
    return spent
