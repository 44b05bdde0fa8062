"""`/-/healthy`, `/-/ready` and `/-/reload`, as Prometheus has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from prober.monitor.web.access import Access
from prober.monitor.web.headers import plain
from prober.report.sanitize import sanitize

log = logging.getLogger(__name__)

READY: Final[web.AppKey[Callable[[], bool]]] = web.AppKey("ready")
_MOST_WAITING: Final = 8
_STRANGER: Final = (
    "A reload that comes over the network needs basic_auth_users or client certificates in the web configuration "
    "(serve.web_config). Without them: SIGHUP to the process, or this request to a loopback address."
)
_LONGEST: Final = 2000
"""Characters of one error."""


def lifecycle_routes(access: Access, reload: Callable[[], Awaitable[Sequence[str]]]) -> list[web.RouteDef]:
    """The three paths; the application has READY. `reload` returns every error, none for success."""
    reloading = _Reload(access, reload)
    return [
        web.get("/-/healthy", _healthy),
        web.get("/-/ready", _ready),
        web.post("/-/reload", reloading.handle),
        web.put("/-/reload", reloading.handle),
    ]


async def _healthy(request: web.Request) -> web.Response:
    return plain(200, "prober is healthy.")  # the process is alive and its loop runs: it has just answered


async def _ready(request: web.Request) -> web.Response:
    return plain(200, "prober is ready.") if request.app[READY]() else plain(503, "prober is starting or stopping.")


OPEN: Final = frozenset({_healthy, _ready})
"""Handlers that are open to everybody: what an orchestrator asks, which has no password."""


class _Reload:
    """One at a time; those that come meanwhile wait for their turn, and read what is there then."""

    def __init__(self, access: Access, reload: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._access = access
        self._reload = reload
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def handle(self, request: web.Request) -> web.Response:
        if not self._access.may_order(request):
            return plain(403, _STRANGER)
        if self._waiting >= _MOST_WAITING:
            return plain(409, "Several reloads are waiting already.", {"Retry-After": "5"})
        self._waiting += 1
        try:
            async with self._turn:
                errors = await self._reload()
        finally:
            self._waiting -= 1
        if not errors:
            return plain(200, "The configuration has been read anew and is in force.")
        lines = [sanitize(line, limit=_LONGEST) for error in errors for line in error.splitlines() or [""]]
        return plain(500, "\n".join(["The configuration stays as it was:", *lines]))
