from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Route, Scheme, Target
from prober.routes.environment import bypassed, environment_hops, environment_route
from prober.routes.rules import route_for
from prober.routes.text import RouteError


def urls(environ: dict[str, str], scheme: Scheme, host: str = "a.example", port: int = 443) -> list[str]:
    return [hop.url for hop in environment_hops(environ, scheme, host, port)]


@pytest.mark.parametrize(
    ("environ", "https", "http"),
    [
        ({}, [], []),
        ({"HTTPS_PROXY": "http://s:1"}, ["http://s:1"], []),
        ({"HTTP_PROXY": "http://p:1"}, [], ["http://p:1"]),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, ["http://low:1"], []),
        ({"https_proxy": "", "HTTPS_PROXY": "http://up:1"}, ["http://up:1"], []),
        ({"ALL_PROXY": "socks5h://x:1", "http_proxy": "p:3128"}, ["socks5h://x:1"], ["http://p:3128"]),
        ({"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, [], []),
        # An ALL_PROXY that nobody would use is not an error (GNOME writes socks://).
        ({"ALL_PROXY": "socks://x", "http_proxy": "p:1", "https_proxy": "q:2"}, ["http://q:2"], ["http://p:1"]),
    ],
)
def test_which_variable_serves_which_target(environ: dict[str, str], https: list[str], http: list[str]) -> None:
    assert urls(environ, Scheme.HTTPS) == urls(environ, Scheme.TLS) == https
    assert urls(environ, Scheme.HTTP, port=80) == http


@pytest.mark.parametrize(
    ("words", "host", "port", "direct"),
    [
        ("*", "a.example", 443, True),
        ("corp.example", "corp.example", 443, True),
        ("corp.example", "a.corp.example", 443, True),
        ("corp.example", "notcorp.example", 443, False),
        (".corp.example", "corp.example", 443, True),
        (".corp.example", "A.Corp.Example.", 443, True),
        ("*.corp.example", "corp.example", 443, False),
        ("*.corp.example", "a.corp.example", 443, True),
        ("corp.example:8443", "corp.example", 443, False),
        ("corp.example:8443", "corp.example", 8443, True),
        ("x, 10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.1:80", "10.0.0.1", 443, False),
        ("0.0.0.1", "10.0.0.1", 443, False),
        ("10.0.0.0/8", "a10.0.0.0", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("[fd00::1]:80", "fd00::1", 443, False),
        ("10.0.0.0/99", "10.0.0.1", 443, False),
        (". , .. ,", "a.example", 443, False),
        ("", "a.example", 443, False),
    ],
)
def test_no_proxy(words: str, host: str, port: int, direct: bool) -> None:
    assert (urls({"HTTPS_PROXY": "http://p:1", "NO_PROXY": words}, Scheme.HTTPS, host, port) == []) is direct


def test_the_lower_case_no_proxy_comes_first() -> None:
    environ = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*", "no_proxy": "other"}
    assert urls(environ, Scheme.HTTPS) == ["http://p:1"]


def test_errors_name_their_variable() -> None:
    errors: list[RouteError] = []
    environment_route({"https_proxy": "sock5://x", "HTTP_PROXY": "http://p:0"}, errors)
    assert errors == [
        RouteError("https_proxy", 'unknown scheme "sock5": did you mean socks5?'),
        RouteError("HTTP_PROXY", "the port is not between 1 and 65535"),
    ]
    with pytest.raises(ValueError, match="https_proxy: unknown scheme"):
        environment_hops({"https_proxy": "sock5://x"}, Scheme.HTTPS, "h", 1)


def test_a_rule_gives_each_target_its_route() -> None:
    rule = environment_route({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.example"}, [], name="office")
    a, b = (Target(id=h, scheme=Scheme.TLS, host=h, port=443) for h in ("a.example", "b.example"))
    assert [hop.url for hop in route_for(rule, a).hops] == ["http://p:1"]
    assert route_for(rule, b) == Route("office")
    fixed = Route("x")
    assert route_for(fixed, a) is fixed


@given(st.lists(st.text(max_size=20), max_size=3), st.text(max_size=20))
def test_no_words_make_it_raise(words: list[str], host: str) -> None:
    bypassed(tuple(words), host, 1)
