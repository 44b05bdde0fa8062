"""`/api/v1/events`: what changes on the page, as server-sent events.

Events: `news` (HTML of what changed, by element), `pulse` (the prober lives; every few seconds), `reload` (ask for the
whole page again), `bye` (the prober ends). An id is the token of `Live`: whoever comes back with it gets what changed
since, or `reload`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from prober.monitor.page.live import Live
from prober.monitor.page.static_files import build
from prober.monitor.page.times import machine

RETRY: Final = 3000
"""Milliseconds after which a browser comes back."""
_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Pace:
    """How often something is sent, and to how many. Seconds."""

    clients: int = 100
    spacing: float = 1.0
    """Between two `news` of one client."""
    pulse: float = 5.0
    patience: float = 20.0
    """For a client that does not read: then it is cut off, and asks anew when it is back."""


class Events:
    """Streams to browsers."""

    def __init__(self, live: Live, pace: Pace | None = None) -> None:
        self._live = live
        self._pace = pace or Pace()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """One client's stream."""
        live = self._live
        if live.clients >= self._pace.clients or live.closing:
            raise web.HTTPServiceUnavailable(
                text=f"{live.clients} pages are open already; this one shows no news until another is closed.\n",
                headers={"Retry-After": "30"},
            )
        live.clients += 1
        answer: web.StreamResponse = web.Response(status=503)
        try:
            # its own ping cannot be seen by a script; `pulse` takes its place and keeps the connection open as well
            async with sse_response(request, ping_interval=3600.0, send_timeout=self._pace.patience) as client:
                answer = client
                await self._speak(client, client.last_event_id or request.query.get("from", ""))
        except (ConnectionError, TimeoutError):
            pass  # gone, or did not read
        finally:
            live.clients -= 1
        return answer

    async def _speak(self, client: EventSourceResponse, token: str) -> None:
        live, pace = self._live, self._pace
        clock = asyncio.get_running_loop().time
        pulsed = clock() - pace.pulse
        while not live.closing:
            if clock() - pulsed >= pace.pulse:
                await self._pulse(client)
                pulsed = clock()
            await live.panels()
            news = live.since(token)
            if news is None:
                await self._send(client, "reload", {})
                return
            token = news.token
            if news.any:
                await self._send(
                    client, "news", {"cells": news.cells, "groups": news.groups, "panels": news.panels}, news.token
                )
                await live.pause(pace.spacing)  # and look again: what stands above the matrix may follow
            else:
                await live.changed(token, max(0.0, pulsed + pace.pulse - clock()))
        await self._send(client, "bye", {})

    async def _pulse(self, client: EventSourceResponse) -> None:
        """That the prober lives: its clock, and when it has seen something last."""
        live = self._live
        pairs = live.source.board.pairs.values()
        last = max((state.exported.last_at for state in pairs if state.exported is not None), default=None)
        facts = {
            "now": machine(live.source.now()),
            "last": None if last is None else machine(last),
            "build": build(),
        }
        await self._send(client, "pulse", facts)

    async def _send(self, client: EventSourceResponse, name: str, data: object, token: str | None = None) -> None:
        await client.send(_encoder.encode(data).decode(), id=token, event=name, retry=RETRY)
