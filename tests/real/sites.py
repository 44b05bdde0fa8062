"""The origins that interception is looked for on: several hosts of public families, each with a key of its own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .families import Family, Leaf
from .names import (
    ASKING,
    ASKING_TLS12,
    DEMANDING,
    DEMANDING_TLS12,
    EXEMPT,
    ONE,
    ONE_NAME,
    PRIVATE,
    TWO,
    UNVOUCHED,
)
from .origin import Authority, Origin


@dataclass(frozen=True)
class Site:
    """One host with its server."""

    host: str
    family: Family
    kind: str
    """Of its key."""
    names: tuple[str, ...]
    leaf: Leaf
    """As it began."""
    origin: Origin

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return self.origin.port

    def url(self, scheme: str = "https", path: str = "/") -> str:
        """The target as given to `prober check`."""
        return f"{scheme}://{self.host}:{self.port}{'' if scheme == 'tls' else path}"


class Sites:
    """All of them, by host."""

    def __init__(self, folder: Path, known: Authority) -> None:
        """The interceptors will know `known` beside the families they are to know."""
        self.alpha = Family.found(folder, "Alpha", "rsa")
        self.beta = Family.found(folder, "Beta", "ec")
        self.gamma = Family.found(folder, "Gamma", "ec")
        """Public for the prober; the interceptors have not heard of it."""
        self.internal = Family.found(folder, "Internal", "ec")
        """Nobody's but its owner's: neither the prober nor an interceptor knows it."""
        self.known_upstream = folder / "known-upstream.pem"
        """What the interceptors trust."""
        self.known_upstream.write_bytes(self.alpha.root.pem + self.beta.root.pem + known.roots.read_bytes())
        self._folder = folder
        self._sites: dict[str, Site] = {}
        self._open(self.alpha, "rsa", ONE, f"www.{ONE}", f"api.{ONE}", f"*.cdn.{ONE}")
        self._open(self.beta, "ec", TWO, f"www.{TWO}", f"api.{TWO}")
        self._open(self.beta, "ec", ONE_NAME)
        self._open(self.alpha, "ec", EXEMPT, f"www.{EXEMPT}")
        self._open(self.alpha, "rsa", ASKING, f"www.{ASKING}", asks=ssl.CERT_OPTIONAL)
        old = ssl.TLSVersion.TLSv1_2
        self._open(self.beta, "ec", ASKING_TLS12, asks=ssl.CERT_OPTIONAL, newest=old)
        self._open(self.beta, "ec", DEMANDING, asks=ssl.CERT_REQUIRED)
        self._open(self.beta, "ec", DEMANDING_TLS12, asks=ssl.CERT_REQUIRED, newest=old)
        self._open(self.gamma, "ec", UNVOUCHED, f"www.{UNVOUCHED}")
        self._open(self.internal, "ec", PRIVATE, f"www.{PRIVATE}", send_root=True)

    def __getitem__(self, host: str) -> Site:
        return self._sites[host]

    def __iter__(self) -> Iterator[Site]:
        return iter(self._sites.values())

    @property
    def public(self) -> tuple[Family, ...]:
        """The families whose roots the prober is told to be public."""
        return (self.alpha, self.beta, self.gamma)

    def _open(
        self,
        family: Family,
        kind: str,
        *names: str,
        asks: ssl.VerifyMode = ssl.CERT_NONE,
        newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        send_root: bool = False,
    ) -> None:
        leaf = family.leaf(self._folder, kind, *names, send_root=send_root)
        context = _context(leaf)
        context.maximum_version = newest
        if asks is not ssl.CERT_NONE:
            context.load_verify_locations(family.roots)
            context.verify_mode = asks
        self._sites[names[0]] = Site(names[0], family, kind, names, leaf, Origin(context))

    def show(self, host: str, leaf: Leaf) -> None:
        """Serve this host with this certificate from now on."""
        self[host].origin.show(_context(leaf))

    def close(self) -> None:
        """Stop all servers."""
        for site in self:
            site.origin.close()


def _context(leaf: Leaf) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
