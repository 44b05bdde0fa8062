"""Where a client's processor time goes, sampled by perf from outside while it is measured.

Samples are sorted by the library the processor was in. What lies in cryptography's extension is OpenSSL (built into
it, with the thin layer that calls it); memory that OpenSSL asks of libc counts as not OpenSSL's, so the share of what
is ours is, if anything, too large.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path

from benchmarks.speed.child import client
from benchmarks.speed.jobs import Job, Spent

_SAMPLE = re.compile(r"^\s*[0-9a-f]+\s+(.*) \((\S+?)\)$", re.MULTILINE)
_ATTACHING = 0.5
"""Seconds that perf gets to attach itself; the client sleeps meanwhile."""


class Where(StrEnum):
    """Whose code was running."""

    OPENSSL = "OpenSSL"
    KERNEL = "kernel"
    CPYTHON = "CPython"
    UVLOOP = "uvloop and libuv"
    REST = "rest: libc, other extensions"


OURS = (Where.CPYTHON, Where.UVLOOP, Where.REST)


def where(library: str) -> Where:
    """Whose a library is, by the path or name that perf gives it."""
    name = library.rsplit("/", 1)[-1]
    if library.startswith("[") and library not in ("[vdso]", "[unknown]"):
        return Where.KERNEL
    if name.startswith(("libcrypto", "libssl")) or "/cryptography/" in library:
        return Where.OPENSSL
    if "/uvloop/" in library or name.startswith("libuv"):
        return Where.UVLOOP
    if name.startswith(("libpython", "python")):
        return Where.CPYTHON
    return Where.REST


def event() -> str | None:
    """What perf can sample here: cycles, or a clock where the machine shows no counters; None if it does not work."""
    if shutil.which("perf") is None:
        return None
    for name in ("cycles", "cpu-clock"):
        done = subprocess.run(
            ["perf", "stat", "-x", ",", "-e", name, "true"], capture_output=True, text=True, check=False
        )
        if done.returncode == 0 and re.search(rf"^[\d.]+,.*{name}", done.stderr, re.MULTILINE):
            return name
    return None


def sampled(job: Job, event: str, frequency: int, file: Path) -> tuple[Spent, Counter[tuple[str, str]]]:
    """What a job takes, and how many samples fell into which library and symbol."""
    with client(job) as fresh:
        command = ["perf", "record", "-q", "-F", str(frequency), "-e", event, "-p", str(fresh.pid), "-o", str(file)]
        perf = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(_ATTACHING)
        spent = fresh.measure()
        perf.send_signal(signal.SIGINT)
        _, complaint = perf.communicate()
    listed = subprocess.run(
        ["perf", "script", "-i", str(file), "-F", "ip,sym,dso"], capture_output=True, text=True, check=False
    )
    samples = Counter((found[2], found[1]) for found in _SAMPLE.finditer(listed.stdout))
    if not samples:
        raise SystemExit(f"perf saw nothing: {complaint[-300:]}{listed.stderr[-300:]}")
    return spent, samples
