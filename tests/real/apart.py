"""Three network namespaces in a row, client, box and origin, with no way out of them: what is sent there stays there.

The box forwards. While it is `taken_over` it keeps everything for itself instead, whatever the address: then what
listens on it (squid's `tproxy` ports) answers for the whole world. That takes routing alone, no packet filter.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence

from .programs import require, unavailable

ORIGIN = "5.5.5.5"
"""A public address; here it is the origin's."""
BOX = "10.1.0.1"
"""The box, as the client sees it."""
_TABLE = "100"


class Apart:
    """The namespaces."""

    def __init__(self) -> None:
        self._ip = require("ip", "iproute2")
        self.client, self.box, self.origin = (f"prober-{os.getpid()}-{name}" for name in ("client", "box", "origin"))
        self._made: list[str] = []

    def make(self) -> None:
        """Skips or fails the test where this machine allows no network namespaces."""
        for name in (self.client, self.box, self.origin):
            made = subprocess.run([self._ip, "netns", "add", name], capture_output=True, text=True, check=False)
            if made.returncode:
                unavailable(f"no network namespaces (run as root): {made.stderr.strip()}")
            self._made.append(name)
            self._run("-n", name, "link", "set", "lo", "up")
        self._joined(self.client, "10.1.0.2/24", self.box, f"{BOX}/24", "inside")
        self._joined(self.origin, "10.2.0.2/24", self.box, "10.2.0.1/24", "outside")
        self._run("-n", self.origin, "address", "add", f"{ORIGIN}/32", "dev", "lo")
        self._run("-n", self.client, "route", "add", "default", "via", BOX)
        self._run("-n", self.origin, "route", "add", "10.1.0.0/24", "via", "10.2.0.1")
        self._run("-n", self.box, "route", "add", f"{ORIGIN}/32", "via", "10.2.0.2")
        self._run("netns", "exec", self.box, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def _joined(self, one: str, address: str, other: str, other_address: str, link: str) -> None:
        self._run("link", "add", link, "netns", one, "type", "veth", "peer", "name", link, "netns", other)
        for name, own in ((one, address), (other, other_address)):
            self._run("-n", name, "address", "add", own, "dev", link)
            self._run("-n", name, "link", "set", link, "up")

    @contextlib.contextmanager
    def taken_over(self) -> Iterator[None]:
        """The box forwards nothing: every packet that comes by is for itself."""
        self._run("-n", self.box, "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", _TABLE)
        for link in ("inside", "outside"):
            self._run("-n", self.box, "rule", "add", "iif", link, "lookup", _TABLE)
        try:
            yield
        finally:
            for link in ("inside", "outside"):
                self._run("-n", self.box, "rule", "delete", "iif", link, "lookup", _TABLE)
            self._run("-n", self.box, "route", "flush", "table", _TABLE)

    def within(self, name: str, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in a namespace."""
        return [self._ip, "netns", "exec", name, *argv]

    def listens(self, name: str, port: int) -> bool:
        """Whether something in a namespace listens at a port."""
        ss = require("ss", "iproute2")
        argv = self.within(name, [ss, "-Hltn", f"sport = :{port}"])
        return bool(subprocess.run(argv, capture_output=True, check=True).stdout.strip())

    def close(self) -> None:
        """Take them away again."""
        while self._made:
            subprocess.run([self._ip, "netns", "delete", self._made.pop()], capture_output=True, check=False)

    def _run(self, *arguments: str) -> None:
        done = subprocess.run([self._ip, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            unavailable(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
