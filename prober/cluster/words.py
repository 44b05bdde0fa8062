"""What a client and the sites say to each other. Pickled by dask; no password and no file of a site is in any of it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from prober import __version__
from prober.check.machine import Machine
from prober.engine.limits import Descriptors
from prober.engine.settings import ProbeSettings
from prober.interception.holdings import TrustSnapshot
from prober.model import Purpose, Route, Target
from prober.report.document import SCHEMA
from prober.routes.rules import RouteRule

PREFIX: Final = "egress:"
"""Of a dask resource: what an agent offers, and a share asks for."""
MARK: Final = "mark:"
"""Of a second one: only an agent with the very settings that were asked about may take a share."""
SLOTS: Final = 2
"""Shares that an agent works on at once: while the slow end of one is waited for, the next one fills the line."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What must be the same wherever parts of a run are made."""

    prober: str
    schema: str
    python: str
    """Major and minor."""
    dask: str

    @property
    def text(self) -> str:
        """For people."""
        return f"prober {self.prober} ({self.schema}), Python {self.python}, dask.distributed {self.dask}"


def identity() -> Identity:
    """Of this process."""
    python = ".".join(platform.python_version_tuple()[:2])
    return Identity(__version__, SCHEMA, python, version("distributed"))


@dataclass(frozen=True, slots=True)
class Question:
    """What a site is asked before a run: how would you probe these?"""

    targets: tuple[Target, ...]
    no_direct: bool
    ask_scripts: bool


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A site's answer."""

    egress: str
    identity: Identity
    mark: str
    errors: tuple[str, ...]
    """Why it cannot probe at all; then the rest is empty."""
    rules: tuple[RouteRule, ...] = ()
    routes: tuple[Route, ...] = ()
    """Each that a pair takes, once."""
    ways: tuple[tuple[int, ...], ...] = ()
    """For each target of the question, in order, places in `routes`."""
    probe: ProbeSettings | None = None
    descriptors: Descriptors | None = None
    warnings: tuple[str, ...] = ()
    trust: TrustSnapshot | None = None
    machine: Machine | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One pair of a share."""

    target: int
    """Place in the share's targets."""
    rule: str
    """Name of the route at the site."""
    first: int | None
    """Only over so many of its proxies; None = all of them."""
    purpose: Purpose
    present: frozenset[str]
    """As in `prober.engine.run.Pair`."""
    body_limit: int | None = None
    """Bytes of the answer that are wanted, where revocation is asked about."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one agent probes in one go. It holds all it takes, so that any agent of the egress can do it."""

    egress: str
    mark: str
    targets: tuple[Target, ...]
    items: tuple[Item, ...]
    attempts: int
    no_direct: bool
    of: int
    """How many shares the site works on at once: the limits are divided by it."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of a share."""

    observations: bytes
    """MessagePack: handshakes, the chains left out; and for each observation its place in the share's items, that of
    its handshake, and what else was seen."""
    chains: tuple[tuple[int, ...], ...]
    """For each handshake, places in `certificates`."""
    certificates: tuple[bytes, ...]
    worst_lag: float
    """Seconds."""
    cpu_wait: float | None
