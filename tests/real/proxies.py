"""What a test knows of a running proxy: how to name it as a hop, and what it leaves behind as evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from .programs import Program

USER = "svc"
PASSWORD = "correct horse:battery"  # a colon and a space: both legal in a password, and easily broken
PLAIN_PASSWORD = "battery-staple"
"""For tinyproxy, whose configuration takes letters, digits and dashes only."""


@dataclass(frozen=True)
class Proxy:
    """One way into a running proxy program."""

    scheme: str
    port: int
    program: Program
    user: str | None = None
    password: str | None = None
    roots: Path | None = None
    """Who signed its certificate, for an HTTPS proxy."""
    leaves_from: str = "127.0.0.1"
    """Source address of its outgoing connections: the origin can tell who came last."""

    def hop(self, host: str = "127.0.0.1") -> dict[str, object]:
        """The hop as it stands in `prober.yaml`; the password travels in the environment."""
        hop: dict[str, object] = {"url": f"{self.scheme}://{host}:{self.port}"}
        if self.user is not None:
            hop["user"] = self.user
        if self.roots is not None:
            hop["trust_roots"] = str(self.roots)
        return hop

    def speaking(self, scheme: str) -> Proxy:
        """The same port spoken to in another protocol (SOCKS servers know several)."""
        return replace(self, scheme=scheme)
