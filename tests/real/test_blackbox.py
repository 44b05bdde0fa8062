"""Debian's blackbox_exporter beside /probe: the same targets, the same modules, the same series.

What differs is listed, and the lists are exact: a new difference fails, and so does one that is gone. Times are only
compared by name and label.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from aiohttp.test_utils import TestServer
from aiohttp.web import Application
from prometheus_client.parser import text_string_to_metric_families

from prober.check.plan import make_plan
from prober.config import load
from prober.engine.crew import Crew
from prober.monitor.blackbox.endpoint import probe_routes
from prober.monitor.blackbox.modules import ready_modules
from prober.monitor.blackbox.scope import probe_scope

from .names import DENIED
from .origin import Authority, dead_port
from .pages import Pages, leaf_context
from .programs import Launcher, free_port, require
from .proxies import Proxy
from .socks import Microsocks
from .squid import Squid

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

TIMES = ("probe_duration_seconds", "probe_dns_lookup_time_seconds", "probe_http_duration_seconds")

OURS_WITH_TLS = {
    "probe_tls_cipher_info",  # later versions have it
    "prober_probe_anchor_info",
    "prober_probe_trusted",
}
OURS_WITH_ANSWER = {"prober_probe_body_cut"}
OURS_WITH_FAILURE = {"prober_probe_failure_info"}
SEEN_ALL_THE_SAME = {
    "probe_ssl_earliest_cert_expiry",
    "probe_ssl_last_chain_info",
    "probe_tls_version_info",
}
"""Shown here where the certificate does not verify; blackbox_exporter knows nothing of it then."""

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass
class Ground:
    """All servers, by name, and the two programs."""

    pages: dict[str, Pages]
    closed: int
    blackbox: str = ""
    ours: str = ""
    client: ClientSession = field(init=False)

    async def ask(self, base: str, **query: str) -> tuple[Series, str]:
        """What one of the two answers: samples, and the text."""
        async with self.client.get(f"{base}/probe", params=query) as response:
            text = await response.text()
            assert response.status == 200, text
            return _series(text), text


def _series(text: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _modules(roots: Path) -> dict[str, object]:
    tls = {"ca_file": str(roots)}
    return {
        "web": {"prober": "http", "timeout": "5s", "http": {"tls_config": tls}},
        "web_head": {"prober": "http", "http": {"method": "HEAD", "tls_config": tls}},
        "web_stay": {"prober": "http", "http": {"follow_redirects": False, "tls_config": tls}},
        "web_302": {
            "prober": "http",
            "http": {"follow_redirects": False, "valid_status_codes": [302], "tls_config": tls},
        },
        "web_404": {"prober": "http", "http": {"valid_status_codes": [404, 410], "tls_config": tls}},
        "web_any": {"prober": "http", "http": {"tls_config": {"insecure_skip_verify": True}}},
        "web_named": {"prober": "http", "http": {"tls_config": {**tls, "server_name": "other.test"}}},
        "web_tls": {"prober": "http", "http": {"fail_if_not_ssl": True, "tls_config": tls}},
        "web_clear": {"prober": "http", "http": {"fail_if_ssl": True, "tls_config": tls}},
        "web_1_0": {"prober": "http", "http": {"valid_http_versions": ["HTTP/1.0"], "tls_config": tls}},
        "web_small": {"prober": "http", "http": {"body_size_limit": "1KB", "tls_config": tls}},
        "web_1_3": {"prober": "http", "http": {"tls_config": {**tls, "min_version": "TLS13"}}},
        "web_ip4": {"prober": "http", "http": {"preferred_ip_protocol": "ip4", "tls_config": tls}},
        "web_ip6_only": {"prober": "http", "http": {"ip_protocol_fallback": False, "tls_config": tls}},
        "port": {"prober": "tcp"},
        "port_tls": {"prober": "tcp", "tcp": {"tls": True, "tls_config": tls}},
        "port_tls_any": {"prober": "tcp", "tcp": {"tls": True, "tls_config": {"insecure_skip_verify": True}}},
    }


def _over_proxies(roots: Path, squid: Proxy, socks: Proxy, *, ours: bool) -> dict[str, object]:
    """The same ways as each of the two is told about them."""
    found: dict[str, object] = {}
    for name, proxy in (("squid", squid), ("socks", socks)):
        # Go's client hands names to SOCKS 5, which is socks5h elsewhere.
        url = f"{proxy.scheme.removesuffix('h')}://{proxy.host}:{proxy.port}"
        theirs = {"proxy_url": url, "skip_resolve_phase_with_proxy": True}
        http = {"tls_config": {"ca_file": str(roots)}, **({} if ours else theirs)}
        found[f"web_{name}"] = {"prober": "http", "http": http} | ({"route": name} if ours else {})
    return found


@pytest.fixture(scope="module")
def servers(launcher: Launcher, authority: Authority, stranger: Authority) -> Iterator[dict[str, Pages]]:
    """One server for each thing that can be the matter."""
    folder = launcher.room("blackbox-leaves")
    names = ("localhost", "127.0.0.1", "::1", "front.test", "second.front.test")
    past = dt.datetime(2025, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    old = leaf_context(folder, authority.ca, names, rsa_key=True)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    oldest = leaf_context(folder, authority.ca, names, rsa_key=True)
    oldest.maximum_version = ssl.TLSVersion.TLSv1_2
    oldest.set_ciphers("AES256-SHA:@SECLEVEL=0")
    made = {
        "good": Pages(leaf_context(folder, authority.ca, names)),
        "six": Pages(leaf_context(folder, authority.ca, names), "::1"),
        "expired": Pages(leaf_context(folder, authority.ca, names, until=past)),
        "wrong_name": Pages(leaf_context(folder, authority.ca, ("other.test",))),
        "untrusted": Pages(leaf_context(folder, stranger.ca, names)),
        "self_signed": Pages(leaf_context(folder, None, names)),
        "tls12": Pages(old),
        "tls12_rsa": Pages(oldest),
        "plain": Pages(),
    }
    good, plain = made["good"].port, made["plain"].port
    for pages in made.values():
        pages.places = {
            "secure": f"https://localhost:{good}/",
            "clear": f"http://127.0.0.1:{plain}/",
            "expired": f"https://127.0.0.1:{made['expired'].port}/",
        }
    yield made
    for pages in made.values():
        pages.close()


@pytest.fixture(scope="module")
def blackbox(launcher: Launcher, authority: Authority, squid: Squid, microsocks: Microsocks) -> str:
    """Debian's program, and where it listens."""
    program = require("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")
    file = launcher.room("blackbox") / "blackbox.yml"
    over_proxies = _over_proxies(authority.roots, squid.open, microsocks.open, ours=False)
    file.write_text(yaml.safe_dump({"modules": {**_modules(authority.roots), **over_proxies}}))
    port = free_port()
    launcher.start(
        "blackbox_exporter",
        [program, f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}"],
        [port],
    )
    return f"http://127.0.0.1:{port}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(
    launcher: Launcher,
    servers: dict[str, Pages],
    blackbox: str,
    authority: Authority,
    squid: Squid,
    microsocks: Microsocks,
) -> AsyncIterator[Ground]:
    """Both programs' addresses, /probe with its worker process."""
    serve = {
        "allow": ["127.0.0.1:*", "localhost:*", "[::1]:*", "nowhere.invalid:*", "other.test:*", DENIED],
        "allow_networks": ["127.0.0.0/8", "::1/128"],
        "modules": {
            **_modules(authority.roots),
            **_over_proxies(authority.roots, squid.open, microsocks.open, ours=True),
        },
    }
    socks = microsocks.open.speaking("socks5h")
    routes = {"direct": [], "squid": [squid.open.hop()], "socks": [socks.hop()]}
    file = launcher.room("blackbox-beside") / "prober.yaml"
    file.write_text(yaml.safe_dump({"serve": serve, "routes": routes}))
    loaded = load(file, {}, {})
    plan = make_plan(loaded)
    holder, closed = dead_port()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(holder.close)
        crew = await stack.enter_async_context(Crew(plan.probe, 1))
        errors: list[str] = []
        modules = ready_modules(loaded.settings.serve.modules, [rule.name for rule in plan.rules], errors)
        assert errors == []
        scope = probe_scope(loaded, plan.targets, plan.judge, modules, crew.ask)
        app = Application()
        app.add_routes(probe_routes(lambda: scope))
        server = TestServer(app)
        await server.start_server()
        stack.push_async_callback(server.close)
        ground = Ground(servers, closed, blackbox, str(server.make_url("")).rstrip("/"))
        ground.client = await stack.enter_async_context(
            ClientSession(timeout=ClientTimeout(20), connector=TCPConnector(force_close=True))
        )
        yield ground


ANSWERED = OURS_WITH_ANSWER
FAILED = OURS_WITH_FAILURE
TLS = OURS_WITH_TLS
DOUBTED = OURS_WITH_TLS | OURS_WITH_FAILURE | SEEN_ALL_THE_SAME
"""What we show beyond blackbox_exporter where the certificate is not trusted."""

HOPS = {"prober_probe_hop_duration_seconds"}
EXPIRY = {"probe_ssl_last_chain_expiry_timestamp_seconds"}
"""The chain is good, and the probe fails for something else."""

CASES: list[tuple[str, str, str, set[str]]] = [
    ("good", "web", "https://127.0.0.1:{good}/", TLS | ANSWERED),
    ("good, by name", "web", "https://localhost:{good}/x?y=z", TLS | ANSWERED),
    ("good, HEAD", "web_head", "https://127.0.0.1:{good}/", TLS | ANSWERED),
    ("good, chunked", "web", "https://127.0.0.1:{good}/chunked", TLS | ANSWERED),
    ("good, 204", "web", "https://127.0.0.1:{good}/empty", TLS | ANSWERED),
    ("good over IPv6", "web", "https://[::1]:{six}/", TLS | ANSWERED),
    ("expired", "web", "https://127.0.0.1:{expired}/", DOUBTED),
    ("wrong name", "web", "https://127.0.0.1:{wrong_name}/", DOUBTED),
    ("untrusted", "web", "https://127.0.0.1:{untrusted}/", DOUBTED),
    ("self-signed", "web", "https://127.0.0.1:{self_signed}/", DOUBTED),
    ("TLS 1.2", "web", "https://127.0.0.1:{tls12}/", TLS | ANSWERED),
    ("TLS 1.2, RSA key exchange", "web", "https://127.0.0.1:{tls12_rsa}/", TLS | ANSWERED),
    (
        "TLS 1.2 where 1.3 is asked for",
        "web_1_3",
        "https://127.0.0.1:{tls12}/",
        DOUBTED | EXPIRY,
    ),
    ("server_name", "web_named", "https://127.0.0.1:{wrong_name}/", TLS | ANSWERED),
    ("server_name that is not there", "web_named", "https://127.0.0.1:{good}/", DOUBTED),
    ("404", "web", "https://127.0.0.1:{good}/missing", TLS | ANSWERED | FAILED),
    ("404 as asked", "web_404", "https://127.0.0.1:{good}/missing", TLS | ANSWERED),
    ("200 where 404 is asked for", "web_404", "http://127.0.0.1:{plain}/", ANSWERED | FAILED),
    ("plain", "web", "http://127.0.0.1:{plain}/", ANSWERED),
    ("plain, no scheme", "web", "127.0.0.1:{plain}", ANSWERED),
    ("plain, by name, IPv4 first", "web_ip4", "http://localhost:{plain}/", ANSWERED),
    ("plain where TLS is asked for", "web_tls", "http://127.0.0.1:{plain}/", ANSWERED | FAILED),
    ("TLS where plain is asked for", "web_clear", "https://127.0.0.1:{good}/", TLS | ANSWERED | FAILED),
    ("HTTP/1.1 where 1.0 is asked for", "web_1_0", "http://127.0.0.1:{plain}/", ANSWERED | FAILED),
    ("a body that is too large", "web_small", "http://127.0.0.1:{plain}/", ANSWERED | FAILED),
    ("plain HTTP on a port of TLS", "web", "http://127.0.0.1:{good}/", FAILED),
    ("TLS on a port of plain HTTP", "web", "https://127.0.0.1:{plain}/", FAILED),
    ("closed port", "web", "https://127.0.0.1:{closed}/", FAILED),
    ("no such name", "web", "https://nowhere.invalid/", FAILED),
    ("no IPv6 address", "web_ip6_only", "http://127.0.0.1:{plain}/", FAILED),
    ("redirect", "web", "http://127.0.0.1:{plain}/to/302/there", ANSWERED),
    ("redirect 308, HEAD", "web_head", "http://127.0.0.1:{plain}/to/308/there", ANSWERED),
    ("redirect from plain to TLS", "web", "http://127.0.0.1:{plain}/to/301/secure", TLS | ANSWERED),
    ("redirect from TLS to plain", "web", "https://127.0.0.1:{good}/to/307/clear", ANSWERED),
    ("redirect to an expired certificate", "web", "http://127.0.0.1:{plain}/to/303/expired", DOUBTED),
    ("redirect not followed", "web_stay", "https://127.0.0.1:{good}/to/302/there", TLS | ANSWERED | FAILED),
    ("redirect not followed, as asked", "web_302", "https://127.0.0.1:{good}/to/302/there", TLS | ANSWERED),
    ("redirect without an end", "web", "http://127.0.0.1:{plain}/loop", ANSWERED | FAILED),
    ("302 without a Location", "web", "http://127.0.0.1:{plain}/bare-302", ANSWERED | FAILED),
    ("TLS through squid", "web_squid", "https://127.0.0.1:{good}/", TLS | ANSWERED | HOPS),
    ("plain through squid", "web_squid", "http://127.0.0.1:{plain}/", ANSWERED | HOPS),
    ("404 through squid", "web_squid", "http://127.0.0.1:{plain}/missing", ANSWERED | FAILED | HOPS),
    ("expired through squid", "web_squid", "https://127.0.0.1:{expired}/", DOUBTED | HOPS),
    ("closed port through squid", "web_squid", "https://127.0.0.1:{closed}/", FAILED | HOPS),
    ("plain closed port through squid", "web_squid", "http://127.0.0.1:{closed}/", ANSWERED | FAILED | HOPS),
    ("squid refuses the tunnel", "web_squid", "https://" + DENIED + "/", FAILED | HOPS),
    ("squid refuses the request", "web_squid", "http://" + DENIED + "/", ANSWERED | FAILED | HOPS),
    ("TLS through SOCKS", "web_socks", "https://127.0.0.1:{good}/", TLS | ANSWERED | HOPS),
    ("plain through SOCKS", "web_socks", "http://127.0.0.1:{plain}/", ANSWERED | HOPS),
    ("closed port through SOCKS", "web_socks", "http://127.0.0.1:{closed}/", FAILED | HOPS),
    ("port", "port", "127.0.0.1:{plain}", set()),
    ("port by IPv6", "port", "[::1]:{six}", set()),
    ("closed port, bare", "port", "127.0.0.1:{closed}", FAILED),
    ("port with TLS", "port_tls", "127.0.0.1:{good}", TLS),
    ("port with TLS by name", "port_tls", "localhost:{good}", TLS),
    ("port with TLS, expired", "port_tls", "127.0.0.1:{expired}", DOUBTED),
    ("port with TLS, untrusted", "port_tls", "127.0.0.1:{untrusted}", DOUBTED),
    ("port with TLS 1.2", "port_tls", "127.0.0.1:{tls12}", TLS),
    ("port with TLS that has none", "port_tls", "127.0.0.1:{plain}", FAILED),
]


OTHERWISE = {
    "plain closed port through squid": {"probe_http_uncompressed_body_length"},
    "squid refuses the request": {"probe_http_uncompressed_body_length"},
}
"""Values that differ: an error page that is the proxy's own, and not the target's, is not read here."""


@pytest.mark.parametrize(("name", "module", "target", "ours_only"), CASES, ids=[case[0] for case in CASES])
async def test_the_same_series(ground: Ground, name: str, module: str, target: str, ours_only: set[str]) -> None:
    ports = {name: pages.port for name, pages in ground.pages.items()}
    query = {"module": module, "target": target.format(closed=ground.closed, **ports)}
    (theirs, their_text), (ours, our_text) = await asyncio.gather(
        ground.ask(ground.blackbox, **query), ground.ask(ground.ours, **query)
    )
    assert {name for name, _ in ours} - {name for name, _ in theirs} == ours_only
    shared = {key: value for key, value in _as_0_23(ours).items() if key[0] not in ours_only}
    here, there = _without_times(shared), _without_times(theirs)
    assert set(here) == set(there)
    assert {key[0] for key in here if here[key] != there[key]} == OTHERWISE.get(name, set())
    for metric in {metric for metric, _ in theirs}:
        for kind in ("HELP", "TYPE"):
            assert _comment(our_text, kind, metric) == _comment(their_text, kind, metric)


def _as_0_23(ours: Series) -> Series:
    """The label `serialnumber` came with a later version."""
    return {
        (name, tuple(pair for pair in labels if pair[0] != "serialnumber")): value
        for (name, labels), value in ours.items()
    }


def _without_times(found: Series) -> Series:
    return {key: 0.0 if key[0] in TIMES else value for key, value in found.items()}


def _comment(text: str, kind: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"# {kind} {name} "))
