"""What every server of the lab shares: beginning, ending, and ending in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket

import pytest

from prober.lab.link import Link
from prober.lab.listener import Listener


class Patient(Listener):
    """Waits until its peer leaves; `left` says that one did."""

    def __init__(self) -> None:
        super().__init__("patient")
        self.left = asyncio.Event()

    async def serve(self, link: Link) -> None:
        await link.wait_end()
        self.left.set()


async def test_a_connection_that_is_told_of_after_the_end_is_ended_at_once() -> None:
    """The kernel's accept and the loop's word of it are turns apart: a listener may end between them."""
    listener = Patient()
    await listener.start()
    await listener.close()
    ours, theirs = socket.socketpair()
    with theirs:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Link(listener._made, listener._links.discard), ours)
        theirs.setblocking(False)
        async with asyncio.timeout(5):
            assert await loop.sock_recv(theirs, 1) == b""
    assert (listener.open_links, listener.served) == (0, 0)


@pytest.mark.parametrize("turns", range(6))
async def test_the_end_comes_in_the_middle_of_an_accept(turns: int) -> None:
    """However far the loop has got with a connection: nothing is left open, and asyncio complains of nothing."""
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    listener = Patient()
    await listener.start()
    with socket.create_connection(("127.0.0.1", listener.port), 5) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await listener.close()
        client.setblocking(False)
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(5):
                assert await loop.sock_recv(client, 1) == b""
    gc.collect()
    assert (complaints, listener.open_links) == ([], 0)


async def test_it_may_begin_again_at_its_port() -> None:
    listener = Patient()
    await listener.start()
    port = listener.port
    await listener.close()
    await listener.start(port=port)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(5):
        await listener.left.wait()
    await listener.close()
    assert listener.served == 1
