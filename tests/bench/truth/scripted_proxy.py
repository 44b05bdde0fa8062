"""A CONNECT proxy that does what its script says, in a process of its own; nothing of the prober is in it.

    python scripted_proxy.py '{"service": 0.1}'

Says its port in a line on stdout once it listens, serves until its stdin ends, then says in a line of JSON what it did:
one list for each CONNECT, in the order in which they came, with the moment it came (seconds since the epoch), the
seconds until the script wanted it answered, the seconds until it was, and `passed`, `refused` or `bumped`.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

BACKLOG = 4096


@dataclass(frozen=True)
class Script:
    """What the proxy does."""

    service: float = 0.0
    """Seconds from a CONNECT to its answer."""
    queue: bool = False
    """One server: each CONNECT has it for `service` seconds, one after the other."""
    stall_at: int | None = None
    """The CONNECT (from 0) with which a stall begins: nothing is answered until it ends."""
    stall: float = 0.0
    """Seconds."""
    refused: float = 0.0
    """Share of CONNECTs answered with 403, drawn with `seed`."""
    seed: int = 1
    bump_below: float | None = None
    """Opens TLS until CONNECTs come faster than this (per second), and no more from then on."""
    bump_above: float | None = None
    """Opens TLS as soon as CONNECTs come faster than this, and from then on."""
    window: int = 40
    """CONNECTs by which it is told how fast they come."""
    certificate: str = ""
    """PEM file with key and chain that is shown where TLS is opened."""

    def to_json(self) -> str:
        """As the program takes it."""
        return json.dumps(asdict(self))


class Proxy:
    """The state behind all connections."""

    def __init__(self, script: Script, loop: asyncio.AbstractEventLoop) -> None:
        self.script = script
        self.loop = loop
        self.log: list[tuple[float, float, float, str]] = []
        self._count = 0
        self._free = 0.0
        self._stalled_until = 0.0
        self._dice = random.Random(script.seed)  # noqa: S311 - the same each time
        self._lately: deque[float] = deque(maxlen=script.window)
        self._flipped = False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if script.certificate:
            self.context.load_cert_chain(script.certificate)
            self.context.num_tickets = 0

    def decide(self, now: float) -> tuple[float, str]:
        """When a CONNECT that has just come is answered, and how."""
        script = self.script
        if self._count == script.stall_at:
            self._stalled_until = now + script.stall
        self._count += 1
        begin = max(now, self._stalled_until)
        if script.queue:
            begin = max(begin, self._free)
            self._free = begin + script.service
        refused = self._dice.random() < script.refused
        return begin + script.service, "refused" if refused else self._inspection(now)

    def _inspection(self, now: float) -> str:
        limit = self.script.bump_below or self.script.bump_above
        if limit is None:
            return "passed"
        self._lately.append(now)
        full = len(self._lately) == self.script.window
        if full and (self.script.window - 1) / (now - self._lately[0]) > limit:
            self._flipped = True
        return "bumped" if self._flipped == (self.script.bump_above is not None) else "passed"


class Upstream(asyncio.Protocol):
    """The connection to the target."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.client.gone:
            transport.close()

    def data_received(self, data: bytes) -> None:
        self.client.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.client.transport.close()


class Inspector(asyncio.Protocol):
    """The end of a TLS connection that was opened: listens, says nothing."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def connection_lost(self, exc: Exception | None) -> None:
        self.client.transport.close()


class Client(asyncio.Protocol):
    """The connection from the client."""

    transport: asyncio.Transport

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.gone = False
        self._head = b""
        self._upstream: Upstream | None = None
        self._opening: asyncio.Task[None] | None = None
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.write(data)
            return
        self._head += data
        if self._asked or not self._head.endswith(b"\r\n\r\n"):
            return
        self._asked = True
        wall, now = time.time(), self.proxy.loop.time()
        due, how = self.proxy.decide(now)
        host, _, port = self._head.split(b" ", 2)[1].rpartition(b":")
        if how == "passed":
            self._opening = self.proxy.loop.create_task(self._open(host.decode(), int(port)))
        self.proxy.loop.call_at(due, self._answer, wall, now, due, how)

    async def _open(self, host: str, port: int) -> None:
        _, self._upstream = await self.proxy.loop.create_connection(lambda: Upstream(self), host, port)

    def _answer(self, wall: float, came: float, due: float, how: str) -> None:
        if how == "passed" and self._opening is not None and not self._opening.done():
            self._opening.add_done_callback(lambda _: self._answer(wall, came, due, how))
            return
        self.proxy.log.append((wall, due - came, self.proxy.loop.time() - came, how))
        if self.gone:
            return
        if how == "refused":
            self.transport.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()
            return
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if how == "bumped":
            self.transport.pause_reading()
            self._opening = self.proxy.loop.create_task(self._bump())

    async def _bump(self) -> None:
        try:
            await self.proxy.loop.start_tls(self.transport, Inspector(self), self.proxy.context, server_side=True)
        except OSError:  # the client left meanwhile
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.close()


async def serve(script: Script) -> None:
    """Until stdin ends."""
    loop = asyncio.get_running_loop()
    proxy = Proxy(script, loop)
    server = await loop.create_server(lambda: Client(proxy), "127.0.0.1", 0, backlog=BACKLOG)
    ended: asyncio.Future[None] = loop.create_future()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set_result, None)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    say(server.sockets[0].getsockname()[1])
    await ended
    server.close()
    say(proxy.log)


def say(what: Any) -> None:
    """A line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Script(**json.loads(sys.argv[1]))))
