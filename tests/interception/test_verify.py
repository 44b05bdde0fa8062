"""OpenSSL's answers as numbers, and the two traps in asking it."""

from __future__ import annotations

from typing import Any

from prober.interception.verify import OK, TIME_ERRORS, UNREADABLE, PathVerifier, signatures_hold, signed_by


def test_time_is_per_question(pki: Any) -> None:
    """`set_time` works once a store: the second question must not be answered for the first one's time."""
    root = pki.root("r")
    path = [root.leaf("a.example").der, root.der]
    verifier = PathVerifier()
    now, late = int(pki.now), int(pki.now + 20 * pki.day)
    assert [verifier.check(path, at) for at in (now, late, now)] == [OK, 10, OK]
    assert verifier.check(path, int(pki.now - 20 * pki.day)) == 9
    assert {9, 10} == TIME_ERRORS


def test_time_can_be_left_out_but_signatures_cannot(pki: Any) -> None:
    root, twin = pki.root("r"), pki.root("r")
    leaf = root.leaf("a.example", ends=pki.now - pki.day, identifiers=False)
    assert PathVerifier().check([leaf.der, root.der], None) == OK
    assert PathVerifier().check([leaf.der, twin.der], None) == 7


def test_an_anchor_need_not_be_a_root(pki: Any) -> None:
    middle = pki.root("r").ca("m")
    leaf = middle.leaf("a.example")
    assert PathVerifier().check([leaf.der, middle.der], int(pki.now)) == OK
    assert PathVerifier().check([leaf.der], int(pki.now)) == OK


def test_unreadable(pki: Any) -> None:
    root = pki.root("r")
    assert PathVerifier().check([b"garbage", root.der], int(pki.now)) == UNREADABLE
    assert PathVerifier().check([root.leaf("a.example").der, b""], int(pki.now)) == UNREADABLE


def test_signatures(pki: Any) -> None:
    root, twin = pki.root("r"), pki.root("r")
    middle = root.ca("m")
    leaf = middle.leaf("a.example")
    assert signatures_hold([leaf.der, middle.der, root.der, root.der])
    assert not signatures_hold([leaf.der, middle.der, twin.der])
    assert not signed_by(leaf.der, b"garbage")
