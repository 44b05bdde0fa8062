"""Addresses in certificates: what is taken, what is left out, and nothing that a stranger writes makes it fail."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from prober.interception.revocation_sources import (
    MAX_EACH,
    MAX_URL,
    SourceKind,
    Sources,
    onward,
    sources_of,
    web_target,
)
from prober.model import Scheme

from .conftest import Workshop

OCSP = AuthorityInformationAccessOID.OCSP
ISSUERS = AuthorityInformationAccessOID.CA_ISSUERS


def points(*urls: str) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
    )


def access(*entries: tuple[ObjectIdentifier, str]) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in entries]
    )


def read(pki: Workshop, *extra: x509.ExtensionType) -> Sources:
    return sources_of(pki.root("root").leaf("a.example", extra=extra).der)


def told(sources: Sources) -> list[tuple[str, str]]:
    return [(each.kind.value, each.target.id) for each in sources.found]


def test_all_kinds_lists_first(pki: Workshop) -> None:
    found = read(
        pki,
        access((ISSUERS, "http://pki.example/ca.crt"), (OCSP, "http://ocsp.example")),
        points("http://crl.example/a.crl", "https://crl.example:8443/b.crl?x=1#part"),
    )
    assert told(found) == [
        ("crl", "http://crl.example/a.crl"),
        ("crl", "https://crl.example:8443/b.crl?x=1"),
        ("ocsp", "http://ocsp.example/"),
        ("ca-issuers", "http://pki.example/ca.crt"),
    ]
    assert found.ignored == ()
    second = found.found[1].target
    assert (second.scheme, second.host, second.port, second.path) == (Scheme.HTTPS, "crl.example", 8443, "/b.crl?x=1")
    assert not second.proxy_login, "Windows has no login for a proxy here"


def test_one_point_may_have_several_addresses(pki: Workshop) -> None:
    names = [x509.UniformResourceIdentifier(f"http://{host}/a.crl") for host in ("one.example", "two.example")]
    point = x509.DistributionPoint([x509.DNSName("not-an-address.example"), *names], None, None, None)
    assert [url for _, url in told(read(pki, x509.CRLDistributionPoints([point])))] == [
        "http://one.example/a.crl",
        "http://two.example/a.crl",
    ]


def test_a_point_relative_to_the_issuer_has_no_address(pki: Workshop) -> None:
    name = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    point = x509.DistributionPoint(None, name, None, None)
    assert read(pki, x509.CRLDistributionPoints([point])) == Sources()


def test_the_same_address_counts_once_a_kind(pki: Workshop) -> None:
    url = "http://pki.example/issuing"
    found = read(pki, points(url, "http://PKI.example.:80/issuing"), access((OCSP, url), (ISSUERS, url)))
    assert told(found) == [("crl", url), ("ocsp", url), ("ca-issuers", url)]


def test_ldap_is_named_and_left_out(pki: Workshop) -> None:
    found = read(pki, points("ldap:///CN=Corp,CN=CDP?certificateRevocationList", "http://crl.example/a.crl"))
    assert told(found) == [("crl", "http://crl.example/a.crl")]
    assert found.ignored == ("crl: ldap addresses are not followed: ldap:///CN=Corp,CN=CDP?certificateRevocationList",)


def test_the_number_is_bounded(pki: Workshop) -> None:
    found = read(pki, points(*(f"http://crl.example/{number}.crl" for number in range(MAX_EACH + 40))))
    assert len(found.found) == MAX_EACH
    assert len(found.ignored) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crl.example/a.crl",
        "ftp://crl.example/a.crl",
        "file:///etc/passwd",
        "http:///a.crl",
        "http://",
        "http://user@crl.example/a.crl",
        "http://user:secret@crl.example/a.crl",
        "http://crl.example:0/a.crl",
        "http://crl.example:65536/a.crl",
        "http://crl.example:80x/a.crl",
        "http://[::1/a.crl",
        "http://[fe80::1%25eth0]/a.crl",
        "http://[127.0.0.1]/a.crl",
        "http://a..example/a.crl",
        "http://crl.example\\@evil.example/a.crl",
        "http://crl.example/a\r\nHost: evil.example",
        "http://crl.example/a b",
        "http://crl.example/\x1b[31m",
        "http://crl.exämple/a.crl",
        "http://crl.example/" + "a" * MAX_URL,
    ],
)
def test_what_is_not_followed(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        web_target(url)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


def test_literal_addresses_pass_here_and_are_the_guards_affair() -> None:
    assert web_target("http://127.0.0.1:81/a.crl").id == "http://127.0.0.1:81/a.crl"
    assert web_target("http://[2001:DB8:0::1]/a.crl").id == "http://[2001:db8::1]/a.crl"


def test_redirects() -> None:
    asked = web_target("http://crl.example/pki/a.crl")
    assert onward("b.crl", asked).id == "http://crl.example/pki/b.crl"
    assert onward("//other.example/c.crl", asked).id == "http://other.example/c.crl"
    assert onward("https://other.example/", asked).id == "https://other.example/"
    for location in ("file:///etc/passwd", "http://[", "http://x y/", "ldap://dc/", "http://a@b/"):
        with pytest.raises(ValueError, match="a redirect is not followed"):
            onward(location, asked)


@pytest.mark.parametrize("der", [b"", b"\x30", b"not a certificate", b"\x30\x82\xff\xff", b"x" * 100_000])
def test_what_is_no_certificate_has_none(der: bytes) -> None:
    found = sources_of(der)
    assert found.found == ()
    assert found.ignored


@given(st.text(max_size=200))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    try:
        target = web_target(text)
    except ValueError as error:
        said = str(error)
    else:
        said = target.id
        assert web_target(said) == target, "what is asked is what is shown"
        assert said.isascii()
        assert " " not in said
    assert said.isprintable()


@given(st.text(alphabet="htps:/[]@.%#?\\-_0159abxz", max_size=40))
def test_nearly_addresses(rest: str) -> None:
    for text in (f"http://{rest}", f"http://crl.example{rest}", f"HTTPS:{rest}"):
        try:
            target = web_target(text)
        except ValueError:
            continue
        assert target.host
        assert 1 <= target.port <= 65_535
        assert target.path.startswith("/")
        assert web_target(target.id) == target


def test_the_kinds_that_tell_revocation() -> None:
    assert [kind for kind in SourceKind if kind.tells_revocation] == [SourceKind.CRL, SourceKind.OCSP]
