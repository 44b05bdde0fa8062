"""The parts of a certificate, each read on its own and bounded: names, extensions, key, fields octet for octet.

Nothing here raises for what a stranger encoded: a part that does not parse says so in `unreadable`, or is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from prober.interception.text import shown

MAX_NAME: Final = 512
"""Characters kept of a distinguished name."""
MAX_ATTRIBUTES: Final = 16
"""Attributes of a distinguished name kept one by one."""
MAX_VALUE: Final = 200
"""Characters kept of each."""
MAX_SANS: Final = 100
"""Names kept of a subject alternative name extension, and usages of an extended key usage extension."""
MAX_SAN_TEXT: Final = 8_192
"""Characters kept of all names together."""
MAX_POLICIES: Final = 20
"""Certificate policies kept."""
MAX_OID: Final = 128
"""Characters kept of a dotted object identifier."""

_SHORT: Final = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
}
_KEY_TYPES: Final = (
    (rsa.RSAPublicKey, "rsa"),
    (ec.EllipticCurvePublicKey, "ec"),
    (ed25519.Ed25519PublicKey, "ed25519"),
    (ed448.Ed448PublicKey, "ed448"),
    (dsa.DSAPublicKey, "dsa"),
)

E = TypeVar("E", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class NameFacts:
    """A distinguished name."""

    text: str
    """RFC 4514, MAX_NAME characters."""
    digest: str
    """For comparing names, case and spaces folded (RFC 5280 section 7.1); empty for the name without attributes."""
    attributes: tuple[tuple[str, str], ...]
    """The first MAX_ATTRIBUTES of type `CN`, `O` and `OU`, in the order of the encoding, values stripped."""


@dataclass(frozen=True, slots=True)
class SanFacts:
    """The DNS names and IP addresses of a subject alternative name extension."""

    kept: tuple[str, ...] = ()
    """The first MAX_SANS of them."""
    count: int = 0
    digest: str = ""
    """Over the set of all of them, lower case; empty when there are none."""


class Extensions(dict[type[x509.ExtensionType], x509.ExtensionType]):
    """The extensions of a certificate by their type."""

    def get(self, kind: type[E]) -> E | None:  # type: ignore[override]  # a look-up by type is all there is
        """The one of this type, or None."""
        value = super().get(kind)
        return value if isinstance(value, kind) else None


def read_extensions(certificate: x509.Certificate, unreadable: list[str]) -> Extensions:
    """All extensions; one that is malformed spoils them all, as RFC 5280 wants it."""
    try:
        return Extensions((type(extension.value), extension.value) for extension in certificate.extensions)
    except Exception:  # noqa: BLE001  one malformed extension fails them all, with any of several types
        unreadable.append("extensions")
        return Extensions()


def read_key(certificate: x509.Certificate, unreadable: list[str]) -> tuple[str, int | None]:
    """Type and size of the public key."""
    try:
        key = certificate.public_key()
    except Exception:  # noqa: BLE001  an unknown or broken key is a fact, and the library's types for it vary
        unreadable.append("key")
        return "unknown", None
    for kind, name in _KEY_TYPES:
        if isinstance(key, kind):
            return name, getattr(key, "key_size", 256 if name == "ed25519" else 456)
    return "unknown", None


def read_signature_hash(certificate: x509.Certificate) -> str | None:
    """`sha256` and so on; None where the algorithm has none or is unknown."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except Exception:  # noqa: BLE001  an algorithm the library does not know
        return None
    return None if algorithm is None else algorithm.name


def read_sans(names: x509.SubjectAlternativeName | None) -> SanFacts:
    """Names a server may go by. Other kinds (mail, URI, …) are passed over."""
    texts = [str(name.value) for name in names or () if isinstance(name, x509.DNSName | x509.IPAddress)]
    if not texts:
        return SanFacts()
    kept: list[str] = []
    room = 0
    for text in texts[:MAX_SANS]:
        clean = shown(text, 255)
        room += len(clean)
        if room <= MAX_SAN_TEXT:
            kept.append(clean)
    every = repr(sorted({text.lower() for text in texts}))
    return SanFacts(tuple(kept), len(texts), hashlib.sha256(every.encode("utf-8", "surrogatepass")).hexdigest())


def read_sct_count(extensions: Extensions) -> int:
    """Embedded signed certificate timestamps (RFC 6962 section 3.3). Whether a log made them is not looked at."""
    timestamps = extensions.get(x509.PrecertificateSignedCertificateTimestamps)
    return 0 if timestamps is None else len(timestamps)


def read_oids(extension: x509.CertificatePolicies | x509.ExtendedKeyUsage | None, limit: int) -> tuple[str, ...] | None:
    """The first `limit` object identifiers of an extension that lists them; None without it."""
    if extension is None:
        return None
    return tuple(_dotted(item) for _, item in zip(range(limit), extension, strict=False))


def _dotted(item: x509.PolicyInformation | x509.ObjectIdentifier) -> str:
    identifier = item.policy_identifier if isinstance(item, x509.PolicyInformation) else item
    return identifier.dotted_string[:MAX_OID]


def read_name(name: x509.Name) -> NameFacts:
    """A name for people, for comparing, and by its telling attributes."""
    folded = [
        sorted((attribute.oid.dotted_string, _folded(attribute.value)) for attribute in relative)
        for relative in name.rdns
    ]
    digest = hashlib.sha256(repr(folded).encode("utf-8", "surrogatepass")).hexdigest() if folded else ""
    telling = tuple(pair for _, pair in zip(range(MAX_ATTRIBUTES), _telling(name), strict=False))
    return NameFacts(shown(name.rfc4514_string(), MAX_NAME), digest, telling)


def _telling(name: x509.Name) -> Iterator[tuple[str, str]]:
    for attribute in name:
        short = _SHORT.get(attribute.oid)
        if short is not None and isinstance(attribute.value, str):
            yield short, shown(attribute.value.strip(), MAX_VALUE)


def _folded(value: str | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else " ".join(value.split()).casefold()
