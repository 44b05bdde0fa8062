"""Moments for people and for programs: how long ago, exactly when, and back again. UTC throughout."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

from prober.report.scalars import instant

EARLIEST = 0.0
LATEST = 253_402_300_799.0
"""9999-12-31T23:59:59Z: what RFC 3339 can write."""


def age(seconds: float) -> str:
    """How long ago, in one unit: `<1 min`, `12 min`, `5 h`, `3 d`. static/times.js says the same."""
    whole = max(0, math.floor(seconds))
    if whole < 60:
        return "<1 min"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h"
    return f"{whole // 86400} d"


@lru_cache(maxsize=8192)
def exact(at: float) -> str:
    """`2026-11-22 07:12:03Z`."""
    return instant(_within(at))[:19].replace("T", " ") + "Z"


@lru_cache(maxsize=8192)
def machine(at: float) -> str:
    """RFC 3339 to the millisecond, for attributes and JSON."""
    return instant(_within(at))


def parsed(text: str) -> float:
    """An RFC 3339 instant as seconds since the epoch. Raises ValueError with a clause."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or "T" not in text.upper() or moment.tzinfo is None:
        raise ValueError("expected a moment by RFC 3339 with its offset, such as 2026-11-22T07:12:03Z") from None
    return moment.astimezone(UTC).timestamp()


def _within(at: float) -> float:
    return min(max(at, EARLIEST), LATEST) if math.isfinite(at) else EARLIEST
