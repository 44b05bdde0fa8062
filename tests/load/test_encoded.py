"""Encoded histograms from whoever are read within bounds, or refused with a sentence."""

from __future__ import annotations

import base64
import random
import struct
import zlib

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.load.encoded import read
from prober.load.histogram import DIGITS, LEAST, MOST, Histogram

LENGTH = HdrHistogram(LEAST, MOST, DIGITS).counts_len


def packed(
    counts: bytes, *, digits: int = DIGITS, most: int = MOST, size: int | None = None, cookie: int = 0x1C849313
) -> str:
    inner = struct.pack(">IIIIQQd", cookie, len(counts) if size is None else size, 0, digits, LEAST, most, 1.0) + counts
    data = zlib.compress(inner)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(data)) + data).decode()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 700), max_size=60))
def test_what_was_encoded_comes_back(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    assert read(histogram.encode()).counts() == histogram.counts()


def test_every_place_may_be_filled() -> None:
    assert read(packed(b"\x02" * LENGTH)).count == LENGTH


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        base64.b64encode(b"short").decode(),
        Histogram().encode()[:-12],
        packed(b"", cookie=0x1C849303),
        packed(b"\x02", digits=5),
        packed(b"\x02", most=1 << 62),
        packed(b"\x02", size=70_000),
        packed(b"\x02" * (LENGTH + 1)),
        packed(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        packed(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"),
        packed(b"\x80"),
        packed(bytes(10 << 20)),
    ],
    ids=["empty", "alphabet", "short", "cut", "cookie", "digits", "range", "size", "places", "jump", "count", "varint",
         "bomb"],
)  # fmt: skip
def test_what_is_no_histogram_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an encoded HdrHistogram"):
        read(text)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_no_octets_break_it(counts: bytes) -> None:
    try:
        assert read(packed(counts)).count >= 0
    except ValueError as error:
        assert "not an encoded HdrHistogram" in str(error)  # noqa: PT017 # either is right


def test_damaged_ones_break_nothing() -> None:
    histogram = Histogram()
    for place in range(500):
        histogram.record(place / 1000)
    whole = bytearray(base64.b64decode(histogram.encode()))
    dice = random.Random(1)  # noqa: S311 # the same each time
    for _ in range(300):
        broken = bytearray(whole)
        broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        try:
            read(base64.b64encode(broken).decode())
        except ValueError as error:
            assert "not an encoded HdrHistogram" in str(error)  # noqa: PT017 # either is right
