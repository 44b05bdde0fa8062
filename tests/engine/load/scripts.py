"""What peers of a load do: origins, and proxies in front of them."""

from __future__ import annotations

import asyncio

from ..peers import Conversation, Script

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
OPENED = b"HTTP/1.1 200 opened\r\n\r\n"


async def hold(talk: Conversation) -> None:
    """Read until the client is gone."""
    await talk.hold()


async def answer(talk: Conversation) -> None:
    """Answer every request."""
    while True:
        await talk.head()
        await talk.say(OK)


def connect_proxy(port: int, *, before: bytes = b"") -> Script:
    """An HTTP proxy to that port, whatever it is asked for; `before` is said to the first request of a connection."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        if before:
            await talk.say(before)
            await talk.head()
        await talk.say(OPENED)
        await talk.pipe("127.0.0.1", port)

    return script


def login_proxy(port: int, login: bytes, *, keeps: bool) -> Script:
    """Demands Basic; `keeps` the connection after its demand, or closes it."""
    demand = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n"

    async def script(talk: Conversation) -> None:
        while login not in await talk.head():
            await talk.say(demand + (b"\r\n" if keeps else b"Connection: close\r\n\r\n"))
            if not keeps:
                return
        await talk.say(OPENED)
        await talk.pipe("127.0.0.1", port)

    return script


def socks_proxy(port: int, *, login: bool = False) -> Script:
    """SOCKS 5 to that port, whatever it is asked for."""

    async def script(talk: Conversation) -> None:
        _, count = await talk.exactly(2)
        await talk.exactly(count)
        await talk.say(b"\x05\x02" if login else b"\x05\x00")
        if login:
            _, size = await talk.exactly(2)
            await talk.exactly(size)
            (size,) = await talk.exactly(1)
            await talk.exactly(size)
            await talk.say(b"\x01\x00")
        kind = (await talk.exactly(4))[3]
        await talk.exactly(4 if kind == 1 else (await talk.exactly(1))[0])
        await talk.exactly(2)
        await talk.say(b"\x05\x00\x00\x01\0\0\0\0\0\0")
        await talk.pipe("127.0.0.1", port)

    return script


def dropping(port: int, let_go: asyncio.Event) -> Script:
    """An HTTP proxy that cuts its tunnels when told."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(OPENED)
        loop = asyncio.get_running_loop()
        piping = loop.create_task(talk.pipe("127.0.0.1", port), name="tunnel")
        waiting = loop.create_task(let_go.wait(), name="until it is cut")
        try:
            await asyncio.wait([piping, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            piping.cancel()
            waiting.cancel()
            await asyncio.gather(piping, waiting, return_exceptions=True)

    return script
