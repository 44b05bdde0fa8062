"""Encoded histograms from whoever: every bound is checked here, and the library's C never sees them. Pure."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from prober.load.histogram import DIGITS, LEAST, MOST, Histogram

_COOKIES: Final = (0x1C849304 | 0x10, 0x1C849303 | 0x10)
"""Of HdrHistogram's V2 encoding: compressed, and what is inside."""
_OUTER: Final = struct.Struct(">II")
_INNER: Final = struct.Struct(">IIIIQQd")
_MOST_BYTES: Final = 1 << 18
"""Unpacked: a counter for each place, of nine octets at most, would be 200 KB."""
_PLACES: Final = ((MOST // 2048).bit_length() + 2) * 1024
"""Counters of a histogram: of 2,048 sub-buckets each power of two beyond the first has the upper half."""
_MOST_COUNT: Final = 1 << 40


def read(text: str) -> Histogram:
    """What `Histogram.encode` wrote. Raises ValueError."""
    return Histogram.of(_recorded(_unpacked(text)))


def _recorded(data: bytes) -> Iterator[tuple[int, int]]:
    """Values and how often each; negative numbers stand for so many counters that are 0."""
    place = 0
    for count in _varints(data):
        if count > _MOST_COUNT:
            raise ValueError("not an encoded HdrHistogram: impossible counts")
        if count > 0:
            yield _value(place), count
        place += 1 if count >= 0 else -count
        if place > _PLACES:
            raise ValueError("not an encoded HdrHistogram: more counts than it has places")


def _value(place: int) -> int:
    """The least value of a counter."""
    bucket, rest = divmod(place, 1024)
    return rest if not bucket else (rest + 1024) << (bucket - 1)


def _unpacked(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
        cookie, length = _OUTER.unpack_from(data)
        inflate = zlib.decompressobj()
        payload = inflate.decompress(data[_OUTER.size :], _MOST_BYTES)
        inner, size, _, digits, least, most, _ = _INNER.unpack_from(payload)
    except (ValueError, binascii.Error, struct.error, zlib.error) as error:
        raise ValueError(f"not an encoded HdrHistogram: {type(error).__name__}") from None
    if (cookie, inner) != _COOKIES or length != len(data) - _OUTER.size or not inflate.eof:
        raise ValueError("not an encoded HdrHistogram: its header is another")
    if (digits, least, most) != (DIGITS, LEAST, MOST) or size != len(payload) - _INNER.size:
        raise ValueError("not an encoded HdrHistogram: its range or precision is another")
    return payload[_INNER.size :]


def _varints(data: bytes) -> Iterator[int]:
    """Zig-zag LEB128 of at most nine octets, the ninth of which is whole."""
    value = shift = 0
    for octet in data:
        if shift == 56:
            value |= octet << shift
        else:
            value |= (octet & 0x7F) << shift
            if octet & 0x80:
                shift += 7
                continue
        yield (value >> 1) ^ -(value & 1)
        value = shift = 0
    if shift:
        raise ValueError("not an encoded HdrHistogram: it is cut off")
