"""A chain without its issuer's certificate: somebody nobody knows (`unknown`), or one left out (`incomplete`)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import certifi
import pytest

from prober.interception import Trust, TrustStore, UserRoot
from prober.interception.issuers import known_issuers
from prober.model import Anchor, Reason

HOST = "a.example.com"
MOZILLA = Path(certifi.where()).read_bytes()


def judged(store: TrustStore, at: float, *chain: Any) -> tuple[Anchor, Reason | None]:
    trust = store.judge(tuple(issued.der for issued in chain), HOST, at)
    assert not trust.trusted
    return trust.anchor, trust.failure.reason if trust.failure else None


UNKNOWN = (Anchor.UNKNOWN, Reason.CERT_UNTRUSTED)
INCOMPLETE = (Anchor.INCOMPLETE, Reason.CERT_INCOMPLETE_CHAIN)


@pytest.fixture(scope="module")
def mozilla() -> TrustStore:
    return TrustStore(MOZILLA)


@pytest.mark.parametrize(
    ("name", "organisation"),
    [
        ("mitmproxy", "mitmproxy"),
        ('Not trusted by "Corp Inspection CA"', "Corp"),
        ("Corp Inspection CA 07", None),
        ("FortiGate CA", "Fortinet"),
        ("Zscaler Intermediate Root CA (zscalertwo.net) (t) ", "Zscaler Inc."),
    ],
)
def test_a_leaf_alone_from_a_stranger(pki: Any, mozilla: TrustStore, name: str, organisation: str | None) -> None:
    """mitmproxy 8, and squid for an origin it does not trust, send nothing but the leaf."""
    leaf = pki.root(name, organisation=organisation).leaf(HOST)
    assert judged(mozilla, pki.now, leaf) == UNKNOWN
    trust = mozilla.judge((leaf.der,), HOST, pki.now)
    assert trust.failure is not None
    assert f"CN={name.strip()}"[:20].replace('"', '\\"') in trust.failure.detail
    assert "no store here has" in trust.failure.detail
    assert trust.path == (hashlib.sha256(leaf.der).hexdigest(),)


@pytest.mark.parametrize(
    ("name", "organisation"),
    [
        ("Microsoft Azure RSA TLS Issuing CA 99", None),
        ("microsoft  tls G9 CA 02", "Anybody"),
        ("Some Issuing CA", "Microsoft Corporation"),
        ("DigiCert TLS Hybrid ECC SHA384 2030 CA9", "DigiCert Inc"),
        ("R99", "Let's Encrypt"),
        ("WR9", "Google Trust Services"),
        ("Amazon RSA 2048 M99", "Amazon"),
        ("DigiCert SHA2 Secure Server CA", "Somebody Else"),
    ],
)
def test_a_leaf_alone_from_a_familiar_name(pki: Any, mozilla: TrustStore, name: str, organisation: str | None) -> None:
    """Servers forget their intermediates, and the vendor's next ones are in no list yet."""
    assert judged(mozilla, pki.now, pki.root(name, organisation=organisation).leaf(HOST)) == INCOMPLETE


def test_every_shipped_issuer_is_familiar(pki: Any, mozilla: TrustStore) -> None:
    assert len(known_issuers()) > 70
    for issuer in known_issuers()[::7]:
        authority = pki.root(issuer.common_name or "Next CA", organisation=issuer.organisation)
        assert judged(mozilla, pki.now, authority.leaf(HOST)) == INCOMPLETE, issuer


def test_the_issuer_above_a_sent_one_counts(pki: Any, mozilla: TrustStore) -> None:
    """The path is followed as far as it is signed; what is missing is the next one up."""
    stranger = pki.root("Corp Root", organisation="Corp")
    sub = stranger.ca("Microsoft Azure RSA TLS Issuing CA 03", organisation="Microsoft Corporation")
    assert judged(mozilla, pki.now, sub.leaf(HOST), sub) == UNKNOWN
    public = pki.root("Next Root", organisation="DigiCert Inc").ca("Corp CA", organisation="Corp")
    assert judged(mozilla, pki.now, public.leaf(HOST), public) == INCOMPLETE


def test_a_sent_certificate_that_did_not_sign_is_no_issuer(pki: Any) -> None:
    """Padding with the real intermediates does not make the forger's name familiar, nor unfamiliar."""
    root = pki.root("Public Root", organisation="Public Trust")
    middle = root.ca("Public Issuing CA", organisation="Public Trust")
    store = TrustStore(root.pem)
    forger = pki.root("Public Issuing CA", organisation="Public Trust")
    assert judged(store, pki.now, forger.leaf(HOST, identifiers=False), middle) == INCOMPLETE
    stranger = pki.root("Corp CA", organisation="Corp")
    assert judged(store, pki.now, stranger.leaf(HOST), middle, root) == UNKNOWN


def test_what_was_sent_and_did_not_sign_is_said(pki: Any) -> None:
    root = pki.root("Public Root", organisation="Public Trust")
    middle = root.ca("Public Issuing CA", organisation="Public Trust")
    store = TrustStore(root.pem)
    leaf = pki.root("Public Issuing CA", organisation="Public Trust").leaf(HOST, identifiers=False)
    padded, alone = (store.judge(chain, HOST, pki.now) for chain in ((leaf.der, middle.der, root.der), (leaf.der,)))
    assert padded.failure is not None
    assert "CN=Public Issuing CA" in padded.failure.detail
    assert "was sent, but that key did not sign it" in padded.failure.detail
    assert alone.failure is not None
    assert "was not sent, and none known here signed it" in alone.failure.detail


def test_a_product_of_the_vendor_s_is_not_familiar(pki: Any, mozilla: TrustStore) -> None:
    """Its name begins as the vendor's issuers do, and it inspects."""
    forefront = pki.root("Microsoft Forefront TMG HTTPS Inspection Certification Authority")
    assert judged(mozilla, pki.now, forefront.leaf(HOST)) == UNKNOWN


def test_a_name_learned_on_an_anchored_path_is_familiar(pki: Any) -> None:
    root = pki.root("Public Root", organisation="Public Trust")
    middle = root.ca("Regional CA", organisation="Regional Trust")
    store = TrustStore(root.pem)
    twin = pki.root("Regional CA", organisation="Regional Trust")
    sibling = pki.root("Regional CA 2", organisation="Regional Trust")
    leaves = [each.leaf(HOST, identifiers=False) for each in (twin, sibling)]
    assert [judged(store, pki.now, leaf) for leaf in leaves] == [UNKNOWN, UNKNOWN]
    store.learn((middle.leaf("b.example.com").der, middle.der))
    assert [judged(store, pki.now, leaf) for leaf in leaves] == [INCOMPLETE, INCOMPLETE]


def test_a_forged_signature_under_a_learned_authority_is_named(pki: Any) -> None:
    """Name and key identifier of an intermediate that another route sent, signed with another key."""
    root = pki.root("Public Root", organisation="Public Trust")
    middle = root.ca("Regional CA")
    store = TrustStore(root.pem)
    store.learn((middle.leaf("b.example.com").der, middle.der))
    from cryptography import x509

    aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(middle.key.public_key())
    leaf = pki.root("Regional CA").leaf(HOST, identifiers=False, extra=(aki,))
    trust = store.judge((leaf.der,), HOST, pki.now)
    assert (trust.anchor, trust.forged) == (Anchor.INCOMPLETE, hashlib.sha256(middle.der).hexdigest())


def test_the_machine_s_own_roots_are_not_familiar(pki: Any) -> None:
    """Else an installed inspection CA would pass for a forgotten intermediate. A company's own root, named by the user,
    makes only its very name familiar, not everything of the company's."""
    corporate = pki.root("Corp Root", organisation="Corp")
    leaf = corporate.ca("Corp Inspection CA", organisation="Corp").leaf(HOST)
    assert judged(TrustStore(b"", corporate.pem), pki.now, leaf) == UNKNOWN
    assert judged(TrustStore(b"", None, [UserRoot(corporate.pem)]), pki.now, leaf) == UNKNOWN
    assert judged(TrustStore(b"", None, [UserRoot(corporate.pem, Anchor.PUBLIC)]), pki.now, leaf) == INCOMPLETE


def test_a_company_s_root_is_familiar_where_it_may_vouch(pki: Any) -> None:
    corporate = pki.root("Corp Root", organisation="Corp")
    leaf = corporate.ca("Corp Issuing CA", organisation="Corp").leaf(HOST)
    inside = TrustStore(b"", None, [UserRoot(corporate.pem, names=(HOST,))])
    outside = TrustStore(b"", None, [UserRoot(corporate.pem, names=("corp.example",))])
    assert judged(inside, pki.now, leaf) == INCOMPLETE
    assert judged(outside, pki.now, leaf) == UNKNOWN


def test_a_stranger_is_not_unknown_for_being_late(pki: Any, mozilla: TrustStore) -> None:
    leaf = pki.root("mitmproxy").leaf("b.example.com", ends=pki.now - pki.day)
    trust: Trust = mozilla.judge((leaf.der,), HOST, pki.now)
    assert trust.problems == (Reason.CERT_UNTRUSTED, Reason.CERT_EXPIRED, Reason.CERT_NAME_MISMATCH)


def test_an_issuer_without_a_name_is_unknown(pki: Any, mozilla: TrustStore) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    key = pki.key()
    import datetime as dt

    now = dt.datetime.fromtimestamp(pki.now, dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    trust = mozilla.judge((certificate.public_bytes(Encoding.DER),), HOST, pki.now)
    assert trust.anchor is Anchor.UNKNOWN
    assert trust.failure is not None
    assert "an authority without a name" in trust.failure.detail
