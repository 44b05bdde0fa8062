"""Failures as real proxies answer them: stage, hop and reason, exactly."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from .asking import LOCAL_NAME, Prober
from .forward import Tinyproxy
from .names import DENIED, DENIED_ADDRESS, NOWHERE
from .origin import Origin, dead_port
from .programs import Launcher
from .proxies import USER, Proxy
from .socks import Microsocks
from .squid import Squid

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def dead() -> Iterator[int]:
    """A port that refuses connections."""
    holder, port = dead_port()
    yield port
    holder.close()


@pytest.fixture
def forwarders(squid: Squid, tinyproxy: Tinyproxy, haproxy: Proxy) -> dict[str, list[Proxy]]:
    """Every HTTP proxy, by route name."""
    return {"squid": [squid.open], "squid-tls": [squid.tls], "tinyproxy": [tinyproxy.open], "haproxy": [haproxy]}


@pytest.mark.parametrize("scheme", ["https", "tls", "http"])
def test_rule_of_an_http_proxy(scheme: str, prober: Prober, forwarders: dict[str, list[Proxy]]) -> None:
    run = prober.check(forwarders, f"{scheme}://{DENIED}:443")
    assert run.status == 1
    assert {run.failure(route) for route in forwarders} == {("proxy", 1, "proxy-denied")}
    assert all("403" in run.result(route)["failure"]["detail"] for route in forwarders)


def test_rule_of_dante(prober: Prober, dante: Proxy) -> None:
    run = prober.check({"dante": [dante]}, f"https://{DENIED_ADDRESS}/")
    assert run.failure("dante") == ("proxy", 1, "proxy-denied")


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_no_password(
    scheme: str, prober: Prober, origin: Origin, plain_origin: Origin, squid: Squid, tinyproxy: Tinyproxy
) -> None:
    server = origin if scheme == "https" else plain_origin
    routes = {"squid": [squid.basic.with_login(None, None)], "tinyproxy": [tinyproxy.basic.with_login(None, None)]}
    run = prober.check(routes, f"{scheme}://127.0.0.1:{server.port}/no-password")
    for route in routes:
        assert run.failure(route) == ("proxy", 1, "proxy-auth-required")
        assert "basic" in run.result(route)["failure"]["detail"].lower(), "the offered schemes are named"
        assert run.result(route)["failure"]["windows"]["hresult"] == "0x80190197"
    assert server.record.of("/no-password") == []


def test_wrong_password(prober: Prober, origin: Origin, squid: Squid, tinyproxy: Tinyproxy) -> None:
    """squid says 407 again; tinyproxy says 401, a status for origins: it still was the login that failed."""
    routes = {
        "squid": [squid.basic.with_login(USER, "wrong")],
        "tinyproxy": [tinyproxy.basic.with_login(USER, "wrong")],
    }
    run = prober.check(routes, f"https://127.0.0.1:{origin.port}/wrong-password")
    assert {route: run.failure(route) for route in routes} == dict.fromkeys(routes, ("proxy", 1, "proxy-auth-failed"))
    assert origin.record.of("/wrong-password") == []


def test_wrong_password_for_a_forwarded_request(prober: Prober, plain_origin: Origin, squid: Squid) -> None:
    run = prober.check(
        {"squid": [squid.basic.with_login(USER, "wrong")]}, f"http://127.0.0.1:{plain_origin.port}/wrong-password"
    )
    assert run.failure("squid") == ("proxy", 1, "proxy-auth-failed")
    assert plain_origin.record.of("/wrong-password") == []


def test_microsocks_without_and_with_a_wrong_password(prober: Prober, origin: Origin, microsocks: Microsocks) -> None:
    routes = {
        "none": [microsocks.password.with_login(None, None)],
        "wrong": [microsocks.password.with_login(USER, "wrong")],
    }
    run = prober.check(routes, f"https://127.0.0.1:{origin.port}/socks-password")
    assert run.failure("none") == ("proxy", 1, "proxy-auth-required")
    assert run.failure("wrong") == ("proxy", 1, "proxy-auth-failed")


def test_name_that_the_proxy_cannot_resolve(
    prober: Prober, squid: Squid, tinyproxy: Tinyproxy, dante: Proxy, microsocks: Microsocks
) -> None:
    """squid 5.7 says 500 with ERR_CANNOT_FORWARD, tinyproxy a bare 500, dante 4, microsocks 1 (general failure)."""
    routes = {"squid": [squid.open], "tinyproxy": [tinyproxy.open], "dante": [dante], "microsocks": [microsocks.open]}
    run = prober.check(routes, f"https://{NOWHERE}/")
    assert {route: run.failure(route) for route in routes} == {
        "squid": ("proxy", 1, "proxy-upstream-connect"),
        "tinyproxy": ("proxy", 1, "proxy-internal"),
        "dante": ("proxy", 1, "proxy-upstream-connect"),
        "microsocks": ("proxy", 1, "proxy-internal"),
    }


def test_refused_port_behind_the_proxy(
    dead: int, prober: Prober, squid: Squid, tinyproxy: Tinyproxy, dante: Proxy, microsocks: Microsocks, ssh: Proxy
) -> None:
    """`ssh -D` answers nothing at all to a SOCKS request it cannot fulfil: it closes."""
    routes = {
        "squid": [squid.open],
        "tinyproxy": [tinyproxy.open],
        "dante": [dante],
        "dante-socks5": [dante.speaking("socks5")],
        "dante-socks4": [dante.speaking("socks4")],
        "microsocks": [microsocks.open],
        "ssh": [ssh],
        "ssh-socks4": [ssh.speaking("socks4")],
    }
    run = prober.check(routes, f"https://127.0.0.1:{dead}/")
    assert {route: run.failure(route) for route in routes} == {
        "squid": ("proxy", 1, "proxy-upstream-connect"),
        "tinyproxy": ("proxy", 1, "proxy-internal"),
        "dante": ("proxy", 1, "proxy-upstream-connect"),
        "dante-socks5": ("proxy", 1, "proxy-upstream-connect"),
        "dante-socks4": ("proxy", 1, "proxy-upstream-connect"),
        "microsocks": ("proxy", 1, "proxy-upstream-connect"),
        "ssh": ("proxy", 1, "proxy-closed"),
        "ssh-socks4": ("proxy", 1, "proxy-closed"),
    }


def test_error_pages_are_not_the_origins_answer(dead: int, prober: Prober, squid: Squid, tinyproxy: Tinyproxy) -> None:
    """For `http://` a proxy reports its failure as if it were an answer; it must not count as one."""
    routes = {"squid": [squid.open], "tinyproxy": [tinyproxy.open]}
    refused = prober.check(routes, f"http://127.0.0.1:{dead}/")
    unknown = prober.check(routes, f"http://{NOWHERE}/")
    for run in (refused, unknown):
        assert run.failure("squid") == ("proxy", 1, "proxy-upstream-connect")
        assert run.failure("tinyproxy") == ("proxy", 1, "proxy-internal")


def test_second_hop_refuses(
    dead: int, prober: Prober, origin: Origin, launcher: Launcher, squid: Squid, tinyproxy: Tinyproxy, haproxy: Proxy
) -> None:
    """The failure belongs to the hop that answered it."""
    outer = tinyproxy.open
    routes = {
        "no-password": [outer, squid.basic.with_login(None, None)],
        "wrong-password": [outer, squid.basic.with_login(USER, "wrong")],
        "denied-in-tls": [haproxy, squid.tls],
        "dead-behind-first": [squid.open, replace(tinyproxy.open, port=dead)],
        "dead-behind-second": [outer, squid.open],
        "third": [haproxy, squid.open, squid.basic.with_login(USER, "wrong")],
    }
    run = prober.check(routes, f"https://{DENIED}:{origin.port}/")
    assert {route: run.failure(route) for route in routes} == {
        "no-password": ("proxy", 2, "proxy-denied"),
        "wrong-password": ("proxy", 2, "proxy-denied"),
        "denied-in-tls": ("proxy", 2, "proxy-denied"),
        "dead-behind-first": ("proxy", 1, "proxy-upstream-connect"),
        "dead-behind-second": ("proxy", 2, "proxy-denied"),
        "third": ("proxy", 3, "proxy-denied"),
    }
    run = prober.check(routes, f"https://127.0.0.1:{dead}/")
    assert {route: run.failure(route) for route in routes} == {
        "no-password": ("proxy", 2, "proxy-auth-required"),
        "wrong-password": ("proxy", 2, "proxy-auth-failed"),
        "denied-in-tls": ("proxy", 2, "proxy-upstream-connect"),
        "dead-behind-first": ("proxy", 1, "proxy-upstream-connect"),
        "dead-behind-second": ("proxy", 2, "proxy-upstream-connect"),
        "third": ("proxy", 3, "proxy-auth-failed"),
    }


def test_dead_proxy(dead: int, prober: Prober, origin: Origin, squid: Squid, dante: Proxy, haproxy: Proxy) -> None:
    routes = {proxy.scheme: [replace(proxy, port=dead)] for proxy in (squid.open, dante, haproxy)}
    run = prober.check(routes, f"https://127.0.0.1:{origin.port}/")
    assert {run.failure(route) for route in routes} == {("connect", 1, "tcp-refused")}


def test_password_is_not_shown_to_an_untrusted_https_proxy(prober: Prober, origin: Origin, squid: Squid) -> None:
    """squid logs the user of every request it reads: it must not have read one."""
    run = prober.check({"untrusted": [squid.untrusted]}, f"https://127.0.0.1:{origin.port}/untrusted")
    assert run.failure("untrusted") == ("proxy-tls", 1, "cert-untrusted")
    assert origin.record.of("/untrusted") == []
    seen = [line.split() for line in squid.access_log.read_text().splitlines()]
    assert [words for words in seen if words[1:3] == [str(squid.untrusted.port), USER]] == []


def test_password_is_not_shown_behind_an_untrusted_https_proxy(
    prober: Prober, origin: Origin, squid: Squid, tinyproxy: Tinyproxy
) -> None:
    """As a second hop the same certificate is as bad, and it is hop 2 that is named."""
    run = prober.check({"two": [tinyproxy.open, squid.untrusted]}, f"https://127.0.0.1:{origin.port}/untrusted")
    assert run.failure("two") == ("proxy-tls", 2, "cert-untrusted")


def test_spoken_to_in_the_wrong_protocol(
    prober: Prober, origin: Origin, squid: Squid, haproxy: Proxy, microsocks: Microsocks, dante: Proxy
) -> None:
    """Typing errors in a proxy's URL: each is told apart from a block."""
    routes = {
        "http to TLS": [replace(haproxy, scheme="http", roots=None)],
        "TLS to http": [replace(squid.open, scheme="https")],
        "http to SOCKS": [microsocks.open.speaking("http")],
        "SOCKS 4 to SOCKS 5 only": [microsocks.open.speaking("socks4")],
        "SOCKS 4a to dante": [dante.speaking("socks4a")],
        "SOCKS 5 to http": [squid.open.speaking("socks5h")],
    }
    names = {name: name.lower().replace(" ", "-") for name in routes}
    run = prober.check(
        {names[name]: hops for name, hops in routes.items()}, f"https://{LOCAL_NAME}:{origin.port}/", timeout=2
    )
    places = {name: run.failure(route)[:2] for name, route in names.items()}
    assert places == {
        **dict.fromkeys(routes, ("proxy", 1)),
        "TLS to http": ("proxy-tls", 1),
    }
    assert run.failure(names["http to SOCKS"])[2] == "proxy-protocol-error"
    assert run.failure(names["SOCKS 4 to SOCKS 5 only"])[2] == "proxy-protocol-error"
    assert run.failure(names["SOCKS 5 to http"])[2] == "proxy-timeout"


def test_origin_is_not_a_proxy(prober: Prober, origin: Origin, plain_origin: Origin, squid: Squid) -> None:
    """A web server answers CONNECT with 501."""
    run = prober.check({"web": [replace(squid.open, port=plain_origin.port)]}, f"https://127.0.0.1:{origin.port}/")
    assert run.failure("web") == ("proxy", 1, "not-a-proxy")


def test_frozen_proxy(
    prober: Prober,
    origin: Origin,
    launcher: Launcher,
    squid: Squid,
    tinyproxy: Tinyproxy,
    haproxy: Proxy,
    microsocks: Microsocks,
) -> None:
    """A proxy that accepts and then says nothing: the deadline names the hop that was waited for."""
    frozen = [tinyproxy.open, haproxy, microsocks.open]
    routes = {
        "http": [tinyproxy.open],
        "https": [haproxy],
        "socks5h": [microsocks.open],
        "second": [squid.open, tinyproxy.open],
        "second-https": [squid.open, haproxy],
        "thawed": [squid.open],
    }
    with contextlib.ExitStack() as stack:
        for proxy in frozen:
            stack.enter_context(proxy.program.frozen())
        run = prober.check(routes, f"https://{launcher.names.target}:{origin.port}/frozen", timeout=2)
    assert run.result("thawed")["reachable"] is True
    assert {route: run.failure(route) for route in routes if route != "thawed"} == {
        "http": ("proxy", 1, "proxy-timeout"),
        "https": ("proxy-tls", 1, "tls-timeout"),
        "socks5h": ("proxy", 1, "proxy-timeout"),
        "second": ("proxy", 2, "proxy-timeout"),
        "second-https": ("proxy-tls", 2, "tls-timeout"),
    }
