"""Certificates made to hurt whoever reads or shows them, ready to be served by OpenSSL."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

from prober.interception.certificates import MAX_DER
from prober.lab.authorities import Authority, PrivateKey

EVIL: Final = "\x1b]0;\x07\x1b[2J\r\n\x9b31m\u202eexe\u2066\u200b\x00[bold red]loud[/bold red]</g><b>&"
"""Escapes, line ends, a C1 control, overrides, a character nobody sees, NUL, and markup of rich and of SVG."""
MARKUP: Final = "[bold red]loud[/bold red]"
OPENSSL_S_LIMIT: Final = 100 * 1024
"""Bytes of a Certificate message (RFC 8446 section 4.4.2) that OpenSSL takes."""
_AROUND: Final = 1 + 3 + 3 + 2
"""Of a message with one certificate: its context, the list's length, the certificate's length, its extensions'."""
SERIAL: Final = 0x7F0102
_SIZED: Final = x509.ObjectIdentifier("1.2.3.4")


@dataclass(frozen=True)
class Hostile:
    """A chain (DER, leaf first) and the leaf's key."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[bytes, ...]

    def context(self) -> SSL.Context:
        """What a server needs to show it. Given to OpenSSL as bytes: it minds less than others do."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # OpenSSL's own objects: cryptography may refuse these
            leaf, *others = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in self.chain]
            context.use_certificate(leaf)
            context.use_privatekey(self.key)
            for other in others:
                context.add_extra_chain_cert(other)
        return context


def named(text: str) -> x509.Name:
    """A name with the same text in every attribute that is shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # longer than X.520 allows, and not as it is meant
        kinds = (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME)
        return x509.Name([*(x509.NameAttribute(kind, text, _validate=False) for kind in kinds)])


def made(
    host: str,
    *extensions: x509.ExtensionType,
    subject: x509.Name | None = None,
    issuer: x509.Name | None = None,
    names: Sequence[str] | None = None,
    by: Authority | None = None,
    signer: PrivateKey | None = None,
) -> Hostile:
    """A leaf, signed `by` an authority of the lab, else by `signer` (its own key) under whatever name."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by is not None else issuer or subject)
        .public_key(key.public_key())
        .serial_number(SERIAL)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
    )
    if names is not None:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    private = by.key if by is not None else signer or key
    above = by.intermediates if by is not None else ()
    chain = (builder.sign(private, hashes.SHA256()), *above)
    return Hostile(key, tuple(each.public_bytes(Encoding.DER) for each in chain))


def steering(host: str, _by: Authority) -> Hostile:
    """An unknown authority; its name and the subject's steer terminals and read as markup."""
    authority = made("", subject=named(f"CA{EVIL}"))
    subject, issuer = named(EVIL), named(f"CA{EVIL}")
    leaf = made(host, subject=subject, issuer=issuer, names=[host, f"x{MARKUP}.example"], signer=authority.key)
    return replace(leaf, chain=(*leaf.chain, *authority.chain))


def vouched(host: str, by: Authority) -> Hostile:
    """The same subject, of an authority that everybody trusts."""
    return made(host, subject=named(EVIL), names=[host, f"x{MARKUP}.example"], by=by)


def with_nul(host: str, by: Authority) -> Hostile:
    """`host NUL .evil.example`, which was once read as `host`."""
    text = f"{host}\x00.evil.example"
    return made(host, subject=named(text), names=[text], by=by)


def negative(host: str, by: Authority) -> Hostile:
    """A serial number below zero, rightly signed."""
    found = made(host, names=[host], by=by)
    der = found.chain[0]
    old = x509.load_der_x509_certificate(der)
    number = SERIAL.to_bytes(3)
    body = old.tbs_certificate_bytes.replace(b"\x02\x03" + number, b"\x02\x03\x80" + number[1:], 1)
    algorithm = der[der.index(old.tbs_certificate_bytes) + len(body) :].removesuffix(old.signature)
    algorithm = algorithm[: algorithm.rindex(b"\x03")]  # before the BIT STRING
    if isinstance(by.key, ec.EllipticCurvePrivateKey):
        signature = by.key.sign(body, ec.ECDSA(hashes.SHA256()))
    else:
        signature = by.key.sign(body, padding.PKCS1v15(), hashes.SHA256())
    return replace(found, chain=(tlv(0x30, body + algorithm + tlv(0x03, b"\0" + signature)), *found.chain[1:]))


def tlv(tag: int, content: bytes) -> bytes:
    """DER (X.690 section 8.1)."""
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag]) + (octets if size < 0x80 else bytes([0x80 | len(octets)]) + octets) + content


def crowd(host: str, by: Authority, count: int = 100) -> Hostile:
    """A good leaf, a crowd that has nothing to do with it, and its issuer at the very end."""
    leaf = made(host, names=[host], by=by)
    strangers = [made(f"{number}.crowd.example").chain[0] for number in range(count - len(leaf.chain))]
    return replace(leaf, chain=(leaf.chain[0], *strangers, *leaf.chain[1:]))


def readable(host: str, by: Authority) -> Hostile:
    """As large as is read at all."""
    return sized(host, MAX_DER, by)


def largest(host: str, _by: Authority) -> Hostile:
    """As large as OpenSSL takes."""
    return sized(host, OPENSSL_S_LIMIT - _AROUND)


def too_large(host: str, _by: Authority) -> Hostile:
    """One byte larger."""
    return sized(host, OPENSSL_S_LIMIT - _AROUND + 1)


def sized(host: str, size: int, by: Authority | None = None) -> Hostile:
    """A certificate of exactly that many bytes."""
    filling = size
    while True:
        found = made(host, x509.UnrecognizedExtension(_SIZED, b"\x05" * filling), names=[host], by=by)
        over = len(found.chain[0]) - size
        if not over:
            return found
        filling -= over  # a signature is a byte or two longer at times: again until it fits


def broken(host: str, by: Authority) -> Hostile:
    """Extensions whose content is none: alternative names, usages, constraints, key identifiers, timestamps."""
    kinds = ("2.5.29.17", "2.5.29.37", "2.5.29.19", "2.5.29.35", "2.5.29.14", "2.5.29.32", "1.3.6.1.4.1.11129.2.4.2")
    content = (x509.UnrecognizedExtension(x509.ObjectIdentifier(kind), b"\xff\x00\x80") for kind in kinds)
    return made(host, *content, by=by)
