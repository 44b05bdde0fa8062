"""Where automatic discovery looks: never in a public suffix, always in the domain or above it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from prober.routes.text import without_login
from prober.routes.wpad import Origin, Whose, candidates, option_252_urls

SUFFIXES = PublicSuffixList()


def names(domain: str, level: int | None = None) -> list[str]:
    return [each.host for each in candidates(domain, level=level).each]


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("dept.corp.example.com", ["wpad.dept.corp.example.com", "wpad.corp.example.com", "wpad.example.com"]),
        ("Example.COM.", ["wpad.example.com"]),
        ("a.corp.co.uk", ["wpad.a.corp.co.uk", "wpad.corp.co.uk"]),
        ("corp.co.uk", ["wpad.corp.co.uk"]),
        ("ad.contoso.local", ["wpad.ad.contoso.local", "wpad.contoso.local"]),
        ("a.city.kobe.jp", ["wpad.a.city.kobe.jp", "wpad.city.kobe.jp"]),
        ("a.b.x.kobe.jp", ["wpad.a.b.x.kobe.jp", "wpad.b.x.kobe.jp"]),
        ("a.b.azurewebsites.net", ["wpad.a.b.azurewebsites.net", "wpad.b.azurewebsites.net"]),
        ("site.home.arpa", ["wpad.site.home.arpa"]),
        ("bücher.example.de", ["wpad.xn--bcher-kva.example.de", "wpad.example.de"]),
        ("co.uk", []),
        ("kobe.jp", []),
    ],
)
def test_devolution(domain: str, expected: list[str]) -> None:
    assert names(domain) == expected
    assert [each.url for each in candidates(domain).each] == [f"http://{name}/wpad.dat" for name in expected]


@pytest.mark.parametrize(
    ("level", "expected", "devices"),
    [
        (None, ["wpad.a.b.corp.co.uk", "wpad.b.corp.co.uk", "wpad.corp.co.uk"], []),
        (2, ["wpad.a.b.corp.co.uk", "wpad.b.corp.co.uk", "wpad.corp.co.uk"], ["wpad.co.uk"]),
        (3, ["wpad.a.b.corp.co.uk", "wpad.b.corp.co.uk", "wpad.corp.co.uk"], []),
        (4, ["wpad.a.b.corp.co.uk", "wpad.b.corp.co.uk"], []),
        (5, ["wpad.a.b.corp.co.uk"], []),
        (9, ["wpad.a.b.corp.co.uk"], []),
    ],
)
def test_the_devolution_level_of_windows(level: int | None, expected: list[str], devices: list[str]) -> None:
    found = candidates("a.b.corp.co.uk", level=level)
    assert [each.host for each in found.each] == expected
    assert [each.host for each in found.not_asked if each.by_devices] == devices
    everything = {each.host for each in found.each} | {each.host for each in found.not_asked}
    assert everything == {"wpad.a.b.corp.co.uk", "wpad.b.corp.co.uk", "wpad.corp.co.uk", "wpad.co.uk"}


def test_a_domain_that_is_a_suffix_is_shown_and_not_asked() -> None:
    found = candidates("co.uk")
    assert (found.organisation, found.own, found.each) == (None, (), ())
    assert [(each.host, each.by_devices) for each in found.not_asked] == [("wpad.co.uk", True)]


@pytest.mark.parametrize(
    "text", ["", ".", "corp", "10.0.0.1", "::1", "a..b", "a b.example", "x" * 64 + ".com", "a.example/b"]
)
def test_domains_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|domain|address"):
        candidates(text)


@pytest.mark.parametrize("level", [1, 0, -3])
def test_levels_that_windows_does_not_have(level: int) -> None:
    with pytest.raises(ValueError, match="2 at least"):
        candidates("a.example.com", level=level)


@pytest.mark.parametrize("own", ["com", "co.uk", "10.0.0.1", "", "azurewebsites.net"])
def test_own_domains_that_everybody_has(own: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        candidates("a.example.com", own=[own])


@pytest.mark.parametrize(
    ("host", "whose"),
    [
        ("wpad.example.com", Whose.INSIDE),
        ("Example.com.", Whose.INSIDE),
        ("pac.contoso.net", Whose.INSIDE),
        ("notexample.com", Whose.OUTSIDE),
        ("example.com.evil.net", Whose.OUTSIDE),
        ("com", Whose.UNKNOWN),
        ("wpad", Whose.UNKNOWN),
        ("10.0.0.1", Whose.UNKNOWN),
        ("2001:db8::1", Whose.UNKNOWN),
    ],
)
def test_whose_a_host_is(host: str, whose: Whose) -> None:
    assert candidates("dept.corp.example.com", own=["contoso.net"]).whose(host) is whose


def test_dhcp_comes_first() -> None:
    found = candidates("corp.example.com", option_252="http://pac.evil.net:8080/p.pac\0")
    assert [(each.origin, each.host, each.whose) for each in found.each] == [
        (Origin.DHCP, "pac.evil.net", Whose.OUTSIDE),
        (Origin.DNS, "wpad.corp.example.com", Whose.INSIDE),
        (Origin.DNS, "wpad.example.com", Whose.INSIDE),
    ]


URL = "http://pac.corp.example.com/proxy.pac"


@pytest.mark.parametrize(
    "text",
    [
        URL,
        f"{URL}\0",
        f" {URL}\n\0\0\0",
        f'"{URL}"',
        f'"{URL}\\000"',
        f"{URL}\\012",
        URL.encode().hex(),
        (URL + "\0").encode().hex().upper(),
        "0x" + URL.encode().hex(),
        URL.encode().hex(":"),
        URL.encode().hex(" "),
    ],
)
def test_option_252_as_it_is_found(text: str) -> None:
    assert option_252_urls(text) == ((URL,), ())


def test_option_252_with_several() -> None:
    urls, problems = option_252_urls(f"{URL}, HTTPS://[::1]:8443/a,b;c http://x.example/?u=1;2")
    assert urls == (URL, "HTTPS://[::1]:8443/a,b;c", "http://x.example/?u=1;2")
    assert problems == ("option 252 holds several URLs: Windows reads one; they are tried in order here",)
    urls, problems = option_252_urls(" ".join(f"http://h{number}.example/" for number in range(20)))
    assert len(urls) == 8
    assert any("left out" in problem for problem in problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("\0\0", "empty"),
        ("file:///c:/proxy.pac", "not by file:"),
        ("ftp://a.example/p", "not by ftp:"),
        ("http:/a.example/p", "not by http:"),
        ("\\\\server\\share\\p.pac", "not a URL"),
        ("http://", "host"),
        ("http://a.example:0/", "port"),
        ("http://a.example:99999/", "port"),
        ("http://a.example:x/", "port"),
        ("http://[::1/", ""),
        ("http://a\x1b[2J.example/", ""),
        ("x" * 5000, "longer than"),
        ("none", "not a URL"),
    ],
)
def test_option_252_that_is_of_no_use(text: str, said: str) -> None:
    urls, problems = option_252_urls(text)
    assert urls == ()
    assert said in problems[0]


def test_a_login_in_option_252_is_not_shown() -> None:
    _, problems = option_252_urls("ftp://somebody:secret@a.example/p")
    assert "secret" not in problems[0]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:p@h/a@b", "http://h/a@b"),
        ("HTTPS://u@h", "HTTPS://h"),
        ("http:\\\\u:p@h", "http:\\\\h"),
        ("http://u:p@q@h/", "http://h/"),
        ("http://h/?a@b", "http://h/?a@b"),
        ("file:///a@b", "file:///a@b"),
        ("/a/b@c", "/a/b@c"),
        ("C:\\a@b", "C:\\a@b"),
    ],
)
def test_urls_without_their_logins(url: str, shown: str) -> None:
    assert without_login(url) == shown


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
ENDS = st.sampled_from(
    [
        *("com", "co.uk", "kobe.jp", "city.kobe.jp", "ck", "www.ck", "k12.ca.us"),
        *("local", "github.io", "home.arpa", "no", "xn--55qx5d.cn"),
    ]
)
DOMAINS = st.builds(lambda labels, end: ".".join([*labels, end]), st.lists(LABELS, min_size=1, max_size=6), ENDS)


@given(DOMAINS, st.none() | st.integers(2, 9))
def test_candidates_are_below_the_organisation_and_nowhere_else(domain: str, level: int | None) -> None:
    found = candidates(domain, level=level)
    for each in found.each:
        suffix = each.host.removeprefix("wpad.")
        assert domain == suffix or domain.endswith(f".{suffix}")
        assert "." in suffix
        assert not SUFFIXES.is_public(suffix)
        assert found.organisation is not None
        assert suffix == found.organisation or suffix.endswith(f".{found.organisation}")
        assert each.whose is Whose.INSIDE
        assert level is None or suffix == domain or suffix.count(".") + 1 >= level
    lengths = [len(each.host) for each in found.each]
    assert lengths == sorted(lengths, reverse=True)
    assert bool(found.each) is not SUFFIXES.is_public(domain)
    assert not {each.host for each in found.each} & {each.host for each in found.not_asked}


@given(st.text(max_size=300))
def test_any_text_of_dhcp_is_read(text: str) -> None:
    urls, problems = option_252_urls(text)
    assert urls or problems
    assert all(url.lower().startswith(("http://", "https://")) and url.isprintable() for url in urls)


@given(st.text(alphabet="htps:/.[]@%0123456789abcdef,;\0 \\\"'-é", max_size=60))
def test_texts_like_urls_are_read(text: str) -> None:
    for prefix in ("", "http://"):
        candidates("corp.example.com", option_252=prefix + text)


@given(st.ip_addresses())
def test_addresses_belong_to_nobody(address: object) -> None:
    host = f"[{address}]" if ip_address(str(address)).version == 6 else str(address)
    found = candidates("corp.example.com", option_252=f"http://{host}/p.pac")
    assert (found.each[0].origin, found.each[0].whose) == (Origin.DHCP, Whose.UNKNOWN)
