"""An authority for one cluster, and a certificate for each of its three roles: `prober cluster certs`.

dask checks that the other side's certificate is of this authority, and no name in it: whoever holds a key of any role
can take any other (THREAT_MODEL.md). The authority's own key is needed for further certificates alone.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from prober.cluster.errors import ClusterError

AUTHORITY: Final = "ca.pem"
AUTHORITY_KEY: Final = "ca-key.pem"
DAYS: Final = 825
_SLACK: Final = timedelta(hours=1)
"""Clocks of sites differ."""


class Role(StrEnum):
    """What a certificate is for."""

    SCHEDULER = "scheduler"
    AGENT = "agent"
    CLIENT = "client"


def certificate_file(role: Role) -> str:
    """The file with a role's certificate and its key."""
    return f"{role}.pem"


def make_certificates(folder: Path, *, days: int = DAYS) -> list[Path]:
    """Write an authority, and a certificate with its key for each role, valid for so many days; return the files.

    Files with keys are for their owner alone. Raises ClusterError: nothing that is there is written over.
    """
    names = [AUTHORITY, AUTHORITY_KEY, *map(certificate_file, Role)]
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise ClusterError([f"{folder / name} is there already: choose another folder" for name in there])
    valid = (datetime.now(UTC) - _SLACK, datetime.now(UTC) + timedelta(days=days))
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("prober cluster authority")
    authority = (
        _builder(name, name, key.public_key(), valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certifies=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = [_write(folder / AUTHORITY, _pem(authority), mode=0o644)]
        made.append(_write(folder / AUTHORITY_KEY, _key_pem(key)))
        for role in Role:
            own = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                _builder(_name(f"prober {role}"), name, own.public_key(), valid)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(_usage(certifies=False), critical=True)
                .add_extension(
                    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                    critical=False,
                )
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
                    critical=False,
                )
                .sign(key, hashes.SHA256())
            )
            made.append(_write(folder / certificate_file(role), _pem(certificate) + _key_pem(own)))
    except OSError as error:
        raise ClusterError([f"{error.filename or folder}: {error.strerror}"]) from None
    return made


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, valid: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    """A new file; one that appeared meanwhile is left alone."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(number, "wb") as file:
        file.write(data)
    return path
