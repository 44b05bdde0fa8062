"""Benchmarks carried out over simulated proxies, as documents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache

from prober.bench.conduct import Conduct
from prober.bench.document import Bench, MachineDoc, TargetDoc
from prober.bench.order import Mode, Order
from prober.bench.profiles import steady
from prober.bench.watching import Watcher
from prober.load.slices import HealthSample, Measured, Slice
from prober.load.words import Load, Phase, Workload
from prober.model import Hop, HopScheme, Route, Scheme, Target
from prober.report.document import ProberDoc

from .queues import BEGUN, FORGED_KEY, ORIGIN_KEY, Queue, measured

DIRECT = Queue(hops=0, tls=0.0022)
PROXIES: Mapping[str, Queue] = {
    "direct": DIRECT,
    "tinyproxy": Queue(service=0.0018),
    "twin": Queue(service=0.0018),
    "squid": Queue(service=0.003, tls=0.0071, key=lambda at: FORGED_KEY if at < 12 else ORIGIN_KEY),
    "flaky": Queue(service=0.004, stall=(8, 2), refused=0.01),
    "small": Queue(service=0.02, servers=4),
}
ROUNDS = 10
TARGET = Target(id="https://origin.test:8443/", scheme=Scheme.TLS, host="origin.test", port=8443)


class Simulated:
    """In place of the generator."""

    def __init__(self, proxies: Mapping[str, Queue] = PROXIES) -> None:
        self.proxies = proxies
        self.made: list[tuple[str, float, int]] = []
        """Route, highest rate and seed of each run."""
        self.before: Callable[[int], None] = lambda _: None
        """Called before each run with how many were made."""

    async def run(
        self,
        load: Load,
        target: Target,
        route: Route,
        *,
        expected: int | None = None,
        on_slice: Callable[[Slice], None] | None = None,
        on_health: Callable[[HealthSample], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> Measured:
        self.before(len(self.made))
        self.made.append((route.name, max(phase.rate for phase in load.phases), load.seed))
        seen = measured(load, self.proxies[route.name], route.name, seed=len(self.made))
        if stop is not None and stop.is_set():
            seen.stopped = "interrupted"
        for sample in seen.health:
            if on_health is not None:
                on_health(sample)
        for one in seen.slices:
            if on_slice is not None:
                on_slice(one)
        return seen


def order(mode: Mode, *names: str, rate: float = 100.0, rounds: int | None = ROUNDS, null: bool = True) -> Order:
    def profile(rate: float, seconds: float | None) -> tuple[Phase, ...]:
        return steady(rate, seconds or (6.0 if mode is Mode.COMPARE else 20.0))

    return Order(
        mode=mode,
        load=Load(workload=Workload.HANDSHAKE, phases=profile(rate, None), seed=7),
        rate=rate,
        profile=profile,
        target=TARGET,
        routes=tuple(
            Route(name, (Hop(HopScheme.HTTP, "127.0.0.1", 8888 + place),)) for place, name in enumerate(names)
        ),
        null=Route("direct") if null else None,
        target_document=TargetDoc(url=TARGET.id, host=TARGET.host, port=TARGET.port, addresses=("127.0.0.1",)),
        workers=2,
        rounds=rounds,
        most_rate=2_000.0,
        step_seconds=6.0,
        confirm_seconds=8.0,
        slowest=None,
        expected=None,
        command=("prober", "bench", "--via", "hq=http://127.0.0.1:8888", "--target", "lab", "--seed", "7"),
    )


def conducted(
    asked: Order,
    generator: Simulated | None = None,
    watchers: tuple[Watcher, ...] = (),
    dropped: tuple[Route, ...] = (),
) -> Conduct:
    return Conduct(
        asked,
        generator or Simulated(),
        prober=ProberDoc("1.0.0", "3.13.5", "OpenSSL 3.5.4"),
        machine=MachineDoc(
            "Linux 6.12", "Some CPU", 2, 8 << 30, 65_536, {"net.core.somaxconn": "4096"}, {"uvloop": "1"}
        ),
        watchers=watchers,
        dropped=dropped,
        wall=lambda: BEGUN,
    )


@cache
def bench(mode: Mode, *names: str, rate: float = 100.0) -> Bench:
    """The document of a benchmark that was carried out; made once."""
    conduct = conducted(order(mode, *names, rate=rate))
    asyncio.run(conduct.carry_out())
    return conduct.document()


def runs() -> Bench:
    return bench(Mode.RUN, "tinyproxy", "squid", "flaky")


def search() -> Bench:
    return bench(Mode.FIND_CAPACITY, "small")


def comparison() -> Bench:
    return bench(Mode.COMPARE, "tinyproxy", "twin", "squid", rate=150.0)
