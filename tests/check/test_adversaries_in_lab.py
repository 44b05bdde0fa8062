"""Scripted interceptors in the lab, from the careless to the careful: what a whole run says of each.

Each stands in a lab of its own, and is run against with a direct reference, without one, with a baseline and with pins.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Final

import pytest
from cryptography import x509

from prober.lab.authorities import Authorities, Authority
from prober.lab.policy import (
    PRODUCTS,
    AuthorityKeyId,
    AuthorityName,
    Copied,
    IssuerName,
    KeyType,
    LeafKey,
    Policy,
    Product,
    Version,
)
from prober.report.document import CertificateDoc, Result

from .labs import DIRECT, EVERYWHERE, INSPECTED, ONE, OPEN, PRIVATE, TARGETS, TWO, Scene, Seen, authorities, in_lab

HOSTS: Final = (ONE, TWO, PRIVATE)
EVERYTHING: Final = frozenset(Copied)
SCTS: Final = "1.3.6.1.4.1.11129.2.4.2"

CONVERGENCE: Final = ("intercepted", "convergence")
BY_ITSELF: Final = ("intercepted", "authority")
SUSPECT: Final = ("suspect", "none")
INCOMPLETE: Final = ("inconclusive", "none")
BASELINE: Final = ("intercepted", "baseline")
PINNED: Final = ("intercepted", "pinned")


def forging(key: LeafKey = LeafKey.OWN, **more: Any) -> Policy:
    """Copies all there is to copy."""
    return Policy(key=key, key_type=KeyType.ORIGIN, copies=EVERYTHING, **more)


def naming(key_id: AuthorityKeyId, **more: Any) -> Policy:
    """The issuer's name spelt exactly as the origin's."""
    return forging(issuer=IssuerName.ORIGIN, authority_key_id=key_id, **more)


@dataclass(frozen=True)
class Adversary:
    """An interceptor, and what docs/interception.md says of it without a live reference."""

    policy: Policy
    several: tuple[str, str]
    """Over targets of different hands."""
    one: tuple[str, str]
    """Over one target alone."""
    baseline: tuple[str, str] = BASELINE
    pinned: tuple[str, str] = PINNED
    hierarchy: bool = False
    """Its root bears the name of the public one, too."""


ORIGINS: Final = AuthorityKeyId.ORIGIN
ADVERSARIES: Final = {
    "one key for all hosts": Adversary(forging(LeafKey.SHARED), CONVERGENCE, SUSPECT),
    "a key for each host": Adversary(forging(), CONVERGENCE, SUSPECT),
    "the authority's key in every leaf": Adversary(forging(LeafKey.AUTHORITY), CONVERGENCE, BY_ITSELF),
    "older TLS": Adversary(forging(version=Version.CAPPED), CONVERGENCE, SUSPECT),
    "own root, padded": Adversary(forging(padded=True), CONVERGENCE, SUSPECT),
    "own root, padded, root not sent": Adversary(forging(padded=True, root_sent=0), CONVERGENCE, SUSPECT),
    # Each origin's issuer by name: signers that have nothing in common, so nothing converges.
    "issuer's name, its own key id": Adversary(naming(AuthorityKeyId.FORGER), SUSPECT, SUSPECT),
    "issuer's name, no key id": Adversary(naming(AuthorityKeyId.NONE), SUSPECT, SUSPECT),
    "issuer's name and key id": Adversary(naming(ORIGINS), SUSPECT, SUSPECT),
    # Nobody holds the issuer's certificate: it might have been forgotten.
    "issuer's name and key id, nothing sent": Adversary(
        naming(ORIGINS, root_sent=0), INCOMPLETE, INCOMPLETE, pinned=INCOMPLETE
    ),
    # The real issuer is sent along: its key did not sign what names it by name and key id.
    "issuer's name and key id, padded": Adversary(naming(ORIGINS, root_sent=0, padded=True), BY_ITSELF, BY_ITSELF),
    "issuer's name, its own key id, padded": Adversary(
        naming(AuthorityKeyId.FORGER, root_sent=0, padded=True), INCOMPLETE, INCOMPLETE, INCOMPLETE, INCOMPLETE
    ),
    "issuer's name, no key id, padded": Adversary(
        naming(AuthorityKeyId.NONE, root_sent=0, padded=True), INCOMPLETE, INCOMPLETE, INCOMPLETE, INCOMPLETE
    ),
    "the whole hierarchy by name": Adversary(
        naming(AuthorityKeyId.FORGER, intermediate=AuthorityName("replaced", "by the origin's issuer")),
        SUSPECT,
        SUSPECT,
        hierarchy=True,
    ),
    **{
        product.value: Adversary(
            policy, CONVERGENCE, BY_ITSELF if product in (Product.SQUID, Product.MITMPROXY) else SUSPECT
        )
        for product, policy in PRODUCTS.items()
    },
}
NEGLECTFUL: Final = {name for name, each in ADVERSARIES.items() if each.several == INCOMPLETE}


@dataclass(frozen=True)
class Played:
    """All runs against one interceptor."""

    name: str
    adversary: Adversary
    referred: Seen
    """With the direct way and an honest proxy beside it."""
    proxied: Seen
    """The honest proxy as the only reference."""
    alone: Seen
    single: Seen
    baseline: Seen
    pinned: Seen


def impostors() -> Authorities:
    """Hierarchies whose inspecting root has the name of a public one."""
    found = copy.copy(authorities())
    real = found.public[0].root
    found.inspection = Authority("impostor", key="rsa", subject=real.subject)
    return found


@pytest.fixture(scope="module", params=ADVERSARIES)
def played(request: pytest.FixtureRequest) -> Played:
    adversary = ADVERSARIES[request.param]

    async def play(scene: Scene) -> Played:
        referred = await scene.run(EVERYWHERE)
        saved = await scene.run(DIRECT)
        pins = {host: [leaf(saved.result(host, "direct")).spki_sha256] for host in HOSTS}
        return Played(
            request.param,
            adversary,
            referred,
            proxied=await scene.run({**OPEN, **INSPECTED}),
            alone=await scene.run(INSPECTED),
            single=await scene.run(INSPECTED, TARGETS[:1]),
            baseline=await scene.run(INSPECTED, baseline=saved.run),
            pinned=await scene.run(INSPECTED, trust__pins=pins),
        )

    return in_lab(play, adversary.policy, keys=impostors() if adversary.hierarchy else None)


def leaf(result: Result) -> CertificateDoc:
    assert result.tls is not None
    return result.tls.chain[0]


def test_with_a_direct_reference_every_target_is_found_and_the_proxy_named(played: Played) -> None:
    for host in HOSTS:
        verdict = played.referred.verdict(host, "inspected")
        assert (verdict.verdict, verdict.basis, verdict.hop) == ("intercepted", "proven", 1)
        assert verdict.mixed is None
        assert verdict.reference is not None
        assert (verdict.reference.kind, verdict.reference.name) == ("route", "direct")
        assert verdict.reference.spki_sha256 == leaf(played.referred.result(host, "direct")).spki_sha256
        assert verdict.reference.spki_sha256 != leaf(played.referred.result(host, "inspected")).spki_sha256


def test_routes_without_it_are_clean(played: Played) -> None:
    for route in ("direct", "open"):
        assert set(played.referred.told(route).values()) == {("clean", "proven")}
        for host in HOSTS:
            assert played.referred.result(host, route).trusted is True
            assert played.referred.verdict(host, route).evidence == ()
    assert played.referred.run.summary.intercepted == len(HOSTS)
    assert played.referred.run.summary.suspect == 0
    assert played.referred.run.summary.untrusted == len(HOSTS)


def test_an_honest_proxy_is_reference_enough(played: Played) -> None:
    assert played.proxied.told("inspected") == dict.fromkeys(HOSTS, ("intercepted", "proven"))
    assert played.proxied.words("open") == {"clean"}
    for host in HOSTS:
        reference = played.proxied.verdict(host, "inspected").reference
        assert reference is not None
        assert reference.name == "open"
        assert played.proxied.verdict(host, "inspected").hop is None, "nobody looked before the first hop"


def test_without_a_reference_it_is_as_documented(played: Played) -> None:
    assert played.alone.told("inspected") == dict.fromkeys(HOSTS, played.adversary.several)
    assert played.single.told("inspected") == {ONE: played.adversary.one}


def test_reasons_where_it_is_not_intercepted(played: Played) -> None:
    because = {"suspect": "weak-evidence", "inconclusive": "chain-incomplete", "intercepted": None}
    for seen in (played.alone, played.single):
        for result in seen.run.results:
            assert result.interception is not None
            assert result.interception.reason == because[result.interception.verdict]


def test_a_baseline(played: Played) -> None:
    assert played.baseline.told("inspected") == dict.fromkeys(HOSTS, played.adversary.baseline)
    for host in HOSTS:
        reference = played.baseline.verdict(host, "inspected").reference
        if played.adversary.baseline == BASELINE:
            assert reference is not None
            assert (reference.kind, reference.name) == ("baseline", "direct")


def test_pins(played: Played) -> None:
    assert played.pinned.told("inspected") == dict.fromkeys(HOSTS, played.adversary.pinned)
    for host in HOSTS:
        assert played.pinned.verdict(host, "inspected").policy_mismatch is True
        assert played.referred.verdict(host, "inspected").policy_mismatch is False


def test_what_is_believed_was_seen_twice(played: Played) -> None:
    """Each reference and each contradiction once more, and nothing else."""
    for host in HOSTS:
        assert played.referred.purposes(host, "inspected") == ["attempt", "confirmation"]
        assert played.referred.purposes(host, "direct") == ["attempt", "confirmation"]
        assert played.referred.purposes(host, "open") == ["attempt"]
        believed = played.adversary.several != INCOMPLETE
        assert played.alone.purposes(host, "inspected") == ["attempt", "confirmation"][: 1 + believed]


def test_the_adversary_is_what_it_is_called(played: Played) -> None:
    """A forger that copies nothing, or is not opened at all, would make all of the above worthless."""
    policy = played.adversary.policy
    leaves = {}
    for host in HOSTS:
        forged, real = (certificate(played.referred, host, way) for way in ("inspected", "direct"))
        leaves[host] = forged
        assert forged.fingerprint(forged.signature_hash_algorithm) != real.fingerprint(real.signature_hash_algorithm)  # type: ignore[arg-type] # it has one
        assert (forged.issuer == real.issuer) is (policy.issuer is IssuerName.ORIGIN)
        if policy.copies == EVERYTHING:
            assert forged.subject == real.subject
            assert forged.not_valid_after_utc == real.not_valid_after_utc
            assert extension(forged, SCTS) == extension(real, SCTS)
            assert (extension(real, SCTS) is None) is (host == PRIVATE), "the vendor's own are not logged"
        key_ids = [extension(each, "2.5.29.35") for each in (forged, real)]
        assert (key_ids[0] == key_ids[1]) is (policy.authority_key_id is ORIGINS)
        assert (key_ids[0] is None) is (policy.authority_key_id is AuthorityKeyId.NONE)
    keys = {each.public_key().public_numbers() for each in leaves.values()}  # type: ignore[union-attr] # RSA or EC
    assert len(keys) == (len(HOSTS) if policy.key is LeafKey.OWN else 1)
    if policy.version is Version.CAPPED:
        tls = played.referred.result(ONE, "inspected").tls
        assert tls is not None
        assert tls.version == "TLSv1.2"
        assert "E9" in played.referred.ids(ONE, "inspected")


def certificate(seen: Seen, host: str, route: str) -> x509.Certificate:
    tls = seen.result(host, route).tls
    assert tls is not None
    return x509.load_der_x509_certificate(seen.run.certificates[tls.chain[0].sha256])


def extension(found: x509.Certificate, oid: str) -> bytes | None:
    values = [each.value.public_bytes() for each in found.extensions if each.oid.dotted_string == oid]
    return values[0] if values else None


# one in ten


def one_in_ten(key: LeafKey = LeafKey.OWN) -> Policy:
    return Policy(key=key, copies=EVERYTHING, every=10)


def test_one_connection_in_ten() -> None:
    """One probe at a time: the tenth, the twentieth and the thirtieth tunnel, each another target's."""
    seen = in_lab(lambda scene: scene.run(EVERYWHERE, attempts=10, probe__concurrency=1), one_in_ten())
    for host in HOSTS:
        verdict = seen.verdict(host, "inspected")
        assert (verdict.verdict, verdict.basis, verdict.hop) == ("intercepted", "proven", 1)
        assert verdict.mixed is not None
        assert verdict.mixed.intercepted == 1
        assert verdict.mixed.of in (10, 11), "ten attempts, and a last one confirmed"
        assert seen.result(host, "inspected").trusted is (host != PRIVATE), (
            "of the newest attempt, the thirtieth tunnel"
        )
    assert seen.words("direct") == seen.words("open") == {"clean"}
    assert seen.run.summary.mixed == len(HOSTS)
    assert seen.run.summary.intercepted == len(HOSTS)


def test_one_in_ten_of_many_at_once() -> None:
    """Which of the tunnels meet it is chance then; that they are found is not."""

    async def play(scene: Scene) -> tuple[Seen, int, int]:
        seen = await scene.run(EVERYWHERE, attempts=10)
        tunnels = sum(name == "inspected" for name, _, _ in scene.dialled)
        return seen, scene.lab.interceptor.opened, tunnels

    seen, opened, tunnels = in_lab(play, one_in_ten())
    assert opened == tunnels // 10 == 3
    told = {host: seen.verdict(host, "inspected") for host in HOSTS}
    assert sum(each.mixed.intercepted for each in told.values() if each.mixed is not None) == opened
    assert {each.verdict for each in told.values() if each.mixed is not None} == {"intercepted"}
    assert {each.verdict for each in told.values() if each.mixed is None} <= {"clean"}


def test_one_in_ten_without_a_reference_is_its_own() -> None:
    """The other nine show the real key: the route is the reference to itself."""
    seen = in_lab(lambda scene: scene.run(INSPECTED, attempts=11, probe__concurrency=1), one_in_ten())
    for host in HOSTS:
        verdict = seen.verdict(host, "inspected")
        assert (verdict.verdict, verdict.basis) == ("intercepted", "proven")
        assert verdict.reference is not None
        assert verdict.reference.name == "inspected"
        assert verdict.mixed is not None
        assert verdict.mixed.intercepted == 1


def test_met_once_and_confirmed_as_clean_is_mixed() -> None:
    """What a certificate shows cannot be chance, and the references before and after it rule rotation out."""

    async def second_tunnel_only(scene: Scene) -> Seen:
        await scene.run(INSPECTED, TARGETS[:1])
        return await scene.run(EVERYWHERE, TARGETS[:1])

    seen = in_lab(second_tunnel_only, Policy(key=LeafKey.OWN, copies=EVERYTHING, every=2))
    verdict = seen.verdict(ONE, "inspected")
    assert (verdict.verdict, verdict.basis) == ("intercepted", "proven")
    assert verdict.mixed is not None
    assert (verdict.mixed.intercepted, verdict.mixed.of) == (1, 2)
    assert seen.purposes(ONE, "inspected") == ["attempt", "confirmation"]


def test_attempts_that_miss_it_say_clean() -> None:
    """docs/interception.md, Limits: found with probability 1 - (1 - 1/N)^attempts."""
    seen = in_lab(lambda scene: scene.run(EVERYWHERE, attempts=3, probe__concurrency=1), one_in_ten())
    assert seen.told("inspected") == dict.fromkeys(HOSTS, ("clean", "proven"))
