"""Heads end where they end, whatever the segments; bodies are bounded; login schemes are told apart."""

from __future__ import annotations

import pytest

from prober.wire import http1
from prober.wire.http1 import MAX_HEAD, MAX_INTERIM, MessageError, ResponseReader, challenges, split_quoted

from .transcripts import bytewise, splits

HEADS = [
    b"HTTP/1.1 200 OK\r\nA: b\r\nC:d\r\n\r\n",
    b"HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
    b"HTTP/1.1 200\r\n\r\n",
    b"HTTP/1.1 200 OK\nA: b\n\n",
    b"HTTP/1.1 200 OK\nA: b\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n",
]


def read(segments: list[bytes]) -> tuple[object, ...]:
    reader = ResponseReader()
    for index, segment in enumerate(segments):
        if reader.feed(segment):
            return reader.status, reader.version, reader.headers, reader.rest + b"".join(segments[index + 1 :])
    return ("more",)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("rest", [b"", b"\x16\x03\x01", b"\r\n\r\nHTTP/1.1 500 No\r\n\r\n"])
def test_the_head_ends_at_the_empty_line_in_every_cut(head: bytes, rest: bytes) -> None:
    reference = read([head + rest])
    assert reference[0] == 200
    assert reference[3] == rest
    for cut in [bytewise(head + rest), *splits(head + rest)]:
        assert read(cut) == reference
    for size in range(len(head)):
        assert read([head[:size]]) == ("more",)


def test_header_names_are_lower_case_and_values_have_no_blanks_around() -> None:
    reader = ResponseReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nVIA: \t one two \t\r\nX:\r\nvia: three\r\nY: \xe4\r\n\r\n")
    assert reader.headers == [("via", "one two"), ("x", ""), ("via", "three"), ("y", "ä")]
    assert reader.first("via") == "one two"
    assert reader.all("via") == ["one two", "three"]
    assert reader.first("z") is None


@pytest.mark.parametrize(
    "data",
    [
        b"X",
        b"HTTPS/1.1 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"<html>",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n",
    ],
)
def test_what_is_not_http_is_a_message_error(data: bytes) -> None:
    with pytest.raises(MessageError):
        ResponseReader().feed(data)
    with pytest.raises(MessageError):
        read(bytewise(data))


@pytest.mark.parametrize("piece", [1, 1000, MAX_HEAD, MAX_HEAD * 4])
def test_an_endless_head_is_bounded(piece: int) -> None:
    reader = ResponseReader()
    fed = 0
    assert not reader.feed(b"HTTP/1.1 200 OK\r\nA: ")
    while fed + piece <= MAX_HEAD - 20:
        fed += piece
        assert not reader.feed(b"a" * piece)
    with pytest.raises(MessageError, match="65536 bytes of response head"):
        reader.feed(b"a" * max(piece, 21))


def test_an_end_behind_the_limit_does_not_count() -> None:
    with pytest.raises(MessageError):
        ResponseReader().feed(b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_HEAD + b"\r\n\r\n")


def test_interim_responses_are_bounded() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"
    reader = ResponseReader()
    assert not reader.feed(interim * MAX_INTERIM)
    assert reader.started
    with pytest.raises(MessageError, match="interim"):
        reader.feed(interim)


def test_101_is_final() -> None:
    assert read([b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nrest"])[0] == 101


def body(head: bytes, data: list[bytes], limit: int = 1000) -> tuple[bool, bytes]:
    reader = ResponseReader()
    assert reader.feed(head)
    done = reader.body_done
    for piece in data:
        done = done or reader.read_body(piece, limit)
    return done, bytes(reader.body)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "data", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello", (True, b"hello")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", b"hello", (False, b"hello")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", (True, b"")),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"hello", (False, b"hello")),
        (CHUNKED, b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nTrailer: x\r\n\r\n", (True, b"hello")),
        (CHUNKED, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n", (False, b"hello")),
        (b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello", (True, b"hello")),
        (b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"", (False, b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", (True, b"")),
    ],
)
def test_bodies(head: bytes, data: bytes, expected: tuple[bool, bytes]) -> None:
    assert body(head, [data]) == expected
    for cut in [bytewise(data), *splits(data)]:
        assert body(head, cut) == expected


def test_bytes_behind_a_body_are_no_part_of_it() -> None:
    second = b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nother"
    reader = ResponseReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    assert reader.read_body(b"hello" + second, 1000)
    assert bytes(reader.body) == b"hello"
    assert reader.headers == [("content-length", "5")]


def test_trailers_are_no_headers() -> None:
    reader = ResponseReader()
    assert reader.feed(CHUNKED)
    assert reader.read_body(b"0\r\nProxy-Status: p; error=dns_error\r\n\r\n", 1000)
    assert reader.headers == [("transfer-encoding", "chunked")]


def feed_for_ever(reader: ResponseReader, piece: bytes) -> None:
    for _ in range(1000):
        reader.read_body(piece, 1000)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 100),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"a" * 100),
        (CHUNKED, b"5\r\nhello\r\n"),
        (CHUNKED + b"0\r\n", b"Trailer: x\r\n"),
        (CHUNKED + b"0\r\nTrailer: ", b"x" * 100),
        (CHUNKED + b"5;", b"ext" * 30),
    ],
)
def test_an_endless_body_is_bounded(head: bytes, piece: bytes) -> None:
    reader = ResponseReader()
    assert reader.feed(head)
    reader.read_body(reader.rest, 1000)
    with pytest.raises(MessageError, match="more than 1000 bytes of body"):
        feed_for_ever(reader, piece)
    assert len(reader.body) <= 1000
    assert len(reader.headers) <= 1


def test_broken_chunks_are_a_message_error() -> None:
    with pytest.raises(MessageError, match="malformed body"):
        body(CHUNKED, [b"zz\r\n"])


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\n", True),
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.1 407 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.1 407 No\r\nContent-Length: 3\r\nProxy-Connection: Close\r\n\r\n", False),
        (b"HTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (b"HTTP/1.1 407 No\r\n\r\n", False),
        (b"HTTP/1.0 407 No\r\nContent-Length: 3\r\n\r\n", False),
        (b"HTTP/1.0 407 No\r\nContent-Length: 3\r\nProxy-Connection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 100 C\r\nConnection: close\r\n\r\nHTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_whether_the_connection_survives(head: bytes, kept: bool) -> None:
    reader = ResponseReader()
    assert reader.feed(head)
    assert reader.keeps_alive() is kept


@pytest.mark.parametrize(
    ("values", "schemes"),
    [
        ([], ()),
        (["Basic"], ("basic",)),
        (['Basic realm="a"'], ("basic",)),
        (['BASIC realm="a, Digest b", charset="UTF-8", Digest realm="x\\", NTLM", nonce=abc'], ("basic", "digest")),
        (["Negotiate, NTLM", 'Basic realm="x"'], ("negotiate", "ntlm", "basic")),
        (["Negotiate YII==, NTLM TlRM="], ("negotiate", "ntlm")),
        (['Digest realm = "x", nonce = "y", qop ="auth"'], ("digest",)),
        (['Digest\trealm="x"'], ("digest",)),
        (["Basic", "basic", "BASIC x=y"], ("basic",)),
        ([", ,", ' "quoted", ='], ()),
        (["x-custom-scheme a=b"], ("x-custom-scheme",)),
        ([", ".join(f"s{i}" for i in range(50))], tuple(f"s{i}" for i in range(16))),
        (["a" * 100, "a" * 99], ("a" * 32,)),
    ],
)
def test_login_schemes(values: list[str], schemes: tuple[str, ...]) -> None:
    assert challenges(values) == schemes


def test_split_quoted_respects_quotes_and_escapes() -> None:
    assert split_quoted(r'a;b="c;\";d";e', ";") == ["a", r'b="c;\";d"', "e"]
    assert split_quoted('a="never closed, b', ",") == ['a="never closed, b']


def test_requests() -> None:
    assert http1.request("GET", "/a", "h", [("A", "b")]) == b"GET /a HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n"
    assert http1.request("POST", "/", "h") == b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
    assert http1.basic("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert http1.basic("ü", "ß") == "Basic w7w6w58="
