"""`pac+SCRIPT` and `wpad:DOMAIN` become rules, or say why not."""

from __future__ import annotations

import pytest

from prober.routes.pac.reading import Reading
from prober.routes.rules import ScriptedRoute, fixed_hops, is_fixed, rule_text
from prober.routes.scripted import addresses_problem, is_scripted, parse_scripted
from prober.routes.text import LONGEST_URL, RouteError, split_name

SECRET = "hunter2secret"


def parsed(text: str) -> tuple[ScriptedRoute | None, list[str]]:
    errors: list[RouteError] = []
    name, chain = split_name(text)
    assert is_scripted(chain), chain
    route = parse_scripted(name, chain, errors, where="--via")
    assert (route is None) == bool(errors)
    assert {each.path for each in errors} <= {"--via"}
    return route, [each.message for each in errors]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pac+http://px.corp.example/p.pac", ScriptedRoute("pac", script="http://px.corp.example/p.pac")),
        ("hq=pac+https://px/p.pac?a=b", ScriptedRoute("hq", script="https://px/p.pac?a=b")),
        ("hq=PAC+HTTP://px/", ScriptedRoute("hq", script="HTTP://px/")),
        ("pac+/etc/proxy.pac", ScriptedRoute("pac", script="/etc/proxy.pac")),
        ("pac+proxy.pac", ScriptedRoute("pac", script="proxy.pac")),
        ("pac+file:///etc/proxy.pac", ScriptedRoute("pac", script="file:///etc/proxy.pac")),
        (r"pac+C:\proxy.pac", ScriptedRoute("pac", script=r"C:\proxy.pac")),
        ("pac+a=b.pac", ScriptedRoute("pac", script="a=b.pac")),
        ("wpad:corp.example", ScriptedRoute("wpad", domain="corp.example")),
        ("de=wpad:.CORP.Example.", ScriptedRoute("de", domain="corp.example")),
        ("de=WPAD:corp.example", ScriptedRoute("de", domain="corp.example")),
    ],
)
def test_what_is_meant(text: str, expected: ScriptedRoute) -> None:
    assert parsed(text) == (expected, [])


EMPTY = f"expected the URL or the file of a PAC script behind pac+, of {LONGEST_URL} characters at most"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pac+", EMPTY),
        ("pac+http://px/" + "a" * LONGEST_URL, EMPTY),
        ("pac+http://px/\x1b[31m", "the place of a PAC script has characters that cannot be printed"),
        ("pac+ftp://px/p.pac", "a PAC script is fetched by http:// or https://, or read from a file"),
        ("pac+data:text/plain,x", "a PAC script is fetched by http:// or https://, or read from a file"),
        ("wpad:", "WPAD looks in a DNS domain: the host is missing or not a DNS name"),
        ("wpad:corp example", "WPAD looks in a DNS domain: the host is missing or not a DNS name"),
        ("wpad:corp", "WPAD looks in a domain of two labels at least, such as corp.example"),
        ("wpad:10.0.0.1", "WPAD looks in a DNS domain, such as corp.example; this is an address"),
        ("wpad:[2001:db8::1]", "WPAD looks in a DNS domain, such as corp.example; this is an address"),
        ("direct=pac+p.pac", 'the name "direct" is taken: --via direct has a meaning of its own'),
        ("env=wpad:corp.example", 'the name "env" is taken: --via env has a meaning of its own'),
        ("a b=pac+p.pac", "a route's name is 1 to 40 letters, digits, _ . or -"),
    ],
)
def test_what_is_wrong(text: str, sentence: str) -> None:
    assert parsed(text) == (None, [sentence])


def test_everything_that_is_wrong_at_once() -> None:
    assert len(parsed("direct=wpad:corp")[1]) == 2
    assert len(parsed("env=pac+ftp://x")[1]) == 2


def test_a_password_in_a_url_is_not_quoted() -> None:
    assert SECRET not in str(parsed(f"pac+ftp://svc:{SECRET}@px/p.pac"))


def test_a_chain_of_proxies_is_no_script() -> None:
    assert not any(map(is_scripted, ["http://pac+x:80", "direct", "pac", "wpad", "wpad.corp.example:80", ""]))


@pytest.mark.parametrize("text", ["10.0.0.300", "px", "", "10.0.0.1/8"])
def test_addresses_of_a_device(text: str) -> None:
    assert addresses_problem(["10.0.0.1", "2001:db8::1"]) is None
    assert addresses_problem(["10.0.0.1", text]) == f'"{text}" is not an IP address'


def test_a_script_is_asked_and_not_known_before() -> None:
    route = ScriptedRoute("hq", script="p.pac")
    assert (is_fixed(route), fixed_hops(route), rule_text(route)) == (False, (), "PAC p.pac")
    assert rule_text(ScriptedRoute("de", domain="corp.example")) == "WPAD in corp.example"
    assert route.reading is Reading.CHROMIUM
