from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from prober.lab.authorities import Authorities
from prober.lab.origins import CONTEXTS_KEPT, Certificates
from prober.lab.world import Lab


async def test_a_catalog_host_has_its_own_certificate_and_status(
    lab: Lab, connect: Any, trusting: ssl.SSLContext
) -> None:
    peer = await connect(lab.ports["tls-origin"], trusting, "gw.vendor.example")
    assert peer.leaf().issuer == lab.authorities.vendor.certificate.subject
    status, headers, body = await peer.ask(b"GET /test HTTP/1.1\r\nHost: gw.vendor.example\r\n\r\n")
    assert (status, headers["server"]) == (404, "prober-lab")
    assert len(body) == int(headers["content-length"])


async def test_the_connection_is_kept_until_asked_otherwise(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    peer = await connect(lab.ports["tls-origin"], trusting, "sensor.atp.example")
    ping = b"GET /tri/sensor/api/ping HTTP/1.1\r\nHost: sensor.atp.example\r\n"
    for _ in range(2):
        assert (await peer.ask(ping + b"\r\n"))[::2] == (200, b"OK")
    assert (await peer.ask(ping + b"Connection: close\r\n\r\n"))[1]["connection"] == "close"
    assert await peer.reader.read() == b""


async def test_requests_sent_together_are_answered_in_order(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["plain-origin"])
    peer.writer.write(b"GET /x HTTP/1.1\r\nHost: go.example\r\n\r\nGET /ping HTTP/1.1\r\nHost: go.example\r\n\r\n")
    assert [(await peer.answer())[0] for _ in range(2)] == [302, 200]


async def test_a_body_is_read_before_the_next_request(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    peer = await connect(lab.ports["tls-origin"], trusting, "smart.example")
    post = b"POST /api HTTP/1.1\r\nHost: smart.example\r\nContent-Length: 4\r\n\r\nGET "
    assert (await peer.ask(post))[0] == 400
    assert (await peer.ask(post))[0] == 400


async def test_head_has_no_body(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["plain-origin"])
    for _ in range(2):
        status, headers, _ = await peer.ask(b"HEAD / HTTP/1.1\r\nHost: b.example\r\n\r\n")
        assert (status, headers["content-length"] > "0") == (200, True)


async def test_a_client_that_has_finished_sending_is_still_answered(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["plain-origin"])
    peer.writer.write(b"GET /ping HTTP/1.1\r\nHost: b.example\r\n\r\n")
    peer.writer.write_eof()
    assert (await peer.reader.read()).endswith(b"\r\n\r\nOK")


@pytest.mark.parametrize("request_bytes", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
async def test_what_is_no_request_gets_400_and_the_end(lab: Lab, connect: Any, request_bytes: bytes) -> None:
    peer = await connect(lab.ports["plain-origin"])
    assert (await peer.ask(request_bytes))[0] == 400
    assert await peer.reader.read() == b""


async def test_a_head_without_end_is_cut_off(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["plain-origin"])
    peer.writer.write(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 10_000)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await peer.answer()


async def test_a_name_nobody_listed_is_public(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    peer = await connect(lab.ports["tls-origin"], trusting, "anything.at.all.example")
    assert peer.leaf().issuer in [authority.certificate.subject for authority in lab.authorities.public]
    assert (await peer.ask(b"GET / HTTP/1.1\r\nHost: anything.at.all.example\r\n\r\n"))[0] == 200


async def test_a_client_that_names_nobody_is_served(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    peer = await connect(lab.ports["tls-origin"], trusting, "127.0.0.1")
    assert (await peer.ask(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))[0] == 200


async def test_alpn_speaks_http_1_only(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    peer = await connect(lab.ports["tls-origin"], trusting, "gw.vendor.example")
    assert peer.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_is_asked_for_where_the_catalog_says_so(
    lab: Lab, connect: Any, trusting: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    trusting.maximum_version = trusting.minimum_version = version
    client = lab.authorities.stray.leaf(["me.example"])
    (lab.directory / "me.pem").write_bytes(client.pem() + client.key_pem())
    asked = []
    for host in ("sensor.atp.example", "gw.vendor.example"):
        with_certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with_certificate.load_verify_locations(lab.directory / "public-root.pem")
        with_certificate.load_verify_locations(lab.directory / "vendor-root.pem")
        with_certificate.load_cert_chain(lab.directory / "me.pem")
        with_certificate.maximum_version = version
        seen: list[str] = []
        with_certificate._msg_callback = lambda *about, seen=seen: seen.append(about[4].name)  # type: ignore[attr-defined]  # the one way to see handshake messages
        for context in (trusting, with_certificate):  # without a certificate and with one: both are welcome
            peer = await connect(lab.ports["tls-origin"], context, host)
            assert (await peer.ask(f"GET /ping HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()))[0] == 200
        asked.append("CERTIFICATE_REQUEST" in seen)
    assert asked == [True, False]


def test_only_so_many_certificates_are_kept(authorities: Authorities) -> None:
    certificates = Certificates([], authorities)
    first = certificates.context("h0.example")
    assert certificates.context("h0.example") is first
    certificates._ready.update({f"filler{number}": first for number in range(CONTEXTS_KEPT - 1)})
    certificates.context("one.more.example")
    assert len(certificates._ready) == CONTEXTS_KEPT
    assert certificates.context("h0.example") is not first


async def test_no_two_hosts_share_a_key(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    hosts = ("a.example", "b.example", "gw.vendor.example")
    peers = [await connect(lab.ports["tls-origin"], trusting, host) for host in hosts]
    assert len({peer.leaf().public_key().public_numbers() for peer in peers}) == 3
    again = await connect(lab.ports["tls-origin"], trusting, "a.example")
    assert again.leaf() == peers[0].leaf()
