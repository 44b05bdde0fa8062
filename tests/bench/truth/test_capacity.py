"""The capacity of a single server with a fixed service time is known exactly."""

from __future__ import annotations

from prober.bench.capacity import Search
from prober.bench.knee import Capacity, Ending, Terms
from prober.model import Target

from .apparatus import ATTEMPTS, Troubles, run_over, scripted, steady_load
from .scripted_proxy import Script

SERVICE = 0.004
CAPACITY = 1 / SERVICE
SEARCHES = 3
TERMS = Terms(
    start=CAPACITY * 0.86, most=1000, factor=1.1, seconds=3, confirm_seconds=3, confirmations=1, p99=0.1, samples=600
)


async def searched(target: Target) -> Capacity:
    """One search, each of its runs over a proxy of its own."""
    search = Search(TERMS)
    while (step := search.next()) is not None:
        troubles = Troubles()
        for _ in range(ATTEMPTS):
            with scripted(Script(service=SERVICE, queue=True)) as proxy:
                run = await run_over(proxy, steady_load(step.rate, int(step.seconds)), target)
            if not run.late_proxy:  # what keeps the proxy from its core is no capacity of its own
                break
            troubles.add(run.late_proxy)
        else:
            raise troubles.outcome
        search.saw(step, run.kpis, run.validity)
    return search.result


async def test_capacity_of_a_queue(target: Target) -> None:
    troubles = Troubles()
    for _ in range(SEARCHES):
        found = await searched(target)
        if not found.generator_limited:
            break
        assert found.at_least or found.knee is None
        troubles.add(f"the generator was the limit: {found.reason}")
    else:
        raise troubles.outcome
    assert found.knee is not None
    assert abs(found.knee / CAPACITY - 1) <= 0.05
    assert found.breaking is not None
    assert found.knee < found.breaking <= 1.05 * found.knee
    assert found.word in (Ending.BEHIND, Ending.LATENCY)
    assert found.confirmed
