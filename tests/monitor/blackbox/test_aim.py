"""What /probe lets itself be sent to: the text is read once, and what was read is what is looked up and asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prober.config.allowance import parse_allowance
from prober.model import Scheme, Target
from prober.monitor.blackbox.aim import Aim, RefusedError, admit, aim_at, elsewhere, host_parameter
from prober.monitor.blackbox.scope import ProbeScope
from prober.wire.exchange import Exchange

from .stage import Stage

LISTED = Target(id="mde.c2.eu", scheme=Scheme.TLS, host="winatp-gw-neu.microsoft.com", port=443, service="MDE")
PLAIN = Target(id="mde.crl", scheme=Scheme.HTTP, host="crl.microsoft.com", port=80, path="/pki/x.crl")
ODD_PORT = Target(id="odd", scheme=Scheme.HTTPS, host="odd.example.com", port=8443, path="/health")
ALLOWED = (
    "allowed.example",
    "*.below.example:8443",
    "any.port.example:*",
    "192.0.2.7",
    "[2001:db8::7]:8443",
    "bücher.example",
)


def scope() -> ProbeScope:
    stage = Stage(targets=(LISTED, PLAIN, ODD_PORT), allow=list(ALLOWED))
    return stage.scope()


SCOPE = scope()


def address(text: str, *, web: bool = True) -> str:
    return aim_at(text, SCOPE, web=web).target.address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://allowed.example", "https allowed.example:443 /"),
        ("https://allowed.example/a?b=c", "https allowed.example:443 /a?b=c"),
        ("http://allowed.example", "http allowed.example:80 /"),
        ("allowed.example", "http allowed.example:80 /"),
        ("allowed.example:443", "http allowed.example:443 /"),
        ("allowed.example/path", "http allowed.example:80 /path"),
        ("HTTPS://ALLOWED.Example./", "https allowed.example:443 /"),
        ("https://x.below.example:8443/", "https x.below.example:8443 /"),
        ("https://x.y.below.example:8443/", "https x.y.below.example:8443 /"),
        ("http://any.port.example:1/", "http any.port.example:1 /"),
        ("http://192.0.2.7/", "http 192.0.2.7:80 /"),
        ("http://[::ffff:192.0.2.7]/", "http 192.0.2.7:80 /"),
        ("http://[::ffff:c000:207]/", "http 192.0.2.7:80 /"),
        ("https://[2001:DB8:0:0::7]:8443/", "https 2001:db8::7:8443 /"),
        ("https://bücher.example/ü", "https xn--bcher-kva.example:443 /%C3%BC"),
        ("http://ａｌｌｏｗｅｄ．example/", "http allowed.example:80 /"),
        ("http://１９２.0.2.7/", "http 192.0.2.7:80 /"),
        ("mde.c2.eu", "https winatp-gw-neu.microsoft.com:443 /"),
        ("mde.crl", "http crl.microsoft.com:80 /pki/x.crl"),
        ("odd", "https odd.example.com:8443 /health"),
        ("https://winatp-gw-neu.microsoft.com/other", "https winatp-gw-neu.microsoft.com:443 /other"),
    ],
)
def test_targets_of_a_web_module(text: str, expected: str) -> None:
    target = aim_at(text, SCOPE, web=True).target
    assert f"{target.scheme} {target.host}:{target.port} {target.path}" == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("allowed.example:443", "allowed.example:443"),
        ("ALLOWED.example:80", "allowed.example:80"),
        ("tls://allowed.example", "allowed.example:443"),
        ("[2001:db8::7]:8443", "[2001:db8::7]:8443"),
        ("mde.c2.eu", "winatp-gw-neu.microsoft.com:443"),
        ("mde.crl", "crl.microsoft.com:80"),
    ],
)
def test_targets_of_a_tcp_module(text: str, expected: str) -> None:
    assert address(text, web=False) == expected


NOT_WEB = [
    "evil.example",
    "https://evil.example/",
    "https://allowed.example:8443/",
    "https://winatp-gw-neu.microsoft.com:8443/",
    "http://winatp-gw-neu.microsoft.com/",  # port 80 is not the catalog's
    "https://below.example:8443/",  # the suffix itself is not below itself
    "https://xbelow.example:8443/",
    "https://x.below.example/",
    "https://notallowed.example/",
    "https://allowed.example.evil.example/",
    "http://allowed.example@evil.example/",
    "http://evil.example#@allowed.example/",
    "http://evil.example\\@allowed.example/",
    "http://allowed.example\\.evil.example/",
    "http://allowed.example:80@evil.example/",
    "http://allowed.example:@evil.example/",
    "http://@allowed.example/",
    "http://user:pass@allowed.example/",
    "http://allowed.example%2eevil.example/",
    "http://evil.example%00.allowed.example/",
    "http://allowed.example\r\nHost: evil.example/",
    "http://allowed.example/\r\nX: y",
    "http://allowed.example/ HTTP/1.1",
    "http://allowed.example /",
    "http://allowed.example\t/",
    "http://allowed.example\u2028/",
    "http://\u202eelpmaxe.dewolla/",
    "http://аllowed.example/",  # a Cyrillic letter
    "http://allowed。evil.example/",
    "http://3221225991/",  # 192.0.2.7 as one number
    "http://0xc0000207/",
    "http://0xc0.0.2.7/",
    "http://192.0.2.0x7/",
    "http://0300.0.2.7/",
    "http://192.0.519/",
    "http://127.1/",
    "http://2130706433/",
    "http://0/",
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[2001:db8::7%25eth0]:8443/",
    "http://[fe80::1%eth0]/",
    "http://[2001:db8::7]8443/",
    "http://2001:db8::7:8443/",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/",
    "http://localhost/",
    "http://allowed.example:0/",
    "http://allowed.example:65536/",
    "http://allowed.example:080808/",
    "http://allowed.example:+80/",
    "http://allowed.example:８０/",
    "http://allowed.example:/",
    "http://allowed.example..",
    "http://.allowed.example/",
    "http:///allowed.example/",
    "http:/allowed.example/",
    "//allowed.example/",
    "ftp://allowed.example/",
    "file:///etc/passwd",
    "gopher://allowed.example/",
    "tls://allowed.example",
    "javascript:alert(1)",
    "http://http://allowed.example/",
    "https://",
    "http://",
    ":80",
    "*",
    "https://*.below.example:8443/",
    "http://{workspace}.below.example:8443/",
    "mde.c2.EU",
    " https://allowed.example/",
    "https://allowed.example/#fragment",
    "x" * 3000,
    "https://" + "a." * 200 + "allowed.example",
]


@pytest.mark.parametrize("text", NOT_WEB)
def test_refused_by_a_web_module(text: str) -> None:
    with pytest.raises(RefusedError):
        aim_at(text, SCOPE, web=True)


@pytest.mark.parametrize(
    "text",
    [
        *(text for text in NOT_WEB if text != "tls://allowed.example"),
        "allowed.example",
        "https://allowed.example/",
        "https://allowed.example:443",
        "allowed.example:443/path",
        "allowed.example:443@evil.example:443",
        "2001:db8::7:8443",
        "tls://allowed.example/path",
        "tls://tls://allowed.example:443",
    ],
)
def test_refused_by_a_tcp_module(text: str) -> None:
    with pytest.raises(RefusedError):
        aim_at(text, SCOPE, web=False)


def test_a_refusal_repeats_no_password() -> None:
    with pytest.raises(RefusedError) as refused:
        aim_at("http://user:geheim@evil.example/", SCOPE, web=True)
    assert "geheim" not in str(refused.value)


def test_an_id_counts_before_anything_it_might_look_like() -> None:
    named = replace(PLAIN, id="allowed.example")
    stage = Stage(targets=(named,), allow=list(ALLOWED))
    assert aim_at("allowed.example", stage.scope(), web=True).target.host == "crl.microsoft.com"


def test_the_catalog_s_are_told_from_the_allowed() -> None:
    assert aim_at("mde.crl", SCOPE, web=True).listed
    assert aim_at("https://winatp-gw-neu.microsoft.com/", SCOPE, web=True).listed
    assert not aim_at("https://allowed.example/", SCOPE, web=True).listed


# redirects

BASE = Target(id="b", scheme=Scheme.HTTPS, host="allowed.example", port=443, path="/a/b?c=d")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/x", "https allowed.example:443 /x"),
        ("x", "https allowed.example:443 /a/x"),
        ("../x?y=z#f", "https allowed.example:443 /x?y=z"),
        ("?q", "https allowed.example:443 /a/b?q"),
        ("//x.below.example:8443/y", "https x.below.example:8443 /y"),
        ("http://allowed.example", "http allowed.example:80 /"),
        ("HTTP://Allowed.Example:80/", "http allowed.example:80 /"),
        ("/with blank?and another", "https allowed.example:443 /with%20blank?and%20another"),
        ("/\u00c3\u00bc", "https allowed.example:443 /%C3%BC"),  # UTF-8, as it comes out of the head
        ("/\u00fc", "https allowed.example:443 /%C3%BC"),  # Latin-1
        ("#only", "https allowed.example:443 /a/b?c=d"),
    ],
)
def test_where_a_redirect_leads(location: str, expected: str) -> None:
    target = elsewhere(location, BASE)
    assert f"{target.scheme} {target.host}:{target.port} {target.path}" == expected


@pytest.mark.parametrize(
    "location",
    [
        *("//evil.example/", "https://evil.example/", "https://allowed.example:8443/"),
        *("https://allowed.example@evil.example/", "//allowed.example@evil.example", "\\\\evil.example\\x"),
        *("/\\evil.example", "///evil.example/", "http://[::1]/", "http://127.0.0.1/", "http://169.254.169.254/"),
        *("http://2130706433/", "http://0x7f.1/", "ftp://allowed.example/", "file:///etc/passwd", "javascript:x"),
        *("data:,x", "/\x00", "/a\tb", "/a\x7f", "https://[", "https://allowed.example:99999/"),
    ],
)
def test_redirects_that_lead_nowhere(location: str) -> None:
    try:
        target = admit(elsewhere(location, BASE), SCOPE).target
    except RefusedError:
        return
    # The only other answer that is right: a browser's and Go's "path of three slashes" stays at home.
    assert target.host == BASE.host
    assert location.startswith("///")


# hostname=


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("allowed.example", "allowed.example"),
        ("ALLOWED.example", "allowed.example"),
        ("allowed.example:8443", "allowed.example:8443"),
        ("winatp-gw-neu.microsoft.com", "winatp-gw-neu.microsoft.com"),
    ],
)
def test_whose_name_a_request_may_bear(text: str, expected: str) -> None:
    aim = aim_at("https://allowed.example/", SCOPE, web=True)
    assert host_parameter(text, aim, SCOPE) == expected


@pytest.mark.parametrize("text", ["evil.example", "a@b", "allowed.example/x", "allowed.example\r\nX: y", "a b", ""])
def test_names_that_a_request_may_not_bear(text: str) -> None:
    aim = aim_at("https://allowed.example/", SCOPE, web=True)
    with pytest.raises(RefusedError):
        host_parameter(text, aim, SCOPE)


# anything at all

PARTS = st.sampled_from(
    [
        *("http://", "https://", "tls://", "HTTP://", "//", "/", "\\", "@", ":", "?", "#", ".", "..", "%2e", "%00"),
        *("\r\n", " ", "\t", "。", "．", "０", "1", "80", "443", "8443", "0x7f", "2130706433", "127.0.0.1", "[::1]"),
        *("[", "]", "::ffff:127.0.0.1", "allowed.example", "evil.example", "x.below.example", "below.example"),
        *("any.port.example", "192.0.2.7", "аllowed.example", "ß", "\u200d", "mde.crl", "user:pass", "*", "{x}"),
    ]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PARTS, max_size=8).map("".join))


def is_allowed(target: Target) -> bool:
    """Said again in the plainest words, without any of the code under test."""
    host, port = target.host, target.port
    if (host, port) in {(each.host, each.port) for each in (LISTED, PLAIN, ODD_PORT)}:
        return True
    if host in ("allowed.example", "192.0.2.7", "xn--bcher-kva.example"):
        return port in (80, 443)
    if host.endswith(".below.example") and len(host) > len(".below.example"):
        return port == 8443
    return host == "any.port.example" or (host, port) == ("2001:db8::7", 8443)


def check(aim: Aim) -> None:
    target = aim.target
    assert is_allowed(target)
    assert set(target.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_:")
    if target.scheme is Scheme.TLS:
        return
    request = Exchange(target, user_agent="ua").start().decode("ascii")
    head, *lines = request.split("\r\n")
    assert head == f"GET {target.path} HTTP/1.1"
    assert lines[0].removeprefix("Host: ").split(":")[0].strip("[]") in target.host
    assert request.count("\r\n\r\n") == 1
    assert request.endswith("\r\n\r\n")


@given(text=TEXTS, web=st.booleans())
@example(text="http://allowed.example@evil.example/", web=True)
@example(text="allowed.example:443", web=False)
def test_whatever_is_let_through_is_allowed(text: str, web: bool) -> None:
    try:
        aim = aim_at(text, SCOPE, web=web)
    except RefusedError:
        return
    check(aim)


@given(location=TEXTS)
@example(location="//any.port.example:9/")
def test_whatever_a_redirect_leads_to_is_allowed(location: str) -> None:
    try:
        aim = admit(elsewhere(location, BASE), SCOPE)
    except RefusedError:
        return
    check(aim)


@given(text=TEXTS)
def test_an_entry_of_the_allow_list_is_read_or_refused(text: str) -> None:
    try:
        entry = parse_allowance(text)
    except ValueError:
        return
    assert entry.host
    assert "*" not in entry.host
