"""Whether two processes have the same loopback: what one calls 127.0.0.1 is the other's too."""

from __future__ import annotations

from pathlib import Path


def loopback() -> str | None:
    """What tells this network stack from every other: the kernel's boot and the network namespace. None where the
    system does not say (only Linux does); then no two are the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/net").stat().st_ino
    except (OSError, UnicodeDecodeError):
        return None
    return f"{boot} {space}" if boot else None
