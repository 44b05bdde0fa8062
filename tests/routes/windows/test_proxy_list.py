from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Hop, HopScheme, Scheme
from prober.routes.windows.proxy_list import MAX_ITEMS, ProxyList, Reading, parse_proxy_list, parse_static

HTTP, HTTPS, SOCKS4, SOCKS5H = HopScheme.HTTP, HopScheme.HTTPS, HopScheme.SOCKS4, HopScheme.SOCKS5H


def ways(found: ProxyList) -> tuple[list[str], list[str]]:
    """Proxies for https targets, and for http ones."""
    return [hop.url for hop in found.for_scheme(Scheme.HTTPS)], [hop.url for hop in found.for_scheme(Scheme.HTTP)]


@pytest.mark.parametrize(
    ("text", "https", "http"),
    [
        ("", [], []),
        ("  ", [], []),
        ("10.0.0.6:8080", ["http://10.0.0.6:8080"], ["http://10.0.0.6:8080"]),
        ("px:80;py:81", ["http://px:80", "http://py:81"], ["http://px:80", "http://py:81"]),
        ("px:80 py:81", ["http://px:80", "http://py:81"], ["http://px:80", "http://py:81"]),
        ("http=px:80;https=px:443", ["http://px:443"], ["http://px:80"]),
        ("HTTP=px:80\thttps=PX:443", ["http://px:443"], ["http://px:80"]),
        ("http=px:80", [], ["http://px:80"]),
        ("http=px:80;dflt:99", ["http://dflt:99"], ["http://px:80"]),
        ("dflt:99;http=px:80", ["http://dflt:99"], ["http://px:80"]),
        ("ftp=px:21;socks=s:1080", ["socks4://s:1080"], ["socks4://s:1080"]),
        ("http=px:80;socks=s", ["socks4://s:1080"], ["http://px:80"]),
        ("https=px:1;https=py:2", ["http://px:1", "http://py:2"], []),
        ("http://px:3128/", ["http://px:3128"], ["http://px:3128"]),
        ("https=https://px", ["https://px:443"], []),
        ("[2001:db8::1]:3128", ["http://[2001:db8::1]:3128"], ["http://[2001:db8::1]:3128"]),
        ("socks://s:1", ["socks4://s:1"], ["socks4://s:1"]),
        ("proxy.corp", ["http://proxy.corp:80"], ["http://proxy.corp:80"]),
    ],
)
def test_windows_reading(text: str, https: list[str], http: list[str]) -> None:
    assert ways(parse_proxy_list(text)) == (https, http)


@pytest.mark.parametrize(
    ("text", "https", "http"),
    [
        ("foopy", ["http://foopy:80"], ["http://foopy:80"]),
        ("foopy:10;other:11", ["http://foopy:10"], ["http://foopy:10"]),
        ("foopy:10;http=other:11", ["http://foopy:10"], ["http://foopy:10"]),
        ("http=foopy:10;other:11", [], ["http://foopy:10"]),
        ("http=foopy:10  ; https=foopy:11", ["http://foopy:11"], ["http://foopy:10"]),
        ("http=foopy:10;socks=s:3", ["socks4://s:3"], ["http://foopy:10"]),
        ("socks=s", ["socks4://s:1080"], ["socks4://s:1080"]),
        ("socks5://s", ["socks5h://s:1080"], ["socks5h://s:1080"]),
        ("http=a:1;http=b:2", [], ["http://a:1", "http://b:2"]),
        ("http=a:1, b:2", [], ["http://a:1", "http://b:2"]),
        ("crazy=x:1;https=y:2", ["http://y:2"], []),
    ],
)
def test_chromium_reading(text: str, https: list[str], http: list[str]) -> None:
    assert ways(parse_proxy_list(text, reading=Reading.CHROMIUM)) == (https, http)


def test_a_tls_target_goes_the_way_of_https() -> None:
    found = parse_proxy_list("http=px:80;https=px:443")
    assert found.for_scheme(Scheme.TLS) == (Hop(HTTP, "px", 443),)
    assert found.hops == (Hop(HTTP, "px", 80), Hop(HTTP, "px", 443))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("px", '"px" has no port: 80 is assumed.'),
        ("px:0", '"px:0" is dropped: the port is not between 1 and 65535.'),
        ("px:", '"px:" is dropped: the port is not a number.'),
        ("gopher=px:1", '"gopher=px:1" is dropped: only http, https, ftp and socks stand before an "=".'),
        ("socks5://px:1", '"socks5://px:1" is dropped: of "http, https and socks" none stands before its "://".'),
        ("2001:db8::1", '"2001:db8::1" is dropped: an IPv6 address needs brackets, [2001:db8::1]:3128.'),
        ("http://px:1/x.pac", '"http://px:1/x.pac" is dropped: the port is not a number.'),
        ("10.0.0.256:1", '"10.0.0.256:1" is dropped: "10.0.0.256" is not an IPv4 address.'),
    ],
)
def test_problems(text: str, problem: str) -> None:
    assert parse_proxy_list(text).problems == (problem,)


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize(
    "text",
    ["http://svc:hunter2@px:80", "svc:hunter2;more@px:80", "http=u:hunter2@px;x", "u:hunter2@", "a:hunter2 b@c@"],
)
def test_a_login_is_neither_kept_nor_shown(text: str, reading: Reading) -> None:
    assert "hunter2" not in repr(parse_proxy_list(text, reading=reading))


def test_a_login_is_left_out_of_the_hop() -> None:
    found = parse_proxy_list("http://svc:hunter2@px:80")
    assert found.hops == (Hop(HTTP, "px", 80),)
    assert found.problems == ('"***@px:80": the login is left out, Windows takes none from a proxy text.',)


def test_entries_are_for_linters() -> None:
    first, second = parse_proxy_list("https=https://px;socks=s:1").entries
    assert (first.key, first.prefix, first.has_port, first.hop) == ("https", "https", False, Hop(HTTPS, "px", 443))
    assert (second.key, second.prefix, second.has_port, second.hop) == ("socks", None, True, Hop(SOCKS4, "s", 1))


def test_a_list_without_end_is_cut_and_says_so() -> None:
    found = parse_proxy_list(";".join(f"px:{port}" for port in range(1, 1000)))
    assert len(found.entries) == MAX_ITEMS
    assert found.problems[0] == "The list has 999 items; only the first 256 were read."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.6:8080", Hop(HTTP, "10.0.0.6", 8080)),
        ("Proxy.Corp:80", Hop(HTTP, "proxy.corp", 80)),
        ("[2001:db8::1]:3128", Hop(HTTP, "2001:db8::1", 3128)),
        ("", "it is empty"),
        ("px", "it has no port, and only HOST:PORT is taken"),
        ("http://px:80", "a scheme stands in front, and only HOST:PORT is taken"),
        (" px:80", "it has a blank in it, and only HOST:PORT is taken"),
        ("a:1;b:2", "it is a list, and only one HOST:PORT is taken"),
        ("https=a:1", "it is a list, and only one HOST:PORT is taken"),
        ("u:p@px:80", "a login is in it, and only HOST:PORT is taken"),
        ("px:port", "the port is not a number"),
        ("px:8080/", "the port is not a number"),
    ],
)
def test_static(text: str, expected: Hop | str) -> None:
    assert parse_static(text) == expected


@given(st.text(max_size=80), st.sampled_from(Reading))
def test_any_text_is_read(text: str, reading: Reading) -> None:
    found = parse_proxy_list(text, reading=reading)
    assert all(len(found.for_scheme(scheme)) <= len(found.entries) for scheme in Scheme)
    assert isinstance(parse_static(text), Hop | str)


HOPS = st.builds(
    "{}{}:{}".format, st.sampled_from(["", "http=", "https=", "http://"]), st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    st.integers(1, 65535),
)  # fmt: skip


@given(st.lists(HOPS, max_size=5), st.sampled_from([";", " ", " ; ", ";;", "\r\n"]))
def test_separators_do_not_matter(items: list[str], separator: str) -> None:
    assert parse_proxy_list(separator.join(items)).entries == parse_proxy_list(";".join(items)).entries
    assert parse_proxy_list(separator.join(items)).problems == ()
