"""A board's metrics to be scraped, and scrapes to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from prober.engine.run import Pair
from prober.engine.usage import Usage
from prober.model import Observation
from prober.monitor.board import Board
from prober.monitor.metrics.collector import MonitorCollector
from prober.monitor.metrics.counters import Counters
from prober.monitor.metrics.exposition import Body, Exposition
from prober.monitor.metrics.facts import Build, ProcessFacts
from prober.monitor.metrics.formats import Format, Style
from prober.monitor.metrics.histogram import LATE_SECONDS, Histogram

from ..boards import NOW, board_of, key_of

TEXT = Style()
OPENMETRICS = Style(Format.OPENMETRICS, "underscores")


def facts_of(board: Board, **more: Any) -> ProcessFacts:
    """A program in good health."""
    lag = Histogram(LATE_SECONDS)
    lag.observe(0.0004)
    values: dict[str, Any] = {
        "pairs": len(board.pairs),
        "in_flight": 3,
        "restarts": 0,
        "skipped": 2,
        "lags": {"front": lag, "worker-1": lag},
        "usages": {"worker-1": Usage(memory=60_000_000, cpu=1.5, descriptors=12)},
        "reload_ok": True,
        "reload_at": NOW,
        "store_ok": True,
        "build": Build("OpenSSL 3.5.0"),
    }
    return ProcessFacts(**{**values, **more})


class Monitored:
    """A board, its counters and its exposition."""

    def __init__(self, of: Sequence[Pair], *, confirm: int = 2, **facts: Any) -> None:
        self.board = board_of(of, confirm=confirm)
        self.counters = Counters()
        self.counters.keep(of)
        self.facts = facts
        self.interval = 60.0
        self._made = (self.board, self.counters, lambda: facts_of(self.board, **self.facts), lambda _: self.interval)
        self.collector = MonitorCollector(*self._made)
        self.exposition = Exposition(*self._made)

    def again(self) -> Self:
        """The same with a new exposition: for another test's loop."""
        self.exposition = Exposition(*self._made)
        return self

    def take(self, of: Pair, observation: Observation, late: float = 0.001) -> None:
        """As the service does it."""
        taken = self.board.take(key_of(of), observation)
        assert taken is not None
        self.counters.probed(taken.state, observation, late)
        for each in taken.transitions:
            self.counters.transition(each)

    def slowly(self, style: Style, names: frozenset[str] | None = None) -> bytes:
        """The same, without the process's own metrics, by prometheus-client."""
        registry = CollectorRegistry()
        registry.register(self.collector)
        source = registry if names is None else registry.restricted_registry(names)
        if style.format is Format.OPENMETRICS:
            return bytes(generate_openmetrics(source, style.escaping or "underscores"))  # type: ignore[no-untyped-call] # published without types
        return generate_latest(source, style.escaping or "underscores")

    async def quickly(self, style: Style, names: frozenset[str] | None = None) -> bytes:
        """A scrape without the process's own metrics."""
        return ours(whole(await self.exposition.scrape(style, names=names)), style)

    async def samples(self) -> list[Sample]:
        """What Prometheus would read of ours."""
        text = (await self.quickly(TEXT)).decode()
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    async def values(self, name: str, **labels: str) -> list[float]:
        """The values of one metric's samples that have these labels."""
        return [
            sample.value
            for sample in await self.samples()
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


def whole(body: Body) -> bytes:
    """All pieces."""
    return b"".join(body.pieces)


def ours(text: bytes, style: Style) -> bytes:
    """Without the families of the process and of Python, which come last and change all the time."""
    head, found, _ = text.partition(f"# HELP {style.name('process_virtual_memory_bytes')} ".encode())
    assert found or b"process_" not in text
    return head + (b"# EOF\n" if found and style.format is Format.OPENMETRICS else b"")
