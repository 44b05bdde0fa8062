"""Whoever accepts for an address at which nobody is, is told; silence and refusals are not."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from prober.engine.address_policy import AddressPolicy
from prober.engine.nobody import NOBODY, answering

ADDRESS = "127.0.0.1"


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server((ADDRESS, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> Iterator[int]:
    """Bound and never listening: it refuses."""
    with socket.socket() as holder:
        holder.bind((ADDRESS, 0))
        yield holder.getsockname()[1]


@pytest.fixture
def silent() -> Iterator[int]:
    """A full queue of one: the kernel drops what comes after."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind((ADDRESS, 0))
        server.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


async def test_a_listener_is_told_and_a_closed_port_is_not(listener: int, closed: int) -> None:
    assert await answering([(ADDRESS, closed), (ADDRESS, listener)]) == (f"127.0.0.1:{listener}",)
    assert await answering([(ADDRESS, closed)]) == ()
    assert await answering([]) == ()


async def test_silence_ends_at_the_deadline_and_costs_the_others_nothing(silent: int, listener: int) -> None:
    begun = time.monotonic()
    found = await answering([(ADDRESS, silent), (ADDRESS, listener)], deadline=0.3)
    assert found == (f"127.0.0.1:{listener}",)
    assert 0.25 < time.monotonic() - begun < 2


async def test_nothing_is_said_over_the_connection(listener: int) -> None:
    with socket.create_server((ADDRESS, 0)) as server:
        await answering([(ADDRESS, server.getsockname()[1])])
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            assert connection.recv(100) == b""


async def test_no_task_is_left_when_it_is_cancelled(silent: int) -> None:
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(answering([(ADDRESS, silent)], deadline=60))
        await asyncio.sleep(0)
        asking.cancel()
    assert asyncio.all_tasks() == before
    assert asking.cancelled()


async def test_what_cannot_be_asked_is_no_answer() -> None:
    assert await answering([("not an address", 1), ("::ffff:256", 1)], deadline=1) == ()


def test_nobody_is_at_the_addresses_asked() -> None:
    for address, port in NOBODY:
        assert not ip_address(address).is_global
        assert "for documentation" in (AddressPolicy().refusal(address) or "")
        assert port in (80, 443)
