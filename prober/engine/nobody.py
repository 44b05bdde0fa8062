"""Connects to addresses at which nobody is: whoever accepts there answers for the whole internet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from typing import Final

from prober.model import authority

Place = tuple[str, int]
"""An address (a literal) and a port."""

NOBODY: Final[tuple[Place, ...]] = (
    ("192.0.2.1", 443),
    ("192.0.2.1", 80),
    ("203.0.113.1", 443),
    ("203.0.113.1", 80),
)
"""In TEST-NET-1 and TEST-NET-3, for documentation only (RFC 5737): no packet for them has anywhere to go. Two ports,
because many a transparent proxy takes one of them only; two networks, because a laboratory may use one."""
DEADLINE: Final = 2.0
"""Seconds that all of them may take together: what answers for others stands close by."""


async def answering(places: Iterable[Place] = NOBODY, *, deadline: float = DEADLINE) -> tuple[str, ...]:
    """Those of the places, as `address:port`, that accept a TCP connection within `deadline` seconds, in their order.

    Nothing is sent over a connection that was accepted. Silence, a refusal and an address that cannot be routed are the
    answers that are right; so is anything that keeps this machine from asking.
    """
    places = tuple(places)
    accepted: set[Place] = set()

    async def ask(place: Place) -> None:
        if await _accepts(place):
            accepted.add(place)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline), asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(ask(place), name=f"connect to {authority(*place)}, where nobody is")
    return tuple(authority(*place) for place in places if place in accepted)


async def _accepts(place: Place) -> bool:
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, place)
    except OSError:
        return False
    return True
