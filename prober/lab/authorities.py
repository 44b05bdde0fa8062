"""Look-alike certificate hierarchies, made anew whenever a lab starts; keys live in memory only.

Two public families with different roots and key types (so that "two unrelated families end at one signer" can be
seen when somebody intercepts), the vendor's private one, a corporate one for proxies' own certificates, the
inspection authority of an interceptor, and a stray one that nobody trusts.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import ocsp as x509_ocsp
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    ExtensionOID,
    NameOID,
    ObjectIdentifier,
)

from prober.model import TrustClass

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Validity = tuple[datetime, datetime]

ORGANIZATION: Final = "Prober Lab (not a real authority)"
PKI_HOST: Final = "pki.lab.test"
"""Where CRL, OCSP and issuer pointers in the lab's certificates lead; the plain origin answers there."""
LEAF_DAYS: Final = 90
_RSA_BITS: Final = {"rsa": 2048, "rsa2048": 2048, "rsa3072": 3072}
_CLOCK_SLACK: Final = timedelta(hours=1)
_DOMAIN_VALIDATED: Final = ObjectIdentifier("2.23.140.1.2.1")
_COMMON_NAME_MAX: Final = 64  # ub-common-name, RFC 5280 appendix A.1


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate, its key, and what is sent after it."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    """Intermediates in the order sent; the root is left out as servers do."""

    def pem(self) -> bytes:
        """Certificate and chain as one PEM text."""
        return pem(self.certificate, *self.chain)

    def key_pem(self) -> bytes:
        """The private key, PKCS 8, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def make_key(kind: str) -> PrivateKey:
    """A new key: `ecdsa` (P-256), `rsa` or `rsa2048`, `rsa3072`."""
    if kind == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    if kind in _RSA_BITS:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[kind])
    raise ValueError(f"key kind {kind!r}: ecdsa or {', '.join(_RSA_BITS)}")


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as one PEM text."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def days(before: float, after: float) -> Validity:
    """The time from `before` days ago until `after` days from now (either may be negative)."""
    now = datetime.now(UTC).replace(microsecond=0)
    return now - timedelta(days=before), now + timedelta(days=after)


class Authority:
    """A certification authority of the lab: its certificate, and what it signs."""

    def __init__(
        self,
        name: str,
        *,
        key: str | PrivateKey,
        issuer: Authority | None = None,
        logged: bool = False,
        subject: x509.Name | None = None,
        key_id: bytes | None = None,
        valid: Validity | None = None,
    ) -> None:
        """`key` is a key or a kind for `make_key`; `logged` puts certificate timestamps into leaves.

        `subject` replaces the name made from `name`, `key_id` the subjectKeyIdentifier: an authority can claim any.
        """
        self.name = name
        self.slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        self.key = make_key(key) if isinstance(key, str) else key
        self.issuer = issuer
        self.key_id = key_id or x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()).digest
        self.revoked: set[int] = set()
        """Serial numbers that its CRL and its OCSP responder name."""
        self._logged = logged
        subject = subject or _distinguished_name(name)
        start, end = valid or days(365, 3650)
        public = self.key.public_key()
        signer = issuer or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None if issuer is None else 0), critical=True)
            .add_extension(key_usage(certifies=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier(self.key_id), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(signer.key_id, None, None), critical=False)
        )
        if issuer is not None:
            builder = issuer._pointers(builder)
        self.certificate: x509.Certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def root(self) -> x509.Certificate:
        """The self-signed certificate that this authority chains to."""
        return self.issuer.root if self.issuer else self.certificate

    @property
    def intermediates(self) -> tuple[x509.Certificate, ...]:
        """This authority's certificate and those above it, the root excluded."""
        return (self.certificate, *self.issuer.intermediates) if self.issuer else ()

    def leaf(
        self,
        names: Sequence[str],
        *,
        key: PrivateKey | None = None,
        subject: x509.Name | None = None,
        valid: Validity | None = None,
        usage: ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> Credential:
        """A certificate for `names` (DNS names or IP literals; the first is the common name), ready to be served."""
        key = key or make_key("ecdsa")
        public = key.public_key()
        start, end = valid or (datetime.now(UTC) - _CLOCK_SLACK, datetime.now(UTC) + timedelta(days=LEAF_DAYS))
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_COMMON_NAME_MAX])]))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(certifies=False, enciphers=isinstance(key, rsa.RSAPrivateKey)), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(self.key_id, None, None), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.CertificatePolicies([x509.PolicyInformation(_DOMAIN_VALIDATED, None)]), critical=False)
        )
        builder = self._pointers(builder)
        if self._logged:
            builder = builder.add_extension(timestamps(start), critical=False)
        return Credential(key, builder.sign(self.key, hashes.SHA256()), self.intermediates)

    def crl(self) -> bytes:
        """The revocation list of this authority, DER."""
        start, end = days(1, 7)
        builder = x509.CertificateRevocationListBuilder(self.certificate.subject, start, end)
        identifier = x509.AuthorityKeyIdentifier(self.key_id, None, None)
        for serial in sorted(self.revoked):
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
            builder = builder.add_revoked_certificate(entry.build())
        listed = builder.add_extension(x509.CRLNumber(1), critical=False).add_extension(identifier, critical=False)
        return listed.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def ocsp(self, request: bytes) -> bytes:
        """The answer to an OCSP request (both DER) about a certificate of this authority. Raises ValueError."""
        asked = x509_ocsp.load_der_ocsp_request(request)
        start, end = days(1, 7)
        revoked = asked.serial_number in self.revoked
        builder = x509_ocsp.OCSPResponseBuilder().add_response_by_hash(
            asked.issuer_name_hash,
            asked.issuer_key_hash,
            asked.serial_number,
            asked.hash_algorithm,
            x509_ocsp.OCSPCertStatus.REVOKED if revoked else x509_ocsp.OCSPCertStatus.GOOD,
            start,
            end,
            start if revoked else None,
            None,
        )
        answer = builder.responder_id(x509_ocsp.OCSPResponderEncoding.HASH, self.certificate)
        return answer.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def certificate_der(self) -> bytes:
        """This authority's certificate, DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def _pointers(self, builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
        """Adds where this authority's certificate and revocation list can be had."""
        issuer = x509.UniformResourceIdentifier(f"http://{PKI_HOST}/{self.slug}.crt")
        revocation = x509.UniformResourceIdentifier(f"http://{PKI_HOST}/{self.slug}.crl")
        responder = x509.UniformResourceIdentifier(f"http://{PKI_HOST}/ocsp/{self.slug}")
        access = [
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder),
            x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, issuer),
        ]
        point = x509.DistributionPoint([revocation], None, None, None)
        return builder.add_extension(x509.AuthorityInformationAccess(access), critical=False).add_extension(
            x509.CRLDistributionPoints([point]), critical=False
        )


class Authorities:
    """All hierarchies of one lab."""

    def __init__(self) -> None:
        root_r = Authority("Prober Lab Public Root R1", key="ecdsa")
        root_e = Authority("Prober Lab Public Root E1", key="ecdsa")
        vendor_root = Authority("Prober Lab Vendor Root CA 2011", key="rsa")
        self.public = (
            Authority("Prober Lab Public RSA CA 1", key="rsa", issuer=root_r, logged=True),
            Authority("Prober Lab Public ECC CA 2", key="ecdsa", issuer=root_e, logged=True),
        )
        """Issuing authorities of two families that share nothing."""
        self.withheld = Authority("Prober Lab Public Withheld CA 3", key="ecdsa", issuer=root_r, logged=True)
        """An intermediate that no server sends, so that nobody can learn it elsewhere."""
        self.vendor = Authority("Prober Lab Vendor Secure Server CA", key="rsa", issuer=vendor_root)
        self.corporate = Authority("Prober Lab Corporate Server CA", key="ecdsa")
        """Signs proxies' own certificates."""
        self.inspection = Authority("Prober Lab Inspection CA", key="rsa", subject=_inspection_name())
        """Signs what the interceptor mints; RSA, as products' own keys are."""
        self.stray = Authority("Prober Lab Stray CA", key="ecdsa")
        """In nobody's store."""
        roots = (root_r, root_e, vendor_root, self.corporate, self.inspection, self.stray)
        everyone = (*roots, *self.public, self.withheld, self.vendor)
        self.by_slug = {authority.slug: authority for authority in everyone}

    def issuer_for(self, host: str, trust: TrustClass | None) -> Authority:
        """Who signs `host`: the vendor's authority if its class says so, else one public family per domain."""
        if trust is TrustClass.VENDOR_PRIVATE:
            return self.vendor
        domain = ".".join(host.split(".")[-2:])
        return self.public[zlib.crc32(domain.encode()) % len(self.public)]

    def self_signed(self, host: str) -> Credential:
        """A certificate for `host` that its own key signs."""
        key = make_key("ecdsa")
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:_COMMON_NAME_MAX])])
        start, end = days(1, LEAF_DAYS)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        )
        return Credential(key, builder.sign(key, hashes.SHA256()))

    @property
    def public_roots(self) -> tuple[x509.Certificate, ...]:
        """The roots that stand for the public web."""
        return tuple(authority.root for authority in self.public)


def _inspection_name() -> x509.Name:
    """Of another organization than the public authorities: nobody's inspection bears a public authority's."""
    company = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Prober Lab Company")
    unit = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, ORGANIZATION)
    return x509.Name([company, unit, x509.NameAttribute(NameOID.COMMON_NAME, "Prober Lab Inspection CA")])


def _distinguished_name(common_name: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION)
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_usage(*, certifies: bool, enciphers: bool = False) -> x509.KeyUsage:
    """The usages of an authority's key, or of a server's."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=enciphers,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
    )


def timestamps(at: datetime) -> x509.UnrecognizedExtension:
    """Two certificate timestamps, well formed (RFC 6962 section 3.3), of logs that do not exist."""
    entries = b""
    for log in (b"Prober Lab Log 1", b"Prober Lab Log 2"):
        r, s = (int.from_bytes(hashlib.sha256(log + part).digest()) for part in (b"r", b"s"))
        signature = encode_dss_signature(r, s)
        identity = hashlib.sha256(log).digest()
        head = struct.pack(">B32sQH", 0, identity, int(at.timestamp()) * 1000, 0)
        entry = head + struct.pack(">BBH", 4, 3, len(signature)) + signature  # SHA-256, ECDSA
        entries += struct.pack(">H", len(entry)) + entry
    listed = struct.pack(">H", len(entries)) + entries
    octets = bytes([4, 0x81, len(listed)]) + listed  # an OCTET STRING of 128 to 255 octets (X.690 section 8.1.3.5)
    return x509.UnrecognizedExtension(ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS, octets)
