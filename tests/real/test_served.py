"""What interceptors serve in place of an origin's certificate: the facts that verdicts are made of.

Each is a fact of the program, measured; a new version of it may do otherwise, and the page on interception with it.
"""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

from prober.model import Scheme, TlsFacts

from .families import SCT_LIST, Signer
from .interceptors import Sslsplit
from .names import ASKING, ASKING_TLS12, DEMANDING, DEMANDING_TLS12, EXEMPT, ONE, ONE_NAME, PRIVATE, TWO, UNVOUCHED
from .seeing import Seen, observe
from .sites import Sites
from .ways import (
    BEHIND_MITMPROXY,
    BEHIND_SQUID,
    BEHIND_SSLSPLIT,
    CLIENT_FIRST,
    DIRECT,
    LENIENT,
    MITMPROXY,
    OUTRIGHT,
    PEEKING,
    SSLSPLIT,
    Ways,
)

pytestmark = pytest.mark.real

MIMICS = [PEEKING, LENIENT, BEHIND_SQUID]
NOT_MIMICS = [OUTRIGHT, CLIENT_FIRST]
SQUIDS = [*MIMICS, *NOT_MIMICS]
MITMPROXIES = [MITMPROXY, BEHIND_MITMPROXY]
SSLSPLITS = [SSLSPLIT, BEHIND_SSLSPLIT]
INTERCEPTING = [*SQUIDS, *MITMPROXIES, *SSLSPLITS]

PUBLIC_EXTRAS = {
    SCT_LIST,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.CERTIFICATE_POLICIES,
}
"""Extensions of every origin's certificate that none of the programs copies."""
DAY = 86_400.0


def leaf(tls: TlsFacts) -> x509.Certificate:
    return x509.load_der_x509_certificate(tls.chain[0])


def extensions(tls: TlsFacts) -> set[ObjectIdentifier]:
    """Those of the leaf."""
    return {extension.oid for extension in leaf(tls).extensions}


def made_by_its_own_key(certificate: x509.Certificate) -> bool:
    """Whether the key that it certifies made its signature, whatever its issuer's name."""
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert certificate.signature_hash_algorithm is not None
    try:
        key.verify(
            certificate.signature,
            certificate.tbs_certificate_bytes,
            padding.PKCS1v15(),
            certificate.signature_hash_algorithm,
        )
    except InvalidSignature:
        return False
    return True


def test_origins_without_an_interceptor(seen: Seen, sites: Sites) -> None:
    """The premise of everything else here."""
    for site in sites:
        if site.host != DEMANDING:
            assert seen.leaf(site.host, DIRECT).spki_sha256 == site.leaf.spki
            assert seen.tls(site.host, DIRECT).alpn == "http/1.1"
            assert extensions(seen.tls(site.host, DIRECT)) >= PUBLIC_EXTRAS
    assert len({site.leaf.spki for site in sites}) == len(list(sites))
    assert not made_by_its_own_key(leaf(seen.tls(ONE, DIRECT)))


@pytest.mark.parametrize("way", INTERCEPTING)
@pytest.mark.parametrize("host", [ONE, TWO, ONE_NAME, ASKING, ASKING_TLS12])
def test_opened_by_each(host: str, way: str, seen: Seen, sites: Sites) -> None:
    """The request goes through, under a key that is not the origin's; what only a public authority has is gone."""
    assert seen.of(host, way).reachable, seen.of(host, way).failure
    http = seen.of(host, way).http
    assert http is not None
    assert http.status == 200
    assert seen.leaf(host, way).spki_sha256 != sites[host].leaf.spki
    assert seen.leaf(host, way).key_type == "rsa"
    assert extensions(seen.tls(host, way)) & PUBLIC_EXTRAS == set()
    assert seen.tls(host, way).client_cert_requested is False
    assert seen.tls(host, way).version == "TLSv1.3", "also where the origin has TLS 1.2 at most"


@pytest.mark.parametrize("host", [ASKING, ASKING_TLS12, DEMANDING_TLS12])
def test_origin_asks_for_a_certificate(host: str, seen: Seen) -> None:
    """What the interceptors let nobody hear."""
    assert seen.tls(host, DIRECT).client_cert_requested is True


# squid


@pytest.mark.parametrize("way", SQUIDS)
def test_squid_serves_its_own_key_and_its_root_twice(way: str, seen: Seen, inspector: Signer) -> None:
    for host in (ONE, TWO, ONE_NAME):
        chain = seen.chain(host, way)
        assert [each.spki_sha256 for each in chain] == [inspector.spki] * 3
        assert chain[1] == chain[2]
        assert chain[1].self_issued
        assert chain[0].issuer == chain[1].subject == inspector.certificate.subject.rfc4514_string()
        assert seen.tls(host, way).alpn is None


@pytest.mark.parametrize("way", MIMICS)
@pytest.mark.parametrize("host", [ONE, TWO, ONE_NAME])
def test_squid_that_looked_first_mimics(host: str, way: str, seen: Seen) -> None:
    """Subject, names and dates as the origin has them; and what the issuer's name is about."""
    real, forged = seen.leaf(host, DIRECT), seen.leaf(host, way)
    assert (forged.subject, forged.sans) == (real.subject, real.sans)
    assert (forged.not_before, forged.not_after) == (real.not_before, real.not_after)
    assert forged.serial != real.serial
    assert forged.ski is None
    assert forged.aki is not None
    assert forged.eku == real.eku


@pytest.mark.parametrize("way", NOT_MIMICS)
@pytest.mark.parametrize("host", [ONE, TWO, ONE_NAME])
def test_squid_that_answers_first_cannot_mimic(host: str, way: str, seen: Seen) -> None:
    """`bump all` without a step before it is client-first: only the name is known, and dates are its own root's."""
    forged, root, _ = seen.chain(host, way)
    assert forged.subject == f"CN={host}"
    assert forged.sans == (host,)
    assert (forged.not_before, forged.not_after) == (root.not_before, root.not_after)
    assert extensions(seen.tls(host, way)) == {ExtensionOID.SUBJECT_ALTERNATIVE_NAME}


@pytest.mark.parametrize("way", SQUIDS)
def test_squid_says_so_in_the_answer(way: str, seen: Seen) -> None:
    assert ("via", "1.1 squid.test (squid/5.7)") in _headers(seen, ONE, way)
    assert "x-cache" in dict(_headers(seen, ONE, way))
    assert "via" not in dict(_headers(seen, ONE, DIRECT))


def test_squid_forges_the_same_certificate_again(seen: Seen, sites: Sites, ways: Ways) -> None:
    again = observe([sites[ONE]], {way: ways[way] for way in SQUIDS})
    for way in SQUIDS:
        assert again.tls(ONE, way).chain == seen.tls(ONE, way).chain


@pytest.mark.parametrize("host", [UNVOUCHED, PRIVATE])
def test_squid_before_an_origin_it_does_not_trust(host: str, seen: Seen, inspector: Signer) -> None:
    """Its own page under a certificate of its own, or, told to be lenient, `Not trusted by "…"` without a chain."""
    for way in (OUTRIGHT, CLIENT_FIRST, PEEKING, BEHIND_SQUID):
        assert seen.leaf(host, way).subject == f"CN={host}", "not the origin's: it was not worth mimicking"
        assert seen.leaf(host, way).spki_sha256 == inspector.spki
        headers = dict(_headers(seen, host, way))
        assert headers["x-squid-error"].startswith("ERR_SECURE_CONNECT_FAIL")
    [forged] = seen.chain(host, LENIENT)
    assert 'Not trusted by \\"Corp Inspection CA 07\\"' in forged.issuer
    assert (forged.subject, forged.sans) == (seen.leaf(host, DIRECT).subject, seen.leaf(host, DIRECT).sans)
    assert forged.spki_sha256 == inspector.spki
    assert made_by_its_own_key(leaf(seen.tls(host, LENIENT)))


@pytest.mark.parametrize("way", [PEEKING, BEHIND_SQUID, MITMPROXY, BEHIND_MITMPROXY])
def test_exempt_host_is_left_alone(way: str, seen: Seen, sites: Sites) -> None:
    """Spliced by squid, ignored by mitmproxy: to the last certificate what the origin sent."""
    assert seen.tls(EXEMPT, way).chain == seen.tls(EXEMPT, DIRECT).chain
    assert seen.leaf(EXEMPT, way).spki_sha256 == sites[EXEMPT].leaf.spki
    assert seen.tls(EXEMPT, way).alpn == "http/1.1"
    assert _headers(seen, EXEMPT, way) == _headers(seen, EXEMPT, DIRECT)


# mitmproxy


@pytest.mark.parametrize("way", MITMPROXIES)
def test_mitmproxy_serves_its_own_key_and_no_chain(way: str, seen: Seen) -> None:
    """So that a leaf is signed by the key it certifies; and nothing but the signature says so: no AKI, no SKI."""
    keys = set()
    for host in (ONE, TWO, ONE_NAME):
        [forged] = seen.chain(host, way)
        keys.add(forged.spki_sha256)
        assert forged.issuer == "O=mitmproxy,CN=mitmproxy"
        assert (forged.aki, forged.ski) == (None, None)
        assert made_by_its_own_key(leaf(seen.tls(host, way)))
        assert set(forged.sans) == set(seen.leaf(host, DIRECT).sans)
        assert forged.not_before != seen.leaf(host, DIRECT).not_before
        assert forged.not_after - forged.not_before == pytest.approx(367 * DAY, abs=DAY)
        assert seen.tls(host, way).alpn == "http/1.1"
    assert len(keys) == 1


def test_mitmproxy_before_an_origin_it_does_not_trust(seen: Seen) -> None:
    for way in MITMPROXIES:
        http = seen.of(UNVOUCHED, way).http
        assert http is not None
        assert http.status == 502
        assert seen.leaf(UNVOUCHED, way).sans == (UNVOUCHED,)


# sslsplit


@pytest.mark.parametrize("way", SSLSPLITS)
def test_sslsplit_serves_one_key_of_its_own(way: str, seen: Seen, sslsplit: Sslsplit) -> None:
    """One key for all hosts, which is not its authority's; a serial near the origin's; a year from yesterday."""
    keys = set()
    for host in (ONE, TWO, ONE_NAME, UNVOUCHED, PRIVATE, EXEMPT):
        forged, root = seen.chain(host, way)
        real = seen.leaf(host, DIRECT)
        keys.add(forged.spki_sha256)
        assert forged.spki_sha256 != root.spki_sha256
        assert root.self_issued
        assert (forged.subject, forged.sans) == (real.subject, real.sans)
        assert 0 < abs(int(forged.serial, 16) - int(real.serial, 16)) < 2**32
        assert forged.not_after - forged.not_before == 365 * DAY
        made = forged.not_before + DAY  # when somebody first asked for this host: it keeps what it made
        assert int(sslsplit.started) - 1 <= made <= seen.of(host, way).at + 1
        assert forged.ski is not None
        assert seen.tls(host, way).alpn is None
    assert len(keys) == 1


@pytest.mark.parametrize("way", SSLSPLITS)
def test_sslsplit_lets_pass_what_it_cannot_open(way: str, seen: Seen) -> None:
    """Told so by `-P`, for a server that demands a client certificate within the handshake."""
    assert seen.tls(DEMANDING_TLS12, way).chain == seen.tls(DEMANDING_TLS12, DIRECT).chain
    assert seen.tls(DEMANDING_TLS12, way).client_cert_requested is True


@pytest.mark.usefixtures("sslsplit")
def test_sslsplit_without_any_proxy(sites: Sites, seen: Seen) -> None:
    """A name pointed at it is enough."""
    misled = observe([sites[ONE], sites[TWO]], {DIRECT: []}, astray=[ONE, TWO])
    for host in (ONE, TWO):
        assert misled.leaf(host, DIRECT).spki_sha256 == seen.leaf(host, SSLSPLIT).spki_sha256


# a bare handshake, where a GET would wait for an answer that never comes


def test_origin_that_demands_a_certificate_is_silent_behind_an_interceptor(sites: Sites, ways: Ways) -> None:
    """In TLS 1.3 it complains after the handshake, to the interceptor; nobody is told."""
    names = [DIRECT, PEEKING, OUTRIGHT, MITMPROXY, SSLSPLIT]
    bare = observe([sites[DEMANDING]], {way: ways[way] for way in names}, scheme=Scheme.TLS)
    asked = {way: bare.tls(DEMANDING, way).client_cert_requested for way in names}
    assert asked == {DIRECT: True, PEEKING: False, OUTRIGHT: False, MITMPROXY: False, SSLSPLIT: False}


def test_application_protocol(sites: Sites, ways: Ways) -> None:
    """The origins offer HTTP/2: mitmproxy has it too, squid and sslsplit answer nothing at all."""
    names = [DIRECT, PEEKING, OUTRIGHT, MITMPROXY, SSLSPLIT]
    bare = observe([sites[ONE]], {way: ways[way] for way in names}, scheme=Scheme.TLS)
    chosen = {way: bare.tls(ONE, way).alpn for way in names}
    assert chosen == {DIRECT: "h2", PEEKING: None, OUTRIGHT: None, MITMPROXY: "h2", SSLSPLIT: None}


def _headers(seen: Seen, host: str, way: str) -> tuple[tuple[str, str], ...]:
    http = seen.of(host, way).http
    assert http is not None, seen.of(host, way).failure
    return http.headers
