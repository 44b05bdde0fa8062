"""Certificates and sessions in the words of Go's standard library, which dashboards and alerts were written for.

`crypto/x509/pkix` writes a distinguished name with its own order of attributes and its own escapes, which are neither
RFC 4514's nor the certificate's; `crypto/tls` names versions and cipher suites.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from prober.model import TlsFacts

_NAMES: Final = {
    "2.5.4.6": "C",
    "2.5.4.8": "ST",
    "2.5.4.7": "L",
    "2.5.4.9": "STREET",
    "2.5.4.17": "POSTALCODE",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.3": "CN",
    "2.5.4.5": "SERIALNUMBER",
}
"""What pkix.Name has fields for, in the order in which they stand in its sequence; texts run from its end."""
_ONE_VALUE: Final = ("CN", "SERIALNUMBER")
"""Fields that hold one value: the last one counts, and an empty one counts as none."""
_ESCAPED: Final = frozenset(',+"\\<>;')
_PRINTABLE: Final = frozenset(" '()+,-./:=?")
"""Beside letters and digits, in a PrintableString as encoding/asn1 writes one."""
_PRINTABLE_STRING, _UTF8_STRING, _BIT_STRING = 0x13, 0x0C, 0x03

_VERSIONS: Final = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}
_EXCHANGES: Final = {"ECDHE-ECDSA-": "TLS_ECDHE_ECDSA_WITH_", "ECDHE-RSA-": "TLS_ECDHE_RSA_WITH_", "": "TLS_RSA_WITH_"}
_CIPHERS: Final = {
    "AES128-GCM-SHA256": "AES_128_GCM_SHA256",
    "AES256-GCM-SHA384": "AES_256_GCM_SHA384",
    "CHACHA20-POLY1305": "CHACHA20_POLY1305_SHA256",
    "AES128-SHA256": "AES_128_CBC_SHA256",
    "AES256-SHA256": "AES_256_CBC_SHA256",
    "AES256-SHA384": "AES_256_CBC_SHA384",
    "AES128-SHA": "AES_128_CBC_SHA",
    "AES256-SHA": "AES_256_CBC_SHA",
}
_SUITES: Final = {
    openssl + cipher: iana + suite for openssl, iana in _EXCHANGES.items() for cipher, suite in _CIPHERS.items()
}


@dataclass(frozen=True, slots=True)
class LeafNames:
    """A leaf as `probe_ssl_last_chain_info` shows it. A stranger's texts: bound and sanitise before showing."""

    subject: str
    issuer: str
    dns_names: str
    """Those of the subject alternative name, separated by commas."""
    serial: str
    """The number's bytes in lower-case hex."""


def leaf_names(der: bytes) -> LeafNames | None:
    """The names in a certificate; None if it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd certificates warn
        try:
            certificate = x509.load_der_x509_certificate(der)
            subject, issuer = go_name(certificate.subject), go_name(certificate.issuer)
            number = abs(certificate.serial_number)
        except Exception:  # noqa: BLE001  parsing is lazy and a stranger's bytes raise a dozen unrelated types
            return None
        serial = number.to_bytes((number.bit_length() + 7) // 8, "big").hex()
        return LeafNames(subject, issuer, ",".join(_dns_names(certificate)), serial)


def _dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.DNSName)
    except Exception:  # noqa: BLE001  absent, or malformed in one of many ways: then there are none to show
        return []


def go_name(name: x509.Name) -> str:
    """A distinguished name as `pkix.Name.String()` writes it.

    What has no field of its own comes first in the sequence, one by one, as `1.2.3=#` and the value in DER; then the
    fields, each with all its values. The text begins at the sequence's end.
    """
    fields: dict[str, list[str]] = {short: [] for short in _NAMES.values()}
    others: list[str] = []
    for attribute in (each for relative in name.rdns for each in relative):
        short = _NAMES.get(attribute.oid.dotted_string)
        if short is None:
            others.append(f"{attribute.oid.dotted_string}=#{_der(attribute.value).hex()}")
        elif isinstance(attribute.value, str):
            fields[short].append(attribute.value)
    sequence = others + ["+".join(values) for values in _fields(fields) if values]
    return ",".join(reversed(sequence))


def _fields(fields: dict[str, list[str]]) -> Iterator[list[str]]:
    for short, values in fields.items():
        kept = [value for value in values[-1:] if value] if short in _ONE_VALUE else values
        yield [f"{short}={_escaped(value)}" for value in kept]


def _escaped(value: str) -> str:
    last = len(value) - 1
    return "".join(
        f"\\{char}"
        if char in _ESCAPED or (char == " " and place in (0, last)) or (char == "#" and place == 0)
        else char
        for place, char in enumerate(value)
    )


def _der(value: str | bytes) -> bytes:
    """A value as `asn1.Marshal` encodes what was parsed: whatever kind of string it was, it is one of two now."""
    if isinstance(value, bytes):
        return _element(_BIT_STRING, b"\0" + value)
    printable = all(char.isascii() and (char.isalnum() or char in _PRINTABLE) for char in value)
    return _element(_PRINTABLE_STRING if printable else _UTF8_STRING, value.encode("utf-8", "replace"))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def go_version(tls: TlsFacts) -> str:
    """`TLS 1.3` and so on."""
    return _VERSIONS.get(tls.version, "unknown")


def go_cipher(tls: TlsFacts) -> str:
    """IANA's name of the cipher suite, which is Go's; the number as Go shows it (`0xC0AC`) for one that has no name
    here."""
    if tls.cipher.startswith("TLS_"):
        return tls.cipher
    number = "unknown" if tls.hello is None else f"0x{tls.hello.cipher:04X}"
    return _SUITES.get(tls.cipher, number)


def address_hash(packed: bytes) -> int:
    """FNV-1a of 32 bits over the 4 or 16 bytes of an address."""
    number = 0x811C9DC5
    for byte in packed:
        number = (number ^ byte) * 0x01000193 & 0xFFFFFFFF
    return number
