"""Runs made by a simulated queue: a proxy of a known service time and capacity, without sockets and clocks."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from prober.load.arrivals import due as arrivals
from prober.load.slices import HealthSample, KeySeen, Measured, Slice
from prober.load.words import Load, Measure, Span
from prober.model import Reason, Stage

ORIGIN_KEY = "0a" * 32
FORGED_KEY = "f0" * 32
BEGUN = 1_795_359_600.0


@dataclass(frozen=True)
class Queue:
    """A server of `servers` places with a service time around `service` seconds; 0 hops = direct."""

    service: float = 0.002
    servers: int = 4
    hops: int = 1
    tls: float = 0.003
    """Seconds of the target's TLS handshake."""
    origin: bool = False
    """Whether the server is the target, which direct waits for as well."""
    refused: float = 0.0
    """Share of operations that the proxy refuses."""
    stall: tuple[float, float] | None = None
    """From when and for how long nothing is served."""
    key: Callable[[float], str] = lambda _: ORIGIN_KEY
    """The leaf key by the time since the run's start."""
    issuer: str = "CN=lab"
    cpu: float = 0.35


def measured(load: Load, queue: Queue, route: str = "hq", *, seed: int = 1) -> Measured:
    """What a run over this queue would have been."""
    chance = random.Random(f"{seed} {route} {load.seed}")  # noqa: S311 # the same each time
    length = int(load.seconds)
    slices = [Slice(second) for second in range(length)]
    free = [0.0] * queue.servers
    open_: list[float] = []
    for due, _ in arrivals(load):
        one = slices[min(int(due), length - 1)]
        one.offered += 1
        one.started += 1
        late = chance.expovariate(1 / 0.0003)
        took = chance.gammavariate(4, queue.service / 4)
        begin = max(due, heapq.heappop(free))
        if queue.stall is not None and queue.stall[0] <= begin < sum(queue.stall):
            begin = sum(queue.stall)
        heapq.heappush(free, begin + took)
        if chance.random() < queue.refused:
            one.failed[Stage.PROXY, 1, Reason.PROXY_DENIED] += 1
            continue
        _well(slices, due, late, (begin - due) + took, queue, chance)
        open_.append(due + late)
    return Measured(
        route=route,
        begun=BEGUN,
        slices=slices,
        health=[
            HealthSample(second, worker, queue.cpu + chance.random() * 0.05, chance.random() * 0.004, 60, queue.cpu)
            for second in range(length)
            for worker in range(2)
        ],
        ports=28_232,
        descriptor_limit=65_536,
    )


def _well(slices: list[Slice], due: float, late: float, negotiated: float, queue: Queue, chance: random.Random) -> None:
    one = slices[min(int(due), len(slices) - 1)]
    connect = chance.gammavariate(4, 0.00004)
    tls = chance.gammavariate(9, queue.tls / 9)
    service = connect + (negotiated if queue.hops or queue.origin else 0.0) + tls
    for span, hop, value in (
        (Span.CONNECT, 1 if queue.hops else 0, connect),
        (Span.TARGET_TLS, 0, tls),
        (Span.SERVICE, 0, service),
        (Span.RESPONSE, 0, service + late),
        (Span.LATENESS, 0, late),
        *(((Span.TUNNEL, 1, negotiated),) if queue.hops else ()),
    ):
        one.span(Measure(span, hop)).record(value)
    one.succeeded += 1
    last = slices[min(int(due + late + service), len(slices) - 1)]
    last.ended += 1
    last.ended_well += 1
    last.connections += 1
    last.handshakes += 1
    last.open = max(last.open, 1 + int(service * one.offered))
    key = queue.key(due)
    seen = one.keys.setdefault(key, KeySeen(0, queue.issuer if key == ORIGIN_KEY else "CN=Corp Inspection CA", due))
    seen.count += 1
