"""What a client and its generators say to each other beside what generator processes say. Pickled by dask.

Here the client's own routes travel, with their passwords: the load is the client's, and so are the proxies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prober.bench.document import MachineDoc
from prober.bench.safety import Looked
from prober.cluster.words import Identity
from prober.engine.load.way import Way
from prober.load.words import Load
from prober.model import Failure, Route, Target
from prober.routes.overrides import Overrides

LEASE: Final = 15.0
"""Seconds without a question from the client after which a generator ends a load by itself."""
READY: Final = 90.0
"""The same while a run is being prepared: other machines may take longer, and the client asks nothing meanwhile."""
PATIENCE: Final = 0.5
"""Seconds that a generator waits for something to tell before it answers that there is nothing."""


@dataclass(frozen=True, slots=True)
class About:
    """What a generator is."""

    identity: Identity
    cores: int
    machine: MachineDoc
    no_direct: bool
    """Whether this egress allows nothing without a proxy."""
    loopback: str | None
    """`prober.cluster.load.loopback.loopback` there."""


@dataclass(frozen=True, slots=True)
class LookedThere:
    """Where everything is, from a generator."""

    looked: Looked
    theirs: tuple[str, ...]
    """What of it is the vendor's, as sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A run that a generator is to get ready for."""

    token: str
    """The benchmark's."""
    processes: int
    load: Load
    target: Target
    route: Route
    overrides: Overrides
    """What was looked at there is what is loaded."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Its processes are there."""

    way: Way
    sources: tuple[str, ...]
    ports: int
    said: int
    """Messages that its processes had said before this run."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A generator's clocks at one moment."""

    steady: float
    """`time.perf_counter`."""
    wall: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Gone:
    """In place of a process's message: it has ended."""

    why: str
    """As a clause."""


Unable = Failure
"""In place of `Prepared`: why this run cannot be made."""
