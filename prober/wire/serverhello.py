"""Reads the ServerHello out of the bytes a server sends (RFC 8446 sections 4.1.3, 4.1.4, 5.1; RFC 5246 7.4.1.3).

It looks on while OpenSSL does the handshake, because no getter has what comparing routes needs: the order of the
extensions, and whether a HelloRetryRequest came first. It is never stricter than it must be to understand: whether the
answer is acceptable is OpenSSL's to say.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final

from prober.model import ServerHello

MAX_SERVER_HELLO: Final = 16 * 1024
"""Bytes; a ServerHello has about a hundred, with a post-quantum key share about twelve hundred."""
MAX_RECORD: Final = (1 << 14) + 256
"""Bytes of a record's content (RFC 8446 section 5.2)."""
MAX_EXTENSIONS: Final = 64
"""Extensions of one ServerHello; about five are usual, and no more than some sixty exist."""

_HEADER: Final = 5
_NUMBER: Final = Struct(">H").unpack_from
_TYPE_AND_LENGTH: Final = Struct(">HH").unpack_from
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE = 0x14, 0x15, 0x16
_HELLO_REQUEST, _SERVER_HELLO = 0, 2
_SUPPORTED_VERSIONS, _KEY_SHARE = 43, 51
RETRY_RANDOM: Final = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a HelloRetryRequest: SHA-256 of that word (RFC 8446 section 4.1.3)."""


class ServerHelloReader:
    """`feed` it all that comes until it is `over`; then `hello` is the answer, or None if there was none to read.

    It keeps less than two records' worth of bytes and never raises.
    """

    __slots__ = ("_fresh", "_header", "_is_handshake", "_left", "_message", "_retried", "hello", "over")

    def __init__(self) -> None:
        self.hello: ServerHello | None = None
        self.over = False
        self._fresh = True
        self._header = b""
        self._left = 0
        self._is_handshake = False
        self._message = bytearray()  # what is done with goes from its front at no cost
        self._retried = False

    def feed(self, data: bytes) -> None:
        """Take what the server sent, however it is cut; nothing more is read once it is over."""
        if self._fresh:
            self._fresh = False
            self._read_at_once(data)
        position = 0
        while position < len(data) and not self.over:
            if self._left:
                piece = data[position : position + self._left]
                position += len(piece)
                self._left -= len(piece)
                if self._is_handshake:
                    self._message += piece
                    self._read_messages()
            else:
                piece = data[position : position + _HEADER - len(self._header)]
                position += len(piece)
                self._header += piece
                if len(self._header) == _HEADER:
                    self._begin_record()

    def _read_at_once(self, data: bytes) -> None:
        """The usual case at a quarter of the cost: the whole message stands at the front of the first segment."""
        if len(data) < _HEADER + 4 or data[0] != _HANDSHAKE or data[_HEADER] != _SERVER_HELLO:
            return
        record = int.from_bytes(data[3:_HEADER])
        size = int.from_bytes(data[_HEADER + 1 : _HEADER + 4])
        body = data[_HEADER + 4 : _HEADER + 4 + size]
        if len(body) == size <= record - 4 <= MAX_RECORD - 4 and size <= MAX_SERVER_HELLO and not _is_retry(body):
            self._end(read_server_hello(body))

    def _begin_record(self) -> None:
        kind, self._left = self._header[0], int.from_bytes(self._header[3:])
        self._header = b""
        self._is_handshake = kind == _HANDSHAKE
        if kind not in (_HANDSHAKE, _ALERT, _CHANGE_CIPHER_SPEC) or self._left > MAX_RECORD:
            self._end(None)

    def _read_messages(self) -> None:
        while not self.over and len(self._message) >= 4:
            kind, size = self._message[0], int.from_bytes(self._message[1:4])
            if kind not in (_HELLO_REQUEST, _SERVER_HELLO) or size > MAX_SERVER_HELLO:
                self._end(None)
            elif len(self._message) < 4 + size:
                return
            else:
                body = bytes(self._message[4 : 4 + size])
                del self._message[: 4 + size]
                if kind == _SERVER_HELLO:
                    self._take(body)

    def _take(self, body: bytes) -> None:
        if not _is_retry(body):
            self._end(parse_server_hello(body, retried=self._retried))
        elif self._retried:
            self._end(None)  # a second one is forbidden (RFC 8446 section 4.1.4)
        else:
            self._retried = True

    def _end(self, hello: ServerHello | None) -> None:
        self.hello, self.over = hello, True
        self._message.clear()


def _is_retry(body: bytes) -> bool:
    return body[2:34] == RETRY_RANDOM


_X25519_AT_END: Final = bytes.fromhex("0033 0024 001d 0020")
"""key_share with an X25519 key of 32 bytes: how the ServerHello of most servers of TLS 1.3 ends."""


_USUAL_SIZE: Final = 256
"""Bytes of a ServerHello with an X25519 key; one with few extensions has 120. What is longer is not remembered."""


def read_server_hello(body: bytes) -> ServerHello | None:
    """As `parse_server_hello`; what differs from one answer of a server to the next is not parsed anew."""
    start = 35 + body[34] if len(body) > 34 else 0
    if start and start + 45 <= len(body) <= _USUAL_SIZE and body[-40:-32] == _X25519_AT_END:
        hello = _read_shape(body[:2] + bytes(33) + body[start:-32] + bytes(32))
        # had those eight bytes been something else, the zeros were read as extensions of type 0, or not at all
        if hello is not None and hello.extensions[-1] != 0:
            return hello
    return parse_server_hello(body)


@lru_cache(maxsize=1024)
def _read_shape(body: bytes) -> ServerHello | None:
    return parse_server_hello(body)


def parse_server_hello(body: bytes, *, retried: bool = False) -> ServerHello | None:
    """A ServerHello message without its four bytes of header; None if it does not parse to its last byte."""
    if len(body) < 35:
        return None
    cipher_at = 35 + body[34]  # version, random, length of the session id, session id
    start = cipher_at + 3  # cipher, compression method
    size = len(body)
    # TLS 1.2 may leave the whole block of extensions out
    if size != start and (size < start + 2 or _NUMBER(body, start)[0] != size - start - 2):
        return None
    version, cipher = _NUMBER(body, 0)[0], _NUMBER(body, cipher_at)[0]
    group: int | None = None
    kinds: list[int] = []
    position = start + 2
    while position < size:
        if position + 4 > size:
            return None
        kind, length = _TYPE_AND_LENGTH(body, position)
        content = position + 4
        position = content + length
        if position > size or len(kinds) == MAX_EXTENSIONS:
            return None
        kinds.append(kind)
        if kind == _SUPPORTED_VERSIONS:
            if length != 2:
                return None
            version = _NUMBER(body, content)[0]
        elif kind == _KEY_SHARE:
            if length < 4:
                return None
            group, key_length = _TYPE_AND_LENGTH(body, content)
            if key_length != length - 4:
                return None
    return ServerHello(version, cipher, group, tuple(kinds), retried)
