"""Certificates with names as real ones have them, and forgeries of them: copied part by part, signed by anybody."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from prober.interception import certificate_facts

NOW = 1_790_000_000.0
"""2026-09-21T14:13:20Z, as in conftest.py."""
DAY = 86_400.0

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_SECONDS = count(1)
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_IDENTIFIERS = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)

EVERYTHING = frozenset({"subject", "names", "validity", "extensions"})
"""What a forgery can copy of the real certificate."""


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def dn(common_name: str, organisation: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    if common_name:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


@dataclass
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def spki(self) -> str:
        facts = certificate_facts(self.der)
        assert facts is not None
        return facts.spki_sha256

    def authority(self, name: str, organisation: str = "", *, key: Key | None = None, ends: float = 900) -> Made:
        """An authority under this one. `ends` in days from now."""
        return make(dn(name, organisation), signer=self, key=key, ca=True, days=(-100, ends))

    def server(
        self, *names: str, organisation: str = "", key: Key | None = None, days: tuple[float, float] = (-20, 70)
    ) -> Made:
        """A server certificate under this authority, with timestamps and policies as public ones have them. No two are
        valid from the same second."""
        begins, ends = (day + next(_SECONDS) / DAY for day in days)
        subject = dn(names[0] if names else "", organisation)
        return make(subject, signer=self, key=key, names=names, days=(begins, ends), public=True)


def root(name: str, organisation: str = "", *, key: Key | None = None, days: tuple[float, float] = (-900, 900)) -> Made:
    return make(dn(name, organisation), key=key, ca=True, days=days)


def make(
    subject: x509.Name,
    *,
    signer: Made | None = None,
    key: Key | None = None,
    names: Collection[str] = (),
    ca: bool = False,
    days: tuple[float, float] = (-20, 70),
    public: bool = False,
    issuer: x509.Name | None = None,
    aki: bytes | None = b"own",
) -> Made:
    """Sign a certificate; without a signer it signs itself. `issuer` writes another name than the signer's; `aki`
    another key identifier (None = no such extension). `days` are counted from NOW."""
    own = key or new_key()
    signing = own if signer is None else signer.key
    signed_as = issuer if issuer is not None else subject if signer is None else signer.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signed_as)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(NOW + days[0] * DAY))
        .not_valid_after(_time(NOW + days[1] * DAY))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    if public:
        policy = x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.2"), None)
        builder = builder.add_extension(x509.CertificatePolicies([policy]), critical=False)
        builder = builder.add_extension(x509.UnrecognizedExtension(_SCT_LIST, timestamps(2)), critical=False)
    return Made(_with_aki(builder, signing, aki).sign(signing, hashes.SHA256()), own)


def forge(
    real: Made,
    by: Made,
    *,
    host: str,
    key: Key | None = None,
    copies: Collection[str] = EVERYTHING,
    issuer: x509.Name | None = None,
    aki: bytes | None = b"own",
) -> Made:
    """A certificate for `host` made after `real`, signed by `by`: what an intercepting proxy does."""
    own = key or new_key()
    source = real.certificate
    begins, ends = NOW - DAY, NOW + 100 * DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(source.subject if "subject" in copies else dn(host))
        .issuer_name(by.certificate.subject if issuer is None else issuer)
        .public_key(own.public_key())
        .serial_number(source.serial_number)
        .not_valid_before(source.not_valid_before_utc if "validity" in copies else _time(begins))
        .not_valid_after(source.not_valid_after_utc if "validity" in copies else _time(ends))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
    )
    for extension in source.extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            kept = value if "names" in copies else x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(kept, extension.critical)
        elif isinstance(value, x509.BasicConstraints):
            builder = builder.add_extension(value, extension.critical)
        elif not isinstance(value, _IDENTIFIERS) and "extensions" in copies:
            same = x509.UnrecognizedExtension(extension.oid, value.public_bytes())
            builder = builder.add_extension(same, extension.critical)
    return Made(_with_aki(builder, by.key, aki).sign(by.key, hashes.SHA256()), own)


def timestamps(count: int) -> bytes:
    """A well-formed list of certificate timestamps (RFC 6962 section 3.3) that no log has made."""
    body = b"\x00" + b"L" * 32 + (int(NOW) * 1000).to_bytes(8) + b"\x00\x00" + b"\x04\x03" + b"\x00\x04" + b"SIGN"
    listed = (len(body).to_bytes(2) + body) * count
    content = len(listed).to_bytes(2) + listed
    return b"\x04" + _length(len(content)) + content


def key_identifier(of: Made) -> bytes:
    """What an authorityKeyIdentifier says that names this authority."""
    return x509.SubjectKeyIdentifier.from_public_key(of.key.public_key()).digest


def _with_aki(builder: x509.CertificateBuilder, signing: Key, aki: bytes | None) -> x509.CertificateBuilder:
    if aki is None:
        return builder
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    if aki != b"own":
        identifier = x509.AuthorityKeyIdentifier(aki, None, None)
    return builder.add_extension(identifier, critical=False)


def _length(octets: int) -> bytes:
    return bytes([octets]) if octets < 0x80 else b"\x82" + octets.to_bytes(2)


def _time(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
