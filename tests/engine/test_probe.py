"""A run ends, whatever the loop does with connections that were given up while they were made."""

from __future__ import annotations

import asyncio
import socket

import pytest

from prober.engine.link import Link
from prober.engine.probe import Prober
from prober.engine.resolver import Resolver
from prober.model import Route, Scheme, Target

from .world import Gate, settings


async def test_a_probe_cancelled_while_its_connection_is_made_leaves_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        probe = settings()
        resolver = Resolver(probe.family, probe.overrides, probe.name_servers)
        prober = Prober(probe, resolver, Gate())
        target = Target(id="t", host="127.0.0.1", port=listening.getsockname()[1], scheme=Scheme.TLS)
        made = Link.connection_made

        def cut(link: Link, transport: asyncio.BaseTransport) -> None:
            made(link, transport)
            task.cancel()

        monkeypatch.setattr(Link, "connection_made", cut)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(prober.probe(target, Route("direct", ())), name="probe")
        assert task.cancelled()
        # uvloop owes no connection_lost here: waiting for it used to hang for ever
        await asyncio.wait_for(prober.close(), 10)
        await resolver.close()
    assert not prober._links
