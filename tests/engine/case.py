"""One way to provoke a failure, and what must be said of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prober.model import Observation, Reason, Stage

from .world import World

Provoke = Callable[[World], Awaitable[Observation]]


@dataclass(frozen=True, slots=True)
class Case:
    """A provocation with the failure it must give."""

    name: str
    stage: Stage
    hop: int
    reason: Reason
    detail: str
    """Words that must be in the detail."""
    provoke: Provoke
    status: int | None = None

    def __str__(self) -> str:
        return f"{self.stage}-{self.hop}-{self.reason}-{self.name}".replace(" ", "_")
