"""A site's way to an address, asked for from a thread while the link's loop goes on."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from prober.catalog import parse_target
from prober.cluster.errors import ClusterError
from prober.cluster.link import Link
from prober.cluster.ways import ways_of
from prober.model import Hop, HopScheme, Route
from prober.routes.rules import RouteRule, ScriptedRoute

TARGET = parse_target("http://pki.test/ca.crl")
SCRIPTED = ScriptedRoute("corp", "/nowhere/proxy.pac")


class There:
    """An agent that answers with what it is made with."""

    def __init__(self, answer: object) -> None:
        self._answer = answer
        self.asked: list[Any] = []

    async def ask(self, _: object, *given: object, address: str, within: float) -> Any:
        self.asked.append((*given, address))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def asked(there: There, rule: RouteRule) -> Route:
    way = ways_of(cast("Link", there), "tls://paris", no_direct=True)
    return await asyncio.to_thread(way, rule, TARGET)


async def test_what_a_script_says_there() -> None:
    route = Route("corp", (Hop(HopScheme.HTTP, "10.0.0.8", 3128),))
    there = There(route)
    assert await asked(there, SCRIPTED) == route
    assert there.asked == [("corp", TARGET, True, "tls://paris")]


async def test_a_fixed_route_is_known_here() -> None:
    there = There(None)
    assert await asked(there, Route("direct")) == Route("direct")
    assert there.asked == []


async def test_an_agent_that_is_gone_and_one_without_the_route() -> None:
    for answer, why in ((ClusterError(["the agent is gone"]), "the agent is gone"), (None, "has no route corp")):
        problem = (await asked(There(answer), SCRIPTED)).problem
        assert problem is not None
        assert why in problem.detail
