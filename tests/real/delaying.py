"""A worse way: a forwarder on loopback that is late, as a longer line is, or cuts connections."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator


class LongWay:
    """Forwards a free loopback port to another one; what arrives is passed on half a round trip later, either way.

    It has a thread and a loop of its own: nothing of the prober is used to test the prober.
    """

    def __init__(self, to: int) -> None:
        self.to = to
        self.round_trip = 0.0
        """Seconds that are added to each; may be changed between connections."""
        self.cut: Iterator[bool] = iter(())
        """Whether each connection to come is closed when its first bytes are there; those beyond its end are not."""
        self.ends: set[_End] = set()
        self.idle = asyncio.Event()
        """Set while nothing is open."""
        self.loop = asyncio.new_event_loop()
        self.idle.set()
        self._thread = threading.Thread(target=self.loop.run_forever, name="long way")
        self._thread.start()
        listening = self.loop.create_server(lambda: _End(self), "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self.loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop forwarding."""
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _end(self) -> None:
        self._server.close()
        for end in list(self.ends):
            end.abort()
        await self.idle.wait()


class _End(asyncio.Protocol):
    """One of the two connections; the other one is `_other`."""

    def __init__(self, way: LongWay, other: _End | None = None) -> None:
        self._way = way
        self._other = other
        self._transport: asyncio.Transport | None = None
        self._cut = False
        self._held: deque[bytes] = deque()  # arrived and not passed on yet; nothing overtakes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._way.ends.add(self)
        self._way.idle.clear()
        self._cut = self._other is None and next(self._way.cut, False)
        if self._cut:
            return
        if self._other is None:
            self._dialling = self._way.loop.create_task(self._dial())
        else:
            self._other.joined(self)

    async def _dial(self) -> None:
        try:
            await self._way.loop.create_connection(lambda: _End(self._way, self), "127.0.0.1", self._way.to)
        except OSError:
            self.abort()

    def joined(self, other: _End) -> None:
        """The way beyond is open: what came meanwhile goes on. (Reading paused hung on Python 3.11.2.)"""
        self._other = other
        for _ in self._held:
            self._way.loop.call_later(self._way.round_trip / 2, self._pass_on)

    def data_received(self, data: bytes) -> None:
        if self._cut and self._transport is not None:
            self._transport.close()
            return
        self._held.append(data)
        if self._other is not None:
            self._way.loop.call_later(self._way.round_trip / 2, self._pass_on)

    def _pass_on(self) -> None:
        data = self._held.popleft()
        if self._other is not None and self._other._transport is not None:
            self._other._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._way.ends.discard(self)
        if not self._way.ends:
            self._way.idle.set()
        if self._other is not None and self._other._transport is not None:
            self._way.loop.call_later(self._way.round_trip / 2, self._other._transport.close)

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()
