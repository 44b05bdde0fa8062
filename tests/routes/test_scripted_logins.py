"""`pac+…` and `wpad:…` on the command line."""

from __future__ import annotations

import pytest

from prober.routes.rules import ScriptedRoute, rule_text
from prober.routes.scripted import is_scripted, parse_scripted
from prober.routes.text import RouteError

LOGIN = "http://carol:topsecret9@wpad.corp.example"


def parsed(chain: str, name: str | None = None) -> tuple[ScriptedRoute | None, list[str]]:
    errors: list[RouteError] = []
    return parse_scripted(name, chain, errors, where="--via"), [error.message for error in errors]


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("pac+http://a.example/p.pac", ScriptedRoute("pac", script="http://a.example/p.pac")),
        ("PAC+proxy.pac", ScriptedRoute("pac", script="proxy.pac")),
        ("pac+C:\\proxy.pac", ScriptedRoute("pac", script="C:\\proxy.pac")),
        ("pac+file:///etc/proxy.pac", ScriptedRoute("pac", script="file:///etc/proxy.pac")),
        ("wpad:Corp.Example.", ScriptedRoute("wpad", domain="corp.example")),
    ],
)
def test_what_is_understood(chain: str, expected: ScriptedRoute) -> None:
    assert is_scripted(chain)
    assert parsed(chain) == (expected, [])


@pytest.mark.parametrize(
    ("chain", "sentence"),
    [
        ("pac+", "expected the URL or the file of a PAC script behind pac+, of 4096 characters at most"),
        ("pac+gopher://a/p.pac", "a PAC script is fetched by http:// or https://, or read from a file"),
        ("pac+http://", "the URL of a PAC script: the host is missing or not a DNS name"),
        (f"pac+{LOGIN}:99999/p.pac", "the URL of a PAC script: the port is not between 1 and 65535"),
        ("pac+http://carol:topsecret9@[::1/p.pac", "the URL of a PAC script: Invalid IPv6 URL"),
        ("pac+http://carol:topsecret9\uff03@a/p.pac", None),
        ("wpad:local", "WPAD looks in a domain of two labels at least, such as corp.example"),
        ("wpad:10.0.0.6", "WPAD looks in a DNS domain, such as corp.example; this is an address"),
    ],
)
def test_what_is_refused_without_quoting_a_login(chain: str, sentence: str | None) -> None:
    route, errors = parsed(chain)
    assert "topsecret9" not in str(errors)
    if sentence is not None:
        assert route is None
        assert errors == [sentence]


def test_a_login_in_the_url_is_not_shown() -> None:
    route, _ = parsed(f"pac+{LOGIN}/p.pac")
    assert route is not None
    assert rule_text(route) == "PAC http://wpad.corp.example/p.pac"
