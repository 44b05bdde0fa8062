"""What a trust store holds: stores of a key, certificates by digest, and snapshots that judge the same elsewhere."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import pytest

from prober.interception import Trust, TrustSnapshot, TrustStore, UserRoot, certificate_facts
from prober.interception.anchors import certificates_in, shipped
from prober.model import Anchor

HOST = "a.example.com"
MOZILLA = Path(certifi.where()).read_bytes()


def spki(issued: Any) -> str:
    facts = certificate_facts(issued.der)
    assert facts is not None
    return facts.spki_sha256


def sha(issued: Any) -> str:
    return hashlib.sha256(issued.der).hexdigest()


def test_stores_of_a_key(pki: Any) -> None:
    public, machine, own = pki.root("Public"), pki.root("Machine"), pki.root("Own")
    vendor = next(a.certificate.facts for a in shipped().authorities if a.anchor is Anchor.VENDOR_PRIVATE)
    legacy = next(a.certificate.facts for a in shipped().authorities if a.anchor is Anchor.PUBLIC_LEGACY)
    store = TrustStore(public.pem, public.pem + machine.pem + own.pem, [UserRoot(own.pem, Anchor.PUBLIC)])
    assert store.stores_of(spki(public)) == ("mozilla", "os")
    assert store.stores_of(spki(machine)) == ("os",)
    assert store.stores_of(spki(own)) == ("os", "user")
    assert store.stores_of(vendor.spki_sha256) == ("vendor",)
    assert store.stores_of(legacy.spki_sha256) == ("legacy",)
    assert store.stores_of("00" * 32) == ()
    assert TrustStore(public.pem, with_shipped=False).stores_of(vendor.spki_sha256) == ()


def test_a_renewed_root_counts_by_its_key(pki: Any) -> None:
    public = pki.root("Public")
    renewed = pki.build("Public", ca=True, key=public.key, ends=pki.now + 99 * pki.day)
    assert TrustStore(public.pem, renewed.pem).stores_of(spki(public)) == ("mozilla", "os")


def test_certificates_by_digest(pki: Any) -> None:
    public, inspection = pki.root("Public"), pki.root("Inspection")
    middle = public.ca("Middle")
    store = TrustStore(public.pem, interceptors=[inspection.pem])
    assert store.certificate(sha(middle)) is None
    store.learn((middle.leaf(HOST).der, middle.der))
    for held in (public, middle, inspection):
        facts = store.certificate(sha(held))
        assert facts is not None
        assert facts.sha256 == sha(held)
    assert store.certificate(shipped().bridges[0].facts.sha256) == shipped().bridges[0].facts
    assert store.certificate("") is None


class Elsewhere:
    """A run with every kind of chain, judged here, and again from a snapshot."""

    def __init__(self, pki: Any) -> None:
        self.public, self.other = pki.root("Public", organisation="Public"), pki.root("Other Public")
        self.machine, self.idle = pki.root("Installed"), pki.root("Installed, never met")
        self.own, self.inspection, self.digest = pki.root("Own"), pki.root("Inspection"), pki.root("By digest")
        self.mozilla = self.public.pem + self.other.pem
        middle = self.public.ca("Middle")
        pinned = pki.root("Private").leaf("pinned.example")
        self.store = TrustStore(
            self.mozilla,
            self.machine.pem + self.idle.pem + self.public.pem + self.inspection.pem,
            [UserRoot(self.own.pem, Anchor.VENDOR_PRIVATE, ("*.corp.example",))],
            {"pinned.example": frozenset({spki(pinned)}), "*.other.example": frozenset({"00" * 32})},
            interceptors=[self.inspection.pem, spki(self.digest)],
            known_bad={spki(self.idle): "idle"},
        )
        impostor = pki.root("Public", organisation="Public")
        bridge = next(c for c in shipped().bridges if "G2 RSA CA OCSP 02" in c.facts.subject)
        forged = pki.root("Forger").leaf(HOST, claims="Installed", identifiers=False, extra=(_aki(self.machine),))
        self.cases: list[tuple[tuple[bytes, ...], str]] = [
            ((middle.leaf(HOST).der, middle.der), HOST),
            ((middle.leaf("b.example.com").der,), "b.example.com"),
            ((self.other.leaf("x.other.example").der,), "x.other.example"),
            ((self.machine.leaf(HOST).der,), HOST),
            ((self.own.leaf("x.corp.example").der,), "x.corp.example"),
            ((self.own.leaf(HOST).der,), HOST),
            ((self.inspection.leaf(HOST).der,), HOST),
            ((self.digest.leaf(HOST).der, self.digest.der), HOST),
            ((pinned.der,), "pinned.example"),
            ((impostor.leaf(HOST, identifiers=False).der,), HOST),
            ((pki.root("Stranger").leaf(HOST).der,), HOST),
            ((forged.der,), HOST),
            ((bridge.der,), "www.microsoft.com"),
        ]
        self.now = pki.now

    def judge(self, store: TrustStore) -> list[Trust]:
        for chain, _ in self.cases:
            store.learn(chain)
        return [store.judge(chain, host, self.now) for chain, host in self.cases]

    def used(self, trusts: list[Trust]) -> set[str]:
        return {digest for trust in trusts for digest in (*trust.path, trust.forged) if digest}


def _aki(issued: Any) -> Any:
    from cryptography import x509

    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issued.key.public_key())


@pytest.fixture
def elsewhere(pki: Any) -> Elsewhere:
    return Elsewhere(pki)


@pytest.mark.parametrize("only_used", [True, False])
def test_a_snapshot_judges_the_same(elsewhere: Elsewhere, only_used: bool) -> None:
    before = elsewhere.judge(elsewhere.store)
    assert len({(trust.anchor, trust.trusted) for trust in before}) >= 7
    snapshot = elsewhere.store.snapshot(elsewhere.used(before) if only_used else None)
    again = TrustStore.from_snapshot(pickle.loads(pickle.dumps(snapshot)), elsewhere.mozilla)  # noqa: S301  our own
    assert elsewhere.judge(again) == before
    for trust in before:
        for digest in trust.path:
            facts = elsewhere.store.certificate(digest)
            if facts is not None:
                assert again.certificate(digest) == facts
                assert again.stores_of(facts.spki_sha256) == elsewhere.store.stores_of(facts.spki_sha256)


def test_a_snapshot_of_a_snapshot_is_the_same(elsewhere: Elsewhere) -> None:
    used = elsewhere.used(elsewhere.judge(elsewhere.store))
    first = elsewhere.store.snapshot(used)
    assert TrustStore.from_snapshot(first, elsewhere.mozilla).snapshot(used) == first


def test_of_the_machine_s_store_only_what_was_used_is_kept(elsewhere: Elsewhere) -> None:
    snapshot = elsewhere.store.snapshot(elsewhere.used(elsewhere.judge(elsewhere.store)))
    machine = [anchor.der for anchor in snapshot.anchors if anchor.store == "os"]
    assert machine == [elsewhere.machine.der, elsewhere.inspection.der]
    assert elsewhere.idle.der not in {anchor.der for anchor in snapshot.anchors}
    assert [a.der for a in snapshot.anchors if a.store == "user"] == [elsewhere.own.der]
    nothing = elsewhere.store.snapshot(())
    assert [anchor.store for anchor in nothing.anchors] == ["user"]
    assert (nothing.bridges, nothing.pins) == ((), snapshot.pins)


def test_a_root_that_left_mozilla_s_store_since_then_is_still_an_anchor(elsewhere: Elsewhere) -> None:
    before = elsewhere.judge(elsewhere.store)
    snapshot = elsewhere.store.snapshot(elsewhere.used(before))
    later = TrustStore.from_snapshot(snapshot, elsewhere.other.pem)
    assert later.snapshot().mozilla_sha256 != snapshot.mozilla_sha256
    assert elsewhere.judge(later)[0] == before[0]
    assert before[0].anchor is Anchor.PUBLIC


def test_what_a_snapshot_says(pki: Any) -> None:
    snapshot = TrustStore(MOZILLA).snapshot(())
    assert snapshot.mozilla_sha256 == hashlib.sha256(MOZILLA).hexdigest()
    assert (snapshot.shipped_version, snapshot.shipped_dated) == (shipped().version, shipped().dated)
    assert snapshot.shipped_dated.startswith("20")
    assert snapshot == TrustSnapshot(
        shipped_version=shipped().version,
        shipped_dated=shipped().dated,
        with_shipped=True,
        mozilla_sha256=snapshot.mozilla_sha256,
        anchors=(),
        bridges=(),
        os_keys=(),
        pins=(),
        interceptor_certificates=(),
        interceptor_digests=(),
        known_bad=(),
    )


def test_without_the_shipped_anchors_a_snapshot_has_none_either(pki: Any) -> None:
    root = pki.root("Proxy's CA")
    store = TrustStore(b"", None, [UserRoot(root.pem)], with_shipped=False)
    again = TrustStore.from_snapshot(store.snapshot(), b"")
    assert again.judge((root.leaf(HOST).der,), HOST, pki.now).trusted
    legacy = next(c.facts for c in certificates_in(_legacy_pem()))
    assert again.stores_of(legacy.spki_sha256) == ()


def _legacy_pem() -> bytes:
    import prober.interception

    return (Path(prober.interception.__file__).parent / "data" / "digicert_global_root_ca.pem").read_bytes()


def test_a_broken_snapshot(elsewhere: Elsewhere) -> None:
    snapshot = elsewhere.store.snapshot()
    anchors = (replace(snapshot.anchors[0], der=b"garbage"),)
    with pytest.raises(ValueError, match="cannot be read"):
        TrustStore.from_snapshot(replace(snapshot, anchors=anchors), elsewhere.mozilla)


@pytest.mark.parametrize(("targets", "kept"), [(0, False), (40, True)])
def test_a_run_of_many_targets_is_judged_once(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, targets: int, kept: bool
) -> None:
    """Egress points see the same targets one after another; two judgements of each are kept, whatever is usual."""
    monkeypatch.setattr("prober.interception.trust._JUDGED", 4)
    store = TrustStore.from_snapshot(elsewhere.store.snapshot(), elsewhere.mozilla, targets=targets)
    chain, host = next(
        (chain, host) for chain, host in elsewhere.cases if elsewhere.store.judge(chain, host, elsewhere.now).trusted
    )
    first = [store.judge(chain, f"a{number}.{host}", elsewhere.now) for number in range(60)]
    again = [store.judge(chain, f"a{number}.{host}", elsewhere.now) for number in range(60)]
    assert first == again
    assert all(one is other for one, other in zip(first, again, strict=True)) == kept
