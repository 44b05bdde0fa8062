"""What a revocation source answered: a CRL (RFC 5280 section 5), an OCSP response (RFC 6960), an issuer's certificate.

Input is whatever came over plain HTTP, so nothing counts that the authority did not sign. Reading never raises.
"""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

_MOST_RESPONSES: Final = 16
"""Single responses of one OCSP answer that are looked at, and certificates sent along with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one answer is good for."""

    works: bool
    """Whether a client that checks revocation can rest on it."""
    says: str
    """What it says, or why it is of no use, as a clause."""
    foreign: bool = False
    """It is no such file at all: somebody else answered, a portal or a block page."""
    revoked: Mapping[int, float | None] = field(default_factory=dict)
    """Serial numbers that were asked about and are revoked, to when (seconds since the epoch)."""


def read_list(body: bytes, issuer: bytes | None, serials: Iterable[int], at: float) -> Answer:
    """A CRL, as `issuer` (DER; None = not known, the signature is not checked) must have signed it, at that moment
    (seconds since the epoch). `serials` are what is asked about."""
    try:
        pem = body.lstrip().startswith(b"-----BEGIN")
        crl = x509.load_pem_x509_crl(body) if pem else x509.load_der_x509_crl(body)
        ends = crl.next_update_utc
    except Exception:  # noqa: BLE001  a stranger's bytes raise several unrelated types
        return Answer(False, "the body is no certificate revocation list", foreign=True)
    problem = None if issuer is None else _list_problem(crl, issuer)
    if problem is not None:
        return Answer(False, problem)
    if ends is not None and ends.timestamp() < at:
        return Answer(False, f"a list that was good until {_day(ends)} only")
    revoked: dict[int, float | None] = {}
    try:
        for serial in serials:
            entry = crl.get_revoked_certificate_by_serial_number(serial)
            if entry is not None:
                revoked[serial] = entry.revocation_date_utc.timestamp()
    except Exception:  # noqa: BLE001  entries are parsed when they are looked at
        return Answer(False, "a list with entries that cannot be read")
    signed = "" if issuer is not None else ", its signature not checked: the issuer's certificate was not seen"
    return Answer(True, ("a list" if ends is None else f"a list good until {_day(ends)}") + signed, revoked=revoked)


def _list_problem(crl: x509.CertificateRevocationList, issuer: bytes) -> str | None:
    """What is wrong with who signed a list; None if nothing is."""
    authority = _certificate(issuer)
    if authority is None:
        return "a list of an issuer whose certificate cannot be read"
    try:
        if crl.issuer != authority.subject:
            return "a list of another authority than the certificate's"
        signed = crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # others raise TypeError
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return "a list signed in a way that cannot be checked"
    return None if signed else "a list that the certificate's authority did not sign"


def ocsp_path(path: str, certificate: bytes, issuer: bytes) -> str | None:
    """The path of a GET that asks a responder at `path` about a certificate (RFC 6960 appendix A.1); None where no
    request can be made of what was sent."""
    subject, authority = _certificate(certificate), _certificate(issuer)
    if subject is None or authority is None:
        return None
    try:
        # SHA-1 only names the issuer here, and many responders take nothing else (RFC 5019 section 2.1.1)
        builder = ocsp.OCSPRequestBuilder().add_certificate(subject, authority, hashes.SHA1())  # noqa: S303
        request = builder.build()
        encoded = b64encode(request.public_bytes(Encoding.DER)).decode()
    except Exception:  # noqa: BLE001  odd keys and serials; the library's types for them vary
        return None
    return f"{path.rstrip('/')}/{quote(encoded, safe='')}"


def read_ocsp(body: bytes, certificate: bytes, issuer: bytes, at: float) -> Answer:
    """An OCSP response about one certificate, at a moment (seconds since the epoch)."""
    try:
        response = ocsp.load_der_ocsp_response(body)
        status = response.response_status
    except Exception:  # noqa: BLE001  a stranger's bytes raise several unrelated types
        return Answer(False, "the body is no OCSP response", foreign=True)
    if status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return Answer(False, f"the responder refuses to answer: {status.name.lower()}")
    subject, authority = _certificate(certificate), _certificate(issuer)
    if subject is None or authority is None:
        return Answer(False, "a response about a certificate that cannot be read")
    try:
        if not _signed(response, authority):
            return Answer(False, "a response that neither the certificate's authority nor its delegate signed")
        return _about(response, subject.serial_number, at)
    except Exception:  # noqa: BLE001  parts are parsed when they are looked at
        return Answer(False, "a response that cannot be read to its end")


def _about(response: ocsp.OCSPResponse, serial: int, at: float) -> Answer:
    """What a response, whose signature holds, says about a serial number."""
    for single, _ in zip(response.responses, range(_MOST_RESPONSES), strict=False):
        if single.serial_number != serial:
            continue
        ends = single.next_update_utc
        if ends is not None and ends.timestamp() < at:
            return Answer(False, f"a response that was good until {_day(ends)} only")
        until = "" if ends is None else f", good until {_day(ends)}"
        if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            when = single.revocation_time_utc
            return Answer(True, f"revoked{until}", revoked={serial: None if when is None else when.timestamp()})
        if single.certificate_status is ocsp.OCSPCertStatus.GOOD:
            return Answer(True, f"not revoked{until}")
        return Answer(False, "the responder does not know the certificate")
    return Answer(False, "a response about other certificates")


def _signed(response: ocsp.OCSPResponse, authority: x509.Certificate) -> bool:
    """Whether the authority signed, or somebody whom it let sign (RFC 6960 section 4.2.2.2)."""
    if _verifies(response, authority):
        return True
    return any(
        _may_answer(each, authority) and _verifies(response, each)
        for each, _ in zip(response.certificates, range(_MOST_RESPONSES), strict=False)
    )


def _may_answer(delegate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        delegate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, InvalidSignature, TypeError, ValueError):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _verifies(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, digest = signer.public_key(), response.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey) and digest is not None:
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def read_issuer(body: bytes) -> Answer:
    """The file behind a caIssuers address: one certificate, or several in PKCS #7 (RFC 5280 section 4.2.2.1)."""
    pem = body.lstrip().startswith(b"-----BEGIN")
    readers = (
        (x509.load_pem_x509_certificate, pkcs7.load_pem_pkcs7_certificates)
        if pem
        else (x509.load_der_x509_certificate, pkcs7.load_der_pkcs7_certificates)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for reader in readers:
            try:
                if reader(body):
                    return Answer(True, "the issuer's certificate")
            except Exception:  # noqa: BLE001, S112  not of this form; the other one is tried
                continue
    return Answer(False, "the body is no certificate", foreign=True)


def _certificate(der: bytes) -> x509.Certificate | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return x509.load_der_x509_certificate(der)
        except Exception:  # noqa: BLE001  as in certificates.py
            return None


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
