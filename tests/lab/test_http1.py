from __future__ import annotations

import pytest

from prober.lab.http1 import BODY_LIMIT, BadRequestError, parse_request, response, split_authority


def test_a_request_head() -> None:
    request = parse_request(b"POST /x?y HTTP/1.1\r\nHost: a.example\r\nContent-Length:  12 \r\n\r\n")
    assert (request.method, request.target, request.get("host")) == ("POST", "/x?y", "a.example")
    assert request.content_length == 12
    assert request.keep_alive


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nProxy-Connection: Keep-Alive\r\n\r\n", True),
    ],
)
def test_who_wants_the_connection_kept(head: bytes, kept: bool) -> None:
    assert parse_request(head).keep_alive is kept


@pytest.mark.parametrize(
    "head", [b"\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"]
)
def test_no_request(head: bytes) -> None:
    with pytest.raises(BadRequestError):
        parse_request(head)


@pytest.mark.parametrize(
    "header",
    ["Content-Length: -1", "Content-Length: ²", f"Content-Length: {BODY_LIMIT + 1}", "Transfer-Encoding: chunked"],
)
def test_a_body_that_is_not_taken(header: str) -> None:
    request = parse_request(f"POST / HTTP/1.1\r\n{header}\r\n\r\n".encode("latin-1"))
    with pytest.raises(BadRequestError):
        _ = request.content_length


def test_an_answer() -> None:
    answer = response(404, b"gone\n", (("Server", "x"),), close=True)
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\nDate: ")
    assert answer.endswith(b"\r\nServer: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\ngone\n")


def test_a_head_has_a_length_but_no_body() -> None:
    assert response(200, b"12345", head_only=True).endswith(b"Content-Length: 5\r\n\r\n")


def test_a_204_has_neither() -> None:
    assert b"Content-Length" not in response(204, b"x")
    assert response(204, b"x").endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A.Example.:8080", ("a.example", 8080)),
        ("[::1]:443", ("::1", 443)),
        ("a.example", ("a.example", 80)),
        ("[::1]", ("::1", 80)),
    ],
)
def test_authority(text: str, expected: tuple[str, int]) -> None:
    assert split_authority(text, default_port=80) == expected


@pytest.mark.parametrize("text", ["", ":443", "a:", "a:0", "a:65536", "a:x", "::1:443", "a:٣"])
def test_no_authority(text: str) -> None:
    with pytest.raises(BadRequestError):
        split_authority(text)
