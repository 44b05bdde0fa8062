"""TLS as a client sees it: versions, suites, certificates of both sides, renewal, and what is not TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest

from .serving import (
    TLS,
    USERS,
    Running,
    authority,
    client_certificate,
    login,
    put,
    put_certificate,
    server_certificate,
    serving,
    trusting,
)

VERIFY = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A web configuration file beside a certificate, its key and a CA for clients."""
    put_certificate(tmp_path, server_certificate())
    put(tmp_path, "ca.pem", authority("clients").cert_pem)
    return write(tmp_path / "web.yml", TLS)


def write(file: Path, text: str) -> Path:
    fresh = file.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(file)
    return file


async def common_name(running: Running, tls: ssl.SSLContext | None = None) -> str:
    async with await running.connect(tls) as client:
        certificate = client.writer.get_extra_info("peercert")
        subject = dict(pair for part in certificate["subject"] for pair in part)
        return str(subject["commonName"])


async def refused(running: Running, tls: ssl.SSLContext) -> bool:
    """Whether this client gets no answer. In TLS 1.3 a refusal comes after the client's side of the handshake."""
    try:
        async with await running.connect(tls) as client:
            return (await client.ask()).status != 200
    except (OSError, asyncio.IncompleteReadError):
        return True


async def test_https_on_the_address(file: Path) -> None:
    async with serving(file, tls=trusting()) as running:
        answer = await running.get()
        assert (answer.status, answer.text) == (200, "hello")
        async with await running.connect() as client:
            assert client.writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        curl = await asyncio.create_subprocess_exec(
            *("curl", "-sSk", "--max-time", "10", "-o", "-", "-w", "%{http_version} %{http_code}"),
            f"https://127.0.0.1:{running.port}/",
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await curl.communicate()
        assert out == b"hello1.1 200"  # curl offers h2 as well, and settles


async def test_a_new_certificate_is_for_new_handshakes_and_drops_no_connection(file: Path, tmp_path: Path) -> None:
    async with serving(file, tls=trusting()) as running, await running.connect() as old:
        assert (await old.ask()).status == 200
        assert await common_name(running) == "first"
        put_certificate(tmp_path, server_certificate("second"))
        assert await common_name(running) == "second"
        assert (await old.ask()).status == 200
        put(tmp_path, "key.pem", server_certificate("first").private_key_pem)  # broken: the pair does not match
        assert await common_name(running) == "second"
        assert (await old.ask()).status == 200


@pytest.mark.parametrize(
    ("rest", "versions"),
    [
        ("", {"TLSv1.2", "TLSv1.3"}),
        ("  min_version: TLS13\n", {"TLSv1.3"}),
        ("  max_version: TLS12\n", {"TLSv1.2"}),
        ("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", {"TLSv1.3"}),
    ],
)
async def test_versions(file: Path, rest: str, versions: set[str]) -> None:
    write(file, TLS + rest)
    seen: set[str] = set()
    async with serving(file) as running:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting()
            context.minimum_version = context.maximum_version = version
            with contextlib.suppress(OSError):
                async with await running.connect(context) as client:
                    seen.add(client.writer.get_extra_info("ssl_object").version())
    assert seen == versions


@pytest.mark.parametrize(
    ("order", "chosen"), [("true", "ECDHE-ECDSA-AES128-SHA"), ("false", "ECDHE-ECDSA-AES256-GCM-SHA384")]
)
async def test_cipher_suites_and_whose_order_counts(file: Path, order: str, chosen: str) -> None:
    write(
        file,
        TLS + "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
        f"  prefer_server_cipher_suites: {order}\n",
    )
    context = trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA")
    other = trusting()
    other.maximum_version = ssl.TLSVersion.TLSv1_2
    other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    async with serving(file) as running:
        async with await running.connect(context) as client:
            assert client.writer.get_extra_info("cipher")[0] == chosen
        assert await refused(running, other)


async def test_one_curve(file: Path) -> None:
    write(file, TLS + "  curve_preferences: [CurveP384]\n")
    async with serving(file) as running:
        for curve, expected in (("secp384r1", False), ("prime256v1", True)):
            context = trusting()
            context.set_ecdh_curve(curve)
            assert await refused(running, context) is expected


CLIENTS = ("none", "right", "other name", "foreign")


def client_context(kind: str) -> ssl.SSLContext:
    match kind:
        case "right":
            return trusting(client=client_certificate("prometheus.corp"))
        case "other name":
            return trusting(client=client_certificate("somebody.corp"))
        case "foreign":
            return trusting(client=client_certificate("prometheus.corp", ca="evil"))
    return trusting()


@pytest.mark.parametrize(
    ("rest", "let_in"),
    [
        ("", CLIENTS),
        ("  client_auth_type: RequestClientCert\n", CLIENTS),
        (VERIFY.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"), ("none", "right", "other name")),
        (VERIFY, ("right", "other name")),
        (VERIFY + "  client_allowed_sans: [prometheus.corp]\n", ("right",)),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_what_is_asked_of_clients(
    file: Path, rest: str, let_in: tuple[str, ...], version: ssl.TLSVersion
) -> None:
    write(file, TLS + rest)
    seen: list[str] = []
    async with serving(file) as running:
        for kind in CLIENTS:
            context = client_context(kind)
            context.minimum_version = context.maximum_version = version
            if not await refused(running, context):
                seen.append(kind)
        assert len(running.handlers.seen) == len(let_in), "nobody else has reached a page"
    assert tuple(seen) == let_in


async def test_health_too_needs_the_certificate(file: Path) -> None:
    """A policy of TLS holds for the connection: no path is outside it."""
    write(file, TLS + VERIFY)
    async with serving(file) as running:
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await running.get("/-/healthy", tls=trusting())
        assert (await running.get("/-/healthy", tls=client_context("right"))).status == 200


async def test_who_was_let_in_by_an_authority_that_is_gone_is_asked_again(file: Path, tmp_path: Path) -> None:
    write(file, TLS + VERIFY)
    async with serving(file, tls=client_context("right")) as running, await running.connect() as client:
        assert (await client.ask()).status == 200
        put(tmp_path, "ca.pem", authority("evil").cert_pem)
        assert await refused(running, client_context("right"))
        assert await client.ended() == b""
        assert not await refused(running, client_context("foreign"))


async def test_tls_may_be_switched_on_while_it_runs(file: Path) -> None:
    write(file, USERS)
    async with serving(file) as running, await running.connect() as client:
        assert (await client.ask("/", login())).status == 200
        write(file, TLS + USERS)
        assert (await running.get("/", login(), tls=trusting())).status == 200
        assert await client.ended() == b"", "a connection in the clear does not outlive that"


async def test_http_to_the_tls_port_is_told_so(file: Path) -> None:
    async with serving(file) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic c2VjcmV0\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert answer.endswith(b"\r\n\r\nThis port speaks TLS: use https.\n")
        assert running.handlers.seen == []


async def test_tls_to_the_plain_port_ends_at_once() -> None:
    async with serving() as running:
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await running.connect(trusting())


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x00\x05hello",
        b"\x16\x03\x01\xff\xff" + b"\x00" * 70000,
        b"\x16" * 5000,
        b"\x16\x03\x03\x00\x02\x02\x28",
    ],
)
async def test_bad_tls_ends_and_leaves_nothing(file: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(file, tls=trusting()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        with contextlib.suppress(OSError):
            writer.write(data)
            async with asyncio.timeout(20):
                await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        assert (await running.get()).status == 200
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


async def test_a_handshake_that_never_ends_is_cut(file: Path) -> None:
    from prober.monitor.web.limits import Limits

    async with serving(file, limits=Limits(head=0.2), tls=trusting()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello of 512 bytes
        with contextlib.suppress(OSError):
            async with asyncio.timeout(20):
                assert await reader.read() in (b"", b"\x15\x03\x01\x00\x02\x02\x28")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        assert (await running.get()).status == 200


async def test_neither_key_nor_hash_nor_password_is_ever_said(
    file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    write(file, TLS + USERS)
    said: list[str] = []
    async with serving(file, tls=trusting()) as running:
        for path in ("/", "/nowhere", "/boom", "/-/healthy"):
            said.append(repr(await running.get(path, login())))
            said.append(repr(await running.get(path, login(password="wrong horse"))))
        put(tmp_path, "key.pem", server_certificate("second").private_key_pem)
        said.append(repr(await running.get("/-/reload", login(), method="POST")))
        write(file, TLS + USERS.replace("$2b$", "$9z$"))
        said.append(repr(await running.get("/-/reload", login(), method="POST")))
        said.append(repr(running.access.current))
    everything = "\n".join([*said, *(record.getMessage() for record in caplog.records)])
    assert "alice: expected a bcrypt hash" in everything
    secrets = ["correct horse", "wrong horse", login().split()[-1], USERS.split()[-1][-31:]]
    secrets += server_certificate().private_key_pem.bytes().decode().splitlines()[1:-1]
    for secret in secrets:
        assert secret not in everything
