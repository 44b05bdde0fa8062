"""Where connections come in: counted, heard for a first byte, and only then given TLS and a handler of requests.

asyncio's own servers have one TLS context for their life, and neither a bound on connections nor a time for a first
byte. Here each connection takes the context in force, so that a new certificate needs no new socket; one that says
nothing costs a descriptor and no more; and who speaks HTTP to the TLS port is told so.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from prober.monitor.web.config_file import InForce
from prober.monitor.web.connection import Connection, Register
from prober.report.sanitize import sanitize

log = logging.getLogger(__name__)

_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_AT_ONCE: Final = 64
_BREATH: Final = 0.2
"""Seconds without accepting when the system has no descriptors left."""
_CLIENT_HELLO: Final = 0x16
_HEAD: Final = "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"
_FULL: Final = (
    f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n{_HEAD}\r\nAll connections are in use: try again.\n"
).encode()
_NOT_TLS: Final = f"HTTP/1.1 400 Bad Request\r\n{_HEAD}\r\nThis port speaks TLS: use https.\n".encode()


class Door:
    """Accepts on listening sockets, which it owns from `open` on, until `close`."""

    def __init__(
        self,
        register: Register,
        rules: Callable[[], Awaitable[InForce]],
        current: Callable[[], InForce],
        connect: Callable[[InForce, Callable[[], object]], Connection],
    ) -> None:
        self._register = register
        self._rules = rules
        self._current = current
        self._connect = connect
        self._listening: Sequence[socket.socket] = ()
        self._pause: asyncio.TimerHandle | None = None
        self._exhausted = False
        self._welcoming: dict[asyncio.Task[None], socket.socket] = {}
        """With the sockets that are still ours."""
        self._connecting: set[asyncio.Task[None]] = set()
        self._arriving: dict[asyncio.Task[None], None] = {}
        """Connections on the threshold, in the order they came; not those that are on the register already."""

    def open(self, listening: Sequence[socket.socket]) -> None:
        """Begin to accept."""
        self._listening = listening
        self._listen()

    async def close(self) -> None:
        """Stop listening; who is on the threshold is sent away."""
        self._deafen()
        for each in self._listening:
            each.close()
        self._listening = ()
        tasks = {*self._welcoming, *self._connecting}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._pause = None
        for each in self._listening:
            loop.add_reader(each, self._accept, each)

    def _deafen(self) -> None:
        loop = asyncio.get_running_loop()
        if self._pause is not None:
            self._pause.cancel()
        for each in self._listening:
            loop.remove_reader(each)

    def _accept(self, listening: socket.socket) -> None:
        """Takes who is waiting, some at a time so that others have their turn."""
        for _ in range(_AT_ONCE):
            try:
                sock, _peer = listening.accept()
            except OSError as error:
                if error.errno in _EXHAUSTED and self._pause is None:
                    level = logging.DEBUG if self._exhausted else logging.ERROR  # once is enough
                    log.log(level, "cannot accept a connection: %s", error.strerror)
                    self._exhausted = True
                    self._make_room()
                    self._deafen()
                    self._pause = asyncio.get_running_loop().call_later(_BREATH, self._listen)
                return  # or nobody is left, or the peer has gone again
            self._exhausted = False
            sock.setblocking(False)
            full = len(self._register.open) + len(self._arriving) >= self._register.limits.connections
            if full and not self._make_room():
                self._turn_away(sock)
            else:
                task = asyncio.get_running_loop().create_task(self._welcome(sock), name="web-connection")
                self._welcoming[task] = sock
                self._arriving[task] = None
                task.add_done_callback(self._arrived)

    def _entered(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            self._arriving.pop(task, None)

    def _make_room(self) -> bool:
        """Cut whoever has waited longest: first those who have not said a byte, then those between two requests."""
        oldest = next(iter(self._arriving), None)
        if oldest is None:
            return self._register.evict()
        del self._arriving[oldest]
        oldest.cancel()
        return True

    def _turn_away(self, sock: socket.socket) -> None:
        if self._current().tls is None:
            _say(sock, _FULL)
        sock.close()

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        self._arriving.pop(task, None)
        if (sock := self._welcoming.pop(task, None)) is not None:
            sock.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a connection could not be taken: %s", sanitize(repr(error)))

    async def _welcome(self, sock: socket.socket) -> None:
        limits = self._register.limits
        try:
            async with asyncio.timeout(limits.head):
                first = await _first_byte(sock)
                rules = await self._rules()
        except (TimeoutError, OSError):
            return
        if first is None or (rules.tls is None and first == _CLIENT_HELLO):
            return
        if rules.tls is not None and first != _CLIENT_HELLO:
            _say(sock, _NOT_TLS)
            return
        tls, task = rules.tls is not None, asyncio.current_task()
        if task is not None:  # from here on the socket is the loop's
            self._welcoming.pop(task)
            self._connecting.add(task)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._connect(rules, lambda: self._entered(task)),
                sock,
                ssl=rules.tls,
                ssl_handshake_timeout=limits.head if tls else None,
                ssl_shutdown_timeout=limits.answer if tls else None,  # it cuts what is not sent by then
            )
        except OSError as error:  # ssl.SSLError, a reset, a handshake that takes too long
            log.debug("no connection came about: %s", sanitize(str(error)))


async def _first_byte(sock: socket.socket) -> int | None:
    """The first byte, which stays to be read; None if the peer has ended. Raises OSError."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(sock, ready)
    try:
        await readable
    finally:
        loop.remove_reader(sock)
    found = sock.recv(1, socket.MSG_PEEK)
    return found[0] if found else None


def _say(sock: socket.socket, answer: bytes) -> None:
    """A last word, as far as it goes through at once. What the peer has sent is read: closing would reset else."""
    with contextlib.suppress(OSError):
        sock.send(answer)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65536)
