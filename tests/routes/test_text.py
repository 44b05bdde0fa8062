from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Hop, HopScheme, Route, Secret
from prober.routes.text import RouteError, chain_name, host_name, masked_url, parse_hop, parse_via

SECRET = "hunter2secret"


def hop(url: str) -> Hop:
    errors: list[RouteError] = []
    parsed = parse_hop(url, where="here", errors=errors)
    assert errors == []
    assert parsed is not None
    return parsed


def problems(url: str) -> list[str]:
    errors: list[RouteError] = []
    assert parse_hop(url, where="here", errors=errors) is None
    assert {error.path for error in errors} == {"here"}
    return [error.message for error in errors]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://10.0.0.6:8080", Hop(HopScheme.HTTP, "10.0.0.6", 8080)),
        ("HTTP://Proxy.Corp", Hop(HopScheme.HTTP, "proxy.corp", 8080)),
        ("http://proxy.corp:3128/", Hop(HopScheme.HTTP, "proxy.corp", 3128)),
        ("https://proxy.corp.", Hop(HopScheme.HTTPS, "proxy.corp", 443)),
        ("socks5h://[FE80::1]:1080", Hop(HopScheme.SOCKS5H, "fe80::1", 1080)),
        ("socks4a://bücher.example", Hop(HopScheme.SOCKS4A, "xn--bcher-kva.example", 1080)),
        ("http://svc:@h", Hop(HopScheme.HTTP, "h", 8080, "svc", Secret(""))),
        ("http://svc@h", Hop(HopScheme.HTTP, "h", 8080, "svc", None)),
        ("http://a%40b:p%3a%2F%C3%A9@h", Hop(HopScheme.HTTP, "h", 8080, "a@b", Secret("p:/é"))),
        ("http://u:a@b:c@h", Hop(HopScheme.HTTP, "h", 8080, "u", Secret("a@b:c"))),
        ("http://:key@h", Hop(HopScheme.HTTP, "h", 8080, "", Secret("key"))),
        ("socks4://bob@h:1", Hop(HopScheme.SOCKS4, "h", 1, "bob")),
    ],
)
def test_a_proxy_url_becomes_a_hop(url: str, expected: Hop) -> None:
    assert hop(url) == expected


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sock5://h:1", 'unknown scheme "sock5": did you mean socks5?'),
        ("gopher://h:1", "unknown scheme: expected one of http, https, socks4, socks4a, socks5, socks5h"),
        ("proxy:8080", "the scheme is missing: expected a proxy URL such as http://proxy.corp:8080"),
        ("", "expected a proxy URL such as http://proxy.corp:8080, without blanks"),
        ("http://a b", "expected a proxy URL such as http://proxy.corp:8080, without blanks"),
        ("http://h:0", "the port is not between 1 and 65535"),
        ("http://h:65536", "the port is not between 1 and 65535"),
        ("http://h:", "the port is not a number"),
        ("http://h:٣", "the port is not a number"),
        ("http://", "the host is missing or not a DNS name"),
        ("http://h_st..x", "the host is not a DNS name"),
        ("http://-x", "the host is missing or not a DNS name"),
        ("http://10.0.0.300", '"10.0.0.300" is not an IPv4 address'),
        ("http://::1:80", "an IPv6 address needs brackets: [::1]:8080"),
        ("http://[::g]", "the host is not an IPv6 address, or a colon is out of place"),
        ("http://[::1]8080", "the host is not an IPv6 address, or a colon is out of place"),
        ("http://faß.example", "the host has a letter that IDNA 2003 and 2008 encode differently: write its xn-- form"),
        ("http://h/path", "a proxy URL has no path, query or fragment"),
        ("http://h?q", "a proxy URL has no path, query or fragment"),
        ("http://h#f", "a proxy URL has no path, query or fragment"),
        ("http://u:p%zz@h", "a % in user or password that is not followed by two hex digits: write it as %25"),
        ("http://u:p%ff@h", "user or password is not UTF-8 once its %XX are decoded"),
        ("http://u:p%00@h", "user and password cannot contain control characters"),
        ("http://a%3ab:c@h", "a user for Basic authentication cannot contain a colon (RFC 7617)"),
        ("socks4://u:p@h", "socks4 has a user id but no password: drop it, or use socks5"),
        ("socks4a://u:@h", "socks4a has a user id but no password: drop it, or use socks5"),
        ("socks5://:p@h", "SOCKS 5 needs a user of 1 to 255 bytes (RFC 1929)"),
        (
            f"socks5://u:{'é' * 128}@h",
            "the password is longer than the 255 bytes that SOCKS 5 carries (RFC 1929)",
        ),
        ("socks5://" + "u" * 256 + ":p@h", "the user is longer than the 255 bytes that SOCKS 5 carries (RFC 1929)"),
    ],
)
def test_what_is_wrong_with_a_proxy_url(url: str, sentence: str) -> None:
    assert sentence in problems(url)


def test_every_error_of_one_url_comes_at_once() -> None:
    assert len(problems("sock5://h:99999/path")) == 3


def test_socks5_carries_exactly_255_bytes() -> None:
    assert hop(f"socks5://{'u' * 255}:{'p' * 255}@h").user == "u" * 255


@pytest.mark.parametrize(
    "text",
    [
        f"http://svc:{SECRET}",  # the host was forgotten: the password stands where the port would
        f"http://svc:{SECRET}/x@h:80",
        f"http://svc:{SECRET}#@h:80",
        "http://svc:7894561230",
        f"http://svc:a,{SECRET}@h:80",
        f"http://svc:a,{SECRET}://b@h:80x",
        f"{SECRET}@h",
        f"svc:{SECRET}=http://h",
        f"http://svc:%zz{SECRET}@h",
        f"socks4://svc:{SECRET}@h",
        f"http://svc:{SECRET} @h",
    ],
)
def test_no_error_quotes_a_password(text: str) -> None:
    errors: list[RouteError] = []
    assert parse_via(text, errors) is None
    assert errors
    assert not {SECRET, "7894561230"} & set(re.findall(r"\w+", repr(errors) + masked_url(text)))


@given(st.text(max_size=80) | st.from_regex(r"[a-z45]{0,7}:?/{0,2}[^ ]{0,30}@?[\[\]:.a-z0-9%]{0,20}", fullmatch=True))
def test_no_text_makes_the_parser_raise(text: str) -> None:
    errors: list[RouteError] = []
    parsed = parse_hop(text, where="x", errors=errors)
    assert (parsed is None) == bool(errors)
    more: list[RouteError] = []
    route = parse_via(text, more)
    assert (route is None) == bool(more)
    masked_url(text)


_user = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40).filter(lambda t: ":" not in t)


@given(user=_user, password=_user, port=st.integers(1, 65535))
def test_percent_encoded_credentials_come_back_whole(user: str, password: str, port: int) -> None:
    parsed = hop(f"http://{quote(user, safe='')}:{quote(password, safe='')}@h:{port}")
    assert (parsed.user, parsed.password, parsed.port) == (user, Secret(password), port)
    shown = masked_url(f"http://u:{quote(password, safe='')}@h:{port}")
    assert shown == f"http://u:***@h:{port}"


@pytest.mark.parametrize(
    ("text", "name", "hops"),
    [
        ("hq=http://10.0.0.6:8080", "hq", 1),
        ("two=socks5h://10.0.0.7:1080,https://proxy.corp:8443", "two", 2),
        ("http://10.0.0.6:8080", "http-10.0.0.6-8080", 1),
        ("http://u:a=b@10.0.0.6", "http-10.0.0.6-8080", 1),
        ("socks5://[::1]", "socks5-..1-1080", 1),
        ("direct", "direct", 0),
        ("direct=direct", "direct", 0),
        ("plain=direct", "plain", 0),
    ],
)
def test_a_chain_becomes_a_route(text: str, name: str, hops: int) -> None:
    errors: list[RouteError] = []
    route = parse_via(text, errors)
    assert errors == []
    assert route is not None
    assert (route.name, len(route.hops)) == (name, hops)


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("a b=http://h", "--via", "a route's name is 1 to 40 letters, digits, _ . or -"),
        ("=http://h", "--via", "a route's name is 1 to 40 letters, digits, _ . or -"),
        ("x" * 41 + "=http://h", "--via", "a route's name is 1 to 40 letters, digits, _ . or -"),
        ("env=http://h", "--via", 'the name "env" is taken: --via env has a meaning of its own'),
        ("direct=http://h", "--via", 'the name "direct" is taken: --via direct has a meaning of its own'),
        ("x=direct,http://h", "--via x, hop 1", "direct stands alone: it cannot be one hop of several"),
        ("x=http://h,", "--via x, hop 2", "expected a proxy URL such as http://proxy.corp:8080, without blanks"),
        ("x=http://h,sock4://i", "--via x, hop 2", 'unknown scheme "sock4": did you mean socks4?'),
        ("x=", "--via x", "expected proxy URLs, separated by commas, or direct"),
    ],
)
def test_what_is_wrong_with_a_chain(text: str, place: str, sentence: str) -> None:
    errors: list[RouteError] = []
    assert parse_via(text, errors) is None
    assert RouteError(place, sentence) in errors


def test_all_hops_of_a_chain_are_looked_at() -> None:
    errors: list[RouteError] = []
    assert parse_via("bad name=sock5://h,http://h:0,http://i/x", errors) is None
    assert len(errors) == 4


def test_names_of_long_chains_are_short_stable_and_distinct() -> None:
    hops = tuple(Hop(HopScheme.SOCKS5H, f"proxy{n}.corp.example", 1080) for n in range(3))
    name = chain_name(hops)
    assert len(name) == 40
    assert name == chain_name(hops)
    assert name != chain_name((*hops, hops[0]))


def test_a_hop_never_shows_its_password() -> None:
    parsed = hop(f"http://svc:{SECRET}@h")
    assert SECRET not in repr(Route("x", (parsed,))) + str(parsed) + parsed.url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@h:80", "http://u:***@h:80"),
        ("http://u@h:80", "http://u@h:80"),
        ("http://h", "http://h"),
        ("socks5://u:p@[::1]:1", "socks5://u:***@[::1]:1"),
        ("http://u:p@ss@h", "http://u:***@h"),
        ("http://svc:secret", "http://***"),
        ("http://u:p@h/secret", "http://***"),
        ("secret", "***"),
    ],
)
def test_masked_urls(text: str, shown: str) -> None:
    assert masked_url(text) == shown


@pytest.mark.parametrize("text", ["*", "a*", "a..b", "", ".", "x" * 64, "1.2.3", "a/b", "h st"])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|IPv4"):
        host_name(text)
