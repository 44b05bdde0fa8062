"""Known bad authorities and the user's own inspection: recognised by signature, never trusted."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import certifi
import pytest

import prober.interception
from prober.interception import TrustStore, UserRoot, certificate_facts
from prober.interception.anchors import certificates_in
from prober.interception.marks import marks_of, shipped_known_bad
from prober.model import Anchor, Reason

HOST = "a.example.com"
MOZILLA = Path(certifi.where()).read_bytes()
LIST = tomllib.loads((Path(prober.interception.__file__).parent / "data" / "known_bad.toml").read_text("utf-8"))
PEMS = Path(__file__).parent / "known_bad"


def spki(issued: Any) -> str:
    facts = certificate_facts(issued.der)
    assert facts is not None
    return facts.spki_sha256


def sha(issued: Any) -> str:
    return hashlib.sha256(issued.der).hexdigest()


class TestShippedList:
    def test_entries_are_whole(self) -> None:
        names = [entry["name"] for entry in LIST["authority"]]
        assert len(names) == len(set(names)) == 22
        assert len(shipped_known_bad()) == sum("sha256" in e for e in LIST["authority"]) + len(names)
        for entry in LIST["authority"]:
            for key in ("sha256", "spki_sha256"):
                assert len(bytes.fromhex(entry.get(key, "00" * 32))) == 32
            assert entry["source"]
            assert entry["dated"] <= LIST["dated"]

    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("superfish", "Superfish VisualDiscovery"),
            ("edellroot", "Dell eDellRoot"),
            ("qaznet", "Qaznet Trust Network (Kazakhstan 2019)"),
        ],
    )
    def test_the_real_ones_are_recognised(self, file: str, name: str) -> None:
        """Digests of the list against the certificates themselves, even where the machine trusts them."""
        pem = (PEMS / f"{file}.pem").read_bytes()
        (certificate,) = certificates_in(pem)
        (entry,) = [entry for entry in LIST["authority"] if entry["name"] == name]
        assert (entry["sha256"], entry["spki_sha256"]) == (certificate.facts.sha256, certificate.facts.spki_sha256)
        for store in (TrustStore(MOZILLA), TrustStore(MOZILLA, pem), TrustStore(MOZILLA, None, [UserRoot(pem)])):
            trust = store.judge((certificate.der,), HOST, 1_790_000_000)
            assert (trust.trusted, trust.known_bad) == (False, name)

    def test_no_authority_of_mozilla_is_on_it(self) -> None:
        marks = marks_of((), {})
        assert not [c.facts.subject for c in certificates_in(MOZILLA) if marks.on((c,))]


@pytest.fixture(params=["certificate", "key", "pem"])
def inspection(request: pytest.FixtureRequest, pki: Any) -> tuple[Any, bytes | str, str]:
    """A user's inspection CA, how it is given, and what it is called."""
    root = pki.root("Corp Inspection CA")
    given: dict[str, bytes | str] = {"certificate": sha(root), "key": spki(root).upper(), "pem": root.pem}
    called = {"certificate": sha(root), "key": spki(root), "pem": "CN=Corp Inspection CA"}
    return root, given[request.param], called[request.param]


class TestInterceptor:
    def test_on_the_path(self, pki: Any, inspection: tuple[Any, bytes | str, str]) -> None:
        root, given, called = inspection
        sub = root.ca("Sub")
        store = TrustStore(MOZILLA, interceptors=[given])
        trust = store.judge((sub.leaf(HOST).der, sub.der, root.der), HOST, pki.now)
        assert (trust.trusted, trust.anchor, trust.interceptor, trust.known_bad) == (
            False,
            Anchor.UNKNOWN,
            called,
            None,
        )
        assert trust.failure is not None
        assert trust.failure.reason is Reason.CERT_UNTRUSTED
        assert called in trust.failure.detail
        assert trust.path[-1] == sha(root)

    @pytest.mark.parametrize("as_root", ["machine", "user", "public", "pin"])
    def test_never_trusted_whatever_else_it_is(
        self, pki: Any, inspection: tuple[Any, bytes | str, str], as_root: str
    ) -> None:
        root, given, called = inspection
        leaf = root.leaf(HOST)
        store = TrustStore(
            root.pem if as_root == "public" else b"",
            root.pem if as_root == "machine" else None,
            [UserRoot(root.pem)] if as_root == "user" else (),
            {HOST: frozenset({spki(root), spki(leaf)})} if as_root == "pin" else None,
            interceptors=[given],
        )
        trust = store.judge((leaf.der, root.der), HOST, pki.now)
        if as_root == "pin":  # the leaf's own key is pinned and unmarked: that is the user's word, too
            assert (trust.trusted, trust.anchor, trust.interceptor) == (True, Anchor.PINNED, None)
        else:
            assert (trust.trusted, trust.interceptor) == (False, called)
            assert trust.anchor is (Anchor.OS_ONLY if as_root == "machine" else Anchor.UNKNOWN)

    def test_its_intermediates_are_not_learned(self, pki: Any, inspection: tuple[Any, bytes | str, str]) -> None:
        root, given, _ = inspection
        store = TrustStore(b"", None, [UserRoot(root.pem)], interceptors=[given])
        store.learn((pki.build("x").der, root.ca("Sub").der))
        assert store.generation == 0

    def test_its_name_is_not_familiar(self, pki: Any, inspection: tuple[Any, bytes | str, str]) -> None:
        """A root that is marked shall not make its nameless cousins pass for public."""
        root, given, _ = inspection
        store = TrustStore(b"", None, [UserRoot(root.pem)], interceptors=[given])
        cousin = pki.root("Corp Inspection CA").leaf(HOST, identifiers=False)
        assert store.judge((cousin.der,), HOST, pki.now).anchor is Anchor.UNKNOWN

    def test_a_leaf_with_its_key(self, pki: Any) -> None:
        """squid and mitmproxy serve every host with the authority's own key; the chain need not show the authority."""
        root = pki.root("Corp Inspection CA")
        leaf = pki.root('Not trusted by "x"').leaf(HOST, key=root.key)
        trust = TrustStore(MOZILLA, interceptors=[spki(root)]).judge((leaf.der,), HOST, pki.now)
        assert (trust.interceptor, trust.anchor) == (spki(root), Anchor.UNKNOWN)

    def test_a_root_not_sent_is_recognised_by_its_signature(self, pki: Any) -> None:
        root, twin = pki.root("Corp Inspection CA"), pki.root("Corp Inspection CA")
        store = TrustStore(MOZILLA, interceptors=[root.pem])
        trust = store.judge((root.leaf(HOST, identifiers=False).der,), HOST, pki.now)
        assert (trust.interceptor, trust.added, trust.anchor) == (
            "CN=Corp Inspection CA",
            (sha(root),),
            Anchor.UNKNOWN,
        )
        other = store.judge((twin.leaf(HOST, identifiers=False).der,), HOST, pki.now)
        assert (other.interceptor, other.anchor) == (None, Anchor.UNKNOWN)

    def test_an_intermediate_can_be_named_too(self, pki: Any) -> None:
        root = pki.root("Corp Root")
        sub = root.ca("Corp Inspection CA")
        store = TrustStore(MOZILLA, interceptors=[sub.pem])
        for chain in ([sub.leaf(HOST)], [sub.leaf(HOST), sub], [sub.leaf(HOST), sub, root]):
            trust = store.judge(tuple(c.der for c in chain), HOST, pki.now)
            assert (trust.interceptor, trust.anchor) == ("CN=Corp Inspection CA", Anchor.UNKNOWN)

    def test_a_public_sub_ca_used_to_intercept(self, pki: Any) -> None:
        """It chains to a public root, as Trustwave's did; what the user, or the list, says counts more."""
        public = pki.root("Public Root")
        sub = public.ca("Sub CA for inspection")
        leaf = sub.leaf(HOST)
        named = TrustStore(public.pem, interceptors=[spki(sub)])
        listed = TrustStore(public.pem, known_bad={spki(sub): "a bad one"})
        assert TrustStore(public.pem).judge((leaf.der, sub.der), HOST, pki.now).trusted
        assert named.judge((leaf.der, sub.der), HOST, pki.now).interceptor == spki(sub)
        trust = listed.judge((leaf.der, sub.der), HOST, pki.now)
        assert (trust.trusted, trust.known_bad, trust.anchor) == (False, "a bad one", Anchor.UNKNOWN)

    def test_being_in_the_bag_is_nothing(self, pki: Any) -> None:
        """Anybody can send along anybody's certificate."""
        public, corporate = pki.root("Public Root"), pki.root("Corp Inspection CA")
        store = TrustStore(public.pem, interceptors=[corporate.pem])
        trust = store.judge((public.leaf(HOST).der, corporate.der), HOST, pki.now)
        assert (trust.trusted, trust.interceptor) == (True, None)
        stranger = pki.root("Corp Inspection CA")
        trust = store.judge((stranger.leaf(HOST, identifiers=False).der, corporate.der), HOST, pki.now)
        assert (trust.anchor, trust.interceptor) == (Anchor.UNKNOWN, None)

    def test_a_cross_certificate_does_not_taint_a_public_chain(self, pki: Any) -> None:
        """Anybody can sign a public authority's key; the way without the mark is the one that counts."""
        public, corporate = pki.root("Public Root"), pki.root("Corp Inspection CA")
        middle = public.ca("Public Issuing CA")
        cross = corporate.ca("Public Issuing CA", key=middle.key)
        store = TrustStore(public.pem, interceptors=[corporate.pem])
        for chain in ((cross, middle), (middle, cross)):
            leaf = middle.leaf(HOST)
            trust = store.judge((leaf.der, *(c.der for c in chain), corporate.der), HOST, pki.now)
            assert (trust.trusted, trust.anchor, trust.interceptor) == (True, Anchor.PUBLIC, None)

    def test_dates_and_names_are_told_too(self, pki: Any) -> None:
        root = pki.root("Corp Inspection CA")
        leaf = root.leaf("b.example.com", ends=pki.now - pki.day)
        trust = TrustStore(MOZILLA, interceptors=[root.pem]).judge((leaf.der,), HOST, pki.now)
        assert trust.problems == (Reason.CERT_UNTRUSTED, Reason.CERT_EXPIRED, Reason.CERT_NAME_MISMATCH)

    @pytest.mark.parametrize("wrong", [b"hello", "abc", "0" * 63, "g" * 64, "\x1b[31m"])
    def test_what_is_no_interceptor(self, wrong: bytes | str) -> None:
        with pytest.raises(ValueError, match=r"no certificate|not a SHA-256") as caught:
            TrustStore(b"", interceptors=[wrong])
        assert str(caught.value).isprintable()
