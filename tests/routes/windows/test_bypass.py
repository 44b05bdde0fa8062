from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Scheme
from prober.routes.windows.bypass import MAX_ENTRIES, BypassEntry, BypassList

HTTP, HTTPS, TLS = Scheme.HTTP, Scheme.HTTPS, Scheme.TLS


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "entry"),
    [
        ("", HTTPS, "a.b", 443, None),
        ("<local>", HTTPS, "intranet", 443, "<local>"),
        ("<LOCAL>", HTTPS, "intranet", 443, "<LOCAL>"),
        ("<local>", HTTPS, "host.", 443, None),
        ("<local>", HTTPS, "10.0.0.1", 443, None),
        ("<local>", HTTPS, "::1", 443, None),
        ("<local>;*.lan", HTTP, "nas.lan", 80, "*.lan"),
        ("*.lan", HTTP, "lan", 80, None),
        ("contoso.com", HTTPS, "contoso.com", 443, "contoso.com"),
        ("contoso.com", HTTPS, "www.contoso.com", 443, None),
        ("*.contoso.com", HTTPS, "contoso.com", 443, None),
        ("*contoso.com", HTTPS, "contoso.com", 443, "*contoso.com"),
        ("*.Contoso.COM", HTTPS, "www.contoso.com", 443, "*.Contoso.COM"),
        ("ms*", HTTPS, "msdn.x", 443, "ms*"),
        ("a*c*e", HTTPS, "abcde", 443, "a*c*e"),
        ("a*c*e", HTTPS, "abde", 443, None),
        ("10.*", HTTPS, "10.1.2.3", 443, "10.*"),
        ("10.0.0.0/8", HTTPS, "10.1.2.3", 443, None),
        ("fe80::/10", HTTPS, "fe80::1", 443, None),
        ("[2001:db8::1]", HTTPS, "2001:db8::1", 443, "[2001:db8::1]"),
        ("[2001:db8::1]:8443", HTTPS, "2001:db8::1", 443, None),
        ("https://x.y", HTTPS, "x.y", 443, "https://x.y"),
        ("https://x.y", TLS, "x.y", 443, "https://x.y"),
        ("https://x.y", HTTP, "x.y", 80, None),
        ("https://x.y/", HTTPS, "x.y", 443, "https://x.y/"),
        ("x.y:8443", HTTPS, "x.y", 443, None),
        ("x.y:8443", HTTPS, "x.y", 8443, "x.y:8443"),
        ("a b\tc;d", HTTPS, "c", 443, "c"),
        ("*", HTTPS, "anything.example", 443, "*"),
        ("<-loopback>", HTTPS, "localhost", 443, None),
        ("*;first", HTTPS, "first", 443, "*"),
    ],
)
def test_who_goes_direct(text: str, scheme: Scheme, host: str, port: int, entry: str | None) -> None:
    assert BypassList.parse(text).matches(scheme, host, port) == entry


@pytest.mark.parametrize("host", ["localhost", "loopback", "127.0.0.1", "::1"])
def test_wininet_leaves_loopback_out_without_being_told(host: str) -> None:
    assert BypassList.parse("*.lan").matches(HTTP, host, 80) is None
    assert BypassList.parse("*.lan", implicit_loopback=True).matches(HTTP, host, 80)
    assert BypassList.parse("*.lan;<-LoopBack>", implicit_loopback=True).matches(HTTP, host, 80) is None
    assert BypassList.parse(f"<-loopback>;{host}", implicit_loopback=True).matches(HTTP, host, 80) == host


def test_implicit_entries_are_marked() -> None:
    found = BypassList.parse("*.lan", implicit_loopback=True)
    assert [entry.text for entry in found.entries if not entry.implicit] == ["*.lan"]
    assert found.matches(HTTP, "127.0.0.2", 80) is None


def test_entries_are_for_linters() -> None:
    assert BypassList.parse("http://a*b:80 10.0.0.0/8 *.x").entries == (
        BypassEntry("http://a*b:80", "a*b", "http", 80),
        BypassEntry("10.0.0.0/8", "10.0.0.0/8"),
        BypassEntry("*.x", "*.x"),
    )
    inner, block, plain = BypassList.parse("http://a*b:80 10.0.0.0/8 *.x").entries
    assert (inner.has_inner_star, block.is_block, plain.has_inner_star, plain.is_block) == (True, True, False, False)


def test_a_list_without_end_is_cut_and_says_so() -> None:
    found = BypassList.parse("x " * 5000)
    assert len(found.entries) == MAX_ENTRIES
    assert found.problems == ("The bypass list has 5,000 entries; only the first 4,096 were read.",)


def test_many_stars_cost_nothing() -> None:
    begun = time.process_time()
    assert BypassList.parse("a" + "*a" * 2000 + "*b").matches(HTTPS, "a" * 253, 443) is None
    assert time.process_time() - begun < 0.5


@given(st.text("ab*.", max_size=12), st.text("ab.", max_size=12))
def test_stars_as_fnmatch_has_them(pattern: str, host: str) -> None:
    found = BypassList.parse(pattern).matches(HTTPS, host, 443)
    assert found == (pattern if pattern and fnmatch.fnmatchcase(host, pattern) else None)


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_is_read(text: str, host: str) -> None:
    found = BypassList.parse(text, implicit_loopback=True)
    assert found.matches(HTTP, host, 80) in (None, *[entry.text for entry in found.entries])
