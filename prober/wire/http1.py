"""HTTP/1.1 messages (RFC 9112): requests as bytes, and a bounded reader of responses.

httptools (llhttp) parses; this module finds where a head ends, because after a 2xx to CONNECT the bytes behind
the empty line belong to somebody else, whatever `Content-Length` says (RFC 9110 section 9.3.6).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from weakref import proxy

import httptools

from prober.wire.layer import printable

MAX_HEAD = 64 * 1024
"""Bytes of one response head; a peer that sends headers for ever gets a failure, not memory."""
MAX_INTERIM = 16
"""How many 1xx responses may come before the final one."""
_PREFIX = b"HTTP/"

Headers = list[tuple[str, str]]


class MessageError(Exception):
    """The peer's bytes are no HTTP/1.1 response. Never leaves the layers."""


class BodyTooLongError(MessageError):
    """More bytes of body came than somebody wants to read."""


class ResponseReader:
    """Reads one final response, skipping 1xx.

    `feed` returns True once the head is complete; `status`, `headers`, `version` and `rest` (the bytes behind
    the head) are then set. `read_body` goes on with the body where somebody wants it.
    Raises MessageError for anything that is not HTTP or is over-long.
    """

    __slots__ = (
        "__weakref__",
        "_body_bytes",
        "_buffer",
        "_head_parsed",
        "_interim",
        "_keep_alive",
        "_parser",
        "_scanned",
        "body",
        "body_done",
        "body_length",
        "headers",
        "keeps_body",
        "rest",
        "status",
        "version",
    )

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._interim = 0
        self._parser: httptools.HttpResponseParser | None = None
        self._head_parsed = False
        self._keep_alive = False
        self._body_bytes = 0
        self.status = 0
        self.version = ""
        self.headers: Headers = []
        self.rest = b""
        self.body = bytearray()
        self.body_done = False
        self.body_length = 0
        self.keeps_body = True

    @property
    def started(self) -> bool:
        """Whether any byte of an answer has come."""
        return bool(self._buffer) or self._interim > 0 or self.status > 0

    @property
    def said(self) -> str:
        """The first bytes that came, for a person."""
        return printable(bytes(self._buffer[:60]))

    def feed(self, data: bytes) -> bool:
        """Take bytes; True once the head of the final response is there."""
        self._buffer += data
        while True:
            if not _PREFIX.startswith(bytes(self._buffer[:5])) and not self._buffer.startswith(_PREFIX):
                raise MessageError(f"answered {printable(bytes(self._buffer[:60]))!r}, which is not HTTP")
            end = self._head_end()
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise MessageError(f"sent more than {MAX_HEAD} bytes of response head")
                return False
            head, rest = bytes(self._buffer[:end]), bytes(self._buffer[end:])
            self._parse(head)
            if 100 <= self.status < 200 and self.status != 101:
                self._interim += 1
                if self._interim > MAX_INTERIM:
                    raise MessageError(f"sent more than {MAX_INTERIM} interim responses")
                self._buffer = bytearray(rest)
                self._scanned = 0
                continue
            self.rest = rest
            return True

    def _head_end(self) -> int:
        start = max(0, self._scanned - 2)
        found = [(self._buffer.find(end, start, MAX_HEAD), len(end)) for end in (b"\n\r\n", b"\n\n")]
        self._scanned = len(self._buffer)
        return min((at + size for at, size in found if at >= 0), default=-1)

    def _parse(self, head: bytes) -> None:
        self.headers = []
        self.body_done = self._head_parsed = self._keep_alive = False  # a 1xx leaves nothing behind
        parser = self._parser = httptools.HttpResponseParser(_Ear(self))
        # Bare LF is seen from old proxies; RFC 9112 section 2.2 lets a recipient accept it. Both lengths at once
        # are wrong, but a 2xx to CONNECT has no body at all, and section 6.3 says which one counts elsewhere.
        parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_chunked_length=True)
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass  # 101: the caller sees the status
        except httptools.HttpParserError as error:
            raise MessageError(f"sent a malformed response head {printable(head, 60)!r}: {error}") from error
        self._head_parsed = True
        self.status = parser.get_status_code()
        self.version = parser.get_http_version()

    def read_body(self, data: bytes, limit: int) -> bool:
        """Feed body bytes; True once the body is complete. At most `limit` bytes are kept; with `keeps_body` off they
        are only counted, in `body_length`.

        Raises MessageError for broken framing and for over `limit` bytes on the wire: chunk headers and trailers
        count too, else a body of nothing but trailers would have no end.
        """
        if self._parser is not None and not self.body_done and data:
            self._body_bytes += len(data)
            if self._body_bytes > limit:
                raise BodyTooLongError(f"sent more than {limit} bytes of body")
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError as error:
                if not self.body_done:  # bytes behind a complete message are no concern of ours
                    raise MessageError(f"sent a malformed body: {error}") from error
        return self.body_done

    def keeps_alive(self) -> bool:
        """Whether the connection survives this response (RFC 9112 section 9.3), `Proxy-Connection: close` respected."""
        if any(value.lower() == "close" for value in self.all("proxy-connection")):
            return False
        return self._keep_alive

    @property
    def ends_with_connection(self) -> bool:
        """Whether the body has neither a length nor chunks (RFC 9112 section 6.3)."""
        chunked = any("chunked" in value.lower() for value in self.all("transfer-encoding"))
        return not chunked and self.first("content-length") is None

    def first(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        """All headers of that (lower-case) name."""
        return [value for key, value in self.headers if key == name]

    # what llhttp finds
    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header; names in lower case. Trailers behind a chunked body are none of them."""
        if not self._head_parsed:
            self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        """Ask now: llhttp forgets the answer once the message is complete."""
        if self._parser is not None and not self._head_parsed:
            self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body; bytes of a message behind this one are no part of it."""
        if not self.body_done:
            self.body_length += len(data)
            if self.keeps_body:
                self.body += data

    def on_message_complete(self) -> None:
        """Note that the body is whole."""
        self.body_done = True


class _Ear:
    """llhttp's callbacks. The parser keeps them and the reader keeps the parser, so they must not keep the reader."""

    __slots__ = ("_reader",)

    def __init__(self, reader: ResponseReader) -> None:
        self._reader = proxy(reader)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reader.on_header(name, value)

    def on_headers_complete(self) -> None:
        self._reader.on_headers_complete()

    def on_body(self, data: bytes) -> None:
        self._reader.on_body(data)

    def on_message_complete(self) -> None:
        self._reader.on_message_complete()


def request(method: str, target: str, host: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A request without a body. `target` is in origin, absolute or authority form (RFC 9112 section 3.2)."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if method in ("POST", "PUT", "PATCH"):
        lines.append("Content-Length: 0")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def basic(user: str, password: str) -> str:
    """Credentials for `Basic` (RFC 7617), UTF-8."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def challenges(values: Sequence[str]) -> tuple[str, ...]:
    """Scheme names of `Proxy-Authenticate` headers, lower case, in order (RFC 9110 section 11.6.1).

    A scheme is a token at the start of a list member that is not followed by `=` (that would be a parameter,
    and blanks may stand before the sign).
    """
    schemes: list[str] = []
    for value in values:
        for member in split_quoted(value, ","):
            word, *rest = member.split(None, 1) or [""]
            name = word.lower()[:32]
            parameter = "=" in word or (bool(rest) and rest[0].startswith("="))
            if not parameter and name not in schemes and name.replace("-", "").isalnum():
                schemes.append(name)
    return tuple(schemes[:16])


def split_quoted(text: str, separator: str) -> list[str]:
    """Split at a separator, except inside double quotes."""
    parts: list[str] = []
    part: list[str] = []
    quoted = escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == separator and not quoted:
            parts.append("".join(part))
            part = []
            continue
        part.append(char)
    parts.append("".join(part))
    return parts
