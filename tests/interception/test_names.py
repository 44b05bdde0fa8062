"""RFC 9525 matching on awkward certificates."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from prober.interception.names import most_specific, name_problem, normal_host, under


def test_one_bad_name_does_not_spoil_the_others(pki: Any) -> None:
    der = pki.build("x", names=("*.com", "f*o*.example", "*", "good.example")).der
    assert name_problem(der, "good.example") is None
    assert name_problem(der, "example.com") is not None


def test_other_kinds_of_names_are_passed_over(pki: Any) -> None:
    names = x509.SubjectAlternativeName(
        [
            x509.UniformResourceIdentifier("https://a.example:8443/x:y"),
            x509.RFC822Name("a@b.example"),
            x509.DNSName("c.example"),
        ]
    )
    der = pki.build("x", extra=(names,)).der
    assert name_problem(der, "c.example") is None
    assert name_problem(der, "a.example") == "it is for c.example, not for a.example"


def test_wildcards_cover_one_label(pki: Any) -> None:
    der = pki.build("x", names=("*.events.data.example.com",)).der
    assert name_problem(der, "v20.events.data.example.com") is None
    assert name_problem(der, "eu.v20.events.data.example.com") is not None
    assert name_problem(der, "events.data.example.com") is not None


def test_the_names_shown_are_few_and_counted(pki: Any) -> None:
    der = pki.build("x", names=tuple(f"h{n}.example" for n in range(7))).der
    assert (
        name_problem(der, "z.example") == "it is for h0.example, h1.example, h2.example and 4 more, not for z.example"
    )


def test_unreadable_names(pki: Any) -> None:
    bad = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"not DER")
    assert name_problem(pki.build("x", extra=(bad,)).der, "a.example") == "its names cannot be read"


@given(st.text(max_size=300))
def test_any_host_is_answered(host: str) -> None:
    assert name_problem(_leaf(), normal_host(host)) is not None


_made: list[bytes] = []


def _leaf() -> bytes:
    if not _made:
        from prober.interception.anchors import shipped

        _made.append(shipped().bridges[0].der)
    return _made[0]


@pytest.mark.parametrize(
    ("host", "normal"),
    [("A.Example.", "a.example"), ("[2001:DB8::1]", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"), ("", "")],
)
def test_normal_host(host: str, normal: str) -> None:
    assert normal_host(host) == normal


def test_a_normal_host_is_not_copied() -> None:
    host = "www.example.test"
    assert normal_host(host) is host


def test_under() -> None:
    assert under("a.b.example", ["b.example"])
    assert under("b.example", ["b.example"])
    assert not under("ab.example", ["b.example"])
    assert not under("b.example", [])


def test_most_specific() -> None:
    one, two, three = frozenset("1"), frozenset("2"), frozenset("3")
    patterns = {"a.b.example": one, "*.b.example": two, "*.example": three}
    assert most_specific("a.b.example", patterns) is one
    assert most_specific("z.b.example", patterns) is two
    assert most_specific("y.z.b.example", patterns) is two
    assert most_specific("b.example", patterns) is three
    assert most_specific("example", patterns) is None
