"""`GET /metrics`."""

from __future__ import annotations

import asyncio
import math
from typing import Final

from aiohttp import web

from prober.monitor.metrics.exposition import Body, Exposition
from prober.monitor.metrics.formats import Style
from prober.monitor.web.negotiation import gzip_accepted, style_for

PATIENCE: Final = 30.0
"""Seconds for one scrape, the client's reading included; less if the client says that it waits less."""
_DEADLINE: Final = "X-Prometheus-Scrape-Timeout-Seconds"


def metrics_routes(exposition: Exposition, *, patience: float = PATIENCE) -> list[web.RouteDef]:
    """GET and HEAD of /metrics; aiohttp answers other methods with 405.

    An answer is one shared body, handed to each client in pieces of 64 KiB as it reads them: a slow one costs that much
    memory, holds up nobody, and is cut off after `patience` seconds.
    """

    async def metrics(request: web.Request) -> web.StreamResponse:
        style = style_for(", ".join(request.headers.getall("Accept", ())))
        gzip = gzip_accepted(", ".join(request.headers.getall("Accept-Encoding", ())))
        headers = _headers(style, gzip=gzip)
        if request.method == "HEAD":
            return web.Response(headers=headers)
        names = frozenset(filter(None, request.query.getall("name[]", ()))) or None
        response = web.StreamResponse(headers=headers)
        seconds = min(patience, _waits(request))
        try:
            async with asyncio.timeout(seconds):
                await _send(request, response, await exposition.scrape(style, gzip=gzip, names=names))
        except TimeoutError:
            if not response.prepared:
                return _not_ready(seconds)
            if request.transport is not None:
                request.transport.abort()  # half an answer is sent: nothing more can be said on this connection
        except ConnectionError:
            pass  # the client has gone; aiohttp tidies up
        return response

    return [web.get("/metrics", metrics)]


def _headers(style: Style, *, gzip: bool) -> dict[str, str]:
    headers = {"Content-Type": style.content_type, "Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}
    return {**headers, "Content-Encoding": "gzip"} if gzip else headers


async def _send(request: web.Request, response: web.StreamResponse, body: Body) -> None:
    response.content_length = body.length
    await response.prepare(request)
    for piece in body.pieces:
        await response.write(piece)
    await response.write_eof()


def _not_ready(seconds: float) -> web.Response:
    return web.Response(
        status=503,
        text=f"The metrics were not ready within {seconds:g} s: the machine is overloaded, or has more series than "
        "it can print in time. Raise scrape_timeout, or ask for some of them with ?name[]=NAME.\n",
        headers={"Cache-Control": "no-store", "Retry-After": "10"},
    )


def _waits(request: web.Request) -> float:
    """The seconds that the client waits, as Prometheus says them."""
    try:
        seconds = float(request.headers.get(_DEADLINE, "inf"))
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf
