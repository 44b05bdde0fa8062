"""What a certificate says, as plain bounded values (RFC 5280). Nothing here is believed or verified.

Input is whatever a peer sent. Reading it never raises: what does not parse at all is None, what parses in part
says so in `unreadable`.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from prober.interception import parts
from prober.interception.parts import MAX_ATTRIBUTES, MAX_NAME, MAX_POLICIES, MAX_SANS
from prober.interception.recent import Recent
from prober.interception.text import shown
from prober.spki import issuer_subject_key

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_DER",
    "MAX_NAME",
    "MAX_POLICIES",
    "MAX_SANS",
    "CertificateFacts",
    "certificate_facts",
    "shown",
]

MAX_DER: Final = 65_536
"""Bytes; larger certificates are refused unread."""


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
    subject_names: tuple[tuple[str, str], ...]
    """The subject's attributes of type `CN`, `O` and `OU` in the order sent, values stripped; the first 16."""
    issuer_names: tuple[tuple[str, str], ...]
    """The same of the issuer."""
    sans_digest: str
    """Digest over the set of all DNS names and IP addresses, lower case, those beyond MAX_SANS too; empty = none."""
    sct_count: int
    """Embedded signed certificate timestamps (RFC 6962). Counted, not verified: a copy counts as much."""
    policies: tuple[str, ...]
    """Certificate policies as dotted OIDs, the first MAX_POLICIES."""
    has_aia: bool
    """There is an authorityInformationAccess extension."""
    has_crl_dp: bool
    """There is a cRLDistributionPoints extension."""
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
_cache: Final[Recent[bytes, tuple[CertificateFacts | None]]] = Recent(2_048)


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


def _read(der: bytes, sha256: str) -> CertificateFacts | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd serials and the like warn; here they are facts
        try:
            return _facts(x509.load_der_x509_certificate(der), sha256)
        except Exception:  # noqa: BLE001  parsing is lazy and a stranger's bytes raise a dozen unrelated types
            return None


def _facts(certificate: x509.Certificate, sha256: str) -> CertificateFacts:
    unreadable: list[str] = []
    key_type, key_bits = parts.read_key(certificate, unreadable)
    extensions = parts.read_extensions(certificate, unreadable)
    sans = parts.read_sans(extensions.get(x509.SubjectAlternativeName))
    issuer_der, subject_der, spki = issuer_subject_key(certificate.tbs_certificate_bytes)
    subject = parts.read_name(certificate.subject)
    issuer = subject if issuer_der == subject_der else parts.read_name(certificate.issuer)
    constraints = extensions.get(x509.BasicConstraints)
    ski = extensions.get(x509.SubjectKeyIdentifier)
    aki = extensions.get(x509.AuthorityKeyIdentifier)
    return CertificateFacts(
        sha256=sha256,
        spki_sha256=hashlib.sha256(spki).hexdigest(),
        subject=subject.text,
        issuer=issuer.text,
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
        sans=sans.kept,
        san_count=sans.count,
        is_ca=constraints is not None and constraints.ca,
        self_issued=subject.digest == issuer.digest != "",
        eku=parts.read_oids(extensions.get(x509.ExtendedKeyUsage), MAX_SANS),
        ski=None if ski is None else ski.digest[:64].hex(),
        aki=None if aki is None or aki.key_identifier is None else aki.key_identifier[:64].hex(),
        key_type=key_type,
        key_bits=key_bits,
        signature_hash=parts.read_signature_hash(certificate),
        subject_id=subject.digest,
        issuer_id=issuer.digest,
        subject_names=subject.attributes,
        issuer_names=issuer.attributes,
        sans_digest=sans.digest,
        sct_count=parts.read_sct_count(extensions),
        policies=parts.read_oids(extensions.get(x509.CertificatePolicies), MAX_POLICIES) or (),
        has_aia=extensions.get(x509.AuthorityInformationAccess) is not None,
        has_crl_dp=extensions.get(x509.CRLDistributionPoints) is not None,
        unreadable=tuple(unreadable),
    )
