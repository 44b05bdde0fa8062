"""Messages between processes of this program: a length of four bytes, big endian, and a pickle.

Both ends are the same program with the same user, and the pipe is theirs alone.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from collections.abc import Iterator
from typing import Final

_MOST: Final = 64 * 1024 * 1024
"""Bytes of one message: far more than a probe can bring home."""


def frame(message: object) -> bytes:
    """A message with its length in front."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return struct.pack(">I", len(data)) + data


async def read_frame(reader: asyncio.StreamReader) -> object:
    """The next message. Raises asyncio.IncompleteReadError at the end, ValueError as `Frames.feed`."""
    (size,) = struct.unpack(">I", await reader.readexactly(4))
    _check(size)
    return _message(await reader.readexactly(size))


class Frames:
    """Takes bytes as they come and gives the messages that are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[object]:
        """The messages that these bytes complete. Raises ValueError for a length that nobody here would send."""
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= 4:
                (size,) = struct.unpack_from(">I", buffer, start)
                _check(size)
                end = start + 4 + size
                if len(buffer) < end:
                    break
                whole, start = bytes(buffer[start + 4 : end]), end
                yield _message(whole)
        finally:
            del buffer[:start]


def _check(size: int) -> None:
    if size > _MOST:
        raise ValueError(f"a message of {size} bytes: something else has written to the pipe")


def _message(data: bytes) -> object:
    return pickle.loads(data)  # noqa: S301 # from the same program, over an own pipe
