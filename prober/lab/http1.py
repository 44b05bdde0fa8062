"""Just enough HTTP/1.1 for the lab's servers: a request's head in, an answer's bytes out (RFC 9112). Sans-IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

HEAD_LIMIT: Final = 32 * 1024
"""Longest request head, in bytes."""
BODY_LIMIT: Final = 1024 * 1024
"""Longest request body, in bytes."""
END_OF_HEAD: Final = b"\r\n\r\n"
_BODYLESS: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

Headers = tuple[tuple[str, str], ...]


class BadRequestError(Exception):
    """This is no HTTP/1.x request the lab understands."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request."""

    method: str
    target: str
    version: str
    headers: Headers
    """Names in lower case."""

    def get(self, name: str) -> str | None:
        """The first header of that name (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants the connection kept."""
        options = (self.get("connection") or self.get("proxy-connection") or "").lower()
        return "close" not in options if self.version == "HTTP/1.1" else "keep-alive" in options

    @property
    def content_length(self) -> int:
        """Bytes of body that follow. Raises BadRequestError for what the lab does not take."""
        if self.get("transfer-encoding") is not None:
            raise BadRequestError("chunked bodies are not taken")
        text = self.get("content-length") or "0"
        if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) > BODY_LIMIT:
            raise BadRequestError("Content-Length")
        return int(text)


def parse_request(head: bytes) -> Request:
    """Parses a head that ends with an empty line. Raises BadRequestError."""
    lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    start = lines[0].split(" ")
    if len(start) != 3 or start[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequestError("request line")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequestError("header line")
        headers.append((name.lower(), value.strip()))
    return Request(start[0], start[1], start[2], tuple(headers))


def response(
    status: int,
    body: bytes = b"",
    headers: Sequence[tuple[str, str]] = (),
    *,
    head_only: bool = False,
    close: bool = False,
) -> bytes:
    """An answer with its length, date and, for `close`, the announcement that the connection ends."""
    bodyless = status in _BODYLESS
    lines = [f"HTTP/1.1 {status} {_phrase(status)}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if not bodyless:
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    return head if head_only or bodyless else head + body


def split_authority(text: str, default_port: int | None = None) -> tuple[str, int]:
    """`host:port` with IPv6 in brackets; the host in lower case without a final dot. Raises BadRequestError."""
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, port = text, ""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise BadRequestError("IPv6 address without brackets")
    if not port and default_port is not None:
        port = str(default_port)
    if not host or not (port.isascii() and port.isdecimal()) or len(port) > 5 or not 0 < int(port) < 65536:
        raise BadRequestError("authority")
    return host.lower().rstrip("."), int(port)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"
