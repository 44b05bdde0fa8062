from __future__ import annotations

import contextlib
import ssl
import struct
from typing import Any

import pytest

from prober.lab.world import PASSWORD, USER, Lab

HOST = b"gw.vendor.example"


def named(host: bytes, port: int) -> bytes:
    return b"\x03" + bytes([len(host)]) + host + struct.pack("!H", port)


async def logged_in(lab: Lab, connect: Any, password: str = PASSWORD) -> Any:
    peer = await connect(lab.ports["socks5"])
    peer.writer.write(b"\x05\x02\x00\x02")
    assert await peer.reader.readexactly(2) == b"\x05\x02"
    peer.writer.write(bytes([1, len(USER)]) + USER.encode() + bytes([len(password)]) + password.encode())
    return peer


async def reply(peer: Any, request: bytes) -> int:
    peer.writer.write(b"\x05" + request)
    answer = await peer.reader.readexactly(10)
    assert answer[0] == 5
    code: int = answer[1]
    return code


async def test_version_5_with_a_password(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    peer = await logged_in(lab, connect)
    assert await peer.reader.readexactly(2) == b"\x01\x00"
    assert await reply(peer, b"\x01\x00" + named(HOST, 443)) == 0
    await peer.start_tls(trusting, HOST.decode())
    assert (await peer.ask(b"GET /test HTTP/1.1\r\nHost: gw.vendor.example\r\n\r\n"))[0] == 404


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD + "x"])
async def test_version_5_with_a_wrong_password(lab: Lab, connect: Any, password: str) -> None:
    peer = await logged_in(lab, connect, password)
    assert await peer.reader.read() == b"\x01\x01"


async def test_version_5_without_the_password_method(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["socks5"])
    peer.writer.write(b"\x05\x01\x00")
    assert await peer.reader.read() == b"\x05\xff"


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"\x01\x00" + named(b"nowhere.lab.test", 443), 4),
        (b"\x01\x00" + named(b"closed.lab.test", 443), 5),
        (b"\x01\x00\x01\x7f\x00\x00\x01\x00\x01", 2),
        (b"\x02\x00" + named(HOST, 443), 7),
        (b"\x01\x00\x09", 8),
        (b"\x01\x00\x04" + bytes([0x20, 0x01]) + bytes(14) + b"\x01\xbb", 0),
    ],
)
async def test_version_5_reply_codes(lab: Lab, connect: Any, request_bytes: bytes, code: int) -> None:
    peer = await logged_in(lab, connect)
    await peer.reader.readexactly(2)
    assert await reply(peer, request_bytes) == code


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (struct.pack("!BHI", 1, 443, 1) + b"me\0" + HOST + b"\0", 0x5A),
        (struct.pack("!BHI", 1, 443, 0xCB007107) + b"\0", 0x5A),
        (struct.pack("!BHI", 1, 443, 1) + b"\0nowhere.lab.test\0", 0x5B),
        (struct.pack("!BHI", 1, 443, 1) + b"\0closed.lab.test\0", 0x5B),
        (struct.pack("!BHI", 2, 443, 1) + b"\0" + HOST + b"\0", 0x5B),
    ],
)
async def test_version_4_and_4a(
    lab: Lab, connect: Any, trusting: ssl.SSLContext, request_bytes: bytes, code: int
) -> None:
    peer = await connect(lab.ports["socks4a"])
    peer.writer.write(b"\x04" + request_bytes)
    assert (await peer.reader.readexactly(8))[:2] == bytes([0, code])
    if code == 0x5A:
        await peer.start_tls(trusting, HOST.decode())
    else:
        assert await peer.reader.read() == b""


@pytest.mark.parametrize(("proxy", "first"), [("socks5", b"\x04"), ("socks4a", b"\x05"), ("socks5", b"G")])
async def test_another_version_is_hung_up_on(lab: Lab, connect: Any, proxy: str, first: bytes) -> None:
    peer = await connect(lab.ports[proxy])
    peer.writer.write(first)
    assert await peer.reader.read() == b""


async def test_a_user_id_without_end_is_cut_off(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["socks4a"])
    peer.writer.write(b"\x04" + struct.pack("!BHI", 1, 443, 1) + b"x" * 1000)
    with contextlib.suppress(ConnectionResetError):
        assert await peer.reader.read() == b""
