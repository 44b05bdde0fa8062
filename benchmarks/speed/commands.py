"""Peers that are commands: started for each measurement, their processor time as the system accounts for it at the end.

That includes their start, which the others' figures leave out: a few milliseconds for one curl with many addresses and
for s_time, which reads its store of roots; for curl in a loop it is the point. The Go peer warms up and counts by
itself.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import msgspec

from benchmarks.speed.child import progress
from benchmarks.speed.jobs import Spent
from benchmarks.speed.machine import Cores, on

_CONNECTIONS = re.compile(r"^(\d+) connections in \d+ real seconds", re.MULTILINE)
_LOOP = 'i=0; while [ "$i" -lt "$1" ]; do curl -s --insecure --output /dev/null "$2" || exit 1; i=$((i + 1)); done'
_PEER = Path(__file__).parent / "peer_go"


def _ran(command: list[str], cores: Cores) -> tuple[str, Spent]:
    """What a command printed, and what it and those that it started and waited for took."""
    began = time.perf_counter()
    with on(cores.client):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("a command without pipes")
    said = process.stdout.read()
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}: {said[-300:]}{complaint[-300:]}")
    return said, Spent(count=0, user=usage.ru_utime, system=usage.ru_stime, wall=time.perf_counter() - began)


def s_time(port: int, seconds: float, cores: Cores) -> Spent:
    """`openssl s_time -new`: handshakes one after another, in C."""
    command = ["openssl", "s_time", "-new", "-connect", f"127.0.0.1:{port}", "-time", f"{seconds:.0f}"]
    said, took = _ran(command, cores)
    found = _CONNECTIONS.search(said)
    if found is None:
        raise SystemExit(f"openssl s_time said {said[-300:]}")
    return msgspec.structs.replace(took, count=int(found[1]))


def curl_loop(port: int, count: int, cores: Cores) -> Spent:
    """curl in a shell's loop: a process for each request."""
    _, took = _ran(["sh", "-c", _LOOP, "curl-loop", str(count), f"https://127.0.0.1:{port}/"], cores)
    return msgspec.structs.replace(took, count=count)


def curl_many(port: int, count: int, cores: Cores) -> Spent:
    """One curl with many addresses: it asks the server to close after each, and takes no session up again."""
    url = f"https://127.0.0.1:{port}/?[1-{count}]"
    options = ["--silent", "--insecure", "--no-sessionid", "--header", "Connection: close", "--output", "/dev/null"]
    said, took = _ran(["curl", *options, "--write-out", "%{num_connects} %{http_code}\n", url], cores)
    if said.split("\n")[:-1] != ["1 200"] * count:
        raise SystemExit("curl did not connect anew for each address")
    return msgspec.structs.replace(took, count=count)


def build_go(folder: Path) -> Path | None:
    """The Go peer's program; None without a compiler that can build it."""
    if shutil.which("go") is None:
        return None
    program = folder / "peer"
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."], cwd=_PEER, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        progress(f"go build failed, the peer in Go is left out: {done.stderr[-1000:]}")
        return None
    return program


def go_peer(program: Path, port: int, count: int, in_flight: int, cores: Cores, *, ask: bool) -> Spent:
    """Our own peer in Go: so many goroutines, full handshakes, with `ask` a request on each."""
    command = [str(program), "-addr", f"127.0.0.1:{port}", "-count", str(count), "-inflight", str(in_flight)]
    said, _ = _ran([*command, *(["-request"] if ask else [])], cores)
    return msgspec.json.decode(said, type=Spent)
