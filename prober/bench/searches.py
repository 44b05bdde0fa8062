"""Searches carried out: the way without a proxy, roughly, then each route; any of them may be broken off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prober.bench.capacity import Search
from prober.bench.ceiling import bounded, rough
from prober.bench.knee import Capacity, Step, Terms
from prober.bench.kpis import Kpis
from prober.bench.order import Order
from prober.bench.standing import Purpose
from prober.bench.validity import Validity
from prober.model import Route

RunStep = Callable[[Route, Purpose, Step], Awaitable[tuple[Kpis, Validity] | None]]
"""Makes a run; None if there is none, and then there are no more."""


class Searches:
    """All searches of an order."""

    def __init__(self, order: Order, run: RunStep) -> None:
        self._run = run
        self._null = order.null
        self._terms = Terms(
            start=order.rate,
            most=order.most_rate,
            seconds=order.step_seconds,
            confirm_seconds=order.confirm_seconds,
            p99=order.slowest,
        )
        self._ceiling: Capacity | None = None

    async def null(self) -> Capacity | None:
        """What the way without a proxy bears; None if it was not measured."""
        if self._null is not None:
            self._ceiling = await self._search(self._null, rough(self._terms), null=True)
        return self._ceiling

    async def route(self, route: Route) -> Capacity | None:
        """What a route bears, in the light of `null`; None if it was not measured."""
        found = await self._search(route, self._terms)
        return found if found is None or not route.hops else bounded(found, self._ceiling)

    async def _search(self, route: Route, terms: Terms, *, null: bool = False) -> Capacity | None:
        search = Search(terms)
        while (step := search.next()) is not None:
            seen = await self._run(route, Purpose.NULL if null else Purpose(step.kind.value), step)
            if seen is None:
                break
            search.saw(step, *seen)
        return search.result if search.result.seen else None
