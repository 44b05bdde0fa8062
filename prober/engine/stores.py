"""Roots of this machine, and the judgement on HTTPS proxies' own certificates."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ssl
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import certifi

from prober.interception.anchors import UserRoot, certificates_in, mozilla_digests
from prober.interception.trust import TrustStore
from prober.model import Anchor, Failure, Hop, Stage

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
_MAX_BUNDLE = 16 * 1024 * 1024


@cache
def mozilla_roots() -> bytes:
    """Mozilla's store as certifi ships it, PEM.

    People append their inspecting proxy's root to that file so that other programs accept it, and some distributions
    put the machine's store in its place. Of a file that is not as released only what is known to be Mozilla's counts.
    """
    return _certifi()[0]


@cache
def machine_roots() -> bytes | None:
    """The roots this machine trusts, PEM; None if no store is found.

    `SSL_CERT_FILE` comes first, as OpenSSL has it; then Python's and the distributions' usual bundle. On Windows the
    system store. (macOS keeps more in its keychain, which only its own tools can read.) What somebody on this machine
    has put into certifi's bundle belongs here as well.
    """
    added = _certifi()[1]
    return b"".join((_system_roots() or b"", added)) or None


@cache
def _certifi() -> tuple[bytes, bytes]:
    """certifi's bundle: what of it is Mozilla's, and what is not."""
    path = Path(certifi.where())
    pem = path.read_bytes()
    if _as_released(path, pem):
        return pem, b""
    split: dict[bool, list[str]] = {True: [], False: []}
    for certificate in certificates_in(pem):
        split[certificate.facts.sha256 in mozilla_digests()].append(ssl.DER_cert_to_PEM_cert(certificate.der))
    return "".join(split[True]).encode(), "".join(split[False]).encode()


def _as_released(path: Path, pem: bytes) -> bool:
    """Whether the bundle is the one that certifi's own record of its files names."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(pem).digest()).rstrip(b"=").decode()
    try:
        files = metadata.files("certifi") or ()
    except metadata.PackageNotFoundError:
        return False
    return any(
        file.hash is not None and (file.hash.mode, file.hash.value) == ("sha256", digest)
        for file in files
        if Path(str(file.locate())) == path
    )


def _system_roots() -> bytes | None:
    if hasattr(ssl, "enum_certificates"):
        ders = [
            der
            for store in ("ROOT", "CA")
            for der, encoding, _ in ssl.enum_certificates(store)
            if encoding == "x509_asn"
        ]
        return "".join(ssl.DER_cert_to_PEM_cert(der) for der in ders).encode() or None
    paths = ssl.get_default_verify_paths()
    for name in (paths.cafile, *_BUNDLES):
        if name is None:
            continue
        path = Path(name)
        with contextlib.suppress(OSError):  # one that may not be read is none
            if path.is_file() and path.stat().st_size <= _MAX_BUNDLE:
                return path.read_bytes()
    return None


class ProxyCertificates:
    """Trusts an HTTPS proxy's certificate under the hop's own `trust_roots`, or under the machine's store.

    Raises OSError or ValueError if a `trust_roots` file cannot be used.
    """

    def __init__(self, hops: Iterable[Hop]) -> None:
        self._stores: dict[str | None, TrustStore] = {}
        self.know(hops)

    def know(self, hops: Iterable[Hop]) -> None:
        """Read the roots that these hops need. Raises as the class does."""
        for hop in hops:
            if hop.trust_roots not in self._stores:
                self._stores[hop.trust_roots] = _store(hop.trust_roots)

    def failure(self, hop: Hop, index: int, chain: tuple[bytes, ...], at: float) -> Failure | None:
        """Why the chain is not trusted for this hop (stage `proxy-tls`), or None if it is."""
        return self._stores[hop.trust_roots].judge(chain, hop.host, at, stage=Stage.PROXY_TLS, hop=index).failure


def _store(trust_roots: str | None) -> TrustStore:
    """The machine's roots count as public here: a corporate CA on a corporate proxy is legitimate."""
    if trust_roots is None:
        return TrustStore(machine_roots() or mozilla_roots(), with_shipped=False)
    return TrustStore(b"", None, [UserRoot(Path(trust_roots).read_bytes(), Anchor.PINNED)], with_shipped=False)
