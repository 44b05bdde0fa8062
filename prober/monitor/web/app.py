"""The application: routes of others, behind the rules that hold for all of them."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import PurePath
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from prober.monitor.web.access import Access
from prober.monitor.web.connection import STREAM, Connection
from prober.monitor.web.headers import plain, secure
from prober.monitor.web.lifecycle import OPEN, READY, lifecycle_routes
from prober.monitor.web.limits import BODY
from prober.monitor.web.origin import READS
from prober.report.sanitize import sanitize

log = logging.getLogger(__name__)
access_log = logging.getLogger("prober.monitor.web.requests")
"""One line a request, at level debug only."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_SENTENCES: Final = {
    404: "There is no such page.",
    405: "This page does not take that method.",
    413: "The request's body is too large.",
    417: "This expectation cannot be met.",
}


def make_app(
    routes: Sequence[web.AbstractRouteDef],
    *,
    access: Access,
    ready: Callable[[], bool],
    reload: Callable[[], Awaitable[Sequence[str]]],
) -> web.Application:
    """All of the web server that is not sockets.

    `ready` says whether the first configuration is in force and state loaded, and nothing is being stopped. `reload`
    reads all configuration anew, the web configuration file included, and returns every error: without one all of it is
    in force, else none of it.
    """
    app = web.Application(middlewares=[_tracked, _answering, _admitting(access)], client_max_size=BODY)
    app[READY] = ready
    app.on_response_prepare.append(_prepare(access))
    app.add_routes([*lifecycle_routes(access, reload), *routes])
    return app


@web.middleware
async def _tracked(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tells the connection what it is at, and ends streams tidily."""
    connection = request.protocol
    started = time.perf_counter()
    status = 499  # nginx's word for a client that did not wait
    if isinstance(connection, Connection):
        connection.begin()
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not isinstance(connection, Connection) or not connection.stream_ended or task is None:
            raise
        stream = connection.streamed
        if stream is None or task.uncancel():
            raise
        status = stream.status
        return stream
    finally:
        _log_access(request, status, time.perf_counter() - started)


@web.middleware
async def _answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as one sentence of plain text; what went wrong here goes to the log and nowhere else."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status not in _SENTENCES or error.text != f"{error.status}: {error.reason}":
            raise  # a sentence of its own
        kept = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return plain(error.status, _SENTENCES[error.status], kept)
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - the last place where a request's error can be told from the server's
        log.error("%s %s: %s", request.method, sanitize(request.path), _where(error))
        return plain(500, "Something went wrong here; the log has it.")


def _admitting(access: Access) -> Middleware:
    @web.middleware
    async def admitting(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets in who may come in, with a body only where one can be meant."""
        if request.match_info.handler not in OPEN:
            refusal = await access.refusal(request)
            if refusal is not None:
                return _last(refusal) if request.body_exists else refusal
        connection = request.protocol
        wants_stream = STREAM in request.headers.get("Accept", "")  # an EventSource always says so
        if wants_stream and isinstance(connection, Connection) and not connection.streams_left:
            return plain(503, "All live updates are in use: load the page again later.", {"Retry-After": "30"})
        if request.body_exists and request.method in READS:
            return _last(plain(400, "No body is expected here."))
        if (request.content_length or 0) > BODY:
            return _last(plain(413, _SENTENCES[413]))
        return await handler(request)

    return admitting


def _last(response: web.Response) -> web.Response:
    response.force_close()
    return response


def _prepare(access: Access) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        config = access.current.config
        secure(response, config.headers, private=bool(config.users))
        if response.content_type == STREAM and isinstance(connection := request.protocol, Connection):
            if not connection.streams_left:  # it did not say in Accept what it is: there is no way back from here
                connection.abort()
                raise ConnectionResetError("too many streams")
            connection.begin_stream(response)

    return prepare


def _where(error: BaseException) -> str:
    """An error with the places it came through, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return f"{type(error).__name__}: {sanitize(str(error))} ({sanitize(' > '.join(places), limit=2000)})"


def _log_access(request: web.Request, status: int, seconds: float) -> None:
    """Without the query, which may hold what is nobody's business, and without any header field."""
    if access_log.isEnabledFor(logging.DEBUG):
        who, path = sanitize(request.remote or "-"), sanitize(request.path)
        access_log.debug("%s %s %s %d %.1f ms", who, request.method, path, status, seconds * 1000)
