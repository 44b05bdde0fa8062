"""What the page and the API read from the monitor: all of it, so that they can be shown anything with a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from prober.check.plan import Plan
from prober.monitor.board import Board
from prober.monitor.memory.history import Recorded
from prober.monitor.state import PairKey, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the prober itself fares. Durations are seconds, instants seconds since the epoch; None = not known."""

    version: str
    started: float
    ready: bool
    in_flight: int
    """Probes under way."""
    late: float | None
    """How late the latest probes were started: of those of the last minute or so, the 99th percentile."""
    lag: float | None
    """By how much the front's event loop was late at worst, lately."""
    skipped: int
    """Starts left out because the pair's last probe was still under way, since the start."""
    workers: int
    restarts: int
    """Worker processes that died and were started again."""
    lost: int
    """Probes that went with them."""
    reload_ok: bool
    """Whether the configuration was read the last time somebody asked for it; true before anybody did."""
    reload_at: float
    """When the configuration in force was taken up."""
    reload_errors: int
    """Errors of a configuration that was refused; what they are stands in the log."""
    store: str | None
    """The file that keeps the state; None = it is not kept."""
    store_trouble: str | None
    """Why it is not kept just now: a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionQuery:
    """Which transitions. None = any; times are those of their confirmation, seconds since the epoch."""

    target: str | None = None
    route: str | None = None
    track: Track | None = None
    since: float | None = None
    """From then on, that moment included."""
    before: float | None = None
    """Earlier than that."""
    cursor: int | None = None
    """Older than the one with this number: the next page of those before it."""
    limit: int = 100


class PageSource(Protocol):
    """The monitor, as the page sees it."""

    @property
    def board(self) -> Board:
        """The state of every pair: one object for the life of the process."""

    @property
    def plan(self) -> Plan:
        """What is in force: its routes, what is left out, its warnings. Replaced by a reload."""

    def now(self) -> float:
        """The wall clock: seconds since the epoch."""

    def status(self) -> Status:
        """How the prober itself fares, now. Cheap."""

    def interval(self, key: PairKey) -> float:
        """Seconds between two probes of a pair that is in force."""

    async def transitions(self, query: TransitionQuery) -> Sequence[Recorded]:
        """Transitions that fit with their numbers, the newest first, `query.limit` at most. Never raises: what cannot
        be read is not there, and `status().store_trouble` says so."""
