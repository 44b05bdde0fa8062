"""The machine and the programs on it: which core is whose, and which versions of what were measured."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from OpenSSL import SSL

LIBRARIES = ("pyOpenSSL", "cryptography", "uvloop", "aiohttp", "httptools")
_PROGRAMS = {
    "openssl": ("openssl", "version"),
    "curl": ("curl", "--version"),
    "blackbox_exporter": ("prometheus-blackbox-exporter", "--version"),
    "wrk": ("wrk", "--version"),
    "go": ("go", "version"),
    "perf": ("perf", "--version"),
    "tinyproxy": ("tinyproxy", "-v"),
    "haproxy": ("haproxy", "-v"),
}


@dataclass(frozen=True, slots=True)
class Cores:
    """The client's core, and those of everybody else."""

    client: tuple[int, ...]
    others: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        """Both."""
        return tuple(sorted({*self.client, *self.others}))


def cores() -> Cores:
    """The first core this process may use is the client's, the rest are everybody else's; with one they share it."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores((allowed[0],), tuple(allowed[1:]) or (allowed[0],))


@contextmanager
def on(chosen: tuple[int, ...]) -> Iterator[None]:
    """Meanwhile this process, and every process that it starts, is on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def describe(placed: Cores) -> dict[str, object]:
    """What a figure must be read with."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "client_cores": placed.client,
        "other_cores": placed.others,
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "openssl": SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode("ascii", "replace"),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "programs": {name: _first_line(command) for name, command in _PROGRAMS.items() if shutil.which(command[0])},
    }


def busy_share(seconds: float = 1.0) -> float:
    """Share of the machine that is in use by whomever, for so many seconds."""
    import psutil

    return float(psutil.cpu_percent(seconds)) / 100


def _cpu() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return platform.machine() if found is None else found[1]


def _first_line(command: tuple[str, ...]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return next((line.strip() for line in done.stdout.splitlines() if line.strip()), "says nothing")
