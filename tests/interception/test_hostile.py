"""Certificates made to hurt: a clear fact, never a crash, no control characters, bounded time and memory."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception import TrustStore
from prober.interception.anchors import shipped
from prober.interception.certificates import MAX_DER, CertificateFacts, certificate_facts
from prober.interception.middleboxes import attribution
from prober.model import Anchor, Reason

HOST = "a.example.com"
MOZILLA = Path(certifi.where()).read_bytes()
KEY = ec.generate_private_key(ec.SECP256R1())
NOW = dt.datetime(2026, 9, 21, tzinfo=dt.UTC)
EXTENSIONS = [*(f"2.5.29.{n}" for n in (17, 31, 32, 35, 37)), "1.3.6.1.5.5.7.1.1", "1.3.6.1.4.1.11129.2.4.2"]
EVIL = "\x1b]0;owned\x07\x1b[2J\r\n\u202e\x00\ud7ff<script>"


def within_bounds(facts: CertificateFacts) -> None:
    """Every text printable and short, every list short."""
    for field in dataclasses.fields(facts):
        value = getattr(facts, field.name)
        texts = [value] if isinstance(value, str) else []
        if isinstance(value, tuple):
            assert len(value) <= 100, field.name
            texts = [text for each in value for text in (each if isinstance(each, tuple) else (each,))]
        for text in texts:
            assert text.isprintable(), field.name
            assert len(text) <= 512, field.name
    assert sum(map(len, facts.sans)) <= 8_192
    for names in (facts.subject_names, facts.issuer_names):
        assert len(names) <= 16
        assert all(kind in {"CN", "O", "OU"} and value == value.strip() for kind, value in names)
    assert len(facts.policies) <= 20


@contextmanager
def cheaply(seconds: float = 1.0) -> Iterator[None]:
    """What happens in here costs little: processor time, since the machine may be busy with other things."""
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


def certificate(subject: x509.Name, *extra: x509.ExtensionType, serial: int = 1) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - dt.timedelta(days=1))
        .not_valid_after(NOW + dt.timedelta(days=1))
    )
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def name(*values: str, kind: x509.ObjectIdentifier = NameOID.ORGANIZATIONAL_UNIT_NAME) -> x509.Name:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # longer than X.520 allows: that is the point
        return x509.Name([x509.NameAttribute(kind, value, _validate=False) for value in values])


def judged(*chain: bytes) -> tuple[Any, float]:
    """The judgement in a store of its own, and the processor time it took."""
    store = TrustStore(MOZILLA)
    store.judge((), HOST, NOW.timestamp())
    started = time.process_time()
    store.learn(chain)
    trust = store.judge(chain, HOST, NOW.timestamp())
    return trust, time.process_time() - started


CROWDED = {
    "attributes": lambda: certificate(name(*["x"] * 2_400)),
    "evil names": lambda: certificate(name(*[EVIL] * 300)),
    "long name": lambda: certificate(name("x" * 30_000, kind=NameOID.COMMON_NAME)),
    "alternative names": lambda: certificate(
        name("x"), x509.SubjectAlternativeName([x509.DNSName(f"{n}.example") for n in range(3_500)])
    ),
    "usages": lambda: certificate(
        name("x"), x509.ExtendedKeyUsage([x509.ObjectIdentifier(f"1.2.3.{n}") for n in range(7_000)])
    ),
    "policies": lambda: certificate(
        name("x"),
        x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier(f"1.2.3.{n}"), None) for n in range(6_000)]
        ),
    ),
    "extensions": lambda: certificate(
        name("x"), *[x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.2.3.{n}"), b"x") for n in range(500)]
    ),
}


@pytest.mark.parametrize("kind", CROWDED)
def test_a_crowded_certificate(kind: str) -> None:
    der = CROWDED[kind]()
    assert len(der) <= MAX_DER, "else it is refused unread, and nothing is shown"
    with cheaply():
        facts = certificate_facts(der)
    if facts is not None:
        within_bounds(facts)
    trust, spent = judged(der)
    assert spent < 2.0
    assert not trust.trusted
    assert trust.failure.detail.isprintable()
    assert len(trust.failure.detail) < 1_500


def test_a_certificate_of_ten_megabytes() -> None:
    filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"x" * 10_000_000)
    der = certificate(name("x"), filler)
    assert certificate_facts(der) is None
    trust, spent = judged(der, der)
    assert spent < 1.0
    assert (trust.anchor, trust.problems) == (Anchor.INCOMPLETE, (Reason.CERT_INVALID,))
    assert trust.failure is not None
    assert "cannot be read" in trust.failure.detail


def test_a_readable_leaf_among_certificates_of_ten_megabytes(pki: Any) -> None:
    big = certificate(name("x"), x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"x" * 10_000_000))
    trust, spent = judged(pki.root("Corp").leaf(HOST).der, *[big] * 10)
    assert spent < 2.0
    assert trust.anchor is Anchor.UNKNOWN


def test_a_hundred_authorities_of_one_name(pki: Any) -> None:
    """Each may have issued each other: the ways are more than anybody can walk."""
    crowd = [pki.root("Crowd", identifiers=False) for _ in range(100)]
    leaf = crowd[0].leaf(HOST, identifiers=False)
    trust, spent = judged(leaf.der, *(each.der for each in crowd[:99]))
    assert spent < 3.0
    assert (trust.trusted, trust.anchor) == (False, Anchor.UNKNOWN)


def test_a_line_of_a_hundred(pki: Any) -> None:
    line = [pki.root("0")]
    for number in range(1, 99):
        line.append(line[-1].ca(str(number)))
    trust, spent = judged(line[-1].leaf(HOST).der, *(each.der for each in reversed(line)))
    assert spent < 3.0
    assert (trust.anchor, len(trust.path)) == (Anchor.UNKNOWN, 10)


def test_huge_keys_cost_little(pki: Any) -> None:
    """A modulus of 60,000 bits in the issuer, which the leaf's signature would have to be checked with."""
    der = bytearray(next(c.der for c in shipped().bridges))
    root = certificate_facts(bytes(der))
    assert root is not None
    start = der.index(b"\x02\x82\x02\x01\x00")
    der[start : start + 5] = b"\x02\x82\x02\x01\x7f"
    trust, spent = judged(pki.root("x").leaf(HOST, claims="x").der, bytes(der))
    assert spent < 1.0
    assert not trust.trusted


@pytest.mark.parametrize("text", [EVIL, "\x00", "a\x00.example", "\x1b[31m", "\u2028", "\u202e" * 60])
def test_names_that_steer_terminals_are_told_harmlessly(text: str) -> None:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        der = certificate(name(text, kind=kind))
        facts = certificate_facts(der)
        assert facts is not None
        within_bounds(facts)
        trust, _ = judged(der)
        assert trust.anchor is Anchor.SELF_SIGNED_LEAF
        assert trust.failure.detail.isprintable()
        found = attribution(facts, (facts,))
        assert found is None or found.pattern.isprintable()


def test_a_name_with_a_nul_is_no_other_name() -> None:
    """`bank.example\\0.evil.example` was once read as `bank.example`."""
    alternative = x509.SubjectAlternativeName([x509.DNSName(f"{HOST}\x00.evil.example")])
    der = certificate(name("x"), alternative)
    facts = certificate_facts(der)
    assert facts is not None
    assert facts.sans == (f"{HOST}\\00.evil.example",)
    trust, _ = judged(der)
    assert Reason.CERT_NAME_MISMATCH in trust.problems


def test_negative_serials_are_judged_like_others(pki: Any) -> None:
    root = pki.root("Public Root")
    der = certificate(name("x"))
    serial = der.index(b"\xa0\x03\x02\x01\x02\x02") + 7
    negative = der[:serial] + b"\x80" + der[serial + 1 :]
    facts = certificate_facts(negative)
    assert facts is not None
    assert facts.serial == "-80"
    trust = TrustStore(root.pem).judge((root.leaf(HOST).der, negative), HOST, pki.now)
    assert trust.trusted


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_certificates_stay_within_bounds(data: st.DataObject) -> None:
    der = bytearray(data.draw(st.sampled_from([c.der for c in shipped().bridges])))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(der) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                der[at] = data.draw(st.integers(0, 255))
            case 1:
                der[at:at] = data.draw(st.binary(min_size=1, max_size=16))
            case 2:
                del der[at : at + data.draw(st.integers(1, 8))]
                der = der or bytearray(b"0")
            case _:
                der[at:at] = der[at : at + data.draw(st.integers(1, 64))]
    with cheaply():
        facts = certificate_facts(bytes(der))
        if facts is not None:
            within_bounds(facts)
            attribution(facts, (facts,))
        trust = _store().judge((bytes(der), *[c.der for c in shipped().bridges[:3]]), HOST, NOW.timestamp())
    assert not trust.trusted
    assert trust.failure is not None
    assert trust.failure.detail.isprintable()


def _element() -> st.SearchStrategy[bytes]:
    """Random DER: tags of X.509, right and wrong lengths, nested."""
    tags = st.sampled_from([0x30, 0x31, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x18, 0xA0, 0xA3, 0x82])

    def wrapped(content: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
        return st.tuples(tags, content, st.sampled_from([0, 0, 0, 1, -1])).map(_tlv)

    leaf = wrapped(st.binary(max_size=40))
    return st.recursive(leaf, lambda inner: wrapped(st.lists(inner, max_size=6).map(b"".join)), max_leaves=30)


def _tlv(parts: tuple[int, bytes, int]) -> bytes:
    tag, content, error = parts
    length = max(0, len(content) + error)
    octets = length.to_bytes(1) if length < 0x80 else b"\x82" + length.to_bytes(2)
    return bytes([tag]) + octets + content


@settings(max_examples=200, deadline=None)
@given(_element())
def test_random_der_never_raises(der: bytes) -> None:
    with cheaply():
        facts = certificate_facts(der)
        if facts is not None:
            within_bounds(facts)
        assert not _store().judge((der,), HOST, NOW.timestamp()).trusted


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_parts_in_a_real_certificate_never_raise(data: st.DataObject) -> None:
    """Names and extensions of any content in a certificate that is otherwise well-formed."""
    oid = data.draw(st.sampled_from(EXTENSIONS))
    der = certificate(name("x"), x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), data.draw(_element())))
    with cheaply():
        facts = certificate_facts(der)
        assert facts is not None
        within_bounds(facts)
        trust = _store().judge((der,), HOST, NOW.timestamp())
    assert not trust.trusted


_stores: list[TrustStore] = []


def _store() -> TrustStore:
    if not _stores:
        _stores.append(TrustStore(MOZILLA))
    return _stores[0]


def test_distinct_forged_chains_do_not_pile_up(pki: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each another leaf under another authority; what is remembered is bounded, however many there are."""
    monkeypatch.setattr("prober.interception.trust._JUDGED", 400)
    monkeypatch.setattr("prober.interception.trust._ENDINGS", 100)
    store = TrustStore(MOZILLA)
    root = pki.root("Forger")
    leaf = bytearray(root.leaf(HOST).der)
    place = leaf.index(b"\xa0\x03\x02\x01\x02\x02") + 10  # within the serial: another certificate, a broken signature
    for number in range(1_500):
        leaf[place : place + 4] = number.to_bytes(4)
        store.learn((bytes(leaf), root.der))
        store.judge((bytes(leaf), root.der), HOST, pki.now)
    assert 0 < len(store._judged) <= 400
    assert 0 < len(store._endings) <= 100
    assert 0 < len(store._issuers) <= 512
    assert len(store._resolver._learned) == 0
    assert len(store._resolver._verifier._loaded) <= 300


def test_base64_of_a_hostile_bundle_is_passed_over() -> None:
    """The machine's store may hold anything between its markers."""
    block = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(b"\xff" * 70_000) + b"-----END CERTIFICATE-----\n"
    store = TrustStore(b"", block * 3)
    assert not store.judge((b"x",), HOST, NOW.timestamp()).trusted
