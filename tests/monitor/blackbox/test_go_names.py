"""Names as Go writes them: the expected texts were printed by Go 1.26 (`pkix.Name.String`, `SerialNumber.Bytes`)."""

from __future__ import annotations

import datetime as dt
import hashlib
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier

from prober.model import TlsFacts
from prober.model.observation import ServerHello
from prober.monitor.blackbox.go_names import address_hash, go_cipher, go_name, go_version, leaf_names
from prober.wire.tls import PROFILES

KEY = ec.generate_private_key(ec.SECP256R1())


def attribute(oid: ObjectIdentifier, value: str, kind: _ASN1Type | None = None) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, value, kind)


def flat(*attributes: tuple[ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([attribute(oid, value) for oid, value in attributes])


CN, ORG, OU, C = (
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COUNTRY_NAME,
)
NAMES = [
    (
        flat((C, "US"), (NameOID.STATE_OR_PROVINCE_NAME, "WA"), (NameOID.LOCALITY_NAME, "Redmond"),
             (ORG, "Microsoft Corporation"), (CN, "*.events.data.microsoft.com")),
        "CN=*.events.data.microsoft.com,O=Microsoft Corporation,L=Redmond,ST=WA,C=US",
    ),
    (
        flat((CN, "first"), (ORG, "O, Inc. <a>"), (OU, "one"), (OU, 'two+"x"'), (CN, "last")),
        'CN=last,OU=one+OU=two\\+\\"x\\",O=O\\, Inc. \\<a\\>',
    ),
    (
        flat((NameOID.EMAIL_ADDRESS, "a@b.example"), (NameOID.DOMAIN_COMPONENT, "corp"),
             (NameOID.DOMAIN_COMPONENT, "example"), (CN, "x"), (ObjectIdentifier("1.2.3.4"), "plain words (ok)")),
        "CN=x,1.2.3.4=#1310706c61696e20776f72647320286f6b29,0.9.2342.19200300.100.1.25=#13076578616d706c65,"
        "0.9.2342.19200300.100.1.25=#1304636f7270,1.2.840.113549.1.9.1=#0c0b6140622e6578616d706c65",
    ),
    (
        x509.Name(
            [
                x509.RelativeDistinguishedName([attribute(CN, "multi"), attribute(NameOID.SERIAL_NUMBER, "42")]),
                x509.RelativeDistinguishedName([attribute(C, "DE")]),
                x509.RelativeDistinguishedName([attribute(NameOID.STREET_ADDRESS, " #1; Main \\ St ")]),
                x509.RelativeDistinguishedName([attribute(NameOID.POSTAL_CODE, "#98052")]),
            ]
        ),
        "SERIALNUMBER=42,CN=multi,POSTALCODE=\\#98052,STREET=\\ #1\\; Main \\\\ St\\ ,C=DE",
    ),
    (
        flat((CN, "Zürich – Ürün"), (ORG, " lead and trail "), (NameOID.GIVEN_NAME, "José"),
             (NameOID.TITLE, 130 * "x")),
        f"CN=Zürich – Ürün,O=\\ lead and trail\\ ,2.5.4.12=#138182{'78' * 130},2.5.4.42=#0c054a6f73c3a9",
    ),
    (
        x509.Name(
            [
                attribute(CN, "bmp", _ASN1Type.BMPString),
                attribute(ORG, "ia5@x", _ASN1Type.IA5String),
                attribute(NameOID.USER_ID, "*star*"),
            ]
        ),
        "CN=bmp,O=ia5@x,0.9.2342.19200300.100.1.1=#0c062a737461722a",
    ),
    (x509.Name([]), ""),
    (
        flat((CN, "#hash"), (ORG, " "), (NameOID.SERIAL_NUMBER, "0099"),
             (NameOID.BUSINESS_CATEGORY, "Private Organization"), (NameOID.JURISDICTION_COUNTRY_NAME, "US")),
        "SERIALNUMBER=0099,CN=\\#hash,O=\\ ,1.3.6.1.4.1.311.60.2.1.3=#13025553,"
        "2.5.4.15=#131450726976617465204f7267616e697a6174696f6e",
    ),
]  # fmt: skip


def certificate(subject: x509.Name, serial: int = 1, *sans: x509.GeneralName) -> bytes:
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = (
        x509.CertificateBuilder(subject, subject, KEY.public_key(), serial)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=9))
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_name_is_written_as_go_writes_it(name: x509.Name, expected: str) -> None:
    assert go_name(name) == expected
    names = leaf_names(certificate(name))
    assert names is not None
    assert names.subject == names.issuer == expected


@pytest.mark.parametrize(
    ("serial", "expected"),
    [(1, "01"), (128, "80"), (0xABCDEF, "abcdef"), (0x0123, "0123"), (0x7F00FF, "7f00ff")],
)
def test_a_serial_is_its_bytes(serial: int, expected: str) -> None:
    names = leaf_names(certificate(x509.Name([]), serial))
    assert names is not None
    assert names.serial == expected


def test_alternatives_are_the_dns_names_in_their_order() -> None:
    sans = (x509.DNSName("b.test"), x509.IPAddress(ip_address("10.0.0.1")), x509.DNSName("*.a.test"))
    names = leaf_names(certificate(x509.Name([]), 1, *sans))
    assert names is not None
    assert names.dns_names == "b.test,*.a.test"


@pytest.mark.parametrize("der", [b"", b"\x30\x03\x02\x01\x01", b"x" * 100, certificate(x509.Name([]))[:-9]])
def test_what_is_no_certificate_has_no_names(der: bytes) -> None:
    assert leaf_names(der) is None


def tls(version: str, cipher: str, number: int | None = None) -> TlsFacts:
    hello = None if number is None else ServerHello(0x0303, number, None, ())
    return TlsFacts(version, cipher, None, None, False, False, (), hello)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("TLSv1.3", "TLS 1.3"), ("TLSv1.2", "TLS 1.2"), ("TLSv1.1", "TLS 1.1"), ("TLSv1", "TLS 1.0"), ("x", "unknown")],
)
def test_versions(version: str, expected: str) -> None:
    assert go_version(tls(version, "")) == expected


@pytest.mark.parametrize(
    ("cipher", "expected"),
    [
        ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        ("ECDHE-ECDSA-AES256-SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
        ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
        ("AES128-SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA256"),
        ("AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    ],
)
def test_ciphers_have_iana_s_names(cipher: str, expected: str) -> None:
    assert go_cipher(tls("TLSv1.2", cipher, 0xC0AC)) == expected


def test_a_cipher_without_a_name_is_its_number() -> None:
    assert go_cipher(tls("TLSv1.2", "ECDHE-ECDSA-AES128-CCM", 0xC0AC)) == "0xC0AC"
    assert go_cipher(tls("TLSv1.2", "odd")) == "unknown"


def test_every_cipher_that_is_offered_has_a_name() -> None:
    for profile in PROFILES.values():
        for cipher in profile.ciphers.split(":")[:-1]:
            assert go_cipher(tls("TLSv1.2", cipher)).startswith("TLS_")


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", 3668918509), ("0.0.0.0", 1268118805)],  # the first as blackbox_exporter printed it
)
def test_address_hashes(address: str, expected: int) -> None:
    assert address_hash(ip_address(address).packed) == expected


def test_the_hash_is_fnv_1a_of_32_bits() -> None:
    """Vectors of the FNV reference code."""
    assert address_hash(b"") == 0x811C9DC5
    assert address_hash(b"foobar") == 0xBF9CF968
    assert 0 <= address_hash(hashlib.sha256(b"").digest()[:16]) < 2**32
