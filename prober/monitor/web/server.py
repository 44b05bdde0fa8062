"""The web server as a whole: listens, keeps times and numbers, and ends in good order."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from prober.engine.limits import reserve_descriptors
from prober.monitor.aside import aside
from prober.monitor.web.access import Access
from prober.monitor.web.config_file import InForce
from prober.monitor.web.connection import Connection, Register
from prober.monitor.web.door import Door
from prober.monitor.web.limits import FIELDS, LINE, LINGERING, Limits
from prober.monitor.web.listening import bound, shown

log = logging.getLogger(__name__)

_SWEEP: Final = 1.0
"""Seconds between two looks at the connections."""


class Server:
    """Serves an application from `__aenter__` to `__aexit__`.

    `listen` is ADDRESS:PORT or listening sockets (systemd's), which it then owns. `access` must have been read
    (`Access.reload`) before; it is closed with the server. Entering raises ListenError.
    """

    def __init__(
        self,
        app: web.Application,
        listen: str | Sequence[socket.socket],
        *,
        access: Access,
        limits: Limits | None = None,
        grace: float = 5.0,
    ) -> None:
        limits = limits or Limits()
        descriptors = reserve_descriptors(limits.connections)
        if descriptors.clamped:
            log.warning("the descriptor limit (%s) allows %d connections", descriptors.limit, descriptors.allowed)
        self.limits = replace(limits, connections=descriptors.allowed)
        self.grace = grace
        """Seconds that answers under way get to finish when it ends."""
        self.addresses: list[str] = []
        """Where it listens: HOST:PORT with the real port, or a socket's path."""
        self._listen = listen
        self._access = access
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.5)
        self._register = Register(self.limits)
        self._door = Door(self._register, access.fresh, lambda: access.current, self._connect)
        self._sweeping: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Lock()
        self._stopped = False
        access.listen(self._changed)

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._register.open)

    @property
    def streams(self) -> int:
        """Live pages among them."""
        return len(self._register.streams)

    async def __aenter__(self) -> Self:
        listen = self._listen
        listening = await aside(partial(bound, listen)) if isinstance(listen, str) else listen
        try:
            await self._runner.setup()
        except BaseException:
            for each in listening:
                each.close()
            raise
        self.addresses = shown(listening)
        self._door.open(listening)
        self._sweep()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening, end streams, let answers finish within the grace, cut what is left. Once is enough."""
        async with self._stopping:
            if not self._stopped:
                self._stopped = True
                await self._stop()

    async def _stop(self) -> None:
        await self._door.close()
        self._register.retire()
        try:
            async with asyncio.timeout(self.grace):
                await self._register.quiet()
        except TimeoutError:
            log.warning("%d connections did not end in time and are cut", len(self._register.open))
            for connection in tuple(self._register.open):
                connection.abort()
            for request in tuple(self._register.requests):
                request.cancel()
            await self._register.quiet()
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._runner.cleanup()
        await self._access.close()

    def _connect(self, rules: InForce, entered: Callable[[], object]) -> Connection:
        manager = self._runner.server
        if manager is None:
            raise ConnectionAbortedError("the server has ended")
        return Connection(
            self._register,
            manager,
            () if rules.config.tls is None else rules.config.tls.allowed_sans,
            entered,
            keepalive_timeout=self.limits.idle,
            max_line_size=LINE,
            max_field_size=LINE,
            max_headers=FIELDS,
            lingering_time=LINGERING,
            auto_decompress=False,
            access_log=None,
            logger=log,
        )

    def _changed(self, before: InForce, after: InForce) -> None:
        """Who was let in by rules that are no more, is asked again."""
        old, new = before.config, after.config
        if (old.tls is None) is not (new.tls is None) or (old.tls and new.tls and _clients(before) != _clients(after)):
            self._register.retire()
        elif old.users != new.users:
            for connection in tuple(self._register.streams):
                connection.end_stream()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._register.sweep(loop.time())
        self._sweeping = loop.call_later(min(_SWEEP, self.limits.head / 4, self.limits.answer / 4), self._sweep)


def _clients(rules: InForce) -> tuple[object, ...]:
    """What decides about client certificates."""
    tls = rules.config.tls
    if tls is None or rules.tls is None:
        return ()
    return tls.client_auth, tls.allowed_sans, frozenset(rules.tls.get_ca_certs(binary_form=True))
