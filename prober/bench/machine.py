"""The test bed: what of this machine bounds a load. Read once, best effort: what cannot be read is left out."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

from prober.bench.document import MachineDoc

SETTINGS: Final = (
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_max_syn_backlog",
    "net.core.somaxconn",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.netfilter.nf_conntrack_max",
    "fs.file-max",
)
"""Kernel settings that a load runs into."""
_LIBRARIES: Final = ("uvloop", "pyOpenSSL", "cryptography", "httptools", "hdrhistogram")
_MOST: Final = 200
"""Characters of one value."""


def machine(root: Path = Path("/proc")) -> MachineDoc:
    """This machine, as far as it tells."""
    return MachineDoc(
        system=f"{platform.system()} {platform.release()} {platform.machine()}"[:_MOST],
        cpu=_processor(root)[:_MOST],
        cores=_cores(),
        memory=psutil.virtual_memory().total,
        descriptors=_descriptors(),
        settings=dict(_settings(root)),
        libraries=dict(_versions()),
    )


def _cores() -> int:
    """Cores that this process may use: fewer than the machine has in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return psutil.cpu_count() or 0


def _processor(root: Path) -> str:
    try:
        text = (root / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(names, platform.processor())


def _descriptors() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 0 if hard == resource.RLIM_INFINITY else hard


def _settings(root: Path) -> Iterator[tuple[str, str]]:
    for name in SETTINGS:
        try:
            text = (root / "sys" / name.replace(".", "/")).read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if value := " ".join(text.split()):
            yield name, value[:_MOST]


def _versions() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
