"""All that is held before the first chain is seen: anchors from every source, bridges, pins, marks.

A saved run keeps a `TrustSnapshot` of them, so that it is judged again elsewhere by what was in force when it was made.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from prober.interception.anchors import (
    OS,
    STORES,
    USER,
    Authority,
    Certificate,
    UserRoot,
    certificates_in,
    gather,
    shipped,
)
from prober.interception.certificates import CertificateFacts, certificate_facts
from prober.interception.marks import Marks, marks_of
from prober.model import Anchor


@dataclass(frozen=True, slots=True)
class SavedAnchor:
    """An anchor in a snapshot."""

    der: bytes
    anchor: Anchor
    names: tuple[str, ...]
    """Name suffixes it may vouch for; empty = any name."""
    store: str
    """`mozilla`, `os`, `legacy`, `vendor` or `user`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSnapshot:
    """What a run was judged with: plain data. Digests are SHA-256 in lower-case hex."""

    shipped_version: int
    shipped_dated: str
    """Version and date of the certificates shipped with prober."""
    with_shipped: bool
    mozilla_sha256: str
    """Digest of Mozilla's bundle (PEM text) that was used."""
    anchors: tuple[SavedAnchor, ...]
    """The user's roots, and of all others those that were asked for."""
    bridges: tuple[bytes, ...]
    """Certificates (DER) that complete chains, those that were asked for."""
    os_keys: tuple[str, ...]
    """Keys of anchors kept, or of Mozilla's and the shipped ones, that the machine's store had as well."""
    pins: tuple[tuple[str, tuple[str, ...]], ...]
    interceptor_certificates: tuple[bytes, ...]
    """The user's inspection authorities, DER."""
    interceptor_digests: tuple[str, ...]
    """Those of whom only a digest (of certificate or key) was given."""
    known_bad: tuple[tuple[str, str], ...]
    """Digest and name of known bad authorities beyond the shipped list."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """The fixed part of a TrustStore."""

    authorities: tuple[Authority, ...]
    bridges: tuple[Certificate, ...]
    os_keys: frozenset[str]
    """All keys of the machine's store."""
    pins: Mapping[str, frozenset[str]]
    marks: Marks
    mozilla_sha256: str
    with_shipped: bool
    known_bad: Mapping[str, str]
    """Beyond the shipped list."""

    def stores_of(self, spki_sha256: str) -> tuple[str, ...]:
        """Where this key is an anchor."""
        found = {a.store for a in self.authorities if a.certificate.facts.spki_sha256 == spki_sha256}
        if spki_sha256 in self.os_keys:
            found.add(OS)
        return tuple(store for store in STORES if store in found)

    def certificates(self) -> dict[str, CertificateFacts]:
        """Everything held, by the digest of the certificate."""
        held = [authority.certificate for authority in self.authorities]
        return {c.facts.sha256: c.facts for c in (*held, *self.bridges, *self.marks.certificates)}

    def snapshot(self, used: Iterable[str] | None) -> TrustSnapshot:
        """These holdings as data. Of anchors that are not the user's, and of bridges, only those `used`."""
        wanted = None if used is None else frozenset(used)

        def kept(certificate: Certificate) -> bool:
            return wanted is None or certificate.facts.sha256 in wanted

        authorities = [a for a in self.authorities if a.store == USER or kept(a.certificate)]
        keys = {authority.certificate.facts.spki_sha256 for authority in authorities}
        held = self.marks.certificates
        of_held = {digest for c in held for digest in (c.facts.sha256, c.facts.spki_sha256)}
        return TrustSnapshot(
            shipped_version=shipped().version,
            shipped_dated=shipped().dated,
            with_shipped=self.with_shipped,
            mozilla_sha256=self.mozilla_sha256,
            anchors=tuple(SavedAnchor(a.certificate.der, a.anchor, a.names, a.store) for a in authorities),
            bridges=tuple(bridge.der for bridge in self.bridges if kept(bridge)),
            os_keys=tuple(sorted(self.os_keys & keys)),
            pins=tuple((host, tuple(sorted(keys))) for host, keys in sorted(self.pins.items())),
            interceptor_certificates=tuple(certificate.der for certificate in held),
            interceptor_digests=tuple(digest for digest in self.marks.interceptors if digest not in of_held),
            known_bad=tuple(sorted(self.known_bad.items())),
        )


def hold(
    mozilla_pem: bytes,
    os_pem: bytes | None,
    roots: Sequence[UserRoot],
    pins: Mapping[str, frozenset[str]],
    interceptors: Sequence[bytes | str],
    known_bad: Mapping[str, str],
    *,
    with_shipped: bool,
) -> Holdings:
    """Holdings from what the user, the machine and this package have. Raises ValueError as TrustStore does."""
    return Holdings(
        authorities=gather(mozilla_pem, os_pem, roots, with_shipped=with_shipped),
        bridges=shipped().bridges,
        os_keys=frozenset(certificate.facts.spki_sha256 for certificate in certificates_in(os_pem or b"")),
        pins=MappingProxyType({host.lower(): frozenset(map(str.lower, keys)) for host, keys in pins.items()}),
        marks=marks_of(interceptors, known_bad),
        mozilla_sha256=hashlib.sha256(mozilla_pem).hexdigest(),
        with_shipped=with_shipped,
        known_bad=MappingProxyType(dict(known_bad)),
    )


def restore(snapshot: TrustSnapshot, mozilla_pem: bytes) -> Holdings:
    """Holdings from a snapshot and Mozilla's bundle.

    With the bundle of the snapshot (compare `mozilla_sha256`) and the same shipped data they judge as before. With
    others the anchors and bridges that were used are still there; a root that joined Mozilla's store since then is
    trusted, though, as it would be today.

    Raises ValueError for a snapshot whose certificates do not parse.
    """
    fresh = gather(mozilla_pem, None, (), with_shipped=snapshot.with_shipped)
    saved = [Authority(_read(a.der), a.anchor, a.names, a.store) for a in snapshot.anchors]
    bridges = [_read(der) for der in snapshot.bridges]
    pems = [_pem(der) for der in snapshot.interceptor_certificates]
    known_bad = MappingProxyType(dict(snapshot.known_bad))
    return Holdings(
        authorities=tuple(dict.fromkeys((*fresh, *saved))),
        bridges=tuple({bridge.facts.sha256: bridge for bridge in (*shipped().bridges, *bridges)}.values()),
        os_keys=frozenset(snapshot.os_keys),
        pins=MappingProxyType({host: frozenset(keys) for host, keys in snapshot.pins}),
        marks=marks_of((*pems, *snapshot.interceptor_digests), known_bad),
        mozilla_sha256=hashlib.sha256(mozilla_pem).hexdigest(),
        with_shipped=snapshot.with_shipped,
        known_bad=known_bad,
    )


def _read(der: bytes) -> Certificate:
    facts = certificate_facts(der)
    if facts is None:
        raise ValueError("a certificate of the saved trust store cannot be read")
    return Certificate(der, facts)


def _pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
