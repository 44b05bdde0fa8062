"""Each program by itself, without the prober: a broken launcher is told apart from a broken prober.

The client here is curl, which shares no code with the prober.
"""

from __future__ import annotations

import socket
import subprocess

import pytest

from .forward import Tinyproxy
from .names import DENIED, DENIED_ADDRESS, NOWHERE, TARGET
from .origin import Origin
from .programs import Launcher, require, unavailable
from .proxies import USER, Proxy
from .socks import Microsocks
from .squid import Squid

pytestmark = pytest.mark.real


def login(proxy: Proxy) -> tuple[str, ...]:
    return ("--proxy-user", f"{proxy.user}:{proxy.password}") if proxy.user else ()


def fetch(proxy: Proxy, url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What curl makes of this URL over this proxy: exit status, the status of CONNECT and of the answer."""
    curl = [require("curl", "curl"), "--silent", "--show-error", "--insecure", "--max-time", "20", "--noproxy", ""]
    curl += ["--output", "/dev/null", "--write-out", "%{http_connect} %{http_code}"]
    if proxy.roots is not None:
        curl += ["--proxy-cacert", str(proxy.roots)]
    curl += ["--proxy", f"{proxy.scheme}://127.0.0.1:{proxy.port}", *options, url]
    return subprocess.run(curl, capture_output=True, text=True, check=False, timeout=30)


def test_missing_program_is_a_skip_here_and_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_REAL_PROXIES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-proxy is not installed: apt-get install no-such-package"):
        require("no-such-proxy", "no-such-package")
    monkeypatch.setenv("REQUIRE_REAL_PROXIES", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-proxy is not installed"):
        require("no-such-proxy", "no-such-package")


def test_names_of_the_proxies_are_unknown_here(launcher: Launcher) -> None:
    """The premise of every test that says a name was resolved at the proxy."""
    if launcher.names.why_not:
        unavailable(launcher.names.why_not)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(TARGET, 443)


@pytest.fixture
def proxies(
    squid: Squid, tinyproxy: Tinyproxy, haproxy: Proxy, microsocks: Microsocks, dante: Proxy, ssh: Proxy
) -> dict[str, Proxy]:
    return {
        "squid": squid.open,
        "squid basic": squid.basic,
        "squid https": squid.tls,
        "tinyproxy": tinyproxy.open,
        "tinyproxy basic": tinyproxy.basic,
        "haproxy": haproxy,
        "microsocks": microsocks.open,
        "microsocks password": microsocks.password,
        "dante": dante,
        "dante socks4": dante.speaking("socks4"),
        "ssh": ssh,
        "ssh socks4": ssh.speaking("socks4"),
        "ssh socks4a": ssh.speaking("socks4a"),
    }


PROXIES = ["squid", "squid basic", "squid https", "tinyproxy", "tinyproxy basic", "haproxy", "microsocks"]
PROXIES += ["microsocks password", "dante", "dante socks4", "ssh", "ssh socks4", "ssh socks4a"]


@pytest.mark.parametrize("name", PROXIES)
def test_passes_traffic_and_resolves(name: str, proxies: dict[str, Proxy], launcher: Launcher, origin: Origin) -> None:
    proxy = proxies[name]
    host = launcher.names.target if proxy.resolves_names else "127.0.0.1"
    path = f"/programs/{name.replace(' ', '-')}"
    url = f"https://{host}:{origin.port}{path}"
    done = fetch(proxy, url, *login(proxy))
    assert (done.returncode, done.stdout[-3:]) == (0, "200"), done.stderr + proxy.program.log_tail()
    [request] = origin.record.of(path)
    assert request.client == proxy.leaves_from
    assert request.via is None


@pytest.mark.parametrize("name", ["squid", "tinyproxy"])
def test_plain_http_is_forwarded_not_tunnelled(name: str, proxies: dict[str, Proxy], plain_origin: Origin) -> None:
    path = f"/programs/plain-{name}"
    done = fetch(proxies[name], f"http://127.0.0.1:{plain_origin.port}{path}")
    assert done.stdout == "000 200"
    [request] = plain_origin.record.of(path)
    assert name in str(request.via)


@pytest.mark.parametrize(
    ("name", "curl_status", "connect_status"),
    [("squid", 56, "403"), ("tinyproxy", 56, "403"), ("squid https", 56, "403"), ("dante", 97, "000")],
)
def test_rules_deny(name: str, curl_status: int, connect_status: str, proxies: dict[str, Proxy]) -> None:
    done = fetch(proxies[name], f"https://{DENIED_ADDRESS if name == 'dante' else DENIED}/")
    assert (done.returncode, done.stdout[:3]) == (curl_status, connect_status), done.stderr


@pytest.mark.parametrize(("name", "to_a_wrong_one"), [("squid basic", "407"), ("tinyproxy basic", "401")])
def test_basic_refuses_strangers(name: str, to_a_wrong_one: str, proxies: dict[str, Proxy], origin: Origin) -> None:
    """tinyproxy answers 407 to no password, but 401 to a wrong one."""
    url = f"https://127.0.0.1:{origin.port}/"
    assert fetch(proxies[name], url).stdout[:3] == "407"
    assert fetch(proxies[name], url, "--proxy-user", f"{USER}:wrong").stdout[:3] == to_a_wrong_one


@pytest.mark.parametrize("wrong", [(), ("--proxy-user", f"{USER}:wrong")])
def test_microsocks_refuses_strangers(wrong: tuple[str, ...], microsocks: Microsocks, origin: Origin) -> None:
    assert fetch(microsocks.password, f"https://127.0.0.1:{origin.port}/", *wrong).returncode == 97


def test_untrusted_squid_is_untrusted(squid: Squid, origin: Origin) -> None:
    done = fetch(squid.untrusted, f"https://127.0.0.1:{origin.port}/", *login(squid.untrusted))
    assert done.returncode == 60, done.stderr


def test_nobody_knows_nowhere(proxies: dict[str, Proxy], launcher: Launcher) -> None:
    for name in ("squid", "tinyproxy", "dante", "ssh", "microsocks"):
        assert fetch(proxies[name], f"https://{NOWHERE}/").returncode in {56, 97}, name


@pytest.mark.parametrize("name", ["bump", "mitmproxy"])
def test_interceptors_open_tls(name: str, request: pytest.FixtureRequest, launcher: Launcher, origin: Origin) -> None:
    proxy: Proxy = request.getfixturevalue(name)
    path = f"/programs/{name}"
    host = TARGET if name == "bump" else launcher.names.target  # squid has a hosts file of its own in any case
    done = fetch(proxy, f"https://{host}:{origin.port}{path}")
    assert done.stdout == "200 200", done.stderr + proxy.program.log_tail()
    assert len(origin.record.of(path)) == 1
