"""Searches carried out: the null run's first, and what it says of the others."""

from __future__ import annotations

from dataclasses import replace

from prober.bench.criteria import Fault
from prober.bench.knee import Step
from prober.bench.kpis import Kpis
from prober.bench.order import Mode
from prober.bench.searches import RunStep, Searches
from prober.bench.standing import Purpose
from prober.bench.validity import Validity
from prober.model import Route

from .made import order
from .test_capacity import figures, verdict


def breaking(at: dict[str, float], made: list[tuple[str, Purpose]] | None = None, most: int = 10_000) -> RunStep:
    """Runs over routes that fall behind above their rate; after `most` of them there are no more."""
    seen = [] if made is None else made

    async def run(route: Route, purpose: Purpose, step: Step) -> tuple[Kpis, Validity] | None:
        if len(seen) >= most:
            return None
        seen.append((route.name, purpose))
        capacity = at[route.name]
        faults = [Fault.BEHIND] * (step.rate > capacity)
        return figures(step, min(step.rate, capacity), 0.005), verdict(*faults)

    return run


async def test_the_null_run_bounds_every_route() -> None:
    asked = order(Mode.FIND_CAPACITY, "slow", "fast")
    made: list[tuple[str, Purpose]] = []
    searches = Searches(asked, breaking({"direct": 600, "slow": 300, "fast": 900}, made))
    null = await searches.null()
    assert null is not None
    assert {purpose for _, purpose in made} == {Purpose.NULL}
    slow, fast = [await searches.route(route) for route in asked.routes]
    assert slow is not None
    assert fast is not None
    assert (slow.at_least, slow.direct_limited) == (False, False)
    assert (fast.at_least, fast.direct_limited) == (True, True)
    assert Purpose.NULL not in {purpose for name, purpose in made if name != "direct"}


async def test_without_a_null_run_only_ways_over_proxies_are_doubted() -> None:
    asked = order(Mode.FIND_CAPACITY, "hq", null=False)
    asked = replace(asked, routes=(*asked.routes, Route("direct")))
    searches = Searches(asked, breaking({"hq": 300, "direct": 300}))
    assert await searches.null() is None
    over, direct = [await searches.route(route) for route in asked.routes]
    assert over is not None
    assert direct is not None
    assert "Without a null run" in over.reason
    assert "Without a null run" not in direct.reason


async def test_what_was_not_measured_has_no_result_and_what_was_broken_off_has_one() -> None:
    asked = order(Mode.FIND_CAPACITY, "hq", null=False)
    assert await Searches(asked, breaking({"hq": 300}, most=0)).route(asked.routes[0]) is None
    found = await Searches(asked, breaking({"hq": 300}, most=1)).route(asked.routes[0])
    assert found is not None
    assert (found.knee, found.breaking, found.at_least) == (100, None, True)
