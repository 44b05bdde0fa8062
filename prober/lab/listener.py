"""A server of the lab: one listening socket, the connections it took and made, the task that serves each."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final

from prober.lab.clienthello import NotTlsError
from prober.lab.link import Link, LinkClosedError, TlsFailedError, TooLongError

BACKLOG: Final = 4096
LOOPBACK: Final = "127.0.0.1"
_PEER_TROUBLE: Final = (LinkClosedError, TlsFailedError, TooLongError, NotTlsError, TimeoutError, OSError)
_CRASHES_KEPT: Final = 10


class Listener(ABC):
    """Serves each connection with `serve`. After `close` no task and no socket of it is left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.served = 0
        """Connections taken so far."""
        self.crashes: list[Exception] = []
        """Errors of the lab itself (not of its peers): the first few."""
        self._server: asyncio.Server | None = None
        self._closed = False
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def serve(self, link: Link) -> None:
        """Handles one connection, which is closed when this returns. Trouble with the peer may be raised."""

    async def start(self, host: str = LOOPBACK, port: int = 0, *, reuse_port: bool = False) -> None:
        """Begins to listen; port 0 takes a free one. Raises OSError if the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._closed = False
        self._server = await loop.create_server(
            lambda: Link(self._made, self._links.discard), host, port, backlog=BACKLOG, reuse_port=reuse_port or None
        )

    @property
    def port(self) -> int:
        """The port in use. Raises RuntimeError unless listening."""
        if self._server is None:
            raise RuntimeError(f"{self.name} is not listening")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def open_links(self) -> int:
        """Connections open now, taken and made."""
        return len(self._links)

    async def dial(self, host: str, port: int) -> Link:
        """Connects onward; the connection is closed with this server at the latest. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(lambda: Link(self._links.add, self._links.discard), host, port)
        return link

    async def close(self) -> None:
        """Stops listening, ends all tasks and connections, and waits until they are gone."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._closed = True
        await _stop_accepting(server)
        server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        while self._links:
            link = next(iter(self._links))
            link.abort()
            await link.wait_lost()
        await server.wait_closed()

    def _made(self, link: Link) -> None:
        self._links.add(link)
        if self._closed:  # taken before listening ended, told of after it
            link.abort()
            return
        self.served += 1
        task = asyncio.get_running_loop().create_task(self._run(link), name=f"lab {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, link: Link) -> None:
        try:
            await self.serve(link)
        except _PEER_TROUBLE:
            pass
        except Exception as error:  # noqa: BLE001  # a fault of the lab: kept, and raised when the lab closes
            if len(self.crashes) < _CRASHES_KEPT:
                self.crashes.append(error)
        finally:
            link.close()


async def _stop_accepting(server: asyncio.Server) -> None:
    """Before it is closed, what it has accepted becomes a connection.

    asyncio makes the transport of an accepted socket one turn of its loop later and tells of it in the one after that;
    if the server is closed in between, an assertion fails in asyncio and the socket is left open.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(2):
        await asyncio.sleep(0)
