"""Authorities that sign as those of the public web do, for origins whose certificates are worth comparing.

A root, an issuing authority below it, and leaves with everything an interceptor copies, drops or replaces: names,
dates to the second, organisation, SCTs, policies, issuer URLs, key identifiers. Made with `cryptography` alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
    ObjectIdentifier,
)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

SCT_LIST: Final = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
POLICY: Final = ObjectIdentifier("2.23.140.1.2.2")
"""Organisation-validated, of the CA/Browser Forum."""


def new_key(kind: str) -> Key:
    """A fresh key, `rsa` or `ec`."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def spki_sha256(key: Key) -> str:
    """Digest of the key as a certificate carries it, lower-case hex."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_key().public_bytes(serialization.Encoding.DER, form)).hexdigest()


@dataclass(frozen=True)
class Signer:
    """A key that signs, under a name."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, unencrypted, in the form that old programs read too."""
        return _key_pem(self.key)

    @property
    def spki(self) -> str:
        """Digest of its key."""
        return spki_sha256(self.key)

    @classmethod
    def root(cls, kind: str, common_name: str, organisation: str) -> Signer:
        """A new self-signed authority."""
        key = new_key(kind)
        name = _name(common_name, organisation)
        return cls(_authority(name, key, name, key, path_length=None), key)

    def issuing(self, kind: str, common_name: str, organisation: str) -> Signer:
        """An authority below this one."""
        key = new_key(kind)
        name = _name(common_name, organisation)
        return Signer(_authority(name, key, self.certificate.subject, self.key, path_length=0), key)


@dataclass(frozen=True)
class Leaf:
    """A server's certificate with its key."""

    key: Key
    certificate: x509.Certificate
    file: Path
    """PEM: key, certificate, issuing authority, and the root where it is to be sent along."""

    @property
    def spki(self) -> str:
        """Digest of its key."""
        return spki_sha256(self.key)


@dataclass(frozen=True)
class Family:
    """A root with one issuing authority."""

    root: Signer
    issuing: Signer
    roots: Path
    """PEM file with the root."""
    owner: str
    kind: str

    @classmethod
    def found(cls, folder: Path, owner: str, kind: str) -> Family:
        """A new family that keeps its files in this folder. Raises FileExistsError for an owner that has one there."""
        root = Signer.root(kind, f"{owner} Root R1", f"{owner} Trust Services")
        roots = folder / f"{owner.lower()}.pem"
        with roots.open("xb") as file:
            file.write(root.pem)
        return cls(root, _issuing(root, owner, kind, 7), roots, owner, kind)

    def sister(self, number: int) -> Family:
        """The same with another issuing authority of the same make."""
        return replace(self, issuing=_issuing(self.root, self.owner, self.kind, number))

    def leaf(self, folder: Path, kind: str, *names: str, send_root: bool = False, age: int = 20) -> Leaf:
        """A new certificate for these names, valid for 90 days of which `age` have passed."""
        key = new_key(kind)
        certificate = _leaf(self.issuing, key, names, age)
        file = folder / f"{names[0]}.pem"
        issuers = self.issuing.pem + (self.root.pem if send_root else b"")
        file.write_bytes(_key_pem(key) + certificate.public_bytes(serialization.Encoding.PEM) + issuers)
        return Leaf(key, certificate, file)


def _issuing(root: Signer, owner: str, kind: str, number: int) -> Signer:
    return root.issuing(kind, f"{owner} TLS {kind.upper()} CA {number:02}", f"{owner} Trust Services")


def _key_pem(key: Key) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)


def _name(common_name: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _authority(subject: x509.Name, key: Key, issuer: x509.Name, by: Key, path_length: int | None) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=700))
        .not_valid_after(now + dt.timedelta(days=2500))
        .add_extension(x509.BasicConstraints(True, path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, hashes.SHA256())
    )


def _leaf(issuer: Signer, key: Key, names: tuple[str, ...], age: int) -> x509.Certificate:
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=age, seconds=4711)
    owner = names[0].split(".", 1)[1]
    location = x509.UniformResourceIdentifier(f"http://pki.{owner}/issuing")
    access = [
        x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location),
        x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location),
    ]
    list_of_revoked = x509.DistributionPoint([location], None, None, None)
    subject = _name(names[0], f"{owner} operations")
    return (
        x509.CertificateBuilder(issuer.certificate.subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + dt.timedelta(days=90, seconds=-1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        .add_extension(x509.AuthorityInformationAccess(access), critical=False)
        .add_extension(x509.CRLDistributionPoints([list_of_revoked]), critical=False)
        .add_extension(x509.CertificatePolicies([x509.PolicyInformation(POLICY, None)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(SCT_LIST, _two_scts(since)), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _two_scts(at: dt.datetime) -> bytes:
    """A list of two timestamps of certificate transparency (RFC 6962 section 3.3), well formed; no log signed them."""
    one = [
        struct.pack(">B32sQHBBH", 0, os.urandom(32), int(at.timestamp() * 1000), 0, 4, 3, 70) + os.urandom(70)
        for _ in range(2)
    ]
    entries = b"".join(struct.pack(">H", len(each)) + each for each in one)
    listed = struct.pack(">H", len(entries)) + entries
    return b"\x04\x81" + bytes([len(listed)]) + listed
