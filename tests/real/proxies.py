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
    host: str = "127.0.0.1"
    """How the one before it (the prober, or a proxy) is told to find it."""
    leaves_from: str = "127.0.0.1"
    """Source address of its outgoing connections: the origin can tell who came last."""

    @property
    def resolves_names(self) -> bool:
        """Whether it is handed names (or the one before it must resolve them)."""
        return self.scheme not in {"socks4", "socks5"}

    def hop(self) -> dict[str, object]:
        """The hop as it stands in `prober.yaml`; the password travels in the environment."""
        hop: dict[str, object] = {"url": f"{self.scheme}://{self.host}:{self.port}"}
        if self.user is not None:
            hop["user"] = self.user
        if self.roots is not None:
            hop["trust_roots"] = str(self.roots)
        return hop

    def speaking(self, scheme: str) -> Proxy:
        """The same port spoken to in another protocol (SOCKS servers know several)."""
        return replace(self, scheme=scheme)

    def at(self, host: str) -> Proxy:
        """The same proxy under another name."""
        return replace(self, host=host)

    def with_login(self, user: str | None, password: str | None) -> Proxy:
        """The same proxy with these credentials, right or wrong."""
        return replace(self, user=user, password=password)
