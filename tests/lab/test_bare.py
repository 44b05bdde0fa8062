from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio

from prober.lab.authorities import pem
from prober.lab.bare import BareOrigin, BareSettings, bare_context, bare_credential

SIZE = 1000
GET = b"GET /any?thing HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest_asyncio.fixture(params=["ecdsa", "rsa"])
async def bare(request: pytest.FixtureRequest) -> AsyncIterator[tuple[BareOrigin, ssl.SSLContext]]:
    credential, root = bare_credential(request.param)
    origin = BareOrigin(bare_context(credential), SIZE)
    await origin.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem(root).decode())
    yield origin, context
    await origin.close()


async def test_tls_and_plain_on_one_port(bare: tuple[BareOrigin, ssl.SSLContext], connect: Any) -> None:
    origin, context = bare
    for peer in (await connect(origin.port, context, "any.lab.test"), await connect(origin.port)):
        for _ in range(2):
            assert await peer.ask(GET) == (200, (await peer.ask(GET))[1], bytes(SIZE))
        assert (await peer.ask(b"HEAD / HTTP/1.1\r\n\r\n"))[1]["content-length"] == str(SIZE)


async def test_no_request_gets_400(bare: tuple[BareOrigin, ssl.SSLContext], connect: Any) -> None:
    peer = await connect(bare[0].port)
    assert (await peer.ask(b"nonsense\r\n\r\n"))[0] == 400
    assert await peer.reader.read() == b""


async def test_as_many_octets_as_asked_for(bare: tuple[BareOrigin, ssl.SSLContext], connect: Any) -> None:
    origin, context = bare
    for peer in (await connect(origin.port, context, "any.lab.test"), await connect(origin.port)):
        for size in (0, 1, 16384, 3_000_000):
            for path in (f"/bytes/{size}", f"/bytes/{size}?x"):
                request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
                assert (await peer.ask(request))[2] == bytes(size)
        assert len((await peer.ask(b"GET /bytes/none HTTP/1.1\r\n\r\n"))[2]) == SIZE


async def test_many_at_once(bare: tuple[BareOrigin, ssl.SSLContext], connect: Any) -> None:
    """Requests that do not wait for answers are answered in order; who leaves too many unread is let go."""
    peer = await connect(bare[0].port)
    sizes = [5, 200_000, 0, 7]
    peer.writer.write(b"".join(b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % size for size in sizes))
    assert [len((await peer.answer())[2]) for _ in sizes] == sizes
    peer.writer.write(b"GET /bytes/9000000 HTTP/1.1\r\n\r\n" * 200)
    answered = 0
    while not peer.reader.at_eof():
        head = await peer.reader.readuntil(b"\r\n\r\n")
        await peer.reader.readexactly(9_000_000)
        answered += 1
        if b"Connection: close" in head:
            break
    assert answered < 200


async def test_the_client_says_when_it_is_over(bare: tuple[BareOrigin, ssl.SSLContext], connect: Any) -> None:
    origin, context = bare
    for peer in (await connect(origin.port, context, "any.lab.test"), await connect(origin.port)):
        status, headers, _ = await peer.ask(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (status, headers["connection"]) == (200, "close")
        assert await peer.reader.read() == b""


async def test_nonsense_and_sudden_ends(bare: tuple[BareOrigin, ssl.SSLContext], connect: Any) -> None:
    origin, _ = bare
    for said in (b"\x16\x03\x01\x00\x05nonse", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000, b""):
        peer = await connect(origin.port)
        peer.writer.write(said)
        peer.writer.write_eof()
        with suppress(ConnectionResetError):  # what is left unread meets a closed socket
            await peer.reader.read()
        peer.writer.close()
    assert (await (await connect(origin.port)).ask(GET))[0] == 200
    assert origin.served == 4


@pytest.mark.parametrize("tickets", [False, True])
async def test_sessions_only_with_tickets(tickets: bool) -> None:
    credential, root = bare_credential("ecdsa")
    origin = BareOrigin(bare_context(credential, tickets=tickets), SIZE)
    await origin.start()
    context = ssl.create_default_context(cadata=pem(root).decode())

    def twice() -> bool | None:
        session: ssl.SSLSession | None = None
        for _ in range(2):
            raw = socket.create_connection(("127.0.0.1", origin.port))
            with context.wrap_socket(raw, server_hostname="a.lab.test", session=session) as client:
                client.sendall(GET)
                client.recv(100)
                session = client.session
                reused = client.session_reused
        return reused

    assert await asyncio.to_thread(twice) is tickets
    await origin.close()


@pytest.mark.parametrize(("tls", "offered"), [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3"), (None, "TLSv1.3")])
async def test_one_version_alone(tls: str | None, offered: str) -> None:
    credential, root = bare_credential("ecdsa")
    settings = BareSettings(
        host="127.0.0.1", port=0, size=SIZE, certificate=credential.pem(), key=credential.key_pem(), tls=tls
    )
    origin = BareOrigin(settings.context(), SIZE)
    await origin.start()

    def version(only: ssl.TLSVersion | None) -> str | None:
        context = ssl.create_default_context(cadata=pem(root).decode())
        if only is not None:
            context.minimum_version = context.maximum_version = only
        with (
            socket.create_connection(("127.0.0.1", origin.port)) as raw,
            context.wrap_socket(raw, server_hostname="a.lab.test") as client,
        ):
            return client.version()

    assert await asyncio.to_thread(version, None) == offered
    other = {"1.2": ssl.TLSVersion.TLSv1_3, "1.3": ssl.TLSVersion.TLSv1_2, None: ssl.TLSVersion.TLSv1_2}[tls]
    if tls is None:
        assert await asyncio.to_thread(version, other) == "TLSv1.2"
    else:
        with pytest.raises(ssl.SSLError, match=r"(?i)version"):
            await asyncio.to_thread(version, other)
    await origin.close()


@pytest.mark.parametrize(("kind", "bits"), [("ecdsa", 256), ("rsa2048", 2048), ("rsa3072", 3072)])
def test_kinds_of_keys(kind: str, bits: int) -> None:
    assert bare_credential(kind)[0].key.key_size == bits


async def test_a_port_in_use() -> None:
    credential, _ = bare_credential("ecdsa")
    first, second = (BareOrigin(bare_context(credential), SIZE) for _ in range(2))
    await first.start()
    with pytest.raises(OSError, match="in use"):
        await second.start(port=first.port)
    with pytest.raises(RuntimeError, match="not listening"):
        assert second.port
    await first.close()
    await first.close()
