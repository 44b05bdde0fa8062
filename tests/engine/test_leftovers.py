"""A probe leaves nothing that waits for the garbage collector.

An OpenSSL session takes 70 KB that Python does not see: a few hundred of them in cycles, until some later collection,
are tens of MB that a monitor's worker grows by, and its heap is in pieces afterwards. So with the collector off there
must be none of what a probe is made of as soon as its sockets are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import pytest
from OpenSSL import SSL

from prober.engine.link import Link
from prober.engine.record import Record
from prober.model import Observation
from prober.wire.connect import Connect
from prober.wire.exchange import Exchange
from prober.wire.http1 import ResponseReader
from prober.wire.socks import Socks4, Socks5
from prober.wire.stack import Stack
from prober.wire.tls import Tls

from .case import Case
from .peers import connect_proxy, origin, shaking, silent, socks5_proxy
from .test_reasons import ALL
from .world import World, hop, route, server_tls, target

KINDS = {Record, Link, Stack, Tls, Connect, Socks4, Socks5, Exchange, ResponseReader, SSL.Connection}


def alive() -> Counter[str]:
    """How many there are of what probes are made of."""
    found = gc.get_objects()
    return Counter(type(each).__name__ for each in found if type(each) in KINDS)


@contextlib.contextmanager
def collector_off() -> Iterator[None]:
    """Without it what is in a cycle stays, and what is not goes at once. What was there before is set aside: it is not
    counted, and need not be gone through, which takes a second in a process that ran thousands of tests."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def left_by(probe: Callable[[World], Awaitable[object]]) -> Counter[str]:
    """What is there more than before, once a world with this probe has ended."""
    with collector_off():
        async with World() as world:
            await probe(world)
        for _ in range(3):  # uvloop holds a connection that was refused until it has closed its own side of it
            await asyncio.sleep(0)
        return alive()


async def test_what_is_counted_is_what_probes_are_made_of() -> None:
    """Else there could be nothing to find below."""
    seen: Counter[str] = Counter()

    async def probe(world: World) -> None:
        aim = await world.peer(silent)
        proxy = await world.peer(connect_proxy())
        prober = await world.prober()
        with contextlib.suppress(TimeoutError):
            async with asyncio.TaskGroup() as tasks, asyncio.timeout(10):
                probing = tasks.create_task(prober.probe(target(aim.port, "https"), route(hop(proxy.port))), name="it")
                await aim.until(met=1)
                seen.update(alive())
                probing.cancel()

    assert await left_by(probe) == {}
    assert {"Record", "Link", "Stack", "Tls", "Connect", "Exchange", "ResponseReader", "Connection"} <= set(seen)


async def reached(observation: Awaitable[Observation]) -> None:
    assert (await observation).failure is None


async def over_tls(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    await reached(world.probe(target(aim.port, "https")))


async def in_the_clear(world: World) -> None:
    aim = await world.peer(origin())
    await reached(world.probe(target(aim.port, "http")))


async def tls_in_tls(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    proxy = await world.peer(connect_proxy(), tls=server_tls())
    await reached(world.probe(target(aim.port, "https"), hop(proxy.port, "https")))


async def over_a_chain(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    first, second = await world.peer(connect_proxy()), await world.peer(socks5_proxy())
    await reached(world.probe(target(aim.port), hop(first.port), hop(second.port, "socks5h")))


@pytest.mark.parametrize("probe", [over_tls, in_the_clear, tls_in_tls, over_a_chain])
async def test_a_probe_that_succeeds(probe: Callable[[World], Awaitable[None]]) -> None:
    assert await left_by(probe) == {}


STAGED = {"of all", "none free", "no buffers", "no heap", "unheard-of number"}
STAGED |= {"in assembly", "as it starts", "as it is fed", "at the end"}
"""Their error is one object that a mock keeps, with the frames it went through."""


@pytest.mark.parametrize("case", [case for case in ALL if case.name not in STAGED], ids=str)
async def test_a_probe_that_fails(case: Case) -> None:
    assert await left_by(case.provoke) == {}
