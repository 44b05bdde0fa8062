"""What systemd is told: ready, reloading, stopping, alive (sd_notify(3), sd_watchdog_enabled(3)). Elsewhere nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Sends states to the socket that `NOTIFY_SOCKET` names; without one every method does nothing.

    Never raises for a manager that does not listen: monitoring goes on without it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        # a leading @ means Linux's abstract namespace, whose names begin with a zero byte
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._watchdog = _watchdog(environ)

    @property
    def watchdog_interval(self) -> float | None:
        """Seconds between two signs of life: half of what systemd waits, as it advises; None = it does not watch us."""
        return self._watchdog / 2 if self._watchdog is not None and self._address else None

    def ready(self, status: str) -> None:
        """Start-up or a reload is over."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self) -> None:
        """A reload begins."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end begins."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The event loop runs."""
        self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)  # a manager that is busy must not stop the probes
            channel.sendto(text.encode(), self._address)


def _line(text: str) -> str:
    return " ".join(text.split())


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Seconds that systemd waits for a sign of life of this very process."""
    microseconds, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (microseconds.isascii() and microseconds.isdecimal() and int(microseconds) > 0):
        return None
    return None if pid and pid != str(os.getpid()) else int(microseconds) / 1_000_000
