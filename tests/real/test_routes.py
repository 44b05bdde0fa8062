"""Every hop kind alone, every ordered pair, and longer chains: the target is reached, and the facts are right.

Wherever a proxy resolves, it is handed a name that only the proxies know: for the target and for the next proxy alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest

from .asking import LOCAL_NAME, Prober, Run, run_program
from .forward import Tinyproxy
from .names import TARGET
from .origin import Authority, Origin
from .programs import Launcher, unavailable
from .proxies import Proxy
from .socks import Microsocks
from .squid import Squid

pytestmark = pytest.mark.real

KINDS = ["http", "http+basic", "https", "socks4", "socks4a", "socks5", "socks5h", "socks5h+password"]


def chained(proxies: Sequence[Proxy], launcher: Launcher) -> list[Proxy]:
    """The proxies as hops: each is named to the one before it as that one needs it."""
    later = (
        proxy.at(launcher.names.next_hop if before.resolves_names else "127.0.0.1")
        for before, proxy in itertools.pairwise(proxies)
    )
    return [proxies[0], *later]


def target_host(proxies: Sequence[Proxy], launcher: Launcher) -> str:
    """The origin's name for the last proxy."""
    return launcher.names.target if proxies[-1].resolves_names else LOCAL_NAME


def assert_reached(run: Run, route: str, proxies: Sequence[Proxy], *, forwarded: bool = False) -> dict[str, Any]:
    """The route's result says reachable and names every hop. `forwarded`: the last one took the absolute form."""
    result = run.result(route)
    assert result["reachable"] is True, result["failure"]
    assert result["failure"] is None
    assert result["peer"] == f"127.0.0.1:{proxies[0].port}"
    [described] = [entry for entry in run.document["routes"] if entry["name"] == route]
    assert described["hops"] == [
        {"scheme": proxy.scheme, "host": proxy.host, "port": proxy.port, "auth": auth(proxy)} for proxy in proxies
    ]
    timings = result["timings"]
    assert timings["connect"] is None, "the target is not connected to by the prober"
    assert len(timings["hops"]) == len(proxies)
    for index, (proxy, hop) in enumerate(zip(proxies, timings["hops"], strict=True)):
        assert (hop["connect"] is not None) == (index == 0), index
        assert (hop["tls"] is not None) == (proxy.scheme == "https"), index
        is_forwarder = forwarded and index == len(proxies) - 1
        assert (hop["negotiate"] is not None) == (not is_forwarder), index
    for proxy, facts in zip(proxies, result["hops"], strict=True):
        assert facts["login"] == ("none" if proxy.user is None else "accepted")
        assert (facts["tls"] is not None) == (proxy.scheme == "https")
    measured = [value for hop in timings["hops"] for value in hop.values() if value is not None]
    assert all(value >= 0 for value in measured)
    assert sum(measured) <= timings["total"]
    return result


def auth(proxy: Proxy) -> str:
    if proxy.user is None:
        return "none"
    return "basic" if proxy.scheme in {"http", "https"} else "password"


def assert_https_reached(
    prober: Prober, origin: Origin, launcher: Launcher, path: str, proxies: Sequence[Proxy]
) -> None:
    """One HTTPS probe over this chain arrives at the origin once, from the last proxy, and is trusted."""
    hops = chained(proxies, launcher)
    host = target_host(hops, launcher)
    run = prober.check({"chain": hops}, f"https://{host}:{origin.port}{path}")
    result = assert_reached(run, "chain", hops)
    assert run.status == 0
    assert result["trusted"] is True, result["trust_failure"]
    assert result["http"]["status"] == 200
    assert result["tls"]["version"] == "TLSv1.3"
    [request] = origin.record.of(path)
    assert request.client == proxies[-1].leaves_from
    assert (request.via, request.authorization) == (None, None), "a proxy saw into the tunnel"
    assert request.host == f"{host}:{origin.port}"
    assert request.sni == (None if host == "127.0.0.1" else host)


def test_every_kind_alone(
    prober: Prober,
    origin: Origin,
    plain_origin: Origin,
    launcher: Launcher,
    first: dict[str, Proxy],
    second: dict[str, Proxy],
) -> None:
    """Sixteen routes, three schemes, in one run each for the hops that resolve and those that do not."""
    proxies = {f"first-{kind.replace('+', '-')}": proxy for kind, proxy in first.items()}
    proxies |= {f"second-{kind.replace('+', '-')}": proxy for kind, proxy in second.items()}
    for resolves in (True, False):
        alone = {name: [proxy] for name, proxy in proxies.items() if proxy.resolves_names == resolves}
        host = launcher.names.target if resolves else LOCAL_NAME
        for scheme, server in (("https", origin), ("tls", origin), ("http", plain_origin)):
            path = "" if scheme == "tls" else f"/alone/{scheme}/{resolves}"
            run = prober.check(alone, f"{scheme}://{host}:{server.port}{path}")
            for name, hops in alone.items():
                forwarded = scheme == "http" and hops[0].scheme in {"http", "https"}
                result = assert_reached(run, name, hops, forwarded=forwarded)
                assert (result["tls"] is None) == (scheme == "http")
                assert (result["http"] is None) == (scheme == "tls")
                assert result["trusted"] is (None if scheme == "http" else True)
            if scheme != "tls":
                seen = sorted(request.client for request in server.record.of(path))
                assert seen == sorted(proxy.leaves_from for [proxy] in alone.values())


@pytest.mark.parametrize("kind", ["http", "http+basic", "https"])
def test_http_target_is_forwarded_by_an_http_proxy(
    kind: str, prober: Prober, plain_origin: Origin, launcher: Launcher, first: dict[str, Proxy]
) -> None:
    """The proxy understood a GET in absolute form (it added `Via`), and kept the login to itself."""
    path = f"/forwarded/{kind}"
    host = launcher.names.target
    run = prober.check({"alone": [first[kind]]}, f"http://{host}:{plain_origin.port}{path}")
    assert_reached(run, "alone", [first[kind]], forwarded=True)
    [request] = plain_origin.record.of(path)
    assert request.method == "GET"
    assert "squid" in str(request.via)
    assert request.authorization is None
    assert request.host == f"{host}:{plain_origin.port}"


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_login_comes_after_an_anonymous_request(
    scheme: str,
    prober: Prober,
    origin: Origin,
    plain_origin: Origin,
    launcher: Launcher,
    squid: Squid,
    tinyproxy: Tinyproxy,
    microsocks: Microsocks,
) -> None:
    """squid keeps the connection after its 407 and it is used again; tinyproxy closes, so there is a second one."""
    # (route, what the proxy offered, connections made)
    expected = [("squid", "basic", 1), ("squid-tls", "basic", 1), ("tinyproxy", "basic", 2), ("socks", "password", 1)]
    server = origin if scheme == "https" else plain_origin
    routes = {
        "squid": [squid.basic],
        "squid-tls": [squid.tls_basic],
        "tinyproxy": [tinyproxy.basic],
        "socks": [microsocks.password],
    }
    run = prober.check(routes, f"{scheme}://{launcher.names.target}:{server.port}/login")
    for route, offered, connections in expected:
        result = run.result(route)
        assert result["reachable"] is True, result["failure"]
        assert result["hops"][0]["offered"] == [offered]
        assert result["hops"][0]["login"] == "accepted"
        assert result["attempts"] == connections


@pytest.mark.parametrize("outer", ["http", "https", "socks5h"])
def test_http_target_in_a_chain(
    outer: str, prober: Prober, plain_origin: Origin, launcher: Launcher, first: dict[str, Proxy], tinyproxy: Tinyproxy
) -> None:
    """Only the last proxy forwards; the chain before it is a tunnel."""
    path = f"/forwarded-in-chain/{outer}"
    hops = chained([first[outer], tinyproxy.basic], launcher)
    run = prober.check({"two": hops}, f"http://{launcher.names.target}:{plain_origin.port}{path}")
    assert_reached(run, "two", hops, forwarded=True)
    [request] = plain_origin.record.of(path)
    assert "tinyproxy" in str(request.via)
    assert "squid" not in str(request.via)
    assert request.client == tinyproxy.basic.leaves_from


def test_http_target_behind_socks_is_tunnelled(
    prober: Prober, plain_origin: Origin, launcher: Launcher, squid: Squid, microsocks: Microsocks
) -> None:
    """An HTTP proxy in front of the last one is asked for a tunnel; behind SOCKS the request is in origin form."""
    hops = chained([squid.open, microsocks.password], launcher)
    run = prober.check({"two": hops}, f"http://{launcher.names.target}:{plain_origin.port}/tunnelled")
    assert_reached(run, "two", hops)
    [request] = plain_origin.record.of("/tunnelled")
    assert request.via is None
    assert request.client == microsocks.password.leaves_from


@pytest.mark.parametrize("inner", KINDS)
@pytest.mark.parametrize("outer", KINDS)
def test_every_pair(
    outer: str,
    inner: str,
    prober: Prober,
    origin: Origin,
    launcher: Launcher,
    first: dict[str, Proxy],
    second: dict[str, Proxy],
) -> None:
    assert_https_reached(prober, origin, launcher, f"/pair/{outer}/{inner}", [first[outer], second[inner]])


@pytest.mark.parametrize(
    "kinds",
    [
        ("https", "socks5h", "http+basic"),
        ("https", "https", "https"),
        ("http+basic", "socks5h+password", "https"),
        ("socks4", "http", "socks5"),
        ("socks4a", "https", "socks4"),
        ("socks5h+password", "http+basic", "socks5h"),
        ("http", "socks4a", "https", "socks5", "http+basic"),
    ],
    ids=" ".join,
)
def test_longer_chains(
    kinds: tuple[str, ...],
    prober: Prober,
    origin: Origin,
    launcher: Launcher,
    first: dict[str, Proxy],
    second: dict[str, Proxy],
) -> None:
    """Three hops of every kind somewhere, and one chain of five."""
    stock = [first, second]
    proxies = [stock[index % 2][kind] for index, kind in enumerate(kinds)]
    assert_https_reached(prober, origin, launcher, f"/chain/{'/'.join(kinds)}", proxies)


def test_name_is_resolved_at_the_proxy(
    prober: Prober, origin: Origin, launcher: Launcher, first: dict[str, Proxy], second: dict[str, Proxy]
) -> None:
    """The prober does not know the name, the proxies do: those that are handed names get through, the others cannot."""
    if launcher.names.why_not:
        unavailable(launcher.names.why_not)
    routes = {f"first-{kind.replace('+', '-')}": [proxy] for kind, proxy in first.items()}
    routes |= {f"second-{kind.replace('+', '-')}": [proxy] for kind, proxy in second.items()}
    run = prober.check(routes, f"https://{TARGET}:{origin.port}/name")
    for name, [proxy] in routes.items():
        if proxy.resolves_names:
            assert run.result(name)["reachable"] is True, (name, run.result(name)["failure"])
            assert run.result(name)["timings"]["dns"] is None
        else:
            stage, hop, reason = run.failure(name)
            assert (stage, hop) == ("dns", 0), name
            assert reason.startswith("dns-"), name
    assert len(origin.record.of("/name")) == sum(proxy.resolves_names for [proxy] in routes.values())


def test_later_hop_is_resolved_here_behind_socks4_and_socks5(
    prober: Prober, origin: Origin, launcher: Launcher, first: dict[str, Proxy], squid: Squid
) -> None:
    """A second hop that only the proxies can name is out of reach behind a first hop that takes addresses only."""
    if launcher.names.why_not:
        unavailable(launcher.names.why_not)
    hidden = squid.open.at(launcher.names.next_hop)
    routes = {kind: [first[kind], hidden] for kind in ("socks4", "socks5")}
    run = prober.check(routes, f"https://{TARGET}:{origin.port}/hidden-hop")
    for route in routes:
        stage, hop, reason = run.failure(route)
        assert (stage, hop) == ("dns", 2), route
        assert reason.startswith("dns-"), route


def test_trust_roots_of_a_hop_are_not_those_of_the_target(
    prober: Prober, origin: Origin, launcher: Launcher, haproxy: Proxy, stranger: Authority
) -> None:
    """HAProxy is vouched for by its own file; the target's trust is judged by the target's."""
    run = Prober(launcher.room("other-trust"), stranger).check(
        {"alone": [haproxy]}, f"https://{launcher.names.target}:{origin.port}/other-trust"
    )
    result = assert_reached(run, "alone", [haproxy])
    assert result["trusted"] is False
    assert result["trust_failure"]["reason"] in {"cert-untrusted", "cert-incomplete-chain"}


def test_ipv6_literal(prober: Prober, authority: Authority, squid: Squid, ssh: Proxy) -> None:
    """CONNECT takes it in brackets, SOCKS 5 as an address of 16 bytes."""
    try:
        origin = Origin(authority.server_context("::1"), "::1")
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine's loopback: {error}")
    routes = {"squid": [squid.open], "ssh": [ssh], "ssh-socks5": [ssh.speaking("socks5")]}
    try:
        run = prober.check(routes, f"https://[::1]:{origin.port}/ipv6")
        for route, hops in routes.items():
            assert assert_reached(run, route, hops)["trusted"] is True
        assert [request.host for request in origin.record.of("/ipv6")] == [f"[::1]:{origin.port}"] * len(routes)
    finally:
        origin.close()


def test_worker_processes_carry_routes_and_logins(
    prober: Prober, origin: Origin, launcher: Launcher, squid: Squid, microsocks: Microsocks
) -> None:
    hops = chained([squid.tls_basic, microsocks.password], launcher)
    paths = ["/worker/1", "/worker/2"]
    targets = [f"https://{launcher.names.target}:{origin.port}{path}" for path in paths]
    run = prober.check({"two": hops}, *targets, workers=2)
    assert [result["failure"] for result in run.document["results"]] == [None, None]
    for path in paths:
        assert [request.client for request in origin.record.of(path)] == [microsocks.password.leaves_from]


def test_chain_on_the_command_line(origin: Origin, launcher: Launcher, authority: Authority, squid: Squid) -> None:
    """`--via` with a password in the URL, where its space and colon must be written in percent."""
    login = f"{squid.basic.user}:{quote(str(squid.basic.password))}"
    chain = f"http://127.0.0.1:{squid.open.port},http://{login}@{launcher.names.next_hop}:{squid.basic.port}"
    target = f"https://{launcher.names.target}:{origin.port}/via"
    run = run_program(["--via", f"two={chain}", "--no-direct", "--trust-roots", str(authority.roots), target], {})
    hops = chained([squid.open, squid.basic], launcher)
    assert assert_reached(run, "two", hops)["trusted"] is True
    assert run.stderr.count("password") >= 1, "a password in a URL is pointed out"
    [request] = origin.record.of("/via")
    assert request.client == squid.basic.leaves_from
