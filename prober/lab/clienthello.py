"""Reads a ClientHello before any TLS library does: server name and protocols (RFC 8446 section 4.1.2, RFC 6066, 7301).

Sans-IO and lenient: whatever is not a well-formed ClientHello is `NotTlsError`; nothing else is ever raised.
"""

from __future__ import annotations

import re
from typing import Final

HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_PROTOCOLS: Final = 16
_HOST: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}")
LONGEST: Final = 65536
"""Bytes after which a ClientHello that is still incomplete counts as none."""


class NotTlsError(Exception):
    """These bytes do not begin a TLS handshake."""


class IncompleteError(Exception):
    """More bytes are needed."""


def server_name(data: bytes) -> str | None:
    """The name asked for, in lower case, or None if the hello carries none that could be a host's.

    Raises IncompleteError while the hello is not whole, NotTlsError once it cannot become one.
    """
    message = _handshake_message(data)
    try:
        return _name_in(memoryview(message))
    except IndexError:
        raise NotTlsError("ClientHello ends early") from None


def _handshake_message(data: bytes) -> bytes:
    """The body of the first handshake message, joined over as many records as it takes."""
    body = bytearray()
    at = 0
    while True:
        if data[at : at + 1] not in (b"", bytes([HANDSHAKE])) or data[at + 1 : at + 2] not in (b"", b"\x03"):
            raise NotTlsError("not a TLS handshake record")
        if len(data) > LONGEST:
            raise NotTlsError("ClientHello too long")
        if len(data) < at + 5:
            raise IncompleteError
        size = int.from_bytes(data[at + 3 : at + 5])
        if size == 0:
            raise NotTlsError("empty record")
        body += data[at + 5 : at + 5 + size]
        if body and body[0] != _CLIENT_HELLO:
            raise NotTlsError("not a ClientHello")
        whole = 4 + int.from_bytes(body[1:4])
        if len(body) >= 4 and len(body) >= whole:
            return bytes(body[4:whole])
        if len(data) < at + 5 + size:
            raise IncompleteError
        at += 5 + size


def protocols(data: bytes) -> tuple[bytes, ...]:
    """The application protocols offered, in order; empty if none are. Raises as `server_name` does."""
    message = _handshake_message(data)
    try:
        value = _extension(memoryview(message), _PROTOCOLS)
        if value is None:
            return ()
        found, at = [], 2
        while at < len(value):
            size = value[at]
            found.append(bytes(value[at + 1 : at + 1 + size]))
            at += 1 + size
    except IndexError:
        raise NotTlsError("ClientHello ends early") from None
    return tuple(name for name in found if name)


def _name_in(hello: memoryview) -> str | None:
    value = _extension(hello, _SERVER_NAME)
    if value is None:
        return None
    length = _short(value, 3)
    text = bytes(value[5 : 5 + length]).decode("ascii", "replace").lower().rstrip(".")
    return text if _HOST.fullmatch(text) else None


def _extension(hello: memoryview, wanted: int) -> memoryview | None:
    """The first extension of that type. Raises IndexError if the hello ends early."""
    at = 34  # version, random
    at += 1 + hello[at]  # session id
    at += 2 + _short(hello, at)  # cipher suites
    at += 1 + hello[at]  # compression methods
    if at == len(hello):
        return None
    end = at + 2 + _short(hello, at)
    at += 2
    while at < end:
        kind, size = _short(hello, at), _short(hello, at + 2)
        if kind == wanted:
            return hello[at + 4 : at + 4 + size]
        at += 4 + size
    return None


def _short(data: memoryview, at: int) -> int:
    return data[at] << 8 | data[at + 1]
