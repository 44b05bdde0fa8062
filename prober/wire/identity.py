"""The client certificate with its key: read and tried once, handed to a handshake when the right server answered.

It is never loaded into a context, which every handshake shares, but into one connection, and only from within the
look at the server's certificate: a handshake that has not recognised the server's key has nothing to present.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

Key = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey
"""What TLS signs with."""


class ClientCertificateError(ValueError):
    """A client certificate file that cannot be used."""


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """What a client proves itself with."""

    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...]
    """Sent along, in the file's order."""
    key: Key

    def load(self, into: SSL.Connection | SSL.Context) -> None:
        """Make it what is presented to a server that asks."""
        into.use_certificate(self.certificate)
        into.use_privatekey(self.key)


def read_identity(path: str) -> ClientIdentity:
    """Read a PEM file with a certificate, its chain and its key, and see that OpenSSL takes them.

    Raises ClientCertificateError if that file cannot be used.
    """
    try:
        pem = Path(path).read_bytes()
        if b"ENCRYPTED" in pem:
            raise ClientCertificateError(f"{path}: its private key is encrypted, which is no use here")
        certificate, *issuers = x509.load_pem_x509_certificates(pem)
        key = load_pem_private_key(pem, None)
        if not isinstance(key, Key):
            raise ClientCertificateError(f"{path}: its private key is of a kind that TLS does not use")
        identity = ClientIdentity(certificate, tuple(issuers), key)
        trial = SSL.Context(SSL.TLS_CLIENT_METHOD)
        trial.set_cipher_list(b"DEFAULT:@SECLEVEL=0")  # a weak key is the server's to refuse
        identity.load(trial)
        trial.check_privatekey()
    except ClientCertificateError:
        raise
    except (SSL.Error, OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ClientCertificateError(
            f"{path}: no certificate with its private key in PEM (the first of each is used)"
        ) from error
    return identity
