from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Any

import pytest
from cryptography import x509

from prober.lab.authorities import Authorities, pem
from prober.lab.faults import Fault
from prober.lab.world import DELAY_SECONDS, PASSWORD, USER, Lab

LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode())
GET = b"GET /test HTTP/1.1\r\nHost: gw.vendor.example\r\n\r\n"


def connect_to(authority: str, extra: bytes = b"") -> bytes:
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n".encode() + extra + b"\r\n"


def corporate(authorities: Authorities) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem(authorities.corporate.root).decode())
    return context


async def through(peer: Any, trusting: ssl.SSLContext) -> x509.Certificate:
    """TLS and a request through an open tunnel to gw.vendor.example; the leaf seen."""
    await peer.start_tls(trusting, "gw.vendor.example")
    assert (await peer.ask(GET))[0] == 404
    leaf: x509.Certificate = peer.leaf()
    return leaf


@pytest.mark.parametrize("proxy", ["open", "blocking"])
async def test_a_tunnel_leaves_the_certificate_alone(
    lab: Lab, connect: Any, trusting: ssl.SSLContext, proxy: str
) -> None:
    direct = await connect(lab.ports["tls-origin"], trusting, "gw.vendor.example")
    peer = await connect(lab.ports[proxy])
    assert (await peer.ask(connect_to("gw.vendor.example:443")))[0] == 200
    assert await through(peer, trusting) == direct.leaf()


async def test_bytes_sent_behind_connect_are_not_lost(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["open"])
    peer.writer.write(connect_to("go.example:80") + b"GET /ping HTTP/1.1\r\nHost: go.example\r\n\r\n")
    assert (await peer.answer())[0] == 200
    assert (await peer.answer())[2] == b"OK"


async def test_half_close_goes_through_a_tunnel(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["open"])
    await peer.ask(connect_to("go.example:80"))
    peer.writer.write(b"GET /ping HTTP/1.1\r\nHost: go.example\r\n\r\n")
    peer.writer.write_eof()
    assert (await peer.reader.read()).endswith(b"OK")


async def test_the_absolute_form_is_answered_by_the_origin(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["open"])
    status, headers, _ = await peer.ask(b"GET http://go.example/x HTTP/1.1\r\nHost: go.example\r\n\r\n")
    assert (status, headers["location"]) == (302, "https://go.example/")
    assert "x-squid-error" not in headers
    assert await peer.reader.read() == b"", "one absolute-form request a connection"


async def test_a_body_travels_with_the_absolute_form(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["open"])
    post = b"POST http://go.example/ping HTTP/1.1\r\nHost: go.example\r\nContent-Length: 3\r\n\r\nabc"
    assert (await peer.ask(post))[::2] == (200, b"OK")


async def test_login_is_demanded_and_the_connection_kept(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    peer = await connect(lab.ports["login"])
    status, headers, _ = await peer.ask(connect_to("gw.vendor.example:443"))
    assert (status, headers["proxy-authenticate"].split()[0]) == (407, "Basic")
    assert (await peer.ask(connect_to("gw.vendor.example:443", b"Proxy-Authorization: Basic d3Jvbmc=\r\n")))[0] == 407
    right = b"Proxy-Authorization: Basic " + LOGIN + b"\r\n"
    assert (await peer.ask(connect_to("gw.vendor.example:443", right)))[0] == 200
    await through(peer, trusting)


async def test_the_password_does_not_travel_on(lab: Lab, connect: Any) -> None:
    lines: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.extend((await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(record, "127.0.0.1", 0) as server:
        lab.addresses.locate = lambda host, port: server.sockets[0].getsockname()[1]  # type: ignore[method-assign]  # the recorder plays the origin
        peer = await connect(lab.ports["login"])
        head = b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nProxy-Authorization: Basic " + LOGIN + b"\r\n\r\n"
        assert (await peer.ask(head))[0] == 204
    assert lines[0] == b"get / http/1.1"
    assert not [line for line in lines if line.startswith(b"proxy-")]
    assert b"via: 1.1 login.proxy.lab.test" in lines


@pytest.mark.parametrize("name", ["127.0.0.1", "secure.proxy.lab.test"])
async def test_an_https_proxy_shows_a_corporate_certificate(
    lab: Lab, connect: Any, authorities: Authorities, trusting: ssl.SSLContext, name: str
) -> None:
    peer = await connect(lab.ports["secure"], corporate(authorities), name)
    assert (await peer.ask(connect_to("gw.vendor.example:443")))[0] == 200
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inner = trusting.wrap_bio(incoming, outgoing, server_hostname="gw.vendor.example")
    while True:  # TLS inside TLS
        try:
            inner.do_handshake()
            break
        except ssl.SSLWantReadError:
            peer.writer.write(outgoing.read())
            incoming.write(await peer.reader.read(65536))
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(lab.ports["secure"], trusting, name)


@pytest.mark.parametrize("request_bytes", [
    connect_to("a1.blob.core.windows.net:443"),
    b"GET http://a1.blob.core.windows.net/ HTTP/1.1\r\nHost: x\r\n\r\n",
])  # fmt: skip
async def test_the_block_list_answers_403_like_squid(lab: Lab, connect: Any, request_bytes: bytes) -> None:
    peer = await connect(lab.ports["blocking"])
    status, headers, _ = await peer.ask(request_bytes)
    assert (status, headers["x-squid-error"]) == (403, "ERR_ACCESS_DENIED 0")
    assert headers["proxy-status"] == "blocking.proxy.lab.test; error=http_request_denied"


async def test_the_slow_proxy_waits_once_and_then_does_its_work(
    lab: Lab, connect: Any, trusting: ssl.SSLContext
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    peer = await connect(lab.ports["slow"])
    assert (await peer.ask(connect_to("gw.vendor.example:443")))[0] == 200
    assert loop.time() - began > 0.9 * DELAY_SECONDS
    await through(peer, trusting)


@pytest.mark.parametrize(
    ("authority", "status", "squid", "error"),
    [
        ("nowhere.lab.test:443", 503, "ERR_DNS_FAIL 0", "dns_error"),
        ("closed.lab.test:443", 503, "ERR_CONNECT_FAIL 111", "connection_refused"),
        ("gw.vendor.example:8443", 503, "ERR_CONNECT_FAIL 111", "connection_refused"),
    ],
)
async def test_why_a_tunnel_cannot_be_made(
    lab: Lab, connect: Any, authority: str, status: int, squid: str, error: str
) -> None:
    peer = await connect(lab.ports["open"])
    found, headers, _ = await peer.ask(connect_to(authority))
    assert (found, headers["proxy-status"].partition("error=")[2]) == (status, error)
    assert headers["x-squid-error"].split()[0] == squid.split(maxsplit=1)[0]


async def test_the_lab_is_no_open_relay(lab: Lab, connect: Any) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for host in ("127.0.0.1", "localhost", "[::1]"):
            peer = await connect(lab.ports["open"])
            assert (await peer.ask(connect_to(f"{host}:{port}")))[0] == 403


async def test_proxies_of_the_lab_can_be_chained_by_name_and_by_port(
    lab: Lab, connect: Any, trusting: ssl.SSLContext
) -> None:
    peer = await connect(lab.ports["open"])
    assert (await peer.ask(connect_to("slow.proxy.lab.test:8080")))[0] == 200
    assert (await peer.ask(connect_to(f"127.0.0.1:{lab.ports['blocking']}")))[0] == 200
    assert (await peer.ask(connect_to("gw.vendor.example:443")))[0] == 200
    await through(peer, trusting)


@pytest.mark.parametrize("request_bytes", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET https://a.example/ HTTP/1.1\r\n\r\n",
    connect_to("a.example"),
    b"\x05\x01\x00\r\n\r\n",
])  # fmt: skip
async def test_what_is_no_request_to_a_proxy_gets_400(lab: Lab, connect: Any, request_bytes: bytes) -> None:
    peer = await connect(lab.ports["open"])
    assert (await peer.ask(request_bytes))[0] == 400


async def test_much_goes_through_although_the_reader_is_slow(lab: Lab, connect: Any) -> None:
    """More than all buffers hold: flow control must hold the sender back and lose nothing."""
    amount = 8 * 1024 * 1024

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(amount))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(pour, "127.0.0.1", 0) as server:
        lab.addresses.locate = lambda host, port: server.sockets[0].getsockname()[1]  # type: ignore[method-assign]  # the pourer plays the origin
        peer = await connect(lab.ports["open"])
        await peer.ask(connect_to("a.example:443"))
        received = 0
        while data := await peer.reader.read(64 * 1024):
            received += len(data)
    assert received == amount


async def test_a_lab_closes_while_tunnels_are_open(lab: Lab, connect: Any) -> None:
    for proxy in ("open", "blocking", "inspected"):
        peer = await connect(lab.ports[proxy])
        await peer.ask(connect_to(f"{Fault.SILENT.host}:443"))
    await lab.close()
    assert [listener.open_links for listener in lab.listeners] == [0] * len(lab.listeners)
