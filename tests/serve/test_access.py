"""Who is let in, and what a request may do: the program as a whole, from a client's side."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from prober.lab.authorities import Authorities

from .conftest import World
from .serving import Serving
from .stage import Stage

PASSWORD = "open-sesame-please"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="module")
def open_world(folder: Path, authorities: Authorities) -> Iterator[World]:
    with Stage(folder, authorities) as stage:
        world = World(folder, stage)
        yield world
        world.close()


@pytest.fixture(scope="module")
def serving(open_world: World) -> Serving:
    """Without a web configuration, on loopback; it serves all tests of this file but those that start their own."""
    open_world.configure(serve={"host_names": ["watch.corp.test"], "interval": 2})
    serving = open_world.start().ready()
    serving.seen()
    return serving


def raw(serving: Serving, request: bytes, *, patience: float = 15.0) -> bytes:
    """Whatever comes back to these octets until the server closes; what was sent after it had enough may be lost."""
    with socket.create_connection(("127.0.0.1", serving.port), timeout=patience) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while data := client.recv(65536):
                answer += data
        return answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1", 200),
        ("[::1]:9464", 200),
        ("watch.corp.test", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example#localhost", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/", "/api/v1/status"])
def test_names_that_were_rebound(serving: Serving, path: str, host: str, status: int) -> None:
    assert serving.ask(path, headers={"Host": host}).status == status


def test_health_is_told_to_everybody(serving: Serving) -> None:
    for path in ("/-/healthy", "/-/ready"):
        assert serving.ask(path, headers={"Host": "evil.example"}).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Referer": "http://evil.example/page"}, 403),
    ],
)
def test_foreign_pages_cannot_reload(serving: Serving, headers: dict[str, str], status: int) -> None:
    before = serving.scrape().value("prober_config_last_reload_success_timestamp_seconds")
    assert serving.ask("/-/reload", "POST", headers=headers, timeout=30).status == status
    after = serving.scrape().value("prober_config_last_reload_success_timestamp_seconds")
    assert (after != before) is (status == 200)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH", "TRACE", "OPTIONS"])
def test_a_reload_is_ordered_by_post_or_put_alone(serving: Serving, method: str) -> None:
    assert serving.ask("/-/reload", method).status == 405


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", {b"431", b"400", b"414"}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"b" * 20_000 + b"\r\n\r\n", {b"431", b"400"}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", {b"431", b"400"}),
        (b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", {b"413"}),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", {b"400"}),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            {b"400"},
        ),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", {b"400", b"505"}),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {b"400", b"421"}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, set()),
        (b"\0" * 4096, {b"400"}),
        (b"SSH-2.0-x\r\n\r\n", {b"400"}),
    ],
)  # fmt: skip
def test_requests_that_are_too_large_or_none(serving: Serving, request_: bytes, statuses: set[bytes]) -> None:
    """One short refusal, and the connection is closed; nothing of the request comes back."""
    answer = raw(serving, request_)
    line = answer.partition(b"\r\n")[0]
    found = {line.split(b" ")[1]} if line else set()
    assert found <= statuses, answer[:300]
    assert len(answer) < 2000
    assert b"bbbb" not in answer
    assert b"Traceback" not in answer
    assert serving.ask("/-/healthy").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../prober.yaml",
        "/static/..%2fprober.yaml",
        "/static/%2e%2e/%2e%2e/prober.yaml",
        "/static/..%5c..%5cprober.yaml",
        "/static//etc/passwd",
        "/static/%00",
        "/static/",
        "/..%2f..%2fetc/passwd",
        "/api/v1/pairs/..%2f..%2f/direct",
        "/static/../../etc/passwd",
    ],
)
def test_no_path_leads_out(serving: Serving, path: str) -> None:
    answer = raw(serving, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] in {b"404", b"403", b"400"}, answer[:200]
    assert b"root:" not in answer
    assert b"egress" not in answer


def test_every_answer_has_its_guards(serving: Serving) -> None:
    for path in ("/", "/metrics", "/api/v1/status", "/nowhere", "/pair?target=contoso.web.a&route=direct"):
        headers = serving.ask(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert (
            "default-src 'none'" in headers["content-security-policy"]
            or "default-src 'self'" in (headers["content-security-policy"])
        )
        assert "unsafe" not in headers["content-security-policy"]
        assert (
            headers.get("x-frame-options", "").upper() in {"DENY", "SAMEORIGIN"}
            or "frame-ancestors 'none'" in (headers["content-security-policy"])
        )
        assert "aiohttp" not in headers.get("server", "").lower()


def test_live_pages_are_bounded(serving: Serving) -> None:
    token = re.search(r'data-token="([^"]+)"', serving.ask("/").body)
    assert token
    request = f"GET /api/v1/events?from={token[1]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with contextlib.ExitStack() as opened:
        statuses = []
        for _ in range(110):
            client = opened.enter_context(socket.create_connection(("127.0.0.1", serving.port), timeout=15))
            client.sendall(request)
            statuses.append(client.recv(65536).split(b" ", 2)[1])
        assert statuses.count(b"200") <= 100
        assert b"503" in statuses
        assert serving.ask("/metrics").status == 200, "others are let in"
    serving.until(lambda: serving.json("/api/v1/status")["streams"] == 0, "streams ended with their clients")


def test_probe_reaches_nothing_that_is_not_allowed(serving: Serving) -> None:
    """The tests of /probe know many more; here is that the program as it runs has the guard at all."""
    for target in ("http://169.254.169.254/latest/meta-data/", "127.0.0.1:1", "http://localhost:80/", "evil.example"):
        answer = serving.ask(f"/probe?target={target}")
        assert answer.status == 403, (target, answer)
        assert "probe_success" not in answer.body


def test_with_users_everybody_else_stays_outside(world: World) -> None:
    (world.folder / "web.yml").write_text(
        f"basic_auth_users:\n  ops: {bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()}\n"
    )
    world.configure()
    serving = world.start("--web.config.file", "web.yml", "-vv").ready()
    asked = ["/metrics", "/", "/api/v1/pairs", "/api/v1/events", "/static/page.css", "/probe?target=x", "/nowhere"]
    for path in asked:
        answer = serving.ask(path)
        assert answer.status == 401, path
        assert "contoso" not in answer.body
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert serving.ask("/-/reload", "POST").status == 401
    for path in ("/-/healthy", "/-/ready"):
        assert serving.ask(path).status == 200
    right = {"Authorization": "Basic " + base64.b64encode(f"ops:{PASSWORD}".encode()).decode()}
    wrong = {"Authorization": "Basic " + base64.b64encode(b"ops:guess").decode()}
    assert serving.ask("/metrics", headers=wrong).status == 401
    assert serving.ask("/metrics", headers=right).status == 200
    assert serving.ask("/metrics", headers={**right, "Host": "evil.example"}).status == 200, (
        "a password stands before it"
    )
    assert serving.ask("/-/reload", "POST", headers={**right, "Origin": "http://evil.example"}).status == 403
    assert PASSWORD not in serving.log
    assert right["Authorization"][6:] not in serving.log
