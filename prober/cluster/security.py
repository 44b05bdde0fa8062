"""Who may talk to whom: mutual TLS from a folder of certificates, or loopback and nothing else.

Whoever reaches a dask scheduler can run code on it and on every agent, so there is no switch that lets plain TCP leave
the machine.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509

from prober.cluster.authority import AUTHORITY, Role, certificate_file
from prober.cluster.errors import ClusterError, UnreachableError

PORT: Final = 8786


@dataclass(frozen=True, slots=True)
class Place:
    """An address as dask writes it."""

    scheme: str
    """`tls` or `tcp`."""
    host: str
    port: int

    @property
    def url(self) -> str:
        """`tls://10.0.0.5:8786`, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_place(text: str, option: str) -> Place:
    """`tls://HOST[:PORT]` or `tcp://LOOPBACK[:PORT]`. Raises ClusterError."""
    wrong = f'{option} "{text}": expected tls://HOST[:PORT], or tcp:// on loopback'
    try:
        parts = urlsplit(text)
        port = PORT if parts.port is None else parts.port
    except ValueError:
        raise ClusterError([wrong]) from None
    if parts.scheme not in ("tls", "tcp") or not parts.hostname or parts.path or parts.query or parts.username:
        raise ClusterError([wrong])
    return Place(parts.scheme, parts.hostname, port)


def security_for(place: Place, folder: Path | None, role: Role, option: str) -> Any:
    """dask's `Security` for one role, or None for plain TCP on loopback. Raises ClusterError with every reason."""
    if place.scheme == "tcp":
        if not _is_loopback(place.host):
            raise ClusterError(
                [
                    f"{option} {place.url}: plain TCP is for loopback only, since whoever reaches the scheduler can "
                    "run code on every agent: make certificates (prober cluster certs DIR) and use tls://"
                ]
            )
        return None
    if folder is None:
        raise ClusterError([f"{option} {place.url} needs --tls DIR: the folder made by `prober cluster certs DIR`"])
    authority, own = folder / AUTHORITY, folder / certificate_file(role)
    if errors := list(_unusable(authority, own)):
        raise ClusterError(errors)
    from distributed.security import Security

    return Security(
        require_encryption=True,
        tls_min_version=ssl.TLSVersion.TLSv1_3,
        tls_ca_file=str(authority),
        **{f"tls_{kind}_{what}": str(own) for kind in ("client", "worker", "scheduler") for what in ("cert", "key")},
    )


def _unusable(authority: Path, own: Path) -> list[str]:
    errors = []
    for path in (authority, own):
        try:
            path.read_bytes()
        except OSError as error:
            errors.append(f"--tls: {path}: {error.strerror}")
    if errors:
        return errors
    try:
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(own)
    except (ssl.SSLError, ValueError):
        return [f"--tls: {authority} and {own} are no certificate of an authority and one with its key"]
    for path in (authority, own):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        if certificate.not_valid_after_utc < datetime.now(UTC):
            errors.append(
                f"--tls: {path} ended on {certificate.not_valid_after_utc:%Y-%m-%d}: make new certificates for all "
                "parts (prober cluster certs)"
            )
    return errors


def own_address(place: Place, listen: str | None) -> str:
    """Where an agent listens: as told, else this machine's address on the way to the scheduler (nothing is sent).

    Raises ClusterError for plain TCP beyond loopback, and where there is no way to the scheduler.
    """
    if place.scheme == "tcp":
        chosen = listen or ("::1" if place.host == "::1" else "127.0.0.1")
        if not _is_loopback(chosen):
            raise ClusterError([f"--listen {chosen}: with plain TCP an agent listens on loopback only (use tls://)"])
        return chosen
    if listen is not None:
        return listen
    try:
        family, kind, _, _, address = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError as error:
        why = error.strerror or str(error)
        raise UnreachableError([f"no way to the scheduler at {place.url}: {why}"]) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
