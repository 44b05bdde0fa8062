"""Digests of keys in certificates: of the octets as sent, and never of other octets than OpenSSL uses."""

from __future__ import annotations

import hashlib

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from prober.interception.certificates import certificate_facts
from prober.spki import issuer_subject_key, spki_sha256

AUTHORITY = trustme.CA()


def issue(name: str, key_type: trustme.KeyType = trustme.KeyType.ECDSA) -> x509.Certificate:
    return x509.load_pem_x509_certificate(AUTHORITY.issue_cert(name, key_type=key_type).cert_chain_pems[0].bytes())


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


LEAF = issue("a.test")
VALID = der(LEAF)


def key_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("key_type", list(trustme.KeyType))
def test_the_digest_is_that_of_the_key_and_that_of_the_judgement(key_type: trustme.KeyType) -> None:
    certificate = issue("b.test", key_type)
    facts = certificate_facts(der(certificate))
    assert facts is not None
    assert spki_sha256(der(certificate)) == facts.spki_sha256 == hashlib.sha256(key_of(certificate)).hexdigest()
    issuer, subject, key = issuer_subject_key(certificate.tbs_certificate_bytes)
    assert (issuer, subject) == (certificate.issuer.public_bytes(), certificate.subject.public_bytes())
    assert key == key_of(certificate)


def sequence(content: bytes, tag: int = 0x30) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([size]) if size < 0x80 else bytes([0x80 | len(octets)]) + octets) + content


def test_a_certificate_of_version_1() -> None:
    """It has no version field: RFC 5280 section 4.1.2.1."""
    start = 4
    assert VALID[start:][:1] == b"\x30"
    tbs = LEAF.tbs_certificate_bytes
    content = tbs[4:]
    assert content[:5] == b"\xa0\x03\x02\x01\x02"
    rest = VALID[start + len(tbs) :]
    assert spki_sha256(sequence(sequence(content[5:]) + rest)) == spki_sha256(VALID)


def test_a_key_that_openssl_would_not_use_is_not_taken_for_its_key() -> None:
    """Open lengths inside the signature algorithm: read as DER, the good key stands where the key belongs."""
    evil = issue("evil.test")
    tbs = evil.tbs_certificate_bytes
    algorithm = sequence(bytes.fromhex("06082a8648ce3d040302"))
    assert tbs.count(algorithm) == 1
    identifier = algorithm[2:]
    open_ended = b"\x30\x80" + identifier + b"\x30\x80\x05\x00" + key_of(LEAF) + bytes(4)
    forged = sequence(sequence(tbs[4:].replace(algorithm, open_ended)) + der(evil)[4 + len(tbs) :])
    taken = crypto.load_certificate(crypto.FILETYPE_ASN1, forged)
    assert crypto.dump_publickey(crypto.FILETYPE_ASN1, taken.get_pubkey()) == key_of(evil)
    assert crypto.dump_certificate(crypto.FILETYPE_ASN1, taken) == forged
    assert spki_sha256(forged) is None


def test_an_open_length_is_no_length() -> None:
    """Not even if it is taken for 128."""
    fields = [b"\x02\x01\x01", b"\x30\x80" + bytes(128), *[b"\x30\x00"] * 4]
    with pytest.raises(ValueError, match="DER"):
        issuer_subject_key(sequence(b"".join(fields)))
    fields[1] = b"\x30\x81\x80" + bytes(128)
    assert issuer_subject_key(sequence(b"".join(fields))) == (b"\x30\x00",) * 3


def test_cut_short_anywhere_there_is_none() -> None:
    """The outermost length says that it is cut, wherever that is."""
    assert {spki_sha256(VALID[:size]) for size in range(len(VALID))} == {None}


@pytest.mark.parametrize("damage", [b"\x80", b"\xff", b"\x00"])
def test_damage_never_raises(damage: bytes) -> None:
    found = {spki_sha256(VALID[:at] + damage + VALID[at + 1 :]) for at in range(len(VALID))}
    assert {None, spki_sha256(VALID)} < found


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    assert spki_sha256(data) is None or len(data) > 14
