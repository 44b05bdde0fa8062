"""A client of the bare origin: what it sends, decrypted over memory BIOs, and what it is answered."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

import httptools
from OpenSSL import SSL

from prober.lab.clienthello import HANDSHAKE

SIZE_LIMIT: Final = 1 << 30
_HEAD_LIMIT: Final = 64 * 1024
_READ: Final = 32768
_RECORD: Final = 16384
_PIECE: Final = memoryview(bytes(4 * _RECORD))
_BYTES: Final = re.compile(rb"/bytes/([0-9]{1,10})(?:\?|$)")
_MOST_WAITING: Final = 64
"""Answers that a client may leave unread before its requests are not read any more."""


class BarePeer:
    """One connection; `ended` is told when it is closed."""

    __slots__ = (
        "_answers", "_closing", "_context", "_ended", "_fd", "_loop", "_out", "_parser", "_shaken", "_size", "_sniffed",
        "_sock", "_tls", "_unread", "_url", "_writing",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        context: SSL.Context,
        size: int,
        ended: Callable[[BarePeer], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._fd = sock.fileno()
        self._context = context
        self._size = size
        self._ended = ended
        self._tls: SSL.Connection | None = None
        self._sniffed = self._shaken = False
        self._parser: httptools.HttpRequestParser | None = None
        self._url = b""
        self._unread = 0
        self._answers: deque[memoryview | int] = deque()
        """Heads as they are, bodies as numbers of octets."""
        self._out = memoryview(b"")
        """What the network has not taken yet."""
        self._writing = False
        self._closing = False
        """Nothing is read any more; closed once all is sent."""

    def begin(self) -> None:
        """Listen to the client."""
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(self._fd, self._readable)

    def close(self) -> None:
        """Close; safe to call twice."""
        if self._fd < 0:
            return
        self._loop.remove_reader(self._fd)
        if self._writing:
            self._loop.remove_writer(self._fd)
        self._fd = -1
        self._parser = None  # it knows this peer
        self._sock.close()
        self._ended(self)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()
            return
        if not self._sniffed:
            self._sniffed = True
            if data[0] == HANDSHAKE:
                self._tls = SSL.Connection(self._context, None)
                self._tls.set_accept_state()
        if self._tls is None:
            self._take(data)
        else:
            self._decrypt(self._tls, data)
        if self._fd >= 0:
            self._send()

    def _decrypt(self, tls: SSL.Connection, data: bytes) -> None:
        tls.bio_write(data)
        try:
            if not self._shaken:
                tls.do_handshake()
                self._shaken = True
            while not self._closing:
                self._take(tls.recv(_RECORD))
        except SSL.WantReadError:
            self._encrypted(tls)
        except (
            SSL.ZeroReturnError
        ):  # the client's goodbye: what is still unsaid, a ticket for instance, would meet an RST
            self.close()
        except SSL.Error:  # the client's trouble, of which it is told
            self._encrypted(tls)
            self._closing = True

    def _encrypted(self, tls: SSL.Connection) -> None:
        """Take what TLS wants to send."""
        try:
            more = tls.bio_read(5 * _RECORD)
        except SSL.WantReadError:
            return
        self._out = memoryview(bytes(self._out) + more) if self._out else memoryview(more)

    def _take(self, data: bytes) -> None:
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        self._unread += len(data)
        try:
            if self._unread > _HEAD_LIMIT:
                raise httptools.HttpParserError("too long")
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._closing = True
            self._say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0)

    # what llhttp finds
    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        self._url += url

    def on_message_complete(self) -> None:
        """Answer it."""
        parser = self._parser
        if parser is None or self._closing:
            return
        self._unread = 0
        asked = _BYTES.search(self._url) if b"/bytes/" in self._url else None
        size = self._size if asked is None else min(int(asked[1]), SIZE_LIMIT)
        keep = parser.should_keep_alive() and len(self._answers) < _MOST_WAITING
        self._closing = not keep
        end = b"\r\n\r\n" if keep else b"\r\nConnection: close\r\n\r\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d" % size
        self._say(head + end, 0 if parser.get_method() == b"HEAD" else size)

    def _say(self, head: bytes, size: int) -> None:
        if size and len(head) + size <= _RECORD:  # one record, one segment or two
            self._answers.append(memoryview(head + _PIECE[:size]))
            return
        self._answers.append(memoryview(head))
        if size:
            self._answers.append(size)

    def _next(self) -> bool:
        """Make the next piece of an answer ready to be sent."""
        if not self._answers:
            return False
        first = self._answers[0]
        piece = _PIECE[:first] if isinstance(first, int) else first
        if isinstance(first, int) and first > len(piece):
            self._answers[0] = first - len(piece)
        else:
            self._answers.popleft()
        if self._tls is None:
            self._out = piece
            return True
        try:
            while piece:
                piece = piece[self._tls.send(piece[:_RECORD]) :]
        except SSL.Error:
            return False
        self._encrypted(self._tls)
        return True

    def _send(self) -> None:
        try:
            while self._out or self._next():
                self._out = self._out[self._sock.send(self._out) :]
        except BlockingIOError:
            self._want_writing(True)
            return
        except OSError:
            self.close()
            return
        self._want_writing(False)
        if self._closing:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        if self._tls is not None:
            try:
                self._tls.shutdown()
                self._sock.send(self._tls.bio_read(_RECORD))
            except (SSL.Error, OSError):
                pass  # the client has heard enough
        self.close()

    def _want_writing(self, wanted: bool) -> None:
        if self._fd < 0 or wanted == self._writing:
            return
        self._writing = wanted
        if wanted:
            self._loop.add_writer(self._fd, self._send)
        else:
            self._loop.remove_writer(self._fd)
