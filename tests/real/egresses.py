"""Three egress hosts, a fourth host with the scheduler, and the world: a network namespace each.

Every egress host has addresses, a view of names and a proxy of its own. It reaches the scheduler over one link and the
world over another; the world answers each of them at another public address.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Final

from .programs import require, unavailable

SITES: Final = ("paris", "berlin", "rome")


class Egresses:
    """The namespaces."""

    def __init__(self) -> None:
        self._ip = require("ip", "iproute2")
        self.hub, self.world, *hosts = (f"prober-{os.getpid()}-{name}" for name in ("hub", "world", *SITES))
        self.hosts: Final = dict(zip(SITES, hosts, strict=True))
        self._made: list[str] = []

    def make(self) -> None:
        """Skips or fails the test where this machine allows no network namespaces."""
        for name in (self.hub, self.world, *self.hosts.values()):
            made = subprocess.run([self._ip, "netns", "add", name], capture_output=True, text=True, check=False)
            if made.returncode:
                unavailable(f"no network namespaces (run as root): {made.stderr.strip()}")
            self._made.append(name)
            self._run("-n", name, "link", "set", "lo", "up")
        for number, (site, host) in enumerate(self.hosts.items(), 1):
            self._join(self.hub, f"10.20.{number}.1/24", host, f"10.20.{number}.2/24", f"to{site}", "hub")
            self._join(self.world, f"10.30.{number}.1/24", host, f"10.30.{number}.2/24", f"to{site}", "world")
            self._run("-n", self.world, "address", "add", f"{self.origin(site)}/32", "dev", "lo")
            self._run("-n", host, "route", "add", "default", "via", f"10.30.{number}.1")

    def origin(self, site: str) -> str:
        """The origin's address as one site sees it."""
        return f"5.5.5.{SITES.index(site) + 1}"

    def scheduler(self, site: str) -> str:
        """The fourth host's address as one site sees it."""
        return f"10.20.{SITES.index(site) + 1}.1"

    def within(self, name: str, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in a namespace."""
        return [self._ip, "netns", "exec", name, *argv]

    def listens(self, name: str, port: int) -> bool:
        """Whether something in a namespace listens at a port."""
        argv = self.within(name, [require("ss", "iproute2"), "-Hltn", f"sport = :{port}"])
        return bool(subprocess.run(argv, capture_output=True, check=True).stdout.strip())

    def connected(self, name: str, port: int) -> bool:
        """Whether something in a namespace has a connection to a port."""
        argv = self.within(name, [require("ss", "iproute2"), "-Htn", "state", "established", f"dport = :{port}"])
        return bool(subprocess.run(argv, capture_output=True, check=True).stdout.strip())

    def link(self, site: str, state: str) -> None:
        """Set a site's link to the fourth host `up` or `down`."""
        self._run("-n", self.hub, "link", "set", f"to{site}", state)

    def close(self) -> None:
        """Take them away again."""
        while self._made:
            subprocess.run([self._ip, "netns", "delete", self._made.pop()], capture_output=True, check=False)

    def _join(self, one: str, address: str, other: str, other_address: str, link: str, other_link: str) -> None:
        self._run("link", "add", link, "netns", one, "type", "veth", "peer", "name", other_link, "netns", other)
        for name, own, its in ((one, address, link), (other, other_address, other_link)):
            self._run("-n", name, "address", "add", own, "dev", its)
            self._run("-n", name, "link", "set", its, "up")

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._ip, *arguments], check=True, capture_output=True, timeout=20)
