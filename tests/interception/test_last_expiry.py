"""The end of the longest-lived trusted path: what blackbox_exporter calls the last chain's expiry."""

from __future__ import annotations

import pytest

from prober.interception import certificate_facts
from prober.interception.anchors import UserRoot
from prober.interception.trust import TrustStore
from prober.model import Anchor

from .conftest import Workshop

HOST = "host.example.com"


def test_a_path_ends_with_its_first_certificate(pki: Workshop) -> None:
    root = pki.root("Root")
    middle = root.ca("Middle", ends=pki.now + 40 * pki.day)
    leaf = middle.leaf(HOST)
    store = TrustStore(root.pem, with_shipped=False)
    expected = store_end(store, (leaf.der, middle.der), pki.now)
    assert expected == pytest.approx(min(pki.now + 40 * pki.day, end_of(leaf.der)), abs=1)


def test_of_two_paths_the_longer_lived_counts(pki: Workshop) -> None:
    """The same authority twice: its own root lives on, the cross-certificate under the old root does not."""
    old, new = pki.root("Old Root"), pki.root("New Root")
    cross = old.ca("New Root", key=new.key, ends=pki.now + 3 * pki.day)
    leaf = new.leaf(HOST)
    both = TrustStore(old.pem + new.pem, with_shipped=False)
    only_old = TrustStore(old.pem, with_shipped=False)
    assert store_end(only_old, (leaf.der, cross.der), pki.now) == pytest.approx(pki.now + 3 * pki.day, abs=1)
    assert store_end(both, (leaf.der, cross.der), pki.now) == pytest.approx(end_of(leaf.der), abs=1)


def test_without_a_trusted_path_there_is_none(pki: Workshop) -> None:
    root, stranger = pki.root("Root"), pki.root("Stranger")
    store = TrustStore(root.pem, with_shipped=False)
    assert store_end(store, (stranger.leaf(HOST).der, stranger.der), pki.now) is None
    assert store_end(store, (root.leaf(HOST, ends=pki.now - pki.day).der,), pki.now) is None
    assert store_end(store, (), pki.now) is None
    assert store_end(store, (b"no certificate",), pki.now) is None
    assert store_end(store, (root.leaf(HOST).der,), -1.0) is None


def test_roots_of_this_machine_count_where_they_are_asked_for(pki: Workshop) -> None:
    local = pki.root("Local")
    chain = (local.leaf(HOST).der,)
    store = TrustStore(b"", local.pem, with_shipped=False)
    assert store.last_expiry(chain, HOST, pki.now) is None
    assert store.last_expiry(chain, HOST, pki.now, with_machine=True) == pytest.approx(end_of(chain[0]), abs=1)


def test_a_root_that_may_not_vouch_for_the_name_does_not(pki: Workshop) -> None:
    scoped = pki.root("Scoped")
    store = TrustStore(b"", None, [UserRoot(scoped.pem, Anchor.PINNED, ("other.example",))], with_shipped=False)
    assert store_end(store, (scoped.leaf(HOST).der,), pki.now) is None


def store_end(store: TrustStore, chain: tuple[bytes, ...], at: float) -> float | None:
    return store.last_expiry(chain, HOST, at)


def end_of(der: bytes) -> float:
    facts = certificate_facts(der)
    assert facts is not None
    return facts.not_after
