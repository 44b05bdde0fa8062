"""What a run asks of whatever probes its batches: this process, several, or agents elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from prober.engine.run import OnObservation, Pair


class Engine(Protocol):
    """What probes: `prober.engine.run.Run`, processes, or agents elsewhere. An asynchronous context."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    async def probe(self, pairs: Sequence[Pair], on_observation: OnObservation, *, attempts: int = 1) -> None:
        """Probe a batch."""

    @property
    def worst_lag(self) -> float:
        """How late its event loops were at worst, in seconds."""

    @property
    def cpu_wait(self) -> float | None:
        """As `Run.cpu_wait`."""

    @property
    def shortfall(self) -> str | None:
        """Which pairs were not probed, and why, as a sentence; None = all were."""
