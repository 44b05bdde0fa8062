"""Each reason, each anchor class, each trap of the field, on chains signed here and on the shipped ones."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception import Trust, TrustStore, UserRoot, certificate_facts
from prober.interception.anchors import shipped
from prober.model import Anchor, Reason, Stage

HOST = "a.example.com"
MOZILLA = Path(certifi.where()).read_bytes()


def spki(issued: Any) -> str:
    facts = certificate_facts(issued.der)
    assert facts is not None
    return facts.spki_sha256


def sha(issued: Any) -> str:
    return hashlib.sha256(issued.der).hexdigest()


def reason(trust: Trust) -> Reason | None:
    assert trust.trusted == (trust.failure is None)
    return trust.failure.reason if trust.failure else None


def bridge(subject: str, issuer: str = "") -> bytes:
    """A shipped bridge by parts of its names."""
    (der,) = [
        c.der for c in shipped().bridges if f"CN={subject}," in c.facts.subject and f"CN={issuer}" in c.facts.issuer
    ]
    return der


class World:
    """A public root with an intermediate and a leaf, and a store that has the root."""

    def __init__(self, pki: Any) -> None:
        self.pki = pki
        self.root = pki.root("Public Root")
        self.middle = self.root.ca("Public Issuing CA")
        self.leaf = self.middle.leaf(HOST, "*.wild.example.com", "192.0.2.7", "2001:db8::7")
        self.store = TrustStore(self.root.pem)

    def judge(self, *chain: Any, host: str = HOST, at: float | None = None) -> Trust:
        return self.store.judge(tuple(c.der for c in chain), host, self.pki.now if at is None else at)


@pytest.fixture
def world(pki: Any) -> World:
    return World(pki)


class TestAnchors:
    def test_public(self, world: World) -> None:
        trust = world.judge(world.leaf, world.middle)
        assert (trust.trusted, trust.failure, trust.anchor) == (True, None, Anchor.PUBLIC)
        assert trust.path == (sha(world.leaf), sha(world.middle), sha(world.root))
        assert trust.added == ()

    def test_root_sent_or_not_is_the_same(self, world: World) -> None:
        assert world.judge(world.leaf, world.middle, world.root) == world.judge(world.leaf, world.middle)

    @pytest.mark.parametrize("anchor", [Anchor.PUBLIC, Anchor.PUBLIC_LEGACY, Anchor.VENDOR_PRIVATE, Anchor.PINNED])
    def test_user_roots_give_their_class(self, pki: Any, anchor: Anchor) -> None:
        root = pki.root("User Root")
        store = TrustStore(b"", None, [UserRoot(root.pem, anchor)])
        trust = store.judge((root.leaf(HOST).der,), HOST, pki.now)
        assert trust.trusted
        assert trust.anchor is anchor

    def test_a_user_root_may_be_an_intermediate_or_the_leaf_itself(self, pki: Any) -> None:
        root = pki.root("Elsewhere")
        middle = root.ca("Trusted Intermediate")
        leaf = middle.leaf(HOST)
        alone = pki.build("alone", names=(HOST,))
        store = TrustStore(b"", None, [UserRoot(middle.pem), UserRoot(alone.pem)])
        assert store.judge((leaf.der,), HOST, pki.now).path == (sha(leaf), sha(middle))
        trust = store.judge((alone.der,), HOST, pki.now)
        assert (trust.trusted, trust.anchor, trust.path) == (True, Anchor.PINNED, (sha(alone),))

    def test_os_only_is_not_trusted_and_says_why(self, world: World) -> None:
        corporate = world.pki.root("Corp Inspection CA")
        store = TrustStore(world.root.pem, corporate.pem + world.root.pem)
        trust = store.judge((corporate.leaf(HOST).der, corporate.der, corporate.der), HOST, world.pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.OS_ONLY)
        assert trust.failure is not None
        assert "root installed on this machine vouches for it: CN=Corp Inspection CA" in trust.failure.detail
        public = store.judge((world.leaf.der, world.middle.der), HOST, world.pki.now)
        assert public.anchor is Anchor.PUBLIC

    def test_a_root_known_for_some_names_is_not_os_only_for_others(self, world: World) -> None:
        """The vendor's roots are in the machine's store too, on Windows: they stay what they are."""
        vendor = world.pki.root("Vendor Root")
        scoped = UserRoot(vendor.pem, Anchor.VENDOR_PRIVATE, ("vendor.example",))
        store = TrustStore(world.root.pem, vendor.pem, [scoped])
        trust = store.judge((vendor.leaf(HOST).der,), HOST, world.pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.VENDOR_PRIVATE)
        assert trust.failure is not None
        assert "may not vouch for this name" in trust.failure.detail

    def test_another_certificate_of_a_known_key_is_not_os_only(self, world: World) -> None:
        renewed = world.pki.build("Public Root", ca=True, key=world.root.key, ends=world.pki.now + 99 * world.pki.day)
        store = TrustStore(world.root.pem, renewed.pem)
        trust = store.judge((world.leaf.der, world.middle.der, renewed.der), HOST, world.pki.now)
        assert (trust.trusted, trust.anchor) == (True, Anchor.PUBLIC)

    def test_unknown_root(self, world: World) -> None:
        other = world.pki.root("Somebody")
        trust = world.judge(other.leaf(HOST), other)
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.UNKNOWN)
        assert trust.path[-1] == sha(other)

    def test_root_sent_twice(self, world: World) -> None:
        other = world.pki.root("Squid")
        assert world.judge(other.leaf(HOST), other, other).anchor is Anchor.UNKNOWN

    def test_self_signed_leaf(self, world: World) -> None:
        trust = world.judge(world.pki.build("me", names=(HOST,)))
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.SELF_SIGNED_LEAF)

    def test_a_leaf_that_names_itself_but_is_signed_by_another(self, world: World) -> None:
        other = world.pki.root("Somebody")
        trust = world.judge(world.pki.build("me", names=(HOST,), issuer=other, claims="me"))
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.UNKNOWN)

    def test_incomplete(self, pki: Any) -> None:
        root = pki.root("Public Root", organisation="Public Trust")
        leaf = root.ca("Public Issuing CA", organisation="Public Trust").leaf(HOST)
        trust = TrustStore(root.pem).judge((leaf.der,), HOST, pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_INCOMPLETE_CHAIN, Anchor.INCOMPLETE)
        assert trust.failure is not None
        assert "CN=Public Issuing CA,O=Public Trust was not sent" in trust.failure.detail
        assert trust.path == (sha(leaf),)

    def test_user_root_that_is_none(self) -> None:
        with pytest.raises(ValueError, match="no certificate"):
            TrustStore(b"", None, [UserRoot(b"hello")])

    @pytest.mark.parametrize("anchor", [Anchor.UNKNOWN, Anchor.OS_ONLY, Anchor.SELF_SIGNED_LEAF, Anchor.INCOMPLETE])
    def test_user_root_of_an_impossible_class(self, world: World, anchor: Anchor) -> None:
        with pytest.raises(ValueError, match="cannot make a chain"):
            TrustStore(b"", None, [UserRoot(world.root.pem, anchor)])


class TestScope:
    def store(self, root: Any) -> TrustStore:
        return TrustStore(b"", None, [UserRoot(root.pem, Anchor.VENDOR_PRIVATE, ("*.vendor.example", "Vendor.test"))])

    @pytest.mark.parametrize("host", ["x.vendor.example", "a.b.vendor.example", "vendor.test", "VENDOR.test."])
    def test_inside(self, pki: Any, host: str) -> None:
        root = pki.root("Look-alike Vendor Root")
        leaf = root.leaf("x.vendor.example", "a.b.vendor.example", "vendor.test")
        assert self.store(root).judge((leaf.der,), host, pki.now).trusted

    @pytest.mark.parametrize("host", ["evil.example", "notvendor.test", "vendor.example.evil.example"])
    def test_outside(self, pki: Any, host: str) -> None:
        root = pki.root("Look-alike Vendor Root")
        trust = self.store(root).judge((root.leaf(host).der,), host, pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.VENDOR_PRIVATE)
        assert trust.failure is not None
        assert "may not vouch for this name" in trust.failure.detail

    def test_one_chain_inside_and_outside(self, pki: Any) -> None:
        """The ending of a chain is kept for several hosts; the scope must not be."""
        root = pki.root("Look-alike Vendor Root")
        store = self.store(root)
        chain = (root.leaf("x.vendor.example", "evil.example").der,)
        for host, trusted in [("x.vendor.example", True), ("evil.example", False)] * 2:
            assert store.judge(chain, host, pki.now).trusted is trusted

    def test_out_of_scope_falls_back_to_a_public_path(self, pki: Any) -> None:
        vendor_key = pki.key()
        public = pki.root("Public Root")
        private = pki.root("Vendor Root", key=vendor_key)
        cross = public.ca("Vendor Root", key=vendor_key)
        leaf = private.leaf("evil.example")
        store = TrustStore(public.pem, None, [UserRoot(private.pem, Anchor.VENDOR_PRIVATE, ("vendor.example",))])
        trust = store.judge((leaf.der, cross.der), "evil.example", pki.now)
        assert (trust.trusted, trust.anchor) == (True, Anchor.PUBLIC)
        assert store.judge((leaf.der,), "evil.example", pki.now).anchor is Anchor.VENDOR_PRIVATE


class TestCompletion:
    def test_learned_from_another_route(self, world: World) -> None:
        other = world.middle.leaf("b.example.com")
        assert not world.judge(world.leaf).trusted
        world.store.learn((other.der, world.middle.der, world.root.der))
        trust = world.judge(world.leaf)
        assert (trust.trusted, trust.anchor, trust.added) == (True, Anchor.PUBLIC, (sha(world.middle),))

    def test_two_levels_learned_in_any_order(self, world: World) -> None:
        lower = world.middle.ca("Lower CA")
        leaf = lower.leaf(HOST)
        world.store.learn((leaf.der, world.middle.der, lower.der))
        assert world.judge(leaf).added == (sha(lower), sha(world.middle))

    def test_what_no_anchor_signed_is_not_learned(self, world: World) -> None:
        rogue = world.pki.root("Rogue")
        forger = rogue.ca("Public Issuing CA")
        world.store.learn((rogue.leaf(HOST).der, forger.der, rogue.der, world.leaf.der, b"garbage"))
        assert world.store._resolver.generation == 0

    def test_what_an_anchor_is_named_for_but_did_not_sign_is_not_learned(self, world: World) -> None:
        impostor = world.pki.root("Public Root")
        forger = impostor.ca("Public Issuing CA", identifiers=False)
        world.store.learn((forger.leaf(HOST).der, forger.der))
        assert world.store._resolver.generation == 0

    def test_what_only_the_machine_s_store_vouches_for_is_not_learned(self, world: World) -> None:
        """An interceptor whose root is installed here shall not fill the places of the public's intermediates."""
        corporate = world.pki.root("Corp Inspection CA")
        store = TrustStore(world.root.pem, corporate.pem)
        store.learn((world.leaf.der, corporate.ca("Corp Issuing CA").der))
        assert store._resolver.generation == 0

    def test_learning_is_bounded(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("prober.interception.chains.MAX_LEARNED", 3)
        for number in range(5):
            world.store.learn((world.leaf.der, world.root.ca(f"CA {number}").der))
        assert world.store._resolver.generation == 3

    def test_same_name_other_key_does_not_complete(self, world: World) -> None:
        """A leaf without key identifiers whose issuer's name fits a held certificate that did not sign it."""
        impostor = world.pki.root("Public Root")
        leaf = impostor.leaf(HOST, identifiers=False)
        trust = world.judge(leaf)
        assert (reason(trust), trust.anchor, trust.forged) == (Reason.CERT_INCOMPLETE_CHAIN, Anchor.INCOMPLETE, None)
        assert trust.path == (sha(leaf),)

    def test_forged_issuer(self, world: World) -> None:
        """Issuer name and key identifier of a held authority, signed with another key."""
        impostor = world.pki.root("Impostor")
        aki = _aki(world.root)
        leaf = impostor.leaf(HOST, claims="Public Root", identifiers=False, extra=(aki,))
        trust = world.judge(leaf)
        assert (reason(trust), trust.anchor, trust.forged) == (
            Reason.CERT_UNTRUSTED,
            Anchor.INCOMPLETE,
            sha(world.root),
        )

    def test_key_identifiers_that_do_not_fit_do_not_hide_an_unknown_root(self, world: World) -> None:
        interceptor = world.pki.root("Interceptor")
        leaf = interceptor.leaf(HOST, identifiers=False, extra=(_aki(world.root),))
        assert world.judge(leaf, interceptor).anchor is Anchor.UNKNOWN


def _aki(issued: Any) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issued.key.public_key())


class TestDates:
    def test_expired_leaf_keeps_its_anchor(self, world: World) -> None:
        leaf = world.middle.leaf(HOST, ends=world.pki.now - world.pki.day)
        trust = world.judge(leaf, world.middle)
        assert (reason(trust), trust.anchor) == (Reason.CERT_EXPIRED, Anchor.PUBLIC)
        assert trust.failure is not None
        assert "its certificate expired 2026-09-20T14:13:20Z" in trust.failure.detail

    def test_not_yet_valid_leaf(self, world: World) -> None:
        leaf = world.middle.leaf(HOST, begins=world.pki.now + world.pki.day)
        trust = world.judge(leaf, world.middle)
        assert (reason(trust), trust.anchor) == (Reason.CERT_NOT_YET_VALID, Anchor.PUBLIC)

    def test_expired_issuer_is_named(self, world: World) -> None:
        middle = world.root.ca("Tired CA", ends=world.pki.now - world.pki.day)
        trust = world.judge(middle.leaf(HOST), middle)
        assert (reason(trust), trust.anchor) == (Reason.CERT_EXPIRED, Anchor.PUBLIC)
        assert trust.failure is not None
        assert "its issuer CN=Tired CA expired" in trust.failure.detail

    def test_expired_root(self, pki: Any) -> None:
        root = pki.root("Old Root", ends=pki.now - pki.day)
        trust = TrustStore(root.pem).judge((root.leaf(HOST).der,), HOST, pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_EXPIRED, Anchor.PUBLIC)

    @pytest.mark.parametrize("order", [1, -1])
    def test_expired_root_with_a_valid_alternative(self, pki: Any, order: int) -> None:
        """The old root is sent as cross-certificate of the new one's key, both are in the store (AddTrust, 2020)."""
        old = pki.root("Old Root", ends=pki.now - pki.day)
        new = pki.root("New Root")
        cross = old.ca("New Root", key=new.key, ends=pki.now - pki.day)
        middle = new.ca("Issuing")
        store = TrustStore(b"".join([old.pem, new.pem][::order]))
        trust = store.judge((middle.leaf(HOST).der, middle.der, cross.der, old.der), HOST, pki.now)
        assert (trust.trusted, trust.path[-1]) == (True, sha(new))

    @pytest.mark.parametrize("order", [1, -1])
    def test_expired_intermediate_with_a_valid_twin(self, world: World, order: int) -> None:
        twin = world.root.ca("Public Issuing CA", key=world.middle.key, ends=world.pki.now - world.pki.day)
        trust = world.judge(world.leaf, *[world.middle, twin][::order])
        assert (trust.trusted, trust.path[1]) == (True, sha(world.middle))

    def test_a_dead_end_does_not_hide_the_way(self, pki: Any) -> None:
        """Two valid twins of one intermediate, only one of them under an anchor: OpenSSL alone may take the other."""
        key = pki.key()
        known, unknown = pki.root("Known"), pki.root("Unknown")
        good, dead = known.ca("Twin", key=key), unknown.ca("Twin", key=key)
        leaf = good.leaf(HOST)
        for chain in ((leaf, dead, good, unknown), (leaf, good, unknown, dead)):
            trust = TrustStore(known.pem).judge(tuple(c.der for c in chain), HOST, pki.now)
            assert (trust.trusted, trust.anchor) == (True, Anchor.PUBLIC)

    def test_judgements_follow_the_clock_to_the_second(self, world: World) -> None:
        ends = world.pki.now + 100
        leaf = world.middle.leaf(HOST, ends=ends)
        for at, trusted in [(ends - 1, True), (ends + 1, False), (ends - 1, True), (ends + 1, False)]:
            assert world.judge(leaf, world.middle, at=at).trusted is trusted
        begins = world.pki.now - 100
        leaf = world.middle.leaf(HOST, begins=begins)
        for at, trusted in [(begins - 1, False), (begins + 1, True), (begins - 1, False)]:
            assert world.judge(leaf, world.middle, at=at).trusted is trusted
        exactly = world.judge(world.middle.leaf(HOST, ends=ends), world.middle, at=ends)
        assert exactly.trusted or reason(exactly) is Reason.CERT_EXPIRED

    @pytest.mark.parametrize("at", [float("nan"), float("inf"), float("-inf"), -1.0, 1e30])
    def test_impossible_times_are_judged(self, world: World, at: float) -> None:
        assert not world.judge(world.leaf, world.middle, at=at).trusted


class TestNamesAndUsage:
    @pytest.mark.parametrize(
        "host",
        [HOST, "A.Example.COM", "a.example.com.", "b.wild.example.com", "192.0.2.7", "2001:db8::7", "[2001:db8::7]"],
    )
    def test_match(self, world: World, host: str) -> None:
        assert world.judge(world.leaf, world.middle, host=host).trusted

    @pytest.mark.parametrize(
        "host",
        [
            "b.example.com",
            "wild.example.com",
            "a.b.wild.example.com",
            "192.0.2.8",
            "2001:db8::8",
            "",
            "a b",
            "*",
            "ä" * 80,
        ],
    )
    def test_mismatch(self, world: World, host: str) -> None:
        trust = world.judge(world.leaf, world.middle, host=host)
        assert (reason(trust), trust.anchor) == (Reason.CERT_NAME_MISMATCH, Anchor.PUBLIC)

    def test_a_common_name_is_no_name(self, world: World) -> None:
        trust = world.judge(world.middle.leaf(subject=HOST), world.middle)
        assert reason(trust) is Reason.CERT_NAME_MISMATCH

    def test_wrong_usage(self, world: World) -> None:
        trust = world.judge(world.middle.leaf(HOST, eku=world.pki.client_auth), world.middle)
        assert (reason(trust), trust.anchor) == (Reason.CERT_WRONG_USAGE, Anchor.PUBLIC)
        assert world.judge(world.middle.leaf(HOST, eku=world.pki.server_auth), world.middle).trusted

    def test_wrong_usage_of_an_issuer(self, world: World) -> None:
        middle = world.root.ca("Mail CA", eku=world.pki.client_auth)
        trust = world.judge(middle.leaf(HOST), middle)
        assert reason(trust) is Reason.CERT_WRONG_USAGE
        assert trust.failure is not None
        assert "CN=Mail CA" in trust.failure.detail

    def test_other_rules(self, world: World) -> None:
        not_a_ca = world.root.leaf("x.example.com", subject="No CA")
        constrained = world.root.ca("Constrained", permitted="other.example")
        short = world.root.ca("Short", path_length=0)
        deeper = short.ca("Deeper")
        for chain in (
            (not_a_ca.leaf(HOST), not_a_ca),
            (constrained.leaf(HOST), constrained),
            (deeper.leaf(HOST), deeper, short),
        ):
            trust = world.judge(*chain)
            assert (reason(trust), trust.anchor) == (Reason.CERT_INVALID, Anchor.PUBLIC)

    def test_a_forged_leaf_under_a_real_one_is_not_called_public(self, world: World) -> None:
        """OpenSSL reports the missing CA flag before any signature: the class must not be taken from that."""
        impostor = world.pki.build("server", issuer=None, ca=False)
        fake = world.pki.build("x", issuer=impostor, names=(HOST,))
        trust = world.judge(fake, world.leaf, world.middle)
        assert (trust.anchor, trust.path) == (Anchor.UNKNOWN, (sha(fake),))

    def test_order_of_what_is_said(self, world: World) -> None:
        pki = world.pki
        other = pki.root("Somebody")
        every = {"ends": pki.now - pki.day, "eku": pki.client_auth}
        worst = world.judge(other.leaf("b.example.com", **every), other)
        assert (reason(worst), worst.anchor) == (Reason.CERT_UNTRUSTED, Anchor.UNKNOWN)
        assert worst.failure is not None
        for word, part in zip(
            ("Somebody", "expired", "b.example.com", "usage"), worst.failure.detail.split("; also: "), strict=True
        ):
            assert word in part
        late = world.judge(world.middle.leaf("b.example.com", **every), world.middle)
        assert reason(late) is Reason.CERT_EXPIRED
        named = world.judge(world.middle.leaf("b.example.com", eku=pki.client_auth), world.middle)
        assert reason(named) is Reason.CERT_NAME_MISMATCH


class TestPins:
    def pinned(self, world: World, pins: dict[str, frozenset[str]]) -> TrustStore:
        return TrustStore(world.root.pem, None, (), pins)

    def test_pinned_leaf_needs_no_root(self, world: World) -> None:
        leaf = world.pki.root("Private").leaf(HOST)
        store = self.pinned(world, {HOST: frozenset({spki(leaf).upper()})})
        trust = store.judge((leaf.der,), HOST, world.pki.now)
        assert (trust.trusted, trust.anchor, trust.path) == (True, Anchor.PINNED, (sha(leaf),))

    def test_pinned_leaf_beats_its_public_root(self, world: World) -> None:
        store = self.pinned(world, {HOST: frozenset({spki(world.leaf)})})
        assert store.judge((world.leaf.der, world.middle.der), HOST, world.pki.now).anchor is Anchor.PINNED

    def test_pinned_issuer_sent_under_an_unknown_root(self, world: World) -> None:
        private = world.pki.root("Private")
        middle = private.ca("Private Issuing")
        leaf = middle.leaf(HOST)
        for pin in (private, middle):
            store = self.pinned(world, {"*.example.com": frozenset({spki(pin)})})
            trust = store.judge((leaf.der, middle.der, private.der), HOST, world.pki.now)
            assert (trust.trusted, trust.anchor) == (True, Anchor.PINNED)

    def test_a_pinned_certificate_that_signed_nothing_does_not_count(self, world: World) -> None:
        private, other = world.pki.root("Private"), world.pki.root("Private")
        store = self.pinned(world, {HOST: frozenset({spki(private)})})
        trust = store.judge((other.leaf(HOST).der, private.der, other.der), HOST, world.pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.UNKNOWN)

    def test_a_root_may_be_pinned_though_not_sent(self, world: World) -> None:
        store = self.pinned(world, {HOST: frozenset({spki(world.root)})})
        trust = store.judge((world.leaf.der, world.middle.der), HOST, world.pki.now)
        assert (trust.trusted, trust.anchor) == (True, Anchor.PUBLIC)

    def test_no_match_is_not_trusted_even_if_public(self, world: World) -> None:
        store = self.pinned(world, {HOST: frozenset({"00" * 32})})
        chain = (world.leaf.der, world.middle.der)
        trust = store.judge(chain, HOST, world.pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.PUBLIC)
        assert trust.failure is not None
        assert "none of the keys pinned" in trust.failure.detail
        assert store.judge(chain, "192.0.2.7", world.pki.now).trusted

    def test_name_and_dates_are_still_checked(self, world: World) -> None:
        leaf = world.pki.root("Private").leaf("b.example.com", ends=world.pki.now - world.pki.day)
        store = self.pinned(world, {HOST: frozenset({spki(leaf)})})
        trust = store.judge((leaf.der,), HOST, world.pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_EXPIRED, Anchor.PINNED)
        assert trust.failure is not None
        assert "not for a.example.com" in trust.failure.detail


class TestShippedChains:
    """The real certificates of the vendor, judged with certifi's store. They carry no server name: anything but a
    name mismatch would show."""

    @pytest.mark.parametrize(
        ("subject", "issuer", "at", "anchor", "expected"),
        [
            ("Microsoft Secure Server CA 2011", "", "2026-10-18", Anchor.VENDOR_PRIVATE, Reason.CERT_NAME_MISMATCH),
            ("Microsoft Secure Server CA 2011", "", "2026-10-19", Anchor.VENDOR_PRIVATE, Reason.CERT_EXPIRED),
            (
                "Microsoft Update Secure Server CA 2.1",
                "",
                "2026-11-22",
                Anchor.VENDOR_PRIVATE,
                Reason.CERT_NAME_MISMATCH,
            ),
            (
                "Microsoft Azure RSA TLS Issuing CA 08",
                "DigiCert",
                "2026-08-26",
                Anchor.PUBLIC,
                Reason.CERT_EXPIRED,
            ),
            (
                "Microsoft Azure RSA TLS Issuing CA 08",
                "Microsoft RSA",
                "2026-08-26",
                Anchor.PUBLIC,
                Reason.CERT_NAME_MISMATCH,
            ),
            ("Microsoft TLS G2 RSA CA OCSP 02", "", "2026-11-22", Anchor.PUBLIC, Reason.CERT_NAME_MISMATCH),
            ("Microsoft TLS RSA Root G2", "DigiCert", "2029-06-21", Anchor.PUBLIC, Reason.CERT_EXPIRED),
        ],
    )
    def test_ends_where_it_should(self, subject: str, issuer: str, at: str, anchor: Anchor, expected: Reason) -> None:
        when = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC).timestamp()
        trust = TrustStore(MOZILLA).judge((bridge(subject, issuer),), "v20.events.data.microsoft.com", when)
        assert (trust.anchor, reason(trust)) == (anchor, expected)

    def test_the_cross_certificate_makes_the_g2_family_public(self) -> None:
        trust = TrustStore(MOZILLA).judge(
            (bridge("Microsoft TLS G2 RSA CA OCSP 04"),), "www.microsoft.com", 1_795_000_000
        )
        assert trust.anchor is Anchor.PUBLIC
        assert trust.added == (hashlib.sha256(bridge("Microsoft TLS RSA Root G2")).hexdigest(),)

    def test_without_the_cross_certificate_the_g2_root_is_the_vendors(self) -> None:
        """DigiCert Global Root G2 out of the store: the self-signed form is left."""
        store = TrustStore(b"")
        chain = (bridge("Microsoft TLS G2 RSA CA OCSP 04"),)
        assert store.judge(chain, "www.microsoft.com", 1_795_000_000).anchor is Anchor.VENDOR_PRIVATE
        outside = store.judge(chain, "evil.example", 1_795_000_000)
        assert reason(outside) is Reason.CERT_UNTRUSTED
        assert outside.anchor is Anchor.VENDOR_PRIVATE

    def test_the_private_roots_do_not_vouch_for_others(self) -> None:
        trust = TrustStore(MOZILLA).judge(
            (bridge("Microsoft Update Secure Server CA 2.1"),), "evil.example", 1_790_000_000
        )
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.VENDOR_PRIVATE)

    def test_a_root_that_only_looks_like_microsofts(self, pki: Any) -> None:
        fake = pki.root("Microsoft Root Certificate Authority 2011")
        trust = TrustStore(MOZILLA).judge((fake.leaf("x.microsoft.com").der, fake.der), "x.microsoft.com", pki.now)
        assert (reason(trust), trust.anchor) == (Reason.CERT_UNTRUSTED, Anchor.UNKNOWN)


class TestHostileInput:
    def test_order_of_the_issuers_does_not_matter(self, pki: Any) -> None:
        root = pki.root("Public Root")
        cross = pki.root("Other Root").ca("Public Root", key=root.key)
        upper = root.ca("Upper")
        lower = upper.ca("Lower")
        leaf = lower.leaf(HOST)
        rest = [root.der, cross.der, upper.der, lower.der, b"garbage", lower.der, leaf.der]
        store = TrustStore(root.pem)
        expected = store.judge((leaf.der, *rest), HOST, pki.now)
        assert expected.trusted
        for seed in range(100):
            random.Random(seed).shuffle(rest)  # noqa: S311  a reproducible order, not a secret
            assert store.judge((leaf.der, *rest), HOST, pki.now) == expected

    def test_empty_and_unreadable(self, world: World) -> None:
        for chain in ((), (b"",), (b"garbage", world.leaf.der), (b"0" * 70_000,)):
            trust = world.store.judge(chain, HOST, world.pki.now)
            assert (reason(trust), trust.anchor, trust.path) == (Reason.CERT_INVALID, Anchor.INCOMPLETE, ())

    def test_boundaries_between_certificates_count(self, world: World) -> None:
        """The same octets cut elsewhere are another chain, whatever was judged before."""
        assert not world.store.judge((world.leaf.der + world.middle.der,), HOST, world.pki.now).trusted
        assert world.store.judge((world.leaf.der, world.middle.der), HOST, world.pki.now).trusted

    def test_a_ring_of_issuers_and_a_huge_bag_come_to_an_end(self, world: World) -> None:
        pki = world.pki
        keys = {name: pki.build(name, ca=True) for name in ("A", "B", "C")}
        ring = [
            pki.build(name, issuer=keys[other], key=pki.key(), ca=True).der
            for name in keys
            for other in keys
            for _ in range(20)
        ]
        leaf = pki.build("x", issuer=keys["A"], names=(HOST,))
        trust = world.store.judge((leaf.der, *ring, *ring), HOST, pki.now)
        assert not trust.trusted
        real = world.store.judge((world.leaf.der, *ring[:98], world.middle.der), HOST, pki.now)
        assert real.trusted

    def test_beyond_a_hundred_nothing_is_read(self, world: World) -> None:
        chain = (world.leaf.der, *[b"x"] * 99, world.middle.der)
        trust = world.store.judge(chain, HOST, world.pki.now)
        assert (trust.anchor, trust.path) == (Anchor.UNKNOWN, (sha(world.leaf),))

    def test_details_are_bounded_and_plain(self, world: World) -> None:
        evil = "\x1b[31m\r\n\u202e" + "A" * 50
        other = world.pki.root(evil)
        trust = world.judge(other.leaf("x.example.com"), other, host="a\x1b[2J" + "b" * 5_000)
        assert trust.failure is not None
        assert trust.failure.detail.isprintable()
        assert len(trust.failure.detail) < 1_500

    def test_stage_and_hop_are_the_callers(self, world: World) -> None:
        trust = world.store.judge((world.leaf.der,), HOST, world.pki.now, stage=Stage.PROXY_TLS, hop=2)
        again = world.store.judge((world.leaf.der,), HOST, world.pki.now)
        assert trust.failure is not None
        assert again.failure is not None
        assert (trust.failure.stage, trust.failure.hop) == (Stage.PROXY_TLS, 2)
        assert (again.failure.stage, again.failure.hop) == (Stage.TLS, 0)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.binary(max_size=200), max_size=5), st.text(max_size=30), st.floats())
    def test_arbitrary_input(self, chain: list[bytes], host: str, at: float) -> None:
        assert not TrustStore(b"", b"\xff").judge(tuple(chain), host, at).trusted

    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def test_mutated_real_certificates(self, data: st.DataObject) -> None:
        store = _mozilla_store()
        chain = [bridge("Microsoft TLS G2 RSA CA OCSP 02"), bridge("Microsoft TLS RSA Root G2")]
        victim = data.draw(st.integers(0, 1))
        mutated = bytearray(chain[victim])
        for _ in range(data.draw(st.integers(1, 4))):
            mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
        chain[victim] = bytes(mutated)
        assert not store.judge(tuple(chain), "www.microsoft.com", 1_795_000_000).trusted
        store.learn(tuple(reversed(chain)))


_stores: list[TrustStore] = []


def _mozilla_store() -> TrustStore:
    if not _stores:
        _stores.append(TrustStore(MOZILLA))
    return _stores[0]


class TestMemory:
    def test_each_distinct_chain_is_resolved_once(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[int] = []
        resolve = world.store._resolver.resolve

        def counted(*arguments: Any) -> Any:
            calls.append(1)
            return resolve(*arguments)

        monkeypatch.setattr(world.store._resolver, "resolve", counted)
        for host in (HOST, "b.wild.example.com", "c.wild.example.com", HOST):
            for later in (0, 1, 3_600):
                assert world.judge(world.leaf, world.middle, host=host, at=world.pki.now + later).trusted
        assert len(calls) == 1

    def test_long_chains_are_remembered_too(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        chain = (world.leaf.der, world.middle.der, *[bytes([n]) * 3_000 for n in range(5)])
        first = world.store.judge(chain, HOST, world.pki.now)
        monkeypatch.setattr(world.store, "_judge", None)
        assert first.trusted
        assert world.store.judge(chain, HOST, world.pki.now) is first

    def test_floods_are_bounded(self, world: World) -> None:
        for number in range(20_000):
            world.store.judge((b"%d" % number,), HOST, world.pki.now)
        assert len(world.store._judged) <= 12_288
        assert world.judge(world.leaf, world.middle).trusted
