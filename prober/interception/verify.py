"""One path, checked by OpenSSL. Numeric verification codes decide, never message texts."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from OpenSSL import crypto

from prober.interception.anchors import Certificate

OK: Final = 0
"""X509_V_OK."""
TIME_ERRORS: Final = frozenset({9, 10})
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED."""
UNREADABLE: Final = -1
"""No OpenSSL code: OpenSSL could not load one of the certificates."""

_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which pyOpenSSL does not name
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class PathVerifier:
    """Verifies paths whose certificates are already in order. Keeps the anchors it has loaded."""

    def __init__(self) -> None:
        self._loaded: dict[bytes, crypto.X509] = {}

    def check(self, path: Sequence[bytes], at: int | None, *, keep: bool = True) -> int:
        """Verify `path` (DER, leaf first, anchor last; one certificate = a leaf trusted as it is).

        `at` is seconds since the epoch; None leaves validity periods out. `keep` says that the anchor is one of a
        known few and worth keeping loaded. Returns OK, UNREADABLE or OpenSSL's X509_V_ERR code.
        """
        try:
            leaf, *between = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in path[:-1] or path]
            crypto.X509StoreContext(self._store(path[-1], at, keep=keep), leaf, between).verify_certificate()
        except crypto.X509StoreContextError as error:
            return int(error.errors[0])
        except crypto.Error:
            return UNREADABLE
        return OK

    def _store(self, anchor: bytes, at: int | None, *, keep: bool) -> crypto.X509Store:
        """A store made for one verification (4 µs): OpenSSL ignores a second `set_time` on the same one."""
        certificate = self._loaded.get(anchor)
        if certificate is None:
            certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, anchor)
            if keep:
                self._loaded[anchor] = certificate
        store = crypto.X509Store()
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        if at is None:
            store.set_flags(_NO_CHECK_TIME)
        else:
            store.set_time(_EPOCH + dt.timedelta(seconds=at))
        store.add_cert(certificate)
        return store


def signed_by(child: bytes, issuer: bytes) -> bool:
    """Whether `issuer`'s name and key made the signature on `child` (both DER). Nothing else is looked at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd certificates warn
        try:
            x509.load_der_x509_certificate(child).verify_directly_issued_by(x509.load_der_x509_certificate(issuer))
        except Exception:  # noqa: BLE001  InvalidSignature, unknown algorithms, keys that do not load: all say no
            return False
    return True


def signs_itself(der: bytes) -> bool:
    """Whether the key in a certificate made its signature, whatever its issuer is called.

    Some interceptors certify their authority's own key for every host and leave the authority's certificate out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd certificates warn
        try:
            certificate = x509.load_der_x509_certificate(der)
            key, signed = certificate.public_key(), certificate.tbs_certificate_bytes
            hashed, terms = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
            if isinstance(key, rsa.RSAPublicKey) and isinstance(terms, padding.PKCS1v15 | padding.PSS) and hashed:
                key.verify(certificate.signature, signed, terms, hashed)
            elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(terms, ec.ECDSA):
                key.verify(certificate.signature, signed, terms)
            elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
                key.verify(certificate.signature, signed)
            else:
                return False
        except Exception:  # noqa: BLE001  InvalidSignature, unknown algorithms, keys that do not load: all say no
            return False
    return True


def signatures_hold(path: Sequence[bytes]) -> bool:
    """Whether each certificate of `path` (DER, leaf first) is signed by the next."""
    return all(signed_by(child, issuer) for child, issuer in pairwise(path))


class Signatures:
    """Signatures between certificates, each looked at once. For one chain: it remembers without bound."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bool] = {}

    def hold(self, child: Certificate, issuer: Certificate) -> bool:
        """Whether `issuer` signed `child`."""
        pair = (child.facts.sha256, issuer.facts.sha256)
        known = self._known.get(pair)
        if known is None:
            known = self._known[pair] = signed_by(child.der, issuer.der)
        return known
