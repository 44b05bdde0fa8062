"""Where in a certificate its names and its key are, octet for octet (RFC 5280 section 4.1, X.690 section 10.1).

Imported by the rooms that look at certificates. A parsed key that is encoded anew would not do for a digest: other
point forms and parameters give another one.

Only DER is read. OpenSSL takes BER too, whose lengths may be left open (`30 80 … 00 00`): a certificate made so can
look to one reader as if it held another key than the one that OpenSSL will use.
"""

from __future__ import annotations

import hashlib
from typing import Final

_INTEGER, _SEQUENCE, _VERSION = 0x02, 0x30, 0xA0
_FIELDS: Final = (_INTEGER, *[_SEQUENCE] * 5)
"""Tags of a TBSCertificate's fields: serial, signature, issuer, validity, subject, key; a version may come before."""


def issuer_subject_key(tbs: bytes) -> tuple[bytes, bytes, bytes]:
    """Issuer, subject and SubjectPublicKeyInfo out of a TBSCertificate, each a whole DER element.

    Raises ValueError where the bytes are not laid out like one; nothing inside the elements is looked at.
    """
    position, _ = _element(tbs, 0, _SEQUENCE)
    if tbs[position : position + 1] == bytes([_VERSION]):
        _, position = _element(tbs, position, _VERSION)
    fields: list[bytes] = []
    for tag in _FIELDS:
        _, end = _element(tbs, position, tag)
        fields.append(tbs[position:end])
        position = end
    return fields[2], fields[4], fields[5]


def spki_sha256(certificate: bytes) -> str | None:
    """Digest of a certificate's SubjectPublicKeyInfo exactly as encoded, in lower-case hex; None if it is no DER."""
    try:
        start, _ = _element(certificate, 0, _SEQUENCE)
        _, end = _element(certificate, start, _SEQUENCE)
        return hashlib.sha256(issuer_subject_key(certificate[start:end])[2]).hexdigest()
    except ValueError:
        return None


def _element(data: bytes, position: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `position` starts and ends.

    Raises ValueError if it has another tag, an open length, or is not all there.
    """
    if len(data) < position + 2 or data[position] != tag or data[position + 1] == 0x80:
        raise ValueError("not the DER element that belongs here")
    length = data[position + 1]
    start = position + 2
    if length > 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[position + 2 : start])
    if start + length > len(data):
        raise ValueError("a DER element is cut short")
    return start, start + length
