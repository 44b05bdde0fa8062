"""One client's connection, watched: how long it may say nothing, take nothing, and what it is at.

aiohttp bounds lines, fields and idle time between requests. What it lacks is here: a time for a request's head to
arrive, a time for an answer to be taken, an end for streams whose client has gone, plain answers to what is no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from prober.monitor.web.headers import plain, secure
from prober.monitor.web.limits import Limits
from prober.monitor.web.tls import is_allowed
from prober.report.sanitize import sanitize

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

STREAM: Final = "text/event-stream"
_NOT_SENT: Final = 0x894B  # SIOCOUTQNSD of linux/sockios.h
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Register:
    """All connections of a server."""

    limits: Limits
    open: set[Connection] = field(default_factory=set)
    waiting: dict[Connection, None] = field(default_factory=dict)
    """Those without a request under way, the longest wait first."""
    streams: set[Connection] = field(default_factory=set)
    requests: set[asyncio.Task[Any]] = field(default_factory=set)
    """What answers them; some go on for a while after their client has gone."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever one ends a request or goes."""

    def sweep(self, now: float) -> None:
        """Cut those that are overdue. `now` is the loop's time."""
        for connection in [each for each in self.open if each.overdue(now)]:
            connection.abort()

    def evict(self) -> bool:
        """Cut the one that has waited longest for its client. False if none waits."""
        connection = next(iter(self.waiting), None)
        if connection is None:
            return False
        del self.waiting[connection]
        connection.abort()
        return True

    @property
    def streams_left(self) -> bool:
        """Whether one more stream may begin."""
        return len(self.streams) < self.limits.streams

    async def quiet(self) -> None:
        """Wait until there is neither a connection nor a request."""
        while self.open or self.requests:
            self.changed.clear()
            await self.changed.wait()

    def retire(self) -> None:
        """End every connection after the answer that it is at; streams at once."""
        for connection in tuple(self.open):
            connection.retire()


class Connection(web.RequestHandler):
    """aiohttp's handler of a connection, with its times kept."""

    __slots__ = (
        "_busy",
        "_ended",
        "_entered",
        "_full_since",
        "_head_since",
        "_more",
        "_register",
        "_sans",
        "_task",
        "_turned_away",
        "_wire",
        "streamed",
    )

    def __init__(
        self,
        register: Register,
        manager: web.Server,
        sans: tuple[str, ...],
        entered: Callable[[], object],
        **options: Any,
    ) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **options)
        self._register = register
        self._sans = sans
        self._entered = entered
        self._wire: asyncio.Transport | None = None
        self._turned_away = False
        self._busy = False
        self._more = False
        self._head_since: float | None = None
        self._full_since: float | None = None
        self._task: asyncio.Task[Any] | None = None
        self._ended = False
        self.streamed: web.StreamResponse | None = None
        """The stream that is being sent, if one is."""

    # what aiohttp's base class is called with

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection, or turns it away for the name in its certificate."""
        self._wire = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._register.open.add(self)
        self._entered()
        session = transport.get_extra_info("ssl_object")
        certificate = None if session is None or not self._sans else session.getpeercert(binary_form=True)
        if not is_allowed(certificate, self._sans):
            log.debug("%s: its certificate has none of client_allowed_sans", _peer(transport))
            self._turned_away = True
            transport.close()
            return
        self._wait()
        self._head_since = self._loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Notes when a request begins to come, and parses."""
        if self._turned_away:
            return
        if self._busy:
            self._more = True
        elif self._head_since is None:
            self._head_since = self._loop.time()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Takes it off the register and ends its stream."""
        register = self._register
        register.open.discard(self)
        register.waiting.pop(self, None)
        register.changed.set()
        self._wire = None
        self.end_stream()
        if not self._turned_away:
            super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is not a request of HTTP is answered in one sentence that repeats nothing of it."""
        if isinstance(exc, LineTooLong):
            status, sentence = 431, "The request line or a header field is too long."
        elif isinstance(exc, HttpProcessingError) or 400 <= status < 500:
            status, sentence = 400, "This is not a request of HTTP/1.1."
        elif exc is None:
            sentence = "It took too long."
        else:  # nothing of ours raises so far out
            sentence = "Something went wrong here; the log has it."
            log.error("answering failed: %s", sanitize(repr(exc)))
        if status < 500:
            # not the error's text: it quotes the line, which may be an Authorization
            log.debug("%s: %s (%s)", sanitize(str(request.remote)), sentence, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        answer = plain(status, sentence)
        secure(answer, {})
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Errors beyond a request's own, in one line."""
        log.error("%s", sanitize(" ".join(map(str, (*args, repr(kw.get("exc_info")))))))

    # a request's life

    def begin(self) -> None:
        """A request's head is there, says the outermost middleware."""
        self._busy, self._head_since, self._more = True, None, False
        self._register.waiting.pop(self, None)
        self._task = asyncio.current_task()
        if self._task is not None:
            self._register.requests.add(self._task)
            self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._register.requests.discard(task)
        self._register.changed.set()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Writes an answer, with which its request is over."""
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._end()

    def _end(self) -> None:
        self._busy = False
        self._head_since = self._loop.time() if self._more else None
        self._task = self.streamed = None
        self._register.streams.discard(self)
        self._register.changed.set()
        if self in self._register.open:
            self._wait()

    def _wait(self) -> None:
        self._register.waiting.pop(self, None)
        self._register.waiting[self] = None

    def begin_stream(self, response: web.StreamResponse) -> None:
        """The answer is a stream: it ends with the client, the server, or the rules it was admitted by."""
        self.streamed, self._ended = response, False
        self._register.streams.add(self)

    @property
    def streams_left(self) -> bool:
        """Whether one more stream may begin."""
        return self._register.streams_left

    def end_stream(self) -> None:
        """End the stream, whatever its handler waits for."""
        if self.streamed is not None and self._task is not None and not self._ended:
            self._ended = True
            self._task.cancel()

    @property
    def stream_ended(self) -> bool:
        """Whether `end_stream` has cancelled the handler."""
        return self._ended and self.streamed is not None

    def retire(self) -> None:
        """End after the answer under way; at once if there is none."""
        self.end_stream()
        if self._busy:
            self.close()
        else:
            self.force_close()

    def abort(self) -> None:
        """End now. What has not been sent is dropped, by the system too, which would go on for minutes else."""
        if self._wire is not None:
            sock = self._wire.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._wire.abort()

    # times

    def overdue(self, now: float) -> bool:
        """Whether the client has had its time; to be asked every second or so."""
        limits = self._register.limits
        if not self._unsent():
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        slow = self._full_since is not None and now - self._full_since > limits.answer
        silent = not self._busy and self._head_since is not None and now - self._head_since > limits.head
        if slow or silent:
            reason = "does not take its answer" if slow else "does not send its request"
            log.debug("%s %s: cut off", _peer(self._wire), reason)
        return slow or silent

    def _unsent(self) -> int:
        """Bytes that wait for the client to take some.

        With TLS asyncio's buffer below does not show: what it holds is seen by what the system could not send.
        """
        if self._wire is None:
            return 0
        waiting = self._wire.get_write_buffer_size()
        sock = self._wire.get_extra_info("socket")
        if waiting or sys.platform != "linux" or sock is None or sock.fileno() < 0:
            return waiting
        with contextlib.suppress(OSError):
            (waiting,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), _NOT_SENT, bytes(4)))
        return waiting


def _peer(transport: asyncio.BaseTransport | None) -> str:
    name = None if transport is None else transport.get_extra_info("peername")
    return sanitize(str(name[0] if isinstance(name, tuple) else name))
