"""Spans in HdrHistogram: log-linear, three significant digits, mergeable without loss (never average percentiles)."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from hdrh.histogram import HdrHistogram

LEAST: Final = 1
"""Microseconds."""
MOST: Final = 600_000_000
"""Microseconds, ten minutes; longer ones are counted as this."""
DIGITS: Final = 3
_EXACT_BITS: Final = 11
"""Of a value that many bits count: 2048 values are the first power of two beyond twice three digits."""

Packed = tuple[bytes, bytes]
"""Values and how often each, both as unsigned integers of this machine."""


def _width(value: int) -> int:
    """How many values count as the same as this one, the least of them."""
    return 1 << max(0, value.bit_length() - _EXACT_BITS)


class Histogram:
    """Seconds, kept as whole microseconds.

    The library's own counters take 180 KB for each histogram, however empty, and a run has eight a second. So what is
    recorded is kept by value, cut to three digits as HdrHistogram does, and handed to the library to be asked.
    """

    __slots__ = ("_counts", "_packed")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._packed: Packed | None = None

    def record(self, seconds: float) -> None:
        """One more; below a microsecond is a microsecond."""
        value = min(max(round(seconds * 1e6), LEAST), MOST)
        shift = value.bit_length() - _EXACT_BITS
        if shift > 0:
            value = value >> shift << shift
        if self._packed is not None:
            self._unpack()
        self._counts[value] = self._counts.get(value, 0) + 1

    def add(self, other: Histogram) -> None:
        """Take in another one."""
        if self._packed is not None:
            self._unpack()
        counts = self._counts
        for value, count in other._items():
            counts[value] = counts.get(value, 0) + count

    def pack(self) -> None:
        """Take as little memory as can be, until the next change; nothing else differs."""
        if self._packed is None:
            ordered = sorted(self._counts.items())
            self._packed = (
                array("I", (value for value, _ in ordered)).tobytes(),
                array("I", (count for _, count in ordered)).tobytes(),
            )
            self._counts = {}

    def _unpack(self) -> None:
        self._counts = dict(self._items())
        self._packed = None

    def _items(self) -> Iterator[tuple[int, int]]:
        if self._packed is None:
            return iter(self._counts.items())
        values, counts = array("I"), array("I")
        values.frombytes(self._packed[0])
        counts.frombytes(self._packed[1])
        return zip(values, counts, strict=True)

    def __getstate__(self) -> Packed:
        self.pack()
        assert self._packed is not None  # noqa: S101 # `pack` has just made it
        return self._packed

    def __setstate__(self, packed: Packed) -> None:
        self._counts, self._packed = {}, packed

    def _library(self) -> HdrHistogram:
        histogram = HdrHistogram(LEAST, MOST, DIGITS)
        for value, count in self._items():
            histogram.record_value(value, count)
        return histogram

    @property
    def count(self) -> int:
        """How many were recorded."""
        if self._packed is None:
            return sum(self._counts.values())
        return sum(count for _, count in self._items())

    @property
    def least(self) -> float:
        """Seconds; 0 without values."""
        return min((value for value, _ in self._items()), default=0) / 1e6

    @property
    def most(self) -> float:
        """Seconds; 0 without values."""
        return max((value + _width(value) - 1 for value, _ in self._items()), default=0) / 1e6

    @property
    def mean(self) -> float:
        """Seconds; 0 without values."""
        total = self.count
        whole = sum(count * (value + (_width(value) >> 1)) for value, count in self._items())
        return whole / total / 1e6 if total else 0.0

    def beyond(self, seconds: float) -> int:
        """How many were longer, to three digits."""
        limit = seconds * 1e6
        return sum(count for value, count in self._items() if value > limit)

    def percentile(self, percent: float) -> float:
        """Seconds at or below which `percent` of the values lie; 0 without values."""
        return self.percentiles((percent,))[percent]

    def percentiles(self, percents: Sequence[float]) -> dict[float, float]:
        """As `percentile`, for several at once. Counted as the library does, which looks at every counter there is."""
        ordered = sorted(self._items())
        if not ordered:
            return dict.fromkeys(percents, 0.0)
        upto = list(accumulate(count for _, count in ordered))
        found: dict[float, float] = {}
        for percent in percents:
            wanted = max(int(min(percent, 100.0) * upto[-1] / 100 + 0.5), 1)
            value = ordered[bisect_left(upto, wanted)][0]
            found[percent] = (value + _width(value) - 1 if percent else value) / 1e6
        return found

    def counts(self) -> list[tuple[int, int]]:
        """Values in microseconds, rising, each with how often it was recorded. A value stands for those that count as
        the same; it is the greatest of them, as the library has it."""
        return [(value + _width(value) - 1, count) for value, count in sorted(self._items())]

    def encode(self) -> str:
        """HdrHistogram's compressed V2 form in base64, of microseconds: other tools read it."""
        return str(self._library().encode().decode("ascii"))

    @classmethod
    def of(cls, counts: Iterable[tuple[int, int]]) -> Histogram:
        """From whole microseconds, each with how often it was recorded; each the least of those that count as the
        same."""
        histogram = cls()
        histogram._counts = dict(counts)
        return histogram

    @classmethod
    def decode(cls, text: str) -> Histogram:
        """What `encode` wrote. Raises ValueError."""
        library = HdrHistogram(LEAST, MOST, DIGITS)
        try:
            library.decode_and_add(text)
        except Exception as error:  # the library raises what its parts raise: binascii, zlib, struct, its own
            raise ValueError(f"not an encoded HdrHistogram: {type(error).__name__}") from error
        histogram = cls()
        for place, count in enumerate(library.counts):  # the library's own iterator is fifty times as slow
            if count:
                histogram._counts[int(library.get_value_from_index(place))] = int(count)
        return histogram
