"""The plain values that a run document is made of: instants, digests, counts, text."""

from __future__ import annotations

import time
from typing import Annotated

from msgspec import Meta

Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
"""RFC 3339, UTC."""
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hexadecimal."""
Count = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=0, le=65535)]


def instant(at: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, to the millisecond (`2026-11-22T01:07:03.250Z`)."""
    whole, milli = divmod(round(at * 1000), 1000)
    year, month, day, hour, minute, second, *_ = time.gmtime(whole)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"


def rounded(value: float | None) -> float | None:
    """Seconds to the microsecond: more digits would be noise."""
    return None if value is None else round(value, 6)


def wire_text(text: str) -> str:
    """Text from the wire as UTF-8 can carry it: lone surrogates become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
