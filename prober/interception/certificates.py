"""What a certificate says, as plain bounded values (RFC 5280). Nothing here is believed or verified.

Input is whatever a peer sent. Reading it never raises: what does not parse at all is None, what parses in part
says so in `unreadable`.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from prober.interception.recent import Recent
from prober.spki import issuer_subject_key

MAX_DER: Final = 65_536
"""Bytes; larger certificates are refused unread."""
MAX_NAME: Final = 512
"""Characters kept of a distinguished name."""
MAX_SANS: Final = 100
"""Names kept of a subject alternative name extension."""
MAX_SAN_TEXT: Final = 8_192
"""Characters kept of all names together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """One certificate. Texts are bounded and hold no control characters; hashes and identifiers are lower-case hex."""

    sha256: str
    """Digest of the certificate's DER."""
    spki_sha256: str
    """Digest of its SubjectPublicKeyInfo exactly as encoded: who holds the key, whoever signed."""
    subject: str
    """RFC 4514."""
    issuer: str
    """RFC 4514."""
    serial: str
    """Hex, with a leading `-` where the encoding is negative."""
    not_before: float
    """Seconds since the epoch."""
    not_after: float
    """Seconds since the epoch."""
    sans: tuple[str, ...]
    """DNS names and IP addresses of the subject alternative name, the first MAX_SANS of them."""
    san_count: int
    """How many there were."""
    is_ca: bool
    """basicConstraints says CA."""
    self_issued: bool
    """Subject and issuer are the same name. Says nothing about the signature."""
    eku: tuple[str, ...] | None
    """Extended key usages as dotted OIDs; None = no such extension."""
    ski: str | None
    """subjectKeyIdentifier."""
    aki: str | None
    """keyIdentifier of authorityKeyIdentifier."""
    key_type: str
    """`rsa`, `ec`, `ed25519`, `ed448`, `dsa` or `unknown`."""
    key_bits: int | None
    signature_hash: str | None
    """`sha256` and so on; None where the algorithm has none or is unknown."""
    subject_id: str
    """Digest of the subject for comparing names, case and spaces folded (RFC 5280 section 7.1). Empty = no name."""
    issuer_id: str
    """The same of the issuer."""
    unreadable: tuple[str, ...]
    """Parts that do not parse: `extensions`, `key`."""

    @property
    def serves_tls(self) -> bool:
        """Whether the extended key usage lets it stand on the path of a TLS server (RFC 5280 section 4.2.1.12)."""
        return self.eku is None or bool(_SERVER_USAGES.intersection(self.eku))

    def valid_at(self, at: float) -> bool:
        """Whether `at` (seconds since the epoch) lies in the validity period."""
        return self.not_before <= at <= self.not_after


_SERVER_USAGES: Final = frozenset(
    {ExtendedKeyUsageOID.SERVER_AUTH.dotted_string, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string}
)
_KEY_TYPES: Final = (
    (rsa.RSAPublicKey, "rsa"),
    (ec.EllipticCurvePublicKey, "ec"),
    (ed25519.Ed25519PublicKey, "ed25519"),
    (ed448.Ed448PublicKey, "ed448"),
    (dsa.DSAPublicKey, "dsa"),
)
_cache: Final[Recent[bytes, tuple[CertificateFacts | None]]] = Recent(2_048)


E = TypeVar("E", bound=x509.ExtensionType)


def certificate_facts(der: bytes) -> CertificateFacts | None:
    """Read a certificate, once per distinct one; None if it does not parse or is larger than MAX_DER."""
    if len(der) > MAX_DER:
        return None
    digest = hashlib.sha256(der).digest()
    known = _cache.get(digest)
    if known is not None:
        return known[0]
    facts = _read(der, digest.hex())
    _cache.put(digest, (facts,))
    return facts


def shown(text: str, limit: int = 200) -> str:
    """A peer's text made fit for a terminal, a log or a page: one line, `limit` characters, nothing that steers.

    Control, format and other unprintable characters become RFC 4514 hex pairs (`\\0a`).
    """
    cut = text[: limit + 1]
    clean = cut if cut.isprintable() else "".join(c if c.isprintable() else _hex_pairs(c) for c in cut)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _hex_pairs(character: str) -> str:
    return "".join(f"\\{octet:02x}" for octet in character.encode("utf-8", "surrogatepass"))


def _read(der: bytes, sha256: str) -> CertificateFacts | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd serials and the like warn; here they are facts
        try:
            return _facts(x509.load_der_x509_certificate(der), sha256)
        except Exception:  # noqa: BLE001  parsing is lazy and a stranger's bytes raise a dozen unrelated types
            return None


def _facts(certificate: x509.Certificate, sha256: str) -> CertificateFacts:
    unreadable: list[str] = []
    key_type, key_bits = _key(certificate, unreadable)
    extensions = _extensions(certificate, unreadable)
    sans, san_count = _sans(extensions.get(x509.SubjectAlternativeName))
    issuer_der, subject_der, spki = issuer_subject_key(certificate.tbs_certificate_bytes)
    subject, subject_id = _name(certificate.subject)
    issuer, issuer_id = (subject, subject_id) if issuer_der == subject_der else _name(certificate.issuer)
    constraints = extensions.get(x509.BasicConstraints)
    usages = extensions.get(x509.ExtendedKeyUsage)
    ski = extensions.get(x509.SubjectKeyIdentifier)
    aki = extensions.get(x509.AuthorityKeyIdentifier)
    return CertificateFacts(
        sha256=sha256,
        spki_sha256=hashlib.sha256(spki).hexdigest(),
        subject=subject,
        issuer=issuer,
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
        sans=sans,
        san_count=san_count,
        is_ca=constraints is not None and constraints.ca,
        self_issued=subject_id == issuer_id != "",
        eku=None if usages is None else tuple(usage.dotted_string for usage in list(usages)[:MAX_SANS]),
        ski=None if ski is None else ski.digest[:64].hex(),
        aki=None if aki is None or aki.key_identifier is None else aki.key_identifier[:64].hex(),
        key_type=key_type,
        key_bits=key_bits,
        signature_hash=_signature_hash(certificate),
        subject_id=subject_id,
        issuer_id=issuer_id,
        unreadable=tuple(unreadable),
    )


def _key(certificate: x509.Certificate, unreadable: list[str]) -> tuple[str, int | None]:
    try:
        key = certificate.public_key()
    except Exception:  # noqa: BLE001  an unknown or broken key is a fact, and the library's types for it vary
        unreadable.append("key")
        return "unknown", None
    for kind, name in _KEY_TYPES:
        if isinstance(key, kind):
            return name, getattr(key, "key_size", 256 if name == "ed25519" else 456)
    return "unknown", None


class _Extensions(dict[type[x509.ExtensionType], x509.ExtensionType]):
    """The extensions of a certificate by their type."""

    def get(self, kind: type[E]) -> E | None:  # type: ignore[override]  # a look-up by type is all there is
        value = super().get(kind)
        return value if isinstance(value, kind) else None


def _extensions(certificate: x509.Certificate, unreadable: list[str]) -> _Extensions:
    try:
        return _Extensions((type(extension.value), extension.value) for extension in certificate.extensions)
    except Exception:  # noqa: BLE001  one malformed extension fails them all, with any of several types
        unreadable.append("extensions")
        return _Extensions()


def _sans(names: x509.SubjectAlternativeName | None) -> tuple[tuple[str, ...], int]:
    kept: list[str] = []
    count = room = 0
    for name in names or ():
        if not isinstance(name, x509.DNSName | x509.IPAddress):
            continue
        count += 1
        if count <= MAX_SANS:
            text = shown(str(name.value), 255)
            room += len(text)
            if room <= MAX_SAN_TEXT:
                kept.append(text)
    return tuple(kept), count


def _signature_hash(certificate: x509.Certificate) -> str | None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except Exception:  # noqa: BLE001  an algorithm the library does not know
        return None
    return None if algorithm is None else algorithm.name


def _name(name: x509.Name) -> tuple[str, str]:
    """A name for people, and its digest for comparing; the digest of an empty name is empty."""
    folded = [
        sorted((attribute.oid.dotted_string, _folded(attribute.value)) for attribute in relative)
        for relative in name.rdns
    ]
    digest = hashlib.sha256(repr(folded).encode("utf-8", "surrogatepass")).hexdigest() if folded else ""
    return shown(name.rfc4514_string(), MAX_NAME), digest


def _folded(value: str | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else " ".join(value.split()).casefold()
