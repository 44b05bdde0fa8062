from __future__ import annotations

import contextlib
import ssl
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.lab.clienthello import LONGEST, IncompleteError, NotTlsError, protocols, server_name


def hello(host: str | None, alpn: Sequence[str] = ()) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(alpn)
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_the_name_of_a_real_client() -> None:
    assert server_name(hello("Some.Host.Example")) == "some.host.example"


def test_a_client_that_names_nobody() -> None:
    assert server_name(hello(None)) is None


@pytest.mark.parametrize("alpn", [[], ["h2"], ["h2", "http/1.1"]])
@pytest.mark.parametrize("host", ["a.example", None])
def test_the_protocols_of_a_real_client(host: str | None, alpn: list[str]) -> None:
    assert protocols(hello(host, alpn)) == tuple(name.encode() for name in alpn)


def test_a_hello_cut_in_its_extensions_is_none() -> None:
    whole = hello("a.example", ["h2", "http/1.1"])
    length = len(whole) - 5
    for cut in range(1, 60):
        short = whole[5 : 5 + length - cut]
        body = short[:1] + (len(short) - 4).to_bytes(3) + short[4:]
        with contextlib.suppress(NotTlsError):
            assert set(protocols(b"\x16\x03\x01" + len(body).to_bytes(2) + body)) <= {b"h2", b"http/1.1"}


def test_every_beginning_is_incomplete() -> None:
    whole = hello("a.example")
    for size in range(len(whole)):
        with pytest.raises(IncompleteError):
            server_name(whole[:size])


def test_a_hello_spread_over_many_records() -> None:
    whole = hello("a.example")
    body = whole[5:]
    records = b"".join(b"\x16\x03\x01\x00\x01" + body[at : at + 1] for at in range(len(body)))
    assert server_name(records) == "a.example"


def test_what_follows_the_hello_does_not_matter() -> None:
    assert server_name(hello("a.example") + b"\x00" * 50) == "a.example"


@pytest.mark.parametrize("start", [b"a\xff.", b"a b.", b"-", b"a\x00"])
def test_a_name_that_no_host_can_have_counts_as_none(start: bytes) -> None:
    host = "x" * 63 + ".example"
    changed = hello(host).replace(host.encode(), start + host.encode()[len(start) :])
    assert server_name(changed) is None


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", b"\x16\x02\x01", b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\x00\x01\x02"]
)
def test_something_else(data: bytes) -> None:
    with pytest.raises(NotTlsError):
        server_name(data)


def test_a_hello_without_end_is_given_up() -> None:
    record = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + b"\x00" * (0x4000 - 4)
    more = b"\x16\x03\x01\x40\x00" + b"\x00" * 0x4000
    with pytest.raises(NotTlsError):
        server_name(record + more * (LONGEST // 0x4000))


@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_raise_anything_else(data: bytes, framed: bool) -> None:
    if framed:
        message = b"\x01" + len(data).to_bytes(3) + data
        data = b"\x16\x03\x01" + len(message).to_bytes(2) + message
    with contextlib.suppress(IncompleteError, NotTlsError):
        server_name(data)
