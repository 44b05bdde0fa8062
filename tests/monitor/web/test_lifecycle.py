"""Health, readiness and reload: who may, what is answered, and what a foreign page can do with it (nothing)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from prober.monitor.page.static_files import address, static_routes
from prober.monitor.web import access as access_module
from prober.monitor.web.headers import SECURITY
from prober.monitor.web.origin import is_local

from .serving import (
    HASH,
    PASSWORD,
    TLS,
    USER,
    USERS,
    authority,
    client_certificate,
    login,
    put,
    put_certificate,
    server_certificate,
    serving,
    trusting,
)


async def test_health_and_readiness_are_open_to_everybody(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(USERS)
    ready = False
    async with serving(file, ready=lambda: ready) as running:
        assert (await running.get("/-/healthy")).status == 200
        assert (await running.get("/-/healthy", method="HEAD")).status == 200
        answer = await running.get("/-/ready")
        assert (answer.status, answer.text) == (503, "prober is starting or stopping.\n")
        ready = True
        assert (await running.get("/-/ready")).status == 200
        for path in ("/", "/-/reload", "/-/healthy/", "//-/healthy", "/-/healthy/../..", "/nowhere"):
            assert (await running.get(path)).status == 401, path
        assert (await running.get("/-/healthy", method="POST")).status == 401
        assert running.handlers.seen == []


async def test_reload_says_what_came_of_it() -> None:
    errors: list[str] = []
    calls = 0

    async def reload() -> Sequence[str]:
        nonlocal calls
        calls += 1
        return errors

    async with serving(reload=reload) as running:
        for method in ("POST", "PUT"):
            answer = await running.get("/-/reload", method=method)
            assert answer.status == 200
            assert answer.text == "The configuration has been read anew and is in force.\n"
        errors = ["prober.yaml:3: probe.timeout: must be greater than 0", "two\x1b[2J\nlines"]
        answer = await running.get("/-/reload", method="POST")
        assert answer.status == 500
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text.splitlines() == [
            "The configuration stays as it was:",
            "prober.yaml:3: probe.timeout: must be greater than 0",
            "two\\x1b[2J",
            "lines",
        ]
        answer = await running.get("/-/reload")
        assert (answer.status, answer.headers["allow"]) == (405, "POST,PUT")
        assert calls == 3


async def test_reload_reads_the_web_configuration_too(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(USERS)
    async with serving(file, look_every=3600) as running:
        file.write_text(f"basic_auth_users:\n  alice: {PASSWORD}\n")
        answer = await running.get("/-/reload", login(), method="POST")
        assert answer.status == 500
        assert "web.yml:2: basic_auth_users.alice: expected a bcrypt hash" in answer.text
        assert PASSWORD not in answer.text
        file.write_text(f"basic_auth_users:\n  bob: {HASH}\n")
        assert (await running.get("/-/reload", login(), method="POST")).status == 200
        assert (await running.get("/", login())).status == 401
        assert (await running.get("/", login("bob"))).status == 200


async def test_reloads_take_turns_and_do_not_pile_up() -> None:
    running_now = most = 0
    go = asyncio.Event()
    begun = asyncio.Event()

    async def reload() -> Sequence[str]:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        begun.set()
        await go.wait()
        running_now -= 1
        return ()

    async with serving(reload=reload) as running, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(running.get("/-/reload", method="POST"))
        await begun.wait()
        others = [tasks.create_task(running.get("/-/reload", method="POST")) for _ in range(11)]
        done, _ = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 4:  # 1 runs, 7 wait, 4 are sent away
            more, _ = await asyncio.wait(set(others) - done, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        assert [task.result().status for task in done] == [409] * 4
        go.set()
        answers = await asyncio.gather(first, *(set(others) - done))
        assert [answer.status for answer in answers] == [200] * 8
        assert most == 1


SAME = "http://localhost:9464"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((), 200),
        (("Sec-Fetch-Site: same-origin", f"Origin: {SAME}"), 200),
        (("Sec-Fetch-Site: none",), 200),
        ((f"Referer: {SAME}/x",), 200),
        (("Sec-Fetch-Site: cross-site",), 403),
        (("Sec-Fetch-Site: same-site",), 403),
        (("Origin: http://evil.example",), 403),
        (("Origin: null",), 403),
        (("Origin: http://localhost:9465",), 403),
        (("Origin: http://localhost:9464.evil.example",), 403),
        (("Origin: http://[::1",), 403),
        (("Origin:",), 403),
        (("Referer: http://evil.example/?http://localhost:9464",), 403),
        (("Sec-Fetch-Site: same-origin", "Origin: http://evil.example"), 403),
    ],
)
async def test_a_foreign_page_cannot_reload(fields: tuple[str, ...], status: int) -> None:
    calls: list[int] = []

    async def reload() -> Sequence[str]:
        calls.append(1)
        return ()

    async with serving(reload=reload) as running, await running.connect() as client:
        answer = await client.ask("/-/reload", *fields, method="POST", host="localhost:9464")
        assert answer.status == status
        assert len(calls) == (status == 200)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"), 200),  # a link in Grafana
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"), 403),
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: http://evil.example"), 403),
        (("Sec-Fetch-Site: cross-site",), 403),
        (("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"), 200),
    ],
)
async def test_a_foreign_page_may_link_but_neither_embed_nor_fetch(fields: tuple[str, ...], status: int) -> None:
    async with serving() as running:
        assert (await running.get("/", *fields)).status == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:9464", 200),
        ("localhost.", 200),
        ("prober.localhost", 200),
        ("127.0.0.1:9464", 200),
        ("[::1]:9464", 200),
        ("10.1.2.3", 200),  # an address cannot be rebound
        ("monitor.corp:443", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil.example@127.0.0.1", 421),
        ("127.0.0.1/evil.example", 421),
        ("[::1", 421),
        ("2130706433", 421),
        ("", 421),
    ],
)
async def test_a_name_that_was_rebound_reads_nothing(host: str, status: int) -> None:
    async with serving() as running, await running.connect() as client:
        answer = await client.ask(host=host)
        assert answer.status == (421 if host.startswith("monitor") else status)
    async with serving(names=["monitor.corp"]) as running, await running.connect() as client:
        answer = await client.ask(host=host)
        assert answer.status == status
        assert ("hello" in answer.text) is (status == 200)


PROMETHEUS = ("User-Agent: Prometheus/3.5.0", "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1")
CURL = ("User-Agent: curl/8.14.1", "Accept: */*")


@pytest.fixture
def from_afar(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every connection had come to an address of the network, as in a container behind a published port."""
    monkeypatch.setattr(access_module, "_own_address", lambda request: "172.17.0.2")


@pytest.mark.parametrize(
    ("fields", "browser"),
    [
        ((), False),
        (PROMETHEUS, False),
        (CURL, False),
        (("Accept: text/html,application/xhtml+xml,*/*;q=0.8",), True),
        (("Sec-Fetch-Site: same-origin",), True),
        (("Sec-Fetch-Mode: cors",), True),
        (("Referer: http://evil.example/",), True),
        (("Origin: http://evil.example:9464",), True),
        (("Accept: */*", "Accept-Language: de"), True),  # fetch() with referrerPolicy: no-referrer, over HTTP
        (("Accept: */*", "Accept-Language: "), True),
        (("User-Agent: Mozilla/5.0 (X11; Linux x86_64)",), True),
    ],
)
@pytest.mark.parametrize("names", [(), ("prober.corp",)])
@pytest.mark.usefixtures("from_afar")
async def test_a_rebound_name_reads_nothing_from_afar_and_programs_may_use_any(
    fields: tuple[str, ...], browser: bool, names: tuple[str, ...]
) -> None:
    async with serving(names=names) as running:
        for host, known in (("evil.example:9464", False), ("prober:9464", False), ("prober.corp", bool(names))):
            async with await running.connect() as client:
                answer = await client.ask("/", *fields, host=host)
                assert answer.status == (421 if browser and not known else 200), host
        for host in ("10.1.2.3:9464", "[fd00::1]", "localhost:9464"):
            async with await running.connect() as client:
                assert (await client.ask("/", *fields, host=host)).status == 200, host


@pytest.mark.usefixtures("from_afar")
async def test_who_comes_over_the_network_reloads_only_with_a_user_or_a_certificate(tmp_path: Path) -> None:
    calls: list[int] = []

    async def reload() -> Sequence[str]:
        calls.append(1)
        return ()

    async with serving(reload=reload) as running:
        for method in ("POST", "PUT"):
            answer = await running.get("/-/reload", *CURL, method=method)
            assert answer.status == 403
            for word in ("basic_auth_users", "client certificates", "serve.web_config", "SIGHUP"):
                assert word in answer.text
        assert (await running.get()).status == 200, "reading is another matter"
    file = tmp_path / "web.yml"
    put_certificate(tmp_path, server_certificate())
    put(tmp_path, "ca.pem", authority("clients").cert_pem)
    file.write_text(f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n")
    async with serving(file, reload=reload, tls=trusting()) as running:
        assert (await running.get("/-/reload", method="POST")).status == 403
        assert calls == []
        known = trusting(client=client_certificate("ops"))
        assert (await running.get("/-/reload", method="POST", tls=known)).status == 200
    file.write_text(USERS)
    async with serving(file, reload=reload) as running:
        assert (await running.get("/-/reload", login(), method="POST")).status == 200
    assert calls == [1, 1]


@pytest.mark.parametrize(
    ("address", "local"),
    [
        *(("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("/run/prober.sock", True)),
        *(("172.17.0.2", False), ("::", False), ("fe80::1%eth0", False), ("", False), (None, False), ("\0x", False)),
    ],
)
def test_what_only_this_machine_reaches(address: object, local: bool) -> None:
    assert is_local(address) is local


async def test_where_a_password_or_tls_protects_any_name_will_do(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(USERS)
    async with serving(file) as running, await running.connect() as client:
        assert (await client.ask("/", login(), host="prober.corp")).status == 200
    put_certificate(tmp_path, server_certificate())
    file.write_text(TLS)
    async with serving(file, tls=trusting()) as running, await running.connect() as client:
        assert (await client.ask(host="prober.corp")).status == 200


async def test_http_1_1_needs_a_host_and_1_0_does_not() -> None:
    async with serving() as running:
        async with await running.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert (await client.answer()).status == 400
        async with await running.connect() as client:
            await client.send(b"GET / HTTP/1.0\r\n\r\n")
            assert (await client.answer()).status == 200


@pytest.mark.parametrize("path", ["/", "/boom", "/nowhere", "/-/healthy", "/-/reload", "/events"])
async def test_every_answer_carries_the_security_headers(path: str) -> None:
    async with serving() as running, await running.connect() as client:
        await client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        _, headers = await client.head()
        for name, value in SECURITY.items():
            assert headers[name.lower()] == value
        assert headers["server"] == "prober"
        assert headers["cache-control"] == ("no-cache" if path == "/events" else "no-store")
        running.handlers.open.set()


async def test_what_may_be_stored_is_for_one_person_alone_where_there_are_users(tmp_path: Path) -> None:
    path = "/" + address("page.css")
    async with serving(routes=static_routes()) as running:
        assert (await running.get(path)).headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await running.get("/static/gone.css")).headers["cache-control"] == "no-store"
    file = tmp_path / "web.yml"
    file.write_text(USERS)
    async with serving(file, routes=static_routes()) as running:
        assert (await running.get(path)).status == 401
        answer = await running.get(path, login())
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"


async def test_what_is_no_request_gets_them_too() -> None:
    async with serving() as running, await running.connect() as client:
        await client.send(b"\x00\xff<script>alert(1)</script>\r\n\r\n")
        answer = await client.answer()
        assert answer.status == 400
        assert answer.text == "This is not a request of HTTP/1.1.\n"
        assert answer.headers["content-security-policy"] == SECURITY["Content-Security-Policy"]
        assert answer.headers["server"] == "prober"
        assert await client.ended() == b""


async def test_the_web_configuration_s_headers_win(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(
        "http_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: sameorigin\n"
        "    Strict-Transport-Security: max-age=31536000\n    X-XSS-Protection: 0\n    Content-Security-Policy: ''\n"
    )
    async with serving(file) as running:
        headers = (await running.get()).headers
        assert headers["x-frame-options"] == "sameorigin"
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert headers["x-xss-protection"] == "0"
        assert headers["content-security-policy"] == SECURITY["Content-Security-Policy"]


async def test_errors_are_one_sentence_and_the_log_has_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as running:
        answer = await running.get("/boom?token=s3cret")
        assert (answer.status, answer.text) == (500, "Something went wrong here; the log has it.\n")
        assert answer.headers["content-type"].startswith("text/plain")
        assert (await running.get("/", method="DELETE")).headers["allow"] == "GET,HEAD"
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    text = record.getMessage()
    assert text.startswith("GET /boom: ValueError: no good")
    assert "serving.py" in text
    assert "\x1b" not in text
    assert "\n" not in text
    assert record.exc_info is None


async def test_the_access_log_is_for_debugging_and_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as running:
        await running.get("/?password=s3cret", login())
        assert "prober.monitor.web.requests" not in {record.name for record in caplog.records}
        caplog.set_level("DEBUG")
        await running.get("/%1b[31m?password=s3cret", login())
    lines = [record.getMessage() for record in caplog.records if record.name == "prober.monitor.web.requests"]
    assert len(lines) == 1
    assert lines[0].startswith("127.0.0.1 GET /\\x1b[31m 404 ")
    everything = "\n".join(record.getMessage() for record in caplog.records)
    assert "s3cret" not in everything
    assert USER not in everything
    assert login().split()[-1] not in everything
