from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from prober.lab.faults import EXPLAINED, Fault, fault_of
from prober.lab.origins import NAMELESS
from prober.lab.world import Lab

EXPIRED, NOT_YET, SELF_SIGNED, STRANGE_ROOT, NO_ISSUER, BAD_PURPOSE, WRONG_NAME = 10, 9, 18, 19, 20, 26, 62
"""OpenSSL's verification results (X509_V_ERR_…)."""


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.EXPIRED, EXPIRED),
        (Fault.NOT_YET_VALID, NOT_YET),
        (Fault.SELF_SIGNED, SELF_SIGNED),
        (Fault.WRONG_NAME, WRONG_NAME),
        (Fault.WRONG_USAGE, BAD_PURPOSE),
        (Fault.INCOMPLETE, NO_ISSUER),
        (Fault.UNTRUSTED, STRANGE_ROOT),
    ],
)
async def test_what_openssl_says_of_a_faulty_certificate(
    lab: Lab, connect: Any, trusting: ssl.SSLContext, fault: Fault, code: int
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        await connect(lab.ports["tls-origin"], trusting, fault.host)
    assert caught.value.verify_code == code


async def test_the_incomplete_chain_is_complete_once_its_intermediate_is_known(
    lab: Lab, connect: Any, trusting: ssl.SSLContext
) -> None:
    intermediate = lab.authorities.withheld.certificate_der()
    trusting.load_verify_locations(cadata=intermediate)
    assert await connect(lab.ports["tls-origin"], trusting, Fault.INCOMPLETE.host)


@pytest.mark.parametrize(("fault", "text"), [(Fault.ALERT, "HANDSHAKE_FAILURE"), (Fault.OLD_TLS, "PROTOCOL_VERSION")])
async def test_alerts(lab: Lab, connect: Any, trusting: ssl.SSLContext, fault: Fault, text: str) -> None:
    with pytest.raises(ssl.SSLError) as caught:
        await connect(lab.ports["tls-origin"], trusting, fault.host)
    assert text in (caught.value.reason or "")


async def test_a_reset_is_a_reset_and_a_hangup_is_none(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    ends = {}
    for fault in (Fault.RESET, Fault.HANGUP):
        peer = await connect(lab.ports["tls-origin"])
        peer.writer.write(client_hello(trusting, fault.host))
        try:
            ends[fault] = await peer.reader.read()
        except ConnectionResetError:
            ends[fault] = None
    assert ends == {Fault.RESET: None, Fault.HANGUP: b""}


@pytest.mark.parametrize("host", [Fault.SILENT.host, f"n17.{Fault.SILENT.host}"])
async def test_silence_lasts_until_the_client_leaves(
    lab: Lab, connect: Any, trusting: ssl.SSLContext, host: str
) -> None:
    peer = await connect(lab.ports["tls-origin"])
    peer.writer.write(client_hello(trusting, host))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.reader.read(1), 0.2)
    peer.writer.write_eof()
    assert await peer.reader.read() == b""


async def test_a_client_certificate_is_insisted_on(lab: Lab, connect: Any) -> None:
    with_certificate, without = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))
    for context in (with_certificate, without):
        context.load_verify_locations(lab.directory / "public-root.pem")
    with_certificate.load_cert_chain(lab.directory / "client.pem")
    request = f"GET / HTTP/1.1\r\nHost: {Fault.CLIENT_CERT.host}\r\n\r\n".encode()
    peer = await connect(lab.ports["tls-origin"], with_certificate, Fault.CLIENT_CERT.host)
    assert (await peer.ask(request))[0] == 200
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
        await (await connect(lab.ports["tls-origin"], without, Fault.CLIENT_CERT.host)).ask(request)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    ("fault", "answer"),
    [(Fault.CUT, b""), (Fault.GARBAGE, b"\x00\x01 this is not HTTP\r\n\r\n")],
)
async def test_what_comes_instead_of_an_answer(
    lab: Lab, connect: Any, trusting: ssl.SSLContext, fault: Fault, answer: bytes, tls: bool
) -> None:
    peer = await (connect(lab.ports["tls-origin"], trusting, fault.host) if tls else connect(lab.ports["plain-origin"]))
    peer.writer.write(f"GET / HTTP/1.1\r\nHost: {fault.host}\r\n\r\n".encode())
    assert await peer.reader.read() == answer


async def test_mute_never_answers_and_drip_is_slow(lab: Lab, connect: Any) -> None:
    for fault, most in ((Fault.MUTE, 0), (Fault.DRIP, 1)):
        peer = await connect(lab.ports["plain-origin"])
        peer.writer.write(f"GET / HTTP/1.1\r\nHost: {fault.host}\r\n\r\n".encode())
        received = await peer.reader.readexactly(most)
        assert received == b"H"[:most]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.reader.read(1), 0.3)


async def test_html_comes_whatever_is_asked_for(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["plain-origin"])
    status, headers, body = await peer.ask(f"GET /x.crl HTTP/1.1\r\nHost: {Fault.HTML.host}\r\n\r\n".encode())
    assert (status, headers["content-type"], body[:9]) == (200, "text/html", b"<!DOCTYPE")


async def test_the_closed_port_is_closed(lab: Lab, connect: Any) -> None:
    with pytest.raises(ConnectionRefusedError):
        await connect(lab.origins.closed_port)


def test_only_names_below_the_lab_s_domain_are_broken() -> None:
    assert fault_of("expired.lab.test") is Fault.EXPIRED
    assert fault_of("x.y.expired.lab.test") is Fault.EXPIRED
    assert [fault_of(host) for host in ("expired.example", "lab.test", NAMELESS, "expired.lab.test.example")] == [
        None
    ] * 4


def test_every_fault_is_explained() -> None:
    assert set(EXPLAINED) == set(Fault)


def client_hello(context: ssl.SSLContext, host: str) -> bytes:
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()
