"""Verdicts on what the real interceptors serve, with a live direct reference beside them."""

from __future__ import annotations

import pytest

from prober.interception.verdict import Basis, Confidence, Why, Word
from prober.model import TrustClass

from .families import Signer
from .judging import Judged, ids
from .names import (
    ASKING,
    ASKING_TLS12,
    DEMANDING_TLS12,
    EXEMPT,
    ONE,
    ONE_NAME,
    PRIVATE,
    TWO,
    UNVOUCHED,
)
from .seeing import Seen, observe
from .sites import Sites
from .ways import (
    BEHIND_MITMPROXY,
    BEHIND_SQUID,
    BEHIND_SSLSPLIT,
    CLIENT_FIRST,
    DIRECT,
    FIRST_BLIND,
    FIRST_MITMPROXY,
    FIRST_STRICT,
    FIRST_TLS,
    LENIENT,
    MITMPROXY,
    OUTER_TLS,
    OUTRIGHT,
    PEEKING,
    SQUID,
    SSLSPLIT,
    TINYPROXY,
    Ways,
)

pytestmark = pytest.mark.real

OPENED = [ONE, TWO, ONE_NAME, ASKING, ASKING_TLS12]
MIMIC = {"E1", "E2", "E3", "E5", "E8", "E10", "E11"}
NOT_A_MIMIC = {"E1", "E2", "E3", "E5", "E11"}
EVIDENCE = {
    PEEKING: MIMIC,
    LENIENT: MIMIC,
    BEHIND_SQUID: MIMIC,
    OUTRIGHT: NOT_A_MIMIC,
    CLIENT_FIRST: NOT_A_MIMIC,
    MITMPROXY: {"E1", "E2", "E3", "E4", "E6"},
    BEHIND_MITMPROXY: {"E1", "E2", "E3", "E4", "E6"},
    SSLSPLIT: {"E1", "E2", "E4", "E5", "E8"},
    BEHIND_SSLSPLIT: {"E1", "E2", "E4", "E5", "E8"},
}
"""What must be told, whatever else is."""
ABSENT = {
    OUTRIGHT: {"E8", "E10"},
    CLIENT_FIRST: {"E8", "E10"},
    MITMPROXY: {"E10", "E11"},
    BEHIND_MITMPROXY: {"E10", "E11"},
    SSLSPLIT: {"E3", "E10", "E11"},
    BEHIND_SSLSPLIT: {"E3", "E10", "E11"},
}
"""What would be wrong."""
HOP = {BEHIND_SQUID: 2, BEHIND_MITMPROXY: 2, BEHIND_SSLSPLIT: 2}
"""1 for the others."""


@pytest.fixture(scope="module")
def judged(sites: Sites, seen: Seen) -> Judged:
    """With everything that was seen."""
    return Judged(sites, seen.all)


@pytest.mark.parametrize("way", EVIDENCE)
@pytest.mark.parametrize("host", OPENED)
def test_intercepted(host: str, way: str, judged: Judged, sites: Sites) -> None:
    verdict = judged.of(host, way)
    assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.PROVEN), verdict
    assert verdict.confidence is Confidence.HIGH
    assert ids(verdict) >= EVIDENCE[way]
    assert ids(verdict) & ABSENT.get(way, set()) == set()
    assert verdict.hop == HOP.get(way, 1)
    assert verdict.mixed is None
    assert verdict.reference is not None
    assert (verdict.reference.kind, verdict.reference.name) == ("route", DIRECT)
    assert verdict.reference.spki_sha256 == sites[host].leaf.spki
    assert verdict.reference.issuer == sites[host].family.issuing.certificate.subject.rfc4514_string()


@pytest.mark.parametrize("way", EVIDENCE)
def test_lost_request_for_a_certificate_is_evidence(way: str, judged: Judged) -> None:
    for host in (ASKING, ASKING_TLS12):
        assert "E7" in ids(judged.of(host, way))
    assert "E7" not in ids(judged.of(ONE, way))


def test_signer(judged: Judged, inspector: Signer) -> None:
    squid = judged.of(ONE, PEEKING).signer
    assert squid is not None
    assert "Corp Inspection CA 07" in squid.subject
    assert squid.root_spki_sha256 == inspector.spki
    assert squid.stores == ()
    split = judged.of(ONE, SSLSPLIT).signer
    assert split is not None
    assert "Somebody's CA" in split.subject


@pytest.mark.parametrize("way", [MITMPROXY, BEHIND_MITMPROXY])
def test_mitmproxy_is_named(way: str, judged: Judged) -> None:
    attribution = judged.of(ONE, way).attribution
    assert attribution is not None
    assert (attribution.vendor, attribution.product, attribution.confidence) == ("mitmproxy", "mitmproxy", "high")


@pytest.mark.parametrize("way", [PEEKING, OUTRIGHT, SSLSPLIT])
def test_authority_of_their_owner_names_no_product(way: str, judged: Judged) -> None:
    """squid and sslsplit sign in whatever name they are given."""
    attribution = judged.of(ONE, way).attribution
    assert attribution is None or attribution.confidence == "low"


def test_shared_key_is_told_with_the_hosts(judged: Judged) -> None:
    assert any(TWO in host for host in judged.of(ONE, SSLSPLIT).shared_key_with)


# left alone


@pytest.mark.parametrize("way", [PEEKING, BEHIND_SQUID, MITMPROXY, BEHIND_MITMPROXY])
def test_exempt_host_through_an_interceptor_is_clean(way: str, judged: Judged, sites: Sites) -> None:
    """The same squid that opens the others."""
    verdict = judged.of(EXEMPT, way)
    assert (verdict.word, verdict.basis, verdict.evidence) == (Word.CLEAN, Basis.PROVEN, ())
    assert verdict.reference is not None
    assert verdict.reference.spki_sha256 == sites[EXEMPT].leaf.spki
    assert judged.of(ONE, way).word is Word.INTERCEPTED


@pytest.mark.parametrize("way", [TINYPROXY, SQUID, FIRST_BLIND, OUTER_TLS])
@pytest.mark.parametrize("host", [*OPENED, EXEMPT, UNVOUCHED])
def test_tunnelled_host_is_clean(host: str, way: str, judged: Judged) -> None:
    """Also behind an interceptor that is blind to the tunnel, and in a tunnel whose own outer TLS somebody opened."""
    verdict = judged.of(host, way)
    assert (verdict.word, verdict.basis, verdict.evidence) == (Word.CLEAN, Basis.PROVEN, ())
    assert verdict.hop is None


@pytest.mark.parametrize("host", [*OPENED, EXEMPT, UNVOUCHED])
def test_direct_route_is_clean(host: str, judged: Judged) -> None:
    assert judged.of(host, DIRECT).word is Word.CLEAN


@pytest.mark.parametrize("way", [FIRST_STRICT, FIRST_MITMPROXY, FIRST_TLS])
@pytest.mark.parametrize("host", [ONE, EXEMPT, PRIVATE])
def test_broken_nested_tunnel_says_nothing(host: str, way: str, judged: Judged) -> None:
    verdict = judged.of(host, way)
    assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.NO_TLS)


def test_server_that_demands_a_client_certificate(judged: Judged) -> None:
    """Every probe fails for want of one; the key was proven before that. What sslsplit cannot open it lets pass."""
    for way in (TINYPROXY, SQUID, SSLSPLIT, BEHIND_SSLSPLIT):
        verdict = judged.of(DEMANDING_TLS12, way)
        assert (verdict.word, verdict.basis) == (Word.CLEAN, Basis.PROVEN)
    for way in (PEEKING, OUTRIGHT, MITMPROXY):
        verdict = judged.of(DEMANDING_TLS12, way)
        assert verdict.word is Word.INTERCEPTED
        assert "E7" in ids(verdict)


# an origin that the interceptor does not trust


@pytest.mark.parametrize("host", [UNVOUCHED, PRIVATE])
def test_squid_that_lets_untrusted_origins_pass(host: str, judged: Judged) -> None:
    """`Not trusted by "Corp Inspection CA 07"`: squid says it itself."""
    verdict = judged.of(host, LENIENT)
    assert verdict.word is Word.INTERCEPTED, verdict
    assert ids(verdict) >= {"E1", "E3", "E16"}
    assert verdict.attribution is not None
    assert verdict.attribution.product.startswith("Squid")
    assert verdict.attribution.confidence == "high"


@pytest.mark.parametrize("way", [OUTRIGHT, PEEKING, CLIENT_FIRST, BEHIND_SQUID, MITMPROXY])
@pytest.mark.parametrize("host", [UNVOUCHED, PRIVATE])
def test_interceptor_that_shows_its_own_page(host: str, way: str, judged: Judged) -> None:
    """The certificate is the interceptor's as well."""
    verdict = judged.of(host, way)
    assert verdict.word is Word.INTERCEPTED, verdict
    assert "E3" in ids(verdict)


def test_private_authority_through_honest_proxies_is_no_finding(judged: Judged) -> None:
    for way in (TINYPROXY, SQUID, FIRST_BLIND):
        verdict = judged.of(PRIVATE, way)
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.NOT_RETERMINATED_BY_PROXY)
    assert judged.of(PRIVATE, DIRECT).word is not Word.INTERCEPTED


# fewer routes, fewer targets


@pytest.mark.parametrize("way", EVIDENCE)
def test_one_target_and_the_direct_route(way: str, sites: Sites, ways: Ways) -> None:
    """Once is not believed; again, with the reference in between, it is."""
    pair = {DIRECT: ways[DIRECT], way: ways[way]}
    once = observe([sites[ONE]], pair)
    assert Judged(sites, once.all).of(ONE, way).reason is Why.NOT_REPEATED
    verdict = Judged(sites, [*once.all, *observe([sites[ONE]], pair).all]).of(ONE, way)
    assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.PROVEN)
    assert verdict.hop == (1 if way not in HOP else None), "what nobody looked at is not known"


@pytest.mark.parametrize("way", [PEEKING, OUTRIGHT, LENIENT, MITMPROXY, BEHIND_SQUID, BEHIND_MITMPROXY])
def test_without_any_reference_the_key_gives_it_away(way: str, sites: Sites, ways: Ways) -> None:
    twice = [*observe([sites[ONE]], {way: ways[way]}).all, *observe([sites[ONE]], {way: ways[way]}).all]
    verdict = Judged(sites, twice).of(ONE, way)
    assert (verdict.word, verdict.basis, verdict.reference) == (Word.INTERCEPTED, Basis.AUTHORITY, None), verdict
    assert "E3" in ids(verdict)
    assert verdict.hop is None


@pytest.mark.parametrize("way", [SSLSPLIT, BEHIND_SSLSPLIT])
def test_without_any_reference_a_key_of_its_own_is_suspect(way: str, sites: Sites, ways: Ways) -> None:
    """sslsplit's key is not its authority's: one target alone proves nothing."""
    twice = [*observe([sites[ONE]], {way: ways[way]}).all, *observe([sites[ONE]], {way: ways[way]}).all]
    verdict = Judged(sites, twice).of(ONE, way)
    assert (verdict.word, verdict.reason) == (Word.SUSPECT, Why.WEAK)


@pytest.mark.parametrize("way", [SSLSPLIT, BEHIND_SSLSPLIT])
def test_without_any_reference_two_expected_hands_convict(way: str, sites: Sites, ways: Ways) -> None:
    """A catalog expects public authorities at both; they end in one hand."""
    both = observe([sites[ONE], sites[TWO]], {way: ways[way]}, trust=TrustClass.PUBLIC)
    for host in (ONE, TWO):
        verdict = Judged(sites, both.all).of(host, way)
        assert verdict.word is Word.INTERCEPTED, verdict
        assert verdict.basis is Basis.CONVERGENCE
        assert ids(verdict) >= {"E1", "E4", "E5"}


def test_another_proxy_is_as_good_a_reference(judged: Judged, sites: Sites, seen: Seen) -> None:
    verdict = Judged(sites, seen.over(without=[DIRECT])).of(ONE, PEEKING)
    assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.PROVEN)
    assert verdict.reference is not None
    assert verdict.reference.spki_sha256 == sites[ONE].leaf.spki


# the direct route is led astray


def test_direct_route_that_ends_at_sslsplit(sites: Sites, ways: Ways) -> None:
    """A proxy that knows better is the reference, and it is nobody's hop but this machine's surroundings."""
    found = observe([sites[ONE], sites[TWO]], {way: ways[way] for way in (DIRECT, TINYPROXY)}, astray=[ONE, TWO])
    judged = Judged(sites, found.all)
    verdict = judged.of(ONE, DIRECT)
    assert (verdict.word, verdict.basis, verdict.hop) == (Word.INTERCEPTED, Basis.PROVEN, 0)
    assert verdict.reference is not None
    assert verdict.reference.name == TINYPROXY
    assert judged.of(ONE, TINYPROXY).word is Word.CLEAN


def test_every_route_ends_at_sslsplit(sites: Sites, ways: Ways) -> None:
    """Then nothing is left to compare with: the proxy is not blamed for what the direct route shows as well."""
    found = observe([sites[ONE], sites[TWO]], {way: ways[way] for way in (DIRECT, SSLSPLIT)}, astray=[ONE, TWO])
    judged = Judged(sites, found.all)
    for host in (ONE, TWO):
        through = judged.of(host, SSLSPLIT)
        assert (through.word, through.reason) == (Word.INCONCLUSIVE, Why.NOT_RETERMINATED_BY_PROXY)
        assert judged.of(host, DIRECT).word in (Word.SUSPECT, Word.INCONCLUSIVE)
