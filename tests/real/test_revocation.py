"""Revocation behind a real squid and a real tinyproxy: their rules refuse the authority's host, not the targets."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import exports

from .asking import Run, run_check
from .families import Signer, new_key
from .forward import Tinyproxy
from .names import DENIED, ONE, TARGET, TWO
from .origin import Origin
from .programs import Launcher, unavailable
from .proxies import Proxy
from .squid import Squid

pytestmark = pytest.mark.real

PATH = "/authority.crl"


class _Lists(ThreadingHTTPServer):
    """Serves one revocation list, over plain HTTP."""

    daemon_threads = True

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked: list[tuple[str, str]] = []
        """Host and path of each request."""
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Lists

    def do_GET(self) -> None:
        self.server.asked.append((str(self.headers.get("Host")), self.path))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class World:
    """Two hosts whose certificates name one list under two names: the proxies refuse the first."""

    folder: Path
    lists: _Lists
    refused: Origin
    allowed: Origin
    ways: dict[str, list[Proxy]]

    def check(self, *arguments: str) -> Run:
        """Both hosts over all routes."""
        settings = {
            "routes": {name: [hop.hop() for hop in hops] for name, hops in self.ways.items()},
            "probe": {"retries": 0},
            "resolve": dict.fromkeys((ONE, TWO, DENIED, TARGET), "127.0.0.1"),
            "trust": {"roots": [{"file": str(self.folder / "root.pem"), "anchor": "public"}]},
        }
        configuration = self.folder / "prober.yaml"
        configuration.write_text(yaml.safe_dump(settings))
        targets = [f"https://{ONE}:{self.refused.port}/", f"https://{TWO}:{self.allowed.port}/"]
        return run_check(["--config", str(configuration), *arguments, *targets], {})


@pytest.fixture
def world(tmp_path: Path, launcher: Launcher, squid: Squid, tinyproxy: Tinyproxy) -> Iterator[World]:
    if launcher.names.why_not:
        unavailable(launcher.names.why_not)
    signer = Signer.root("ec", "Revoking CA", "Revoking")
    (tmp_path / "root.pem").write_bytes(signer.pem)
    lists = _Lists(_list(signer))
    port = lists.server_address[1]
    thread = threading.Thread(target=lists.serve_forever, args=(0.05,), name="lists")
    thread.start()
    refused = Origin(_context(tmp_path, signer, ONE, f"http://{DENIED}:{port}{PATH}"))
    allowed = Origin(_context(tmp_path, signer, TWO, f"http://{TARGET}:{port}{PATH}"))
    ways = {"direct": [], "squid": [squid.open], "tinyproxy": [tinyproxy.open]}
    yield World(tmp_path, lists, refused, allowed, ways)
    refused.close()
    allowed.close()
    lists.shutdown()
    thread.join()
    lists.server_close()


def _list(signer: Signer) -> bytes:
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    builder = x509.CertificateRevocationListBuilder(signer.certificate.subject, now - day, now + day)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _context(folder: Path, signer: Signer, host: str, crl: str) -> ssl.SSLContext:
    now = dt.datetime.now(dt.UTC)
    key = new_key("ec")
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
    certificate = (
        x509.CertificateBuilder(signer.certificate.subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=60))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
        .sign(signer.key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def told(run: Run, host: str, route: str) -> dict[str, Any]:
    (found,) = (each for each in run.document["results"] if (each["target"]["host"], each["route"]) == (host, route))
    assert found["reachable"] is True, found["failure"]
    revocation = found["revocation"]
    assert isinstance(revocation, dict)
    return revocation


def test_the_rule_of_a_proxy_blocks_the_list_and_not_the_target(world: World) -> None:
    run = world.check("--revocation")
    assert run.status == 0, "reached is reached"
    for host in (ONE, TWO):
        assert told(run, host, "direct")["reachable"] is True
    for route in ("squid", "tinyproxy"):
        assert told(run, TWO, route)["reachable"] is True
        blocked = told(run, ONE, route)
        assert blocked["reachable"] is False
        failure = blocked["failure"]
        assert (failure["stage"], failure["hop"], failure["reason"]) == ("proxy", 1, "revocation-unreachable")
        (source,) = blocked["certificates"][0]["sources"]
        assert (source["failure"]["reason"], source["failure"]["status"]) == ("proxy-denied", 403)
    assert run.document["summary"]["revocation_unreachable"] == 2
    assert len(world.lists.asked) == 4, "two addresses directly, one through each proxy; each once"


def test_exit_codes(world: World) -> None:
    assert world.check("--revocation", "--fail-on", "revocation").status == 1
    assert world.check("--revocation-route", "direct", "--fail-on", "revocation").status == 0
    assert world.check("--revocation-route", "squid", "--fail-on", "revocation").status == 1


def test_a_device_asks_over_the_system_s_way(world: World) -> None:
    """The sensor has tinyproxy, Windows itself has squid, whose rule refuses one of the two lists."""
    squid, tinyproxy = (world.ways[name][0].port for name in ("squid", "tinyproxy"))
    device = exports.write_export(
        world.folder / "device.reg",
        exports.static(f"127.0.0.1:{tinyproxy}"),
        exports.winhttp(f"127.0.0.1:{squid}"),
    )
    run = world.check("--device", str(device), "--component", "edr", "--component", "system", "--revocation")
    for route in ("edr", "edr.static", "edr.named", "edr.direct", "system"):
        blocked = told(run, ONE, route)
        assert (blocked["reachable"], blocked["route"]) == (False, "system")
        assert (blocked["failure"]["stage"], blocked["failure"]["hop"]) == ("proxy", 1)
        assert told(run, TWO, route)["reachable"] is True
    assert world.lists.asked == [(f"{TARGET}:{world.lists.server_address[1]}", PATH)], "once, over squid"
