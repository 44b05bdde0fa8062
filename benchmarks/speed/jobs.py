"""What a client process is told to do, and what it says it took: the words between the two ends of a pipe."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Judged(StrEnum):
    """What is made of each observation, in the client, while it probes."""

    FACTS = "facts"
    """Nothing: captured, not judged."""
    RESULT = "result"
    """Verdict on interception, judgement of the chain, and the pair's result as the run document has it."""
    JSON = "json"
    """The same, and the result as a line of JSON."""
    BOARD = "board"
    """What the front of `prober serve` does: the state of the pair, its verdict, what has changed."""


class ProbeJob(msgspec.Struct, tag="probe", frozen=True, kw_only=True):
    """So many probes of prober's engine against one origin."""

    cores: tuple[int, ...]
    port: int
    root: str
    """File with the root that signed the origin's certificate (PEM)."""
    scheme: str
    """`tls` (handshake only) or `https` (and a GET)."""
    probes: int
    warm: int
    """Probes made before anything is counted."""
    in_flight: int
    targets: int
    """Distinct targets; the probes go round them."""
    hops: tuple[tuple[str, int], ...] = ()
    """Scheme and loopback port of each proxy, outermost first."""
    hop_roots: str | None = None
    """File with the root of HTTPS proxies (PEM)."""
    names: bool = False
    """Each target has a host name of its own (sent as SNI) instead of one address for all."""
    judged: Judged = Judged.RESULT
    version: str = "TLSv1.3"
    """What must have been negotiated."""


class StreamsJob(msgspec.Struct, tag="aiohttp", frozen=True, kw_only=True):
    """So many GET requests of aiohttp's client on uvloop, each on a new connection, no certificate verified."""

    cores: tuple[int, ...]
    port: int
    probes: int
    warm: int
    in_flight: int


class CheckJob(msgspec.Struct, tag="check", frozen=True, kw_only=True):
    """One run as `prober check` makes it, from the plan to the document's JSON: targets × routes, all distinct."""

    cores: tuple[int, ...]
    port: int
    root: str
    targets: int
    routes: int
    in_flight: int
    warm: int


class WorkersJob(msgspec.Struct, tag="workers", frozen=True, kw_only=True):
    """So many probes dealt to worker processes; facts only."""

    cores: tuple[int, ...]
    port: int
    probes: int
    warm: int
    in_flight: int
    workers: int


class SilentJob(msgspec.Struct, tag="silent", frozen=True, kw_only=True):
    """So many probes at once against a peer that accepts and never answers."""

    cores: tuple[int, ...]
    port: int
    probes: int
    seconds: float
    """Deadline of each; all have to be under way before the first one falls."""


Job = ProbeJob | StreamsJob | CheckJob | WorkersJob | SilentJob


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What the counted stretch took of the client process (and of its workers, where it has some). Seconds."""

    count: int
    user: float
    system: float
    wall: float
    more: dict[str, float] = {}
    """What else was seen; each name says its unit."""

    @property
    def cpu(self) -> float:
        """Processor time."""
        return self.user + self.system

    @property
    def each(self) -> float:
        """Microseconds of processor time for each probe."""
        return self.cpu / self.count * 1e6

    @property
    def rate(self) -> float:
        """Probes for a second of processor time."""
        return self.count / self.cpu
