from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.routes.windows.device import AdvancedProxy, Place
from prober.routes.windows.netsh import is_dump, read_advanced, read_dump, read_shown

Complaints = list[tuple[int | None, str]]


def numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.split("\n"), start=1))


def shown(text: str) -> tuple[tuple[str, str] | None, Complaints]:
    complaints: Complaints = []
    found = read_shown(numbered(text), file="n", complain=lambda line, message: complaints.append((line, message)))
    return (found.proxy, found.bypass) if found else None, complaints


def advanced(text: str) -> tuple[list[AdvancedProxy], Complaints]:
    complaints: Complaints = []
    found = read_advanced(numbered(text), file="n", complain=lambda line, message: complaints.append((line, message)))
    return found, complaints


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # windows-proxy.md §3.1 and §3.2
        ("Current WinHTTP proxy settings:\n\n    Direct access (no proxy server).", ("", "")),
        (
            "Current WinHTTP proxy settings:\n\n    Proxy Server(s) :  10.0.0.6:8080\n    Bypass List     :  (none)",
            ("10.0.0.6:8080", ""),
        ),
        ("Paramètres de proxy WinHTTP actuels :\n\n    Accès direct (sans serveur proxy).", ("", "")),
        ("Paramètres de proxy WinHTTP actuels :\n\n    Accès direct (pas de serveur proxy).", ("", "")),
        (
            "Paramètres de proxy WinHTTP actuels :\n\n    Serveur(s) proxy : px:80\n"
            "    Liste de contournement : (aucun)",
            ("px:80", ""),
        ),
        ("Aktuelle WinHTTP-Proxyeinstellungen:\n\n    Direkter Zugriff (kein Proxyserver).", ("", "")),
        (
            "Aktuelle WinHTTP-Proxyeinstellungen:\n\n    Proxyserver: http=px:80;https=px:443\n"
            "    Umgehungsliste: <local>;*.lan",
            ("http=px:80;https=px:443", "<local>;*.lan"),
        ),
        ("Aktuelle WinHTTP-Proxyeinstellungen:\n\n    Proxyserver: px:80\n    Umgehungsliste: (keine)", ("px:80", "")),
        # Not from the page: other scripts, accents broken in every way, a colon in the sentence.
        (
            "当前的 WinHTTP 代理服务器设置：\n\n    代理服务器：  10.0.0.6:8080\n    绕过列表：  （无）",
            ("10.0.0.6:8080", ""),
        ),
        ("Param?tres de proxy WinHTTP actuels :\n\n    Acc\x8as direct : sans serveur proxy.", ("", "")),
        ("WinHTTP x:\n\n    y: [2001:db8::1]:3128\n    z: (n)", ("[2001:db8::1]:3128", "")),
    ],
)
def test_show_proxy_in_any_language(lines: str, expected: tuple[str, str]) -> None:
    assert shown(lines) == (expected, [])


@pytest.mark.parametrize(
    ("lines", "expected", "complaint"),
    [
        ("T:\n  a: proxy\n  b: (x)", ("proxy", ""), (2, "Taken for the proxy, though it has no port.")),
        ("T:\n  a: px:80", ("px:80", ""), (2, "The line with the bypass list is missing.")),
        (
            "T:\n  a: px:80\n  b: x\n  c: y",
            ("px:80", "x"),
            (4, "Proxy and bypass list stand above already; the line was left out."),
        ),
        ("T:\n  one\n  two", ("", ""), (3, "More than the one line that direct access has; taken for direct access.")),
    ],
)
def test_doubts_are_said(lines: str, expected: tuple[str, str], complaint: tuple[int, str]) -> None:
    assert shown(lines) == (expected, [complaint])


def test_a_title_alone_says_nothing() -> None:
    assert shown("Current WinHTTP proxy settings:\n\n") == (None, [])


def test_show_advproxy() -> None:
    text = 'Title:\n\n{"ProxyIsEnabled": true, "Proxy": "px:80", "autoconfigurl": " ", "AUTODETECT": false}\n\nEnd {'
    found, complaints = advanced(text)
    assert found == [AdvancedProxy(True, "px:80", "", None, "", False, None, None, Place("n", 3))]
    assert len(complaints) == 1


def test_two_objects_are_two_settings() -> None:
    found, complaints = advanced('{"Proxy": "a:1"}\nCurrent\n{"Proxy": "b:2"}')
    assert [(each.proxy, each.place.line) for each in found] == [("a:1", 1), ("b:2", 3)]
    assert complaints == []


def test_wrong_types_are_left_out() -> None:
    found, complaints = advanced('\n{"Proxy": 1, "ProxyIsEnabled": "true", "AutoDetect": null}')
    assert found == [AdvancedProxy(None, "", "", None, "", None, None, None, Place("n", 2))]
    assert complaints == [
        (2, '"Proxy" is no text and was left out.'),
        (2, '"ProxyIsEnabled" is neither true nor false and was left out.'),
    ]


@pytest.mark.parametrize(
    "text", ['{"Proxy": ', "{" * 100_000, '{"a":' * 100_000, '{"Proxy": ' + "9" * 10_000 + "}", "{1}", '{"a" "b"}']
)
def test_broken_json_is_a_sentence(text: str) -> None:
    found, complaints = advanced("\n" + text)
    assert found == []
    assert [line for line, _ in complaints] == [2]
    assert complaints[0][1].startswith("The JSON of show advproxy cannot be read: ")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reset proxy", ("", "")),
        ("set proxy 10.0.0.6:8080", ("10.0.0.6:8080", "")),
        ("netsh winhttp set proxy 10.0.0.6:8080 <local>", ("10.0.0.6:8080", "<local>")),
        ('set proxy "http=a:80;https=b:443" "<local>;*.lan"', ("http=a:80;https=b:443", "<local>;*.lan")),
        (
            'set proxy proxy-server="http=a:80;https=a:443" bypass-list="*.contoso.com;<local>"',
            ("http=a:80;https=a:443", "*.contoso.com;<local>"),
        ),
        ("SET PROXY bypass-list=*.x proxy-server=a:1", ("a:1", "*.x")),
    ],
)
def test_dump(line: str, expected: tuple[str, str]) -> None:
    complaints: Complaints = []
    found, more = read_dump(
        numbered(f"pushd winhttp\n{line}\npopd"),
        file="n",
        complain=lambda at, message: complaints.append((at, message)),
    )
    assert found is not None
    assert ((found.proxy, found.bypass), str(found.place), more, complaints) == (expected, "n:2", [], [])
    assert is_dump(line)


def test_dump_of_advanced_settings() -> None:
    settings = json.dumps({"Proxy": "px:80", "ProxyBypass": "<local>", "AutoconfigUrl": "", "AutoDetect": False})
    complaints: Complaints = []
    shown_too, (found,) = read_dump(
        numbered(f"set advproxy setting-scope=machine settings={settings}\nset advproxy settings=x\nset proxy"),
        file="n",
        complain=lambda at, message: complaints.append((at, message)),
    )
    assert shown_too is None
    assert found == AdvancedProxy(True, "px:80", "<local>", False, "", False, False, None, Place("n", 1))
    assert [line for line, _ in complaints] == [2, 3]


@pytest.mark.parametrize("line", ["", "set proxying", "please set proxy", "# reset proxy"])
def test_what_is_no_dump(line: str) -> None:
    assert not is_dump(line)


@given(st.text(max_size=120))
def test_any_text_is_read(text: str) -> None:
    lines = numbered(text)
    complaints: Complaints = []
    read_shown(lines, file="n", complain=lambda line, message: complaints.append((line, message)))
    read_advanced(lines, file="n", complain=lambda line, message: complaints.append((line, message)))
    read_dump(lines, file="n", complain=lambda line, message: complaints.append((line, message)))
    assert all(line is not None and 1 <= line <= len(lines) for line, _ in complaints)


def test_objects_without_end_are_cut() -> None:
    found, complaints = advanced('{"Proxy": "a:1"}\n' * 100)
    assert len(found) == 64
    assert complaints == [(65, "More than 64 objects; the rest were left out.")]
