"""One probe as a waterfall: its stages one after another, each with its share of the whole. Pure.

A probe's stages never overlap, so each begins where the one before ended; what is left between their sum and the total
(asking again after a challenge, waiting for the loop) stands at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

_SMALLEST: Final = 0.4
"""Per cent that a bar has at least, to be seen."""
_REST: Final = 0.02
"""Share of the total from which on time that belongs to no stage is shown."""


class HopTimed(Protocol):
    """Seconds spent on one proxy: of the model, or of a run document."""

    @property
    def dns(self) -> float | None: ...  # noqa: D102 # a field
    @property
    def connect(self) -> float | None: ...  # noqa: D102 # a field
    @property
    def tls(self) -> float | None: ...  # noqa: D102 # a field
    @property
    def negotiate(self) -> float | None: ...  # noqa: D102 # a field


class Timed(Protocol):
    """Seconds spent in each stage: of the model, or of a run document."""

    @property
    def dns(self) -> float | None: ...  # noqa: D102 # a field
    @property
    def connect(self) -> float | None: ...  # noqa: D102 # a field
    @property
    def hops(self) -> Sequence[HopTimed]: ...  # noqa: D102 # a field
    @property
    def tls(self) -> float | None: ...  # noqa: D102 # a field
    @property
    def ttfb(self) -> float | None: ...  # noqa: D102 # a field
    @property
    def total(self) -> float | None: ...  # noqa: D102 # a field


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage."""

    name: str
    kind: str
    """`dns`, `connect`, `tls`, `negotiate`, `http`, `rest` or `failed`: how it is drawn."""
    hop: int
    """0 = the target."""
    seconds: float
    start: float
    """Per cent of the whole."""
    width: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All stages of one probe."""

    total: float
    bars: tuple[Bar, ...]


def waterfall(timings: Timed, *, own_name_at: int = 0, failed: tuple[str, int] | None = None) -> Waterfall | None:
    """The stages that were measured; None if nothing was.

    `own_name_at` is the hop before whose negotiation the target's name is resolved here (0 = none: after all proxies);
    `failed` has stage and hop of the failure, if it is one.
    """
    stages = [stage for stage in _stages(timings, own_name_at) if stage[3] is not None]
    known = sum(seconds for *_, seconds in stages if seconds is not None)
    total = max(timings.total or 0.0, known)
    if total <= 0:
        return None
    rest = total - known
    if failed is not None:
        stages.append((_failed_name(*failed), "failed", failed[1], rest))
    elif rest > total * _REST:
        stages.append(("everything else", "rest", 0, rest))
    bars: list[Bar] = []
    begun = 0.0
    for name, kind, hop, seconds in stages:
        spent = seconds or 0.0
        width = min(max(100 * spent / total, _SMALLEST), 100.0)
        bars.append(Bar(name, kind, hop, spent, round(min(100 * begun / total, 100 - width), 3), round(width, 3)))
        begun += spent
    return Waterfall(total, tuple(bars))


def _stages(timings: Timed, own_name_at: int) -> Iterator[tuple[str, str, int, float | None]]:
    """Name, kind, hop and seconds of every stage, in the order in which they happen."""
    for number, hop in enumerate(timings.hops, 1):
        yield f"DNS, hop {number}", "dns", number, hop.dns
        yield f"TCP, hop {number}", "connect", number, hop.connect
        yield f"TLS, hop {number}", "tls", number, hop.tls
        if number == own_name_at:
            yield "DNS", "dns", 0, timings.dns
        yield f"way through, hop {number}", "negotiate", number, hop.negotiate
    if not own_name_at or own_name_at > len(timings.hops):
        yield "DNS", "dns", 0, timings.dns
    yield "TCP", "connect", 0, timings.connect
    yield "TLS", "tls", 0, timings.tls
    yield "first byte", "http", 0, timings.ttfb


def _failed_name(stage: str, hop: int) -> str:
    where = f", hop {hop}" if hop else ""
    return f"failed: {stage}{where}"
