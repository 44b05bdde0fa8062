"""`prober: http`, against scripted servers."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from prober.config.modules import LARGEST_BODY
from prober.model import Scheme, Target

from .origins import answer, authority, redirect, server_tls
from .stage import Series, Stage, judge

CHUNKED = answer(
    200, b"5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nTrailer: x\r\n\r\n", "Transfer-Encoding: chunked", length=False
)


def failure(found: Series) -> str | None:
    """`stage/hop/reason` of the failure metric."""
    for name in found:
        if name.startswith("prober_probe_failure_info"):
            parts = dict(pair.split("=") for pair in name.partition("{")[2].rstrip("}").split(","))
            return "/".join(parts[key].strip('"') for key in ("stage", "hop", "reason"))
    return None


# bodies


@pytest.mark.parametrize(
    ("sent", "announced", "read"),
    [
        (answer(200, b"hello"), 5, 5),
        (answer(200, b""), 0, 0),
        (CHUNKED, -1, 6),
        (answer(200, b"until the end", length=False), -1, 13),
        (b"HTTP/1.0 200 OK\r\n\r\nold", -1, 3),
        (answer(204, b"", length=False), 0, 0),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(200, b"late"), 4, 4),
    ],
    ids=["length", "empty", "chunked", "until the end", "1.0", "204", "after hints"],
)
async def test_lengths(stage: Stage, sent: bytes, announced: int, read: int) -> None:
    origin = await stage.origin({"/": sent})
    found = await stage.get(target=f"127.0.0.1:{origin.port}")
    assert found["probe_success"] == 1
    assert found["probe_http_content_length"] == announced
    assert found["probe_http_uncompressed_body_length"] == read
    assert found["prober_probe_body_cut"] == 0
    assert found["probe_http_version"] == (1.0 if sent.startswith(b"HTTP/1.0") else 1.1)


async def test_a_head_has_a_length_and_no_body(stage: Stage) -> None:
    stage.modules = {"m": {"prober": "http", "http": {"method": "HEAD"}}}
    origin = await stage.origin({"/": answer(200, b"", "Content-Length: 77", length=False)})
    found = await stage.get(target=f"127.0.0.1:{origin.port}", module="m")
    assert (found["probe_http_content_length"], found["probe_http_uncompressed_body_length"]) == (77, 0)
    assert origin.requests[0].startswith(b"HEAD / HTTP/1.1\r\n")


async def test_a_body_beyond_the_module_s_limit_fails_the_probe(stage: Stage) -> None:
    stage.modules = {"m": {"prober": "http", "http": {"body_size_limit": "1KB"}}}
    origin = await stage.origin({"/": answer(200, b"x" * 1025), "/fits": answer(200, b"x" * 1024)})
    found = await stage.get(target=f"127.0.0.1:{origin.port}", module="m")
    assert (found["probe_success"], failure(found)) == (0, "module/0/body-size")
    assert found["probe_http_uncompressed_body_length"] == 1024
    assert found["probe_http_status_code"] == 200
    found = await stage.get(target=f"127.0.0.1:{origin.port}/fits", module="m")
    assert found["probe_success"] == 1


async def test_a_body_beyond_our_own_limit_is_cut_and_no_failure(stage: Stage) -> None:
    origin = await stage.origin({"/": answer(200, b"x" * (LARGEST_BODY + 1))})
    found = await stage.get(target=f"127.0.0.1:{origin.port}")
    assert found["probe_success"] == found["prober_probe_body_cut"] == 1
    assert found["probe_http_uncompressed_body_length"] == LARGEST_BODY
    assert found["probe_http_content_length"] == LARGEST_BODY + 1


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (answer(200, b"zz\r\nno chunk\r\n", "Transfer-Encoding: chunked", length=False), "http-protocol-error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "http-closed"),
        (answer(200, b"5\r\nhel", "Transfer-Encoding: chunked", length=False), "http-closed"),
    ],
    ids=["bad chunk", "too short", "chunk cut off"],
)
async def test_a_broken_body_fails_a_probe_that_has_a_status(stage: Stage, sent: bytes, reason: str) -> None:
    origin = await stage.origin({"/": sent})
    found = await stage.get(target=f"127.0.0.1:{origin.port}")
    assert (found["probe_success"], found["probe_http_status_code"]) == (0, 200)
    assert failure(found) == f"http/0/{reason}"


async def test_a_body_of_nothing_but_framing_has_an_end(stage: Stage) -> None:
    """Extensions of chunks cost the server nothing and us as much as they are long."""
    stage.modules = {"m": {"prober": "http", "http": {"body_size_limit": 100}}}
    chunk = b"1;" + b"e" * 8000 + b"\r\nx\r\n"
    origin = await stage.origin({"/": answer(200, chunk * 50, "Transfer-Encoding: chunked", length=False)})
    found = await stage.get(target=f"127.0.0.1:{origin.port}", module="m")
    assert found["prober_probe_body_cut"] == 1
    assert found["probe_http_uncompressed_body_length"] < 50


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Mon, 05 Jan 2026 10:00:00 GMT", 1767607200.0),
        ("Monday, 05-Jan-26 10:00:00 GMT", 1767607200.0),
        ("yesterday", None),
        ("9" * 100, None),
        ("Mon, 05 Jan 99999 10:00:00 GMT", None),
    ],
)
async def test_last_modified(stage: Stage, header: str, expected: float | None) -> None:
    origin = await stage.origin({"/": answer(200, b"", f"Last-Modified: {header}")})
    found = await stage.get(target=f"127.0.0.1:{origin.port}")
    assert found.get("probe_http_last_modified_timestamp_seconds") == expected


# redirects


async def test_redirects_are_followed_and_counted(stage: Stage) -> None:
    secure = await stage.origin({"/end": answer(200, b"end")}, server_tls("localhost"))
    origin = await stage.origin(
        {"/": redirect("/two?x=1", 301), "/two?x=1": redirect(f"https://localhost:{secure.port}/end", 307)}
    )
    found = await stage.get(target=f"127.0.0.1:{origin.port}")
    assert (found["probe_success"], found["probe_http_redirects"]) == (1, 2)
    assert (found["probe_http_ssl"], found["probe_http_uncompressed_body_length"]) == (1, 3)
    assert origin.paths == ["/", "/two?x=1"]
    assert f"Host: localhost:{secure.port}\r\n".encode() in secure.requests[0]


async def test_ten_redirects_are_followed_and_no_more(stage: Stage) -> None:
    answers = {f"/{n}": redirect(f"/{n + 1}") for n in range(12)}
    origin = await stage.origin({**answers, "/12": answer(200)})
    found = await stage.get(target=f"127.0.0.1:{origin.port}/2")
    assert (found["probe_success"], found["probe_http_redirects"]) == (1, 10)
    found = await stage.get(target=f"127.0.0.1:{origin.port}/1")
    assert (found["probe_success"], found["probe_http_redirects"]) == (0, 11)
    assert found["probe_http_status_code"] == 302
    assert failure(found) == "module/0/too-many-redirects"


async def test_a_redirect_s_body_is_not_waited_for(stage: Stage) -> None:
    """It never ends: whoever read it would sit there until the time is up."""
    endless = b"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 1000000\r\n\r\nsome"
    origin = await stage.origin({"/": endless, "/end": answer(200)})
    found = await stage.get(target=f"127.0.0.1:{origin.port}")
    assert found["probe_success"] == 1


async def test_a_redirect_that_nothing_leads_out_of(stage: Stage) -> None:
    origin = await stage.origin({"/": answer(302, b"here"), "/odd": redirect("mailto:a@b.test")})
    found = await stage.get(target=f"127.0.0.1:{origin.port}")
    assert failure(found) == "module/0/status"
    assert (found["probe_http_redirects"], found["probe_http_uncompressed_body_length"]) == (0, 4)
    found = await stage.get(target=f"127.0.0.1:{origin.port}/odd")
    assert failure(found) == "module/0/redirect-refused"
    assert (found["probe_http_redirects"], found["probe_http_uncompressed_body_length"]) == (1, 0)


async def test_after_a_redirect_to_a_closed_port_there_is_no_answer(stage: Stage) -> None:
    origin = await stage.origin({"/": redirect("http://127.0.0.1:1/")})
    found = await stage.get(target=f"127.0.0.1:{origin.port}")
    assert (found["probe_http_status_code"], found["probe_http_redirects"]) == (0, 1)
    assert failure(found) == "connect/0/tcp-refused"
    assert found["probe_ip_protocol"] == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_method_stays(stage: Stage, status: int) -> None:
    stage.modules = {"m": {"prober": "http", "http": {"method": "HEAD"}}}
    moved = f"HTTP/1.1 {status} Moved\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n".encode()
    origin = await stage.origin({"/": moved, "/end": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
    await stage.get(target=f"127.0.0.1:{origin.port}", module="m")
    assert [request.split(b" ")[0] for request in origin.requests] == [b"HEAD", b"HEAD"]


# headers and names

SECRETS = {"Authorization": "Bearer geheim", "X-Key": "auch geheim", "User-Agent": "ours"}


async def test_headers_go_out_and_secrets_stay_at_home(stage: Stage) -> None:
    """Authorization does not travel to another host; other headers do, as with Go's client."""
    stage.modules = {"m": {"prober": "http", "http": {"headers": SECRETS}}}
    other = await stage.origin({"/": answer(200)})
    origin = await stage.origin({"/": redirect("/same"), "/same": redirect(f"http://localhost:{other.port}/")})
    await stage.get(target=f"127.0.0.1:{origin.port}", module="m")
    first, second = (request.decode() for request in origin.requests)
    for request in (first, second):
        assert "\r\nAuthorization: Bearer geheim\r\n" in request
    assert first.count("User-Agent:") == 1
    assert "\r\nUser-Agent: ours\r\n" in first
    elsewhere = other.requests[0].decode()
    assert "geheim" not in elsewhere.replace("auch geheim", "")
    assert "\r\nX-Key: auch geheim\r\n" in elsewhere
    assert f"\r\nHost: localhost:{other.port}\r\n" in elsewhere


async def test_authorization_does_not_go_from_tls_into_the_clear(stage: Stage) -> None:
    stage.modules = {"m": {"prober": "http", "http": {"headers": SECRETS}}}
    plain = await stage.origin({"/": answer(200)})
    secure = await stage.origin({"/": redirect(f"http://localhost:{plain.port}/")}, server_tls("localhost"))
    await stage.get(target=f"https://localhost:{secure.port}", module="m")
    assert b"Bearer geheim" in secure.requests[0]
    assert b"Bearer" not in plain.requests[0]


@pytest.mark.parametrize("kind", ["untrusted", "expired", "wrong name"])
async def test_nothing_secret_is_said_to_a_stranger(stage: Stage, kind: str) -> None:
    stage.modules = {"m": {"prober": "http", "http": {"headers": SECRETS}}}
    names = ("elsewhere.test",) if kind == "wrong name" else ("localhost",)
    tls = server_tls(*names, ca="Strangers" if kind == "untrusted" else "Tests", expired=kind == "expired")
    origin = await stage.origin({"/": answer(200)}, tls)
    found = await stage.get(target=f"https://localhost:{origin.port}", module="m")
    assert found["probe_success"] == 0
    assert (failure(found) or "").startswith("tls/0/cert-")
    found = await stage.get(target=f"https://localhost:{origin.port}/?token=geheim")
    assert found["probe_success"] == 0
    assert (origin.requests, origin.connections) == ([], 2)


async def test_a_secret_goes_to_the_very_key_that_was_judged(stage: Stage) -> None:
    """Two servers behind one name: each new key is judged on a connection of its own, then asked."""
    stage.modules = {"m": {"prober": "http", "http": {"headers": SECRETS}}}
    origin = await stage.origin({"/": answer(200)}, server_tls("localhost"))
    found = await stage.get(target=f"https://localhost:{origin.port}", module="m")
    assert found["probe_success"] == 1
    assert (origin.connections, len(origin.requests)) == (2, 1)
    keys = [terms.inquiry.keys for _, terms in stage.asked if terms.inquiry is not None]
    assert keys[0] == frozenset()
    assert keys[1] is not None
    assert len(keys[1]) == 1


async def test_without_verification_it_is_said_at_once(stage: Stage) -> None:
    tls = {"insecure_skip_verify": True}
    stage.modules = {"m": {"prober": "http", "http": {"headers": SECRETS, "tls_config": tls}}}
    origin = await stage.origin({"/": answer(200)}, server_tls("localhost", ca="Strangers"))
    found = await stage.get(target=f"https://localhost:{origin.port}", module="m")
    assert (found["probe_success"], found["prober_probe_trusted"], origin.connections) == (1, 0, 1)
    assert failure(found) is None


async def test_hostname_and_server_name(stage: Stage) -> None:
    seen: list[str | None] = []
    tls = server_tls("front.test")
    tls.sni_callback = lambda connection, name, context: seen.append(name)
    stage.allow.append("front.test:*")
    origin = await stage.origin({"/": redirect("/x"), "/x": answer(200)}, tls)
    found = await stage.get(target=f"https://127.0.0.1:{origin.port}", hostname="front.test")
    assert found["probe_success"] == 1
    assert seen == ["front.test", "front.test"]
    assert all(b"\r\nHost: front.test\r\n" in request for request in origin.requests)


async def test_too_old_a_version_hears_nothing(stage: Stage) -> None:
    stage.modules = {"m": {"prober": "http", "http": {"tls_config": {"min_version": "TLS13"}}}}
    origin = await stage.origin({"/": answer(200)}, server_tls("localhost", version=ssl.TLSVersion.TLSv1_2))
    found = await stage.get(target=f"https://localhost:{origin.port}", module="m")
    assert (found["probe_success"], failure(found)) == (0, "module/0/tls-version")
    assert found['probe_tls_version_info{version="TLS 1.2"}'] == 1
    assert origin.requests == []


# whom to believe


async def test_a_root_of_this_machine_counts_for_the_allow_list_and_not_for_the_catalog() -> None:
    tls = server_tls("localhost", ca="Corp")
    async with Stage(allow=["localhost:*"], judge=judge(os_only="Corp")) as stage:
        origin = await stage.origin({"/": answer(200)}, tls)
        url = f"https://localhost:{origin.port}/"
        found = await stage.get(target=url)
        assert (found["probe_success"], found["prober_probe_trusted"]) == (1, 0)
        assert "probe_ssl_last_chain_expiry_timestamp_seconds" in found
        stage.targets = (Target(id="vendor", scheme=Scheme.HTTPS, host="localhost", port=origin.port),)
        for target in (url, "vendor"):
            found = await stage.get(target=target)
            assert (found["probe_success"], failure(found)) == (0, "tls/0/cert-untrusted")
            assert found['prober_probe_anchor_info{anchor="os_only"}'] == 1


async def test_a_module_s_roots_are_the_only_ones(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "corp.pem"
    file.write_bytes(authority("Corp").cert_pem.bytes())
    stage.modules = {"m": {"prober": "http", "http": {"tls_config": {"ca_file": str(file)}}}}
    corp = await stage.origin({"/": answer(200)}, server_tls("localhost", ca="Corp"))
    known = await stage.origin({"/": answer(200)}, server_tls("localhost"))
    assert (await stage.get(target=f"https://localhost:{corp.port}", module="m"))["probe_success"] == 1
    assert (await stage.get(target=f"https://localhost:{corp.port}"))["probe_success"] == 0
    assert (await stage.get(target=f"https://localhost:{known.port}", module="m"))["probe_success"] == 0


# time


async def test_a_silent_server_costs_the_time_there_is_and_says_so(stage: Stage) -> None:
    stage.modules = {"m": {"prober": "http", "timeout": "300ms"}}
    origin = await stage.origin({"/": answer(200)})
    origin.silent = True
    found = await stage.get(target=f"127.0.0.1:{origin.port}", module="m")
    assert failure(found) == "http/0/http-timeout"
    assert 0.25 < found["probe_duration_seconds"] < 3


async def test_redirects_share_one_time_limit(stage: Stage) -> None:
    stage.modules = {"m": {"prober": "http", "timeout": "2s"}}
    silent = await stage.origin({})
    silent.silent = True
    origin = await stage.origin({"/": redirect(f"http://127.0.0.1:{silent.port}/")})
    found = await stage.get(target=f"127.0.0.1:{origin.port}", module="m")
    assert failure(found) == "http/0/http-timeout"
    (_, first), (_, second) = stage.asked
    assert first.timeout is not None
    assert second.timeout is not None
    assert second.timeout < first.timeout < 2.001


async def test_a_probe_that_does_not_get_its_turn(stage: Stage) -> None:
    stage.hold = asyncio.Event()
    stage.modules = {"m": {"prober": "http", "timeout": "100ms"}}
    found = await stage.get(target="127.0.0.1:1", module="m")
    assert (found["probe_success"], failure(found)) == (0, "module/0/timeout")


async def test_a_probe_that_is_lost_with_its_process(stage: Stage) -> None:
    stage.lose = True
    found = await stage.get(target="127.0.0.1:1")
    assert (found["probe_success"], failure(found)) == (0, "module/0/lost")
    assert found["probe_http_status_code"] == 0
