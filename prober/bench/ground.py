"""Where a load is made from: this machine; or others, of which `prober.cluster` knows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from prober.bench.conduct import Generator
from prober.bench.document import GroundDoc
from prober.bench.order import Order
from prober.bench.preflight import Preflight, preflight
from prober.bench.safety import Looked, Vendor, look, vendor_addresses
from prober.engine.load.generators import Generators
from prober.engine.load.sources import unusable
from prober.engine.resolver import Resolver
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.model import Route, Target


class Refused(Exception):
    """It may not, or cannot, be carried out; `lines` has every reason."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


class Ground(Protocol):
    """Asked in this order; everything is looked up once, and what was looked at is what is loaded."""

    @property
    def direct(self) -> bool:
        """Whether the load may go to the target without a proxy."""

    @property
    def documents(self) -> tuple[GroundDoc, ...]:
        """The machines, for the document; empty where this one makes the load."""

    def settled(self, order: Order) -> Order:
        """With as many processes as there will be."""

    async def look(self, target: Target, routes: Sequence[Route]) -> Looked:
        """Where everything is. Raises Refused for what is the vendor's, or cannot be said."""

    async def preflight(self, target: Target, routes: Sequence[Route]) -> Preflight:
        """One probe over each route from each machine; a route works that works from all of them."""

    def generators(self, order: Order) -> AbstractAsyncContextManager[Generator]:
        """What makes the load."""


class Here:
    """This machine."""

    direct = True
    documents: tuple[GroundDoc, ...] = ()

    def __init__(self, settings: ProbeSettings, sources: Sequence[str], vendor: Vendor) -> None:
        self._settings = settings
        self._sources = tuple(sources)
        self._vendor = vendor

    def settled(self, order: Order) -> Order:
        """As it was asked for."""
        return order

    async def look(self, target: Target, routes: Sequence[Route]) -> Looked:
        """Where everything is, from here. Raises Refused."""
        if lines := [f"--source {each}: {why}; give an address of this machine" for each, why in self._unusable()]:
            raise Refused(lines)
        looked, theirs = await looked_from(self._settings, target, routes, self._vendor)
        if theirs:
            raise Refused(theirs)
        self._settings = replace(self._settings, overrides=looked.overrides)
        return looked

    def _unusable(self) -> list[tuple[str, str]]:
        return list(unusable(self._sources))

    async def preflight(self, target: Target, routes: Sequence[Route]) -> Preflight:
        """One probe over each route."""
        hops = [hop for route in routes for hop in route.every_hop]
        return await preflight(target, routes, self._settings, ProxyCertificates(hops), self._vendor)

    def generators(self, order: Order) -> AbstractAsyncContextManager[Generator]:
        """Processes of their own."""
        return Generators(order.workers, settings=self._settings, sources=self._sources)


async def looked_from(
    settings: ProbeSettings, target: Target, routes: Sequence[Route], vendor: Vendor
) -> tuple[Looked, list[str]]:
    """Every name looked up once, with one machine's settings; and what of it is the vendor's, as sentences."""
    resolver = Resolver(settings.family, settings.overrides, settings.name_servers)
    try:
        looked = await look(target, routes, settings.overrides, resolver)
    finally:
        await resolver.close()
    return looked, vendor_addresses(looked, settings.overrides, vendor)
