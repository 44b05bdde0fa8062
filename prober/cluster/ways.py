"""The ways of a site to addresses that nobody knew of when it was asked how it would probe: those in certificates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from prober.cluster.errors import ClusterError
from prober.cluster.link import Link
from prober.model import Failure, Reason, Route, Stage, Target
from prober.routes.rules import RouteRule, is_fixed, route_for

Way = Callable[[RouteRule, Target], Route]
_WAIT: Final = 60.0
"""Seconds for a site's answer: it asks a script."""


def ways_of(link: Link, address: str, *, no_direct: bool) -> Way:
    """What answers for the site whose agent is at `address`; to be made on the link's loop, and called in a thread."""
    loop = asyncio.get_running_loop()

    def way(rule: RouteRule, target: Target) -> Route:
        if is_fixed(rule):
            return route_for(rule, target)
        from prober.cluster.share import way as asked

        answer = link.ask(asked, rule.name, target, no_direct, address=address, within=_WAIT)
        try:
            found = asyncio.run_coroutine_threadsafe(answer, loop).result()
        except ClusterError as error:
            return Route(rule.name, problem=Failure(Stage.CONFIG, 0, Reason.INTERNAL, str(error)))
        return found or Route(
            rule.name, problem=Failure(Stage.CONFIG, 0, Reason.INTERNAL, f"the site has no route {rule.name}")
        )

    return way
