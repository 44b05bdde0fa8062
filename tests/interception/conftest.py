"""A small certificate workshop: everything a real or a hostile authority could sign."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = 1_790_000_000.0
"""2026-09-21T14:13:20Z: the time of all generated chains, and one at which the shipped 2011 bridges are valid."""
DAY = 86_400.0


def _time(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


@dataclass
class Issued:
    """A certificate with its key, able to sign others."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    made: list[Issued] = field(default_factory=list)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def ca(self, name: str, *, key: ec.EllipticCurvePrivateKey | None = None, **options: Any) -> Issued:
        """An authority signed by this one."""
        return build(name, issuer=self, key=key, ca=True, **options)

    def leaf(self, *names: str, subject: str | None = None, **options: Any) -> Issued:
        """A server certificate signed by this authority."""
        return build(subject or "server", issuer=self, names=names, **options)


def build(
    name: str,
    *,
    issuer: Issued | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    ca: bool = False,
    names: tuple[str, ...] = (),
    begins: float = NOW - 10 * DAY,
    ends: float = NOW + 10 * DAY,
    eku: tuple[ObjectIdentifier, ...] | None = None,
    claims: str | None = None,
    identifiers: bool = True,
    path_length: int | None = None,
    permitted: str | None = None,
    extra: tuple[x509.ExtensionType, ...] = (),
    organisation: str | None = None,
) -> Issued:
    """Sign anything. `claims` writes another issuer name than the signer's; `identifiers` adds SKI and AKI."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    signer = own if issuer is None else issuer.key
    above = [] if organisation is None else [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]
    subject = x509.Name([*above, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed_as = subject if issuer is None else issuer.certificate.subject
    if claims is not None:
        signed_as = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, claims)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signed_as)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(begins))
        .not_valid_after(_time(ends))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    )
    if identifiers:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
    if eku is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    if permitted is not None:
        builder = builder.add_extension(x509.NameConstraints([x509.DNSName(permitted)], None), critical=True)
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    return Issued(builder.sign(signer, hashes.SHA256()), own)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Workshop:
    """What tests ask for."""

    now = NOW
    day = DAY
    client_auth = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    server_auth = (ExtendedKeyUsageOID.SERVER_AUTH,)
    build = staticmethod(build)

    @staticmethod
    def root(name: str, **options: Any) -> Issued:
        return build(name, ca=True, **options)

    @staticmethod
    def key() -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def pki() -> Workshop:
    return Workshop()
