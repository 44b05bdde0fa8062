"""Certificate facts: right on real certificates, silent on broken ones."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception.anchors import shipped
from prober.interception.certificates import MAX_NAME, MAX_POLICIES, MAX_SANS, certificate_facts, shown


def real(subject: str) -> bytes:
    return next(c.der for c in shipped().bridges if f"CN={subject}," in c.facts.subject)


def test_a_real_certificate() -> None:
    der = real("Microsoft TLS G2 RSA CA OCSP 04")
    facts = certificate_facts(der)
    assert facts is not None
    certificate = x509.load_der_x509_certificate(der)
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert facts.sha256 == "ac8ea9f2874fd368a3e778b1a0b165ee898db9b9687c17edcdc76908ab58c82c"
    assert facts.spki_sha256 == hashlib.sha256(spki).hexdigest()
    assert facts.subject == "CN=Microsoft TLS G2 RSA CA OCSP 04,O=Microsoft Corporation,C=US"
    assert facts.issuer == "CN=Microsoft TLS RSA Root G2,O=Microsoft Corporation,C=US"
    assert facts.serial == f"{certificate.serial_number:x}"
    assert (facts.not_before, facts.not_after) == (1754078579.0, 1875211379.0)
    assert (facts.is_ca, facts.self_issued, facts.serves_tls) == (True, False, True)
    assert (facts.key_type, facts.key_bits, facts.signature_hash) == ("rsa", 4096, "sha384")
    assert facts.eku == ("1.3.6.1.5.5.7.3.1",)
    assert facts.unreadable == ()
    root = certificate_facts(real("Microsoft TLS RSA Root G2"))
    assert root is not None
    assert (facts.issuer_id, facts.aki) == (root.subject_id, root.ski)


def test_names_and_addresses(pki: Any) -> None:
    facts = certificate_facts(pki.build("x", names=("a.example", "*.b.example", "192.0.2.1", "2001:db8::1")).der)
    assert facts is not None
    assert facts.sans == ("a.example", "*.b.example", "192.0.2.1", "2001:db8::1")
    assert facts.san_count == 4
    assert facts.self_issued
    assert (facts.eku, facts.serves_tls) == (None, True)


def test_many_and_long_names_are_bounded(pki: Any) -> None:
    facts = certificate_facts(pki.build("x", names=tuple(f"h{n}.example" for n in range(400))).der)
    assert facts is not None
    assert (len(facts.sans), facts.san_count) == (MAX_SANS, 400)
    facts = certificate_facts(
        pki.build("x", names=tuple("a" * 60 + f".{'b' * 60}.{'c' * 60}.{n}" for n in range(90))).der
    )
    assert facts is not None
    assert sum(map(len, facts.sans)) <= 8_192
    assert facts.san_count == 90


def _timestamps(count: int) -> x509.UnrecognizedExtension:
    """A list of signed certificate timestamps (RFC 6962 section 3.3) that no log made."""
    one = b"\x00" + bytes(32) + bytes(8) + b"\x00\x00" + b"\x04\x03" + b"\x00\x04" + bytes(4)
    each = len(one).to_bytes(2) + one
    listed = (len(each) * count).to_bytes(2) + each * count
    length = b"\x81" + len(listed).to_bytes(1) if len(listed) < 256 else b"\x82" + len(listed).to_bytes(2)
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), b"\x04" + length + listed)


def test_what_a_public_certificate_has_and_a_forged_one_often_lacks(pki: Any) -> None:
    policies = x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(f"2.23.140.1.2.{n}"), None) for n in range(30)]
    )
    url = x509.UniformResourceIdentifier("http://ca.example/x")
    aia = x509.AuthorityInformationAccess([x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, url)])
    crl = x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)])
    facts = certificate_facts(pki.build("x", extra=(_timestamps(6), policies, aia, crl)).der)
    assert facts is not None
    assert (facts.sct_count, facts.has_aia, facts.has_crl_dp, facts.unreadable) == (6, True, True, ())
    assert (len(facts.policies), facts.policies[1]) == (MAX_POLICIES, "2.23.140.1.2.1")
    bare = certificate_facts(pki.build("x").der)
    assert bare is not None
    assert (bare.sct_count, bare.has_aia, bare.has_crl_dp, bare.policies) == (0, False, False, ())


def test_a_copied_list_of_timestamps_counts_as_much(pki: Any) -> None:
    copied = _timestamps(3)
    counts = []
    for root in (pki.root("Public"), pki.root("Forger")):
        facts = certificate_facts(root.leaf("a.example", extra=(copied,)).der)
        assert facts is not None
        counts.append(facts.sct_count)
    assert counts == [3, 3]


def test_names_by_attribute(pki: Any) -> None:
    facts = certificate_facts(real("Microsoft TLS G2 RSA CA OCSP 04"))
    assert facts is not None
    assert facts.subject_names == (("O", "Microsoft Corporation"), ("CN", "Microsoft TLS G2 RSA CA OCSP 04"))
    assert facts.issuer_names == (("O", "Microsoft Corporation"), ("CN", "Microsoft TLS RSA Root G2"))
    leaf = pki.root(" Zscaler Intermediate Root CA (t) ", organisation="\tZscaler Inc.\x00 ").leaf("a.example")
    facts = certificate_facts(leaf.der)
    assert facts is not None
    assert facts.issuer_names == (("O", "Zscaler Inc.\\00"), ("CN", "Zscaler Intermediate Root CA (t)"))


def test_the_digest_of_names_is_of_all_of_them_in_any_order_and_case(pki: Any) -> None:
    many = tuple(f"h{n}.example" for n in range(400))

    def digest(*names: str) -> str:
        facts = certificate_facts(pki.build("x", names=names).der)
        assert facts is not None
        return facts.sans_digest

    assert digest(*many) == digest(*reversed(many)) == digest(*map(str.upper, many), many[0])
    assert digest(*many) != digest(*many[:-1]), "the last one is beyond those kept"
    assert digest("a.example", "192.0.2.1") == digest("192.0.2.1", "A.example")
    assert digest("ab.example", "c.example") != digest("a.example", "bc.example")
    assert digest() == ""


def test_hostile_subject_is_one_plain_bounded_line() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [
        x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "\x1b]0;\r\n\u202e\x00" + "A" * 50) for _ in range(30)
    ]
    name = x509.Name(parts)
    import datetime as dt

    der = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    facts = certificate_facts(der)
    assert facts is not None
    assert facts.subject.isprintable()
    assert len(facts.subject) == MAX_NAME
    assert facts.not_after == 253_402_300_799.0


@pytest.mark.parametrize(
    ("key", "kind", "bits"),
    [
        (rsa.generate_private_key(65537, 2048), "rsa", 2048),
        (ec.generate_private_key(ec.SECP384R1()), "ec", 384),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519", 256),
        (ed448.Ed448PrivateKey.generate(), "ed448", 456),
        (dsa.generate_private_key(2048), "dsa", 2048),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_key_types(pki: Any, key: Any, kind: str, bits: int) -> None:
    facts = certificate_facts(pki.build("x", issuer=pki.root("r"), key=key).der)
    assert facts is not None
    assert (facts.key_type, facts.key_bits) == (kind, bits)


def test_names_compare_folded(pki: Any) -> None:
    one = certificate_facts(pki.build("Some  Authority ").der)
    other = certificate_facts(pki.build("some authority").der)
    assert one is not None
    assert other is not None
    assert one.subject_id == other.subject_id


def test_negative_serials_are_facts_not_warnings(pki: Any) -> None:
    """Such a certificate is in Mozilla's store; the library warns of it, and warnings are errors here."""
    der = pki.build("x").der
    serial = der.index(b"\xa0\x03\x02\x01\x02\x02") + 7
    negative = der[:serial] + b"\x80" + der[serial + 1 :]  # minimal, whatever the next byte is
    facts = certificate_facts(negative)
    assert facts is not None
    assert facts.serial.startswith("-")


def test_malformed_extensions_do_not_hide_the_rest(pki: Any) -> None:
    bad = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.37"), b"not DER")
    facts = certificate_facts(pki.build("x", extra=(bad,)).der)
    assert facts is not None
    assert facts.unreadable == ("extensions",)
    assert facts.subject == "CN=x"


def test_unknown_key_does_not_hide_the_rest(pki: Any) -> None:
    der = pki.build("x").der
    curve = bytes.fromhex("06082a8648ce3d030107")
    facts = certificate_facts(der.replace(curve, curve[:-1] + b"\x6f"))
    assert facts is not None
    assert (facts.key_type, facts.key_bits, facts.unreadable) == ("unknown", None, ("key",))


@pytest.mark.parametrize("der", [b"", b"0", b"garbage", b"0\x80", bytes(65_537), b"0\x84\xff\xff\xff\xff"])
def test_what_does_not_parse_is_none(der: bytes) -> None:
    assert certificate_facts(der) is None
    assert certificate_facts(der) is None


def test_an_oversized_certificate_is_refused(pki: Any) -> None:
    filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"x" * 65_536)
    assert certificate_facts(pki.build("x", extra=(filler,)).der) is None


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_mutations_of_real_certificates_never_raise(data: st.DataObject) -> None:
    der = bytearray(data.draw(st.sampled_from([c.der for c in shipped().bridges])))
    for _ in range(data.draw(st.integers(1, 6))):
        match data.draw(st.integers(0, 2)):
            case 0:
                der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
            case 1:
                at = data.draw(st.integers(0, len(der) - 1))
                der[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case _:
                at = data.draw(st.integers(0, len(der) - 2))
                del der[at : at + data.draw(st.integers(1, 8))]
    facts = certificate_facts(bytes(der))
    assert facts is None or facts.sha256 == hashlib.sha256(der).hexdigest()


@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_raise(der: bytes) -> None:
    assert certificate_facts(der) is None


@given(st.text(), st.integers(1, 40))
def test_shown_is_printable_and_bounded(text: str, limit: int) -> None:
    assert shown(text, limit).isprintable()
    assert len(shown(text, limit)) <= limit
    if text.isprintable() and len(text) <= limit:
        assert shown(text, limit) == text
