"""What is read of a ServerHello, from handshakes that OpenSSL made and from bytes that nobody should send."""

from __future__ import annotations

import ssl

import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from prober.model import ServerHello
from prober.wire.serverhello import (
    MAX_EXTENSIONS,
    MAX_RECORD,
    MAX_SERVER_HELLO,
    RETRY_RANDOM,
    ServerHelloReader,
    parse_server_hello,
    read_server_hello,
)

from .transcripts import bytewise, splits

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
X25519, P256 = 29, 23


def transcript(version: ssl.TLSVersion, server_curve: str | None) -> tuple[bytes, ssl.SSLObject]:
    """All that a server of the standard library says until the handshake is over, and the client that heard it."""
    authority = trustme.CA()
    serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("host.test").configure_cert(serving)
    authority.configure_trust(asking)
    serving.minimum_version = serving.maximum_version = version
    if server_curve is not None:
        serving.set_ecdh_curve(server_curve)
    upwards, overheard, downwards = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(upwards, overheard, server_side=True)
    client = asking.wrap_bio(downwards, upwards, server_hostname="host.test")
    said, shaking = b"", [client, server]
    while shaking:
        for end in tuple(shaking):
            try:
                end.do_handshake()
                shaking.remove(end)
            except ssl.SSLWantReadError:
                pass
            said += (heard := overheard.read())
            downwards.write(heard)
    return said, client


def read(*segments: bytes) -> ServerHelloReader:
    reader = ServerHelloReader()
    for segment in segments:
        reader.feed(segment)
    return reader


def cipher_of(client: ssl.SSLObject) -> int:
    """The number of the cipher in force, as the library lists it."""
    current = client.cipher()
    assert current is not None
    return next(int(each["id"]) & 0xFFFF for each in client.context.get_ciphers() if each["name"] == current[0])


HANDSHAKES = {
    "1.2": (V12, None, 0x0303, None, False),
    "1.3": (V13, None, 0x0304, X25519, False),
    "1.3 retried": (V13, "prime256v1", 0x0304, P256, True),
}
"""Version, the server's only curve (None = its own choice, the client's first), and what must be read.

No library sends a key share for P-256 unasked; older ones do not take X25519 as a curve by name."""


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_real_handshake_however_it_is_cut(name: str) -> None:
    version, curve, expected_version, group, retried = HANDSHAKES[name]
    said, client = transcript(version, curve)
    assert (RETRY_RANDOM in said) is retried
    hello = read(said).hello
    assert hello is not None
    assert (hello.version, hello.group, hello.retried) == (expected_version, group, retried)
    assert hello.cipher == cipher_of(client)
    if version is V13:
        assert sorted(hello.extensions) == [43, 51]
    else:
        assert {23, 0xFF01} <= set(hello.extensions)  # extended_master_secret, renegotiation_info
    assert read(*bytewise(said)).hello == hello
    for cut in splits(said[:400]):
        assert read(*cut).hello == hello


@pytest.mark.parametrize("name", HANDSHAKES)
def test_nothing_before_the_last_byte_and_nothing_read_after_it(name: str) -> None:
    said, _ = transcript(*HANDSHAKES[name][:2])
    reader = ServerHelloReader()
    rest = iter(bytewise(said))
    while not reader.over:
        assert reader.hello is None
        reader.feed(next(rest))
    hello = reader.hello
    assert hello is not None
    assert len(list(rest)) > 500  # certificates and the rest have not been looked at
    reader.feed(said)
    assert reader.hello is hello


# messages made by hand


def record(content: bytes, kind: int = 0x16) -> bytes:
    return bytes([kind, 3, 3]) + len(content).to_bytes(2, "big") + content


def message(body: bytes, kind: int = 2) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extension(kind: int, content: bytes = b"") -> bytes:
    return kind.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


def body(*extensions: bytes, random: bytes = bytes(32), session: bytes = b"s" * 32) -> bytes:
    block = b"".join(extensions)
    tail = len(block).to_bytes(2, "big") + block if extensions else b""
    return b"\x03\x03" + random + bytes([len(session)]) + session + b"\xc0\x2f\x00" + tail


VERSION_13 = extension(43, b"\x03\x04")
SHARE = extension(51, b"\x11\xec\x00\x02kk")
RETRY = message(body(VERSION_13, extension(51, b"\x00\x17"), random=RETRY_RANDOM))
HELLO = message(body(SHARE, VERSION_13))
PLAIN = ServerHello(0x0303, 0xC02F, None, ())
FULL = ServerHello(0x0304, 0xC02F, 0x11EC, (51, 43))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (body(), PLAIN),
        (body(session=b""), PLAIN),
        (body(extension(11, b"\x01\x00"), extension(0)), ServerHello(0x0303, 0xC02F, None, (11, 0))),
        (body(SHARE, VERSION_13), FULL),
        (body(*[extension(7)] * MAX_EXTENSIONS), ServerHello(0x0303, 0xC02F, None, (7,) * MAX_EXTENSIONS)),
        (body(*[extension(7)] * (MAX_EXTENSIONS + 1)), None),
        (body(extension(43, b"\x03")), None),
        (body(extension(43, b"\x02\x03\x04")), None),
        (body(extension(51, b"\x00\x1d")), None),
        (body(extension(51, b"\x00\x1d\x00\x03kk")), None),
        (body(VERSION_13) + b"\x00", None),
        (body() + b"\x00", None),
        (b"", None),
    ],
)
def test_messages(content: bytes, expected: ServerHello | None) -> None:
    assert parse_server_hello(content) == expected
    assert read(record(message(content))).hello == expected


def test_a_message_that_is_cut_short_is_none() -> None:
    whole = body(SHARE, VERSION_13)
    without_extensions = len(body())
    for size in range(len(whole)):
        assert parse_server_hello(whole[:size]) == (PLAIN if size == without_extensions else None)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 40])
def test_a_message_over_many_records(size: int) -> None:
    said = RETRY + HELLO
    records = [record(said[at : at + size]) for at in range(0, len(said), size)]
    expected = ServerHello(0x0304, 0xC02F, 0x11EC, (51, 43), retried=True)
    assert read(b"".join(records)).hello == expected
    assert read(*bytewise(b"".join(records))).hello == expected


def test_what_may_come_before_it() -> None:
    """A warning, a change of ciphers, a request for what is under way already (RFC 5246 section 7.4.1.1)."""
    before = record(b"\x01\x70", 0x15) + record(b"\x01", 0x14) + record(b"") + record(message(b"", 0))
    assert read(before + record(RETRY) + record(b"\x01", 0x14) + record(HELLO)).hello is not None
    assert read(before + record(HELLO)).hello == FULL


@pytest.mark.parametrize(
    "said",
    [
        record(b"x", 0x17),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x03" + (MAX_RECORD + 1).to_bytes(2, "big"),
        record(b"\x02" + (MAX_SERVER_HELLO + 1).to_bytes(3, "big")),
        record(message(b"", 11)),
        record(message(b"", 2)),
        record(RETRY + RETRY),
    ],
    ids=["data", "clear text", "record", "message", "certificate", "empty", "two retries"],
)
def test_none_for_good(said: bytes) -> None:
    reader = read(said)
    assert (reader.over, reader.hello) == (True, None)
    reader.feed(record(HELLO))
    assert reader.hello is None


def test_the_largest_that_is_read() -> None:
    padding = MAX_SERVER_HELLO - len(body(VERSION_13, extension(21)))
    said = message(body(VERSION_13, extension(21, bytes(padding))))
    assert len(said) == 4 + MAX_SERVER_HELLO
    expected = ServerHello(0x0304, 0xC02F, None, (43, 21))
    assert read(record(said[:16384]), record(said[16384:])).hello == expected
    assert read(record(said)).hello == expected
    assert read(record(said + HELLO)[:5] + said).hello == expected  # the record goes on, the message is all there
    assert read(record(said + bytes(MAX_RECORD - len(said) + 1))).hello is None


def kept(reader: ServerHelloReader) -> int:
    return len(reader._header) + len(reader._message)


def test_an_endless_flood_is_not_kept() -> None:
    flood = record(message(b"", 0) * 4000)
    reader = ServerHelloReader()
    for _ in range(30):
        reader.feed(flood)
        assert not reader.over
        assert kept(reader) < 8


PIECES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([record(HELLO), record(RETRY), record(HELLO[:30]), record(HELLO[30:]), record(b"\x01", 0x14)]),
    st.binary(max_size=60).map(record),
    st.binary(max_size=60).map(lambda content: record(message(content))),
    st.binary(max_size=60).map(lambda tail: record(message(body() + tail))),
)


@given(st.lists(PIECES, max_size=6), st.data())
@example([record(RETRY), record(HELLO)], None)
def test_any_bytes_in_any_cut_give_the_same(pieces: list[bytes], data: st.DataObject | None) -> None:
    said = b"".join(pieces)
    whole = read(said)
    assert kept(whole) <= MAX_RECORD + MAX_SERVER_HELLO
    slow = read(*bytewise(said))
    assert (slow.over, slow.hello) == (whole.over, whole.hello)
    if data is not None and said:
        at = data.draw(st.integers(0, len(said)))
        assert read(said[:at], said[at:]).hello == whole.hello
    if whole.hello is not None:
        assert len(whole.hello.extensions) <= MAX_EXTENSIONS


@given(st.binary(max_size=200))
def test_any_message(content: bytes) -> None:
    hello = parse_server_hello(content)
    assert hello is None or 0 <= hello.version <= 0xFFFF


X25519_AT_END = bytes.fromhex("0033 0024 001d 0020")
"""How the ServerHello of most servers ends, but for the key."""
EXTENSIONS = st.builds(
    extension,
    st.sampled_from([0, 11, 43, 51]),
    st.sampled_from([b"", b"\x03\x04", b"\x00\x1d\x00\x20" + b"k" * 32, X25519_AT_END + b"k" * 32])
    | st.binary(max_size=44),
)


@given(
    st.lists(EXTENSIONS, max_size=4),
    st.binary(min_size=32, max_size=32) | st.just(bytes(32)),
    st.binary(max_size=32),
    st.sampled_from([b"", extension(51, b"\x00\x1d\x00\x20" + b"k" * 32), X25519_AT_END + b"\x00\x0b\x00\x01" * 8]),
)
@example([], bytes(32), b"", X25519_AT_END + b"\x00\x2b\x00\x02\x03\x04" * 5 + b"\x00\x00")
@example([VERSION_13], b"r" * 32, b"s" * 32, extension(51, b"\x00\x1d\x00\x20" + b"k" * 32))
def test_the_short_way_reads_the_same(extensions: list[bytes], random: bytes, session: bytes, end: bytes) -> None:
    """Whatever stands where the key usually does."""
    content = body(*extensions, *([end] if end else []), random=random, session=session)
    assert read_server_hello(content) == parse_server_hello(content)
    assert read_server_hello(content) == parse_server_hello(content), "and from memory"
