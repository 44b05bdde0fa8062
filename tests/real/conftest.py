"""One set of running programs for the session; each starts when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .asking import Prober
from .changing import Board, Changing
from .families import Signer
from .forward import Tinyproxy, start_haproxy, start_tinyproxy
from .interceptors import Sslsplit, start_mitmproxy, start_sslsplit
from .names import DEMANDING, DENIED, EXEMPT, NEXT_HOP, TARGET
from .origin import Authority, Origin
from .programs import Launcher
from .proxies import Proxy
from .seeing import Seen, observe
from .sites import Sites
from .socks import Microsocks, start_dante, start_microsocks, start_ssh
from .squid import Inspecting, Squid, start_inspecting_squid, start_squid
from .ways import Ways, all_ways


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture(scope="session")
def authority(launcher: Launcher) -> Authority:
    """Signs the origin and the honest HTTPS proxies."""
    return Authority.found(launcher.folder, "authority")


@pytest.fixture(scope="session")
def stranger(launcher: Launcher) -> Authority:
    """Signs what must not be trusted."""
    return Authority.found(launcher.folder, "stranger")


@pytest.fixture(scope="session")
def origin(authority: Authority) -> Iterator[Origin]:
    """HTTPS."""
    server = Origin(authority.server_context("origin.test", TARGET, DENIED, NEXT_HOP, "127.0.0.1"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def plain_origin() -> Iterator[Origin]:
    """HTTP in the clear."""
    server = Origin()
    yield server
    server.close()


@pytest.fixture(scope="session")
def squid(launcher: Launcher, authority: Authority, stranger: Authority) -> Squid:
    return start_squid(launcher, authority, stranger)


@pytest.fixture(scope="session")
def tinyproxy(launcher: Launcher) -> Tinyproxy:
    return start_tinyproxy(launcher)


@pytest.fixture(scope="session")
def haproxy(launcher: Launcher, authority: Authority, tinyproxy: Tinyproxy) -> Proxy:
    return start_haproxy(launcher, authority, tinyproxy.open)


@pytest.fixture(scope="session")
def microsocks(launcher: Launcher) -> Microsocks:
    return start_microsocks(launcher)


@pytest.fixture(scope="session")
def dante(launcher: Launcher) -> Proxy:
    return start_dante(launcher)


@pytest.fixture(scope="session")
def ssh(launcher: Launcher) -> Proxy:
    return start_ssh(launcher)


@pytest.fixture(scope="session")
def sites(launcher: Launcher, authority: Authority) -> Iterator[Sites]:
    """Origins of public families."""
    sites = Sites(launcher.folder, authority)
    yield sites
    sites.close()


@pytest.fixture(scope="session")
def changing_sites(launcher: Launcher, authority: Authority) -> Iterator[Sites]:
    """The same hosts once more, for tests that change their certificates."""
    sites = Sites(launcher.room("changing-sites"), authority)
    yield sites
    sites.close()


@pytest.fixture(scope="session")
def changing(launcher: Launcher, inspector: Signer, changing_sites: Sites) -> Iterator[Changing]:
    """A squid whose policy tests change."""
    changing = Changing(launcher, inspector, changing_sites.known_upstream)
    yield changing
    changing.close()


@pytest.fixture
def board(changing: Changing, changing_sites: Sites, tmp_path: Path) -> Board:
    """Runs before and after; the policy is the one they all begin with."""
    changing.be({})
    return Board(changing, changing_sites, tmp_path)


@pytest.fixture(scope="session")
def inspector() -> Signer:
    """Signs what squid forges; in no store."""
    return Signer.root("rsa", "Corp Inspection CA 07", "Corp")


@pytest.fixture(scope="session")
def inspecting(launcher: Launcher, sites: Sites, inspector: Signer) -> Inspecting:
    """A squid that opens TLS."""
    return start_inspecting_squid(launcher, inspector, sites.known_upstream, EXEMPT)


@pytest.fixture(scope="session")
def bump(inspecting: Inspecting) -> Proxy:
    return inspecting.outright


@pytest.fixture(scope="session")
def mitmproxy(launcher: Launcher, sites: Sites) -> Proxy:
    return start_mitmproxy(launcher, sites.known_upstream, EXEMPT)


@pytest.fixture(scope="session")
def sslsplit(launcher: Launcher, sites: Sites, haproxy: Proxy) -> Sslsplit:
    """sslsplit in front of all sites, and of the TLS of an honest proxy."""
    signer = Signer.root("rsa", "Somebody's CA", "Somebody")
    return start_sslsplit(launcher, signer, [*(site.port for site in sites), haproxy.port])


@pytest.fixture
def prober(tmp_path: Path, authority: Authority) -> Prober:
    return Prober(tmp_path, authority)


@pytest.fixture(scope="session")
def first(squid: Squid, microsocks: Microsocks, ssh: Proxy) -> dict[str, Proxy]:
    """A proxy of every kind, to be the first hop."""
    return {
        "http": squid.open,
        "http+basic": squid.basic,
        "https": squid.tls,
        "socks4": ssh.speaking("socks4"),
        "socks4a": ssh.speaking("socks4a"),
        "socks5": microsocks.open.speaking("socks5"),
        "socks5h": ssh,
        "socks5h+password": microsocks.password,
    }


@pytest.fixture(scope="session")
def second(tinyproxy: Tinyproxy, haproxy: Proxy, microsocks: Microsocks, dante: Proxy, ssh: Proxy) -> dict[str, Proxy]:
    """A proxy of every kind, to be a later hop: another program if there is one (dante refuses to reach itself)."""
    return {
        "http": tinyproxy.open,
        "http+basic": tinyproxy.basic,
        "https": haproxy,
        "socks4": dante.speaking("socks4"),
        "socks4a": ssh.speaking("socks4a"),
        "socks5": dante.speaking("socks5"),
        "socks5h": dante,
        "socks5h+password": microsocks.password,
    }


@pytest.fixture(scope="session")
def ways(
    inspecting: Inspecting, mitmproxy: Proxy, sslsplit: Sslsplit, squid: Squid, tinyproxy: Tinyproxy, haproxy: Proxy
) -> Ways:
    """Routes with an interceptor on them, and the direct one."""
    return all_ways(inspecting, mitmproxy, sslsplit, squid.open, tinyproxy.open, haproxy)


@pytest.fixture(scope="session")
def seen(sites: Sites, ways: Ways) -> Seen:
    """Every site over every route, once; but for the one that lets interceptors hang."""
    return observe([site for site in sites if site.host != DEMANDING], ways, astray=[NEXT_HOP])
