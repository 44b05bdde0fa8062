from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Hop, HopScheme
from prober.routes.pac.reading import Reading
from prober.routes.pac.results import parse_result

A = (Hop(HopScheme.HTTP, "a", 80),)
B = (Hop(HopScheme.HTTP, "b", 8080),)
LISTS: dict[str, tuple[tuple[Hop, ...], ...]] = {
    "DIRECT": ((),),
    " direct ; ": ((),),
    "PROXY a": (A,),
    "PROXY a:80": (A,),
    "proxy\ta:80": (A,),
    "Proxy   A": (A,),
    "PROXY a; PROXY b:8080; DIRECT": (A, B, ()),
    "PROXY a;PROXY b:8080;": (A, B),
    ";;PROXY a;;": (A,),
    "DIRECT; PROXY a": ((), A),
    "HTTPS a": ((Hop(HopScheme.HTTPS, "a", 443),),),
    "HTTPS a:8443": ((Hop(HopScheme.HTTPS, "a", 8443),),),
    "SOCKS a": ((Hop(HopScheme.SOCKS4, "a", 1080),),),
    "SOCKS4 a:1": ((Hop(HopScheme.SOCKS4, "a", 1),),),
    "SOCKS5 a": ((Hop(HopScheme.SOCKS5H, "a", 1080),),),
    "PROXY [2001:db8::1]:3128": ((Hop(HopScheme.HTTP, "2001:db8::1", 3128),),),
    "PROXY 192.0.2.1:3128": ((Hop(HopScheme.HTTP, "192.0.2.1", 3128),),),
    "PROXY a:80 ": (A,),
    "PROXY a; PROXY a": (A, A),
}


@pytest.mark.parametrize("text", LISTS)
def test_lists(text: str) -> None:
    found = parse_result(text, Reading.CHROMIUM)
    assert found.ways == LISTS[text]
    assert found.remarks == ()


DROPPED = {
    "PROXY": "PROXY needs a host",
    "PROXY-a:80": "expected DIRECT, PROXY",
    "a:80": "expected DIRECT, PROXY",
    "DIRECT a": "DIRECT takes no host",
    "FTP a:80": "expected DIRECT, PROXY",
    "PROXY a:0": "port is not between",
    "PROXY a:x": "port is not a number",
    "PROXY a:": "port is not a number",
    "PROXY http://a:80": "no URL",
    "PROXY u:p@a:80": "no URL",
    "PROXY a b": "no URL",
    "PROXY 2001:db8::1": "needs brackets",
    "PROXY a,b:80": "not a DNS name",
    "HTTP a:80": "Chromium does not know HTTP",
}


@pytest.mark.parametrize("text", DROPPED)
def test_what_is_malformed_is_dropped_and_said(text: str) -> None:
    found = parse_result(f"{text}; PROXY a", Reading.CHROMIUM)
    assert found.ways == (A,)
    assert len(found.remarks) == 1
    assert DROPPED[text] in found.remarks[0]


@pytest.mark.parametrize("reading", Reading)
def test_nothing_left_is_direct(reading: Reading) -> None:
    assert parse_result("", reading).ways == ((),)
    assert parse_result("", reading).remarks == ("an empty result: direct",)
    assert parse_result(" ; ", reading).remarks == ("an empty result: direct",)
    assert parse_result("nonsense", reading).ways == ((),)
    assert parse_result("nonsense", reading).remarks[-1] == "nothing usable is left: direct"


def test_windows_takes_the_first_item() -> None:
    found = parse_result("PROXY a; PROXY b:8080; DIRECT", Reading.WINHTTP)
    assert found.ways == (A,)
    assert found.remarks == ("WinHTTP uses the first item only: 2 more would be tried by a browser",)
    assert parse_result("PROXY a", Reading.WINHTTP).remarks == ()


@pytest.mark.parametrize("keyword", ["HTTPS", "SOCKS5", "HTTP"])
def test_what_is_doubtful_on_windows_is_said(keyword: str) -> None:
    found = parse_result(f"{keyword} a:1", Reading.WINHTTP)
    assert found.ways[0][0].host == "a"
    assert found.remarks == (f"whether Windows takes {keyword} items is doubtful",)


def test_a_list_is_bounded() -> None:
    found = parse_result("PROXY a;" * 1000, Reading.CHROMIUM)
    assert len(found.ways) == 64
    assert found.remarks == ("only the first 64 items are looked at",)


@given(st.text(max_size=80), st.sampled_from(Reading))
def test_any_text_has_a_way(text: str, reading: Reading) -> None:
    found = parse_result(text, reading)
    assert found.ways
    assert all(len(way) <= 1 for way in found.ways)
    assert all(1 <= hop.port <= 65535 for way in found.ways for hop in way)


def test_a_login_in_an_item_is_not_quoted() -> None:
    """Remarks go into saved runs."""
    found = parse_result("PROXY carol:topsecret9@a:80; PROXY b:8080", Reading.CHROMIUM)
    assert found.ways == (B,)
    assert found.remarks == ('"PROXY ***@a:80" is dropped: expected HOST:PORT behind the keyword, no URL',)
