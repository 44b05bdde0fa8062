"""One TCP connection as a bounded byte stream, with TLS laid over it where asked (pyOpenSSL over memory BIOs).

asyncio's own streams would do, were it not for four things the lab needs: to look at a ClientHello before choosing a
certificate, to answer it with silence, an alert or a reset, to join two connections without a task for each
direction, and to know for certain that after `close` nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Final, TypeVar

from OpenSSL import SSL

from prober.lab import clienthello

BUFFER_LIMIT: Final = 256 * 1024
"""Bytes held for a reader before the peer is made to wait."""
LINGER_SECONDS: Final = 5
"""How long a closed connection may take to send what is left."""
_CHUNK: Final = 65536

T = TypeVar("T")


class LinkClosedError(Exception):
    """The peer closed before it said what was awaited."""


class TooLongError(Exception):
    """The peer said more than the limit allows."""


class TlsFailedError(Exception):
    """The TLS handshake failed."""


class Link(asyncio.Protocol):
    """One end of a connection. Reads are awaited, writes are not (`drain` awaits room)."""

    def __init__(self, on_made: Callable[[Link], None] | None, on_lost: Callable[[Link], None]) -> None:
        self._on_made = on_made
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()  # clear text nobody has read yet
        self._eof = False
        self._lost = False
        self._tls: SSL.Connection | None = None
        self._handshaken = False
        self._held = False  # reading is paused
        self._choked = False  # the peer is not reading
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._partner: Link | None = None
        self._joined: asyncio.Future[None] | None = None
        self.moved = 0
        """Bytes received so far."""

    @property
    def transport(self) -> asyncio.Transport:
        """The TCP transport; only before the connection is made there is none."""
        if self._transport is None:
            raise LinkClosedError("not connected")
        return self._transport

    @property
    def tls(self) -> SSL.Connection | None:
        """The TLS session laid over this connection, if any."""
        return self._tls

    @property
    def closed_by_peer(self) -> bool:
        """Whether the peer has finished sending, or the connection is gone."""
        return self._eof or self._lost

    @property
    def _gone(self) -> bool:
        return self._lost or self._transport is None or self._transport.is_closing()

    # ---------------------------------------------------------------- callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = transport  # type: ignore[assignment]  # TCP always brings a full Transport
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self.moved += len(data)
        if self._tls is None:
            self._take(data)
        else:
            self._tls.bio_write(data)
            if self._handshaken:
                self._decrypt()
            else:
                _wake(self._reader)

    def eof_received(self) -> bool:
        """Called by the event loop; keeps our direction open."""
        self._finish_input()
        return not self._lost

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._lost = True
        for waiting in (self._reader, self._writer, self._ended, self._joined):
            _wake(waiting)
        self._partner = None
        self._tls = None
        self._on_lost(self)

    def pause_writing(self) -> None:
        """Called by the event loop when the peer reads too slowly."""
        self._choked = True
        if self._partner is not None:
            self._partner._hold()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._choked = False
        _wake(self._writer)
        if self._partner is not None:
            self._partner._release()

    # ---------------------------------------------------------------- reading

    async def read_until(self, mark: bytes, limit: int) -> bytes:
        """Everything up to and including `mark`.

        Raises TooLongError past `limit` bytes, LinkClosedError at an early end.
        """
        searched = 0
        while True:
            at = self._buffer.find(mark, max(0, searched - len(mark)))
            if at >= 0 and at + len(mark) <= limit:
                return self._cut(at + len(mark))
            if at >= 0 or len(self._buffer) > limit:
                raise TooLongError(f"more than {limit} bytes")
            searched = len(self._buffer)
            await self._more()

    async def read_exactly(self, count: int) -> bytes:
        """Exactly `count` bytes. Raises LinkClosedError at an early end."""
        while len(self._buffer) < count:
            await self._more()
        return self._cut(count)

    async def read_some(self) -> bytes:
        """What is there, at least a byte; b"" at the end."""
        while not self._buffer:
            try:
                await self._more()
            except LinkClosedError:
                return b""
        return self._cut(len(self._buffer))

    async def peek_byte(self) -> int:
        """The first unread byte, left unread. Raises LinkClosedError if none comes."""
        while not self._buffer:
            await self._more()
        return self._buffer[0]

    async def peek_server_name(self) -> str | None:
        """The server name of the ClientHello that comes next, which is left unread.

        Raises clienthello.NotTlsError if something else comes, LinkClosedError at an early end.
        """
        return await self._peek(clienthello.server_name)

    async def peek_protocols(self) -> tuple[bytes, ...]:
        """The application protocols that the ClientHello offers. Raises as `peek_server_name`."""
        return await self._peek(clienthello.protocols)

    async def _peek(self, read: Callable[[bytes], T]) -> T:
        while True:
            try:
                return read(bytes(self._buffer))
            except clienthello.IncompleteError:
                await self._more()

    async def wait_end(self) -> None:
        """Waits until the peer closes, and throws away what it sends until then."""
        while await self.read_some():
            pass

    # ---------------------------------------------------------------- writing and ending

    def write(self, data: bytes) -> None:
        """Sends `data`, encrypted if TLS is on. Does nothing once the connection is gone."""
        if not data or self._gone:
            return
        if self._tls is None:
            self.transport.write(data)
        else:
            with contextlib.suppress(SSL.Error):  # after close_notify or an alert there is nobody to write to
                self._tls.sendall(data)
            self._flush()

    async def drain(self) -> None:
        """Waits until the peer has room. Raises LinkClosedError if it is gone."""
        while self._choked and not self._lost:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer
        if self._lost:
            raise LinkClosedError("connection lost while writing")

    def write_eof(self) -> None:
        """Ends our direction: a FIN, or a close_notify where TLS is on."""
        if self._gone:
            return
        if self._tls is not None:
            self._notify_close()
        else:
            self.transport.write_eof()

    def close(self) -> None:
        """Sends what is still to be sent, then closes."""
        if self._gone:
            return
        self._notify_close()
        self.transport.close()
        if self.transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self.abort)

    def abort(self) -> None:
        """Closes at once; unsent bytes are lost."""
        if self._transport is not None and not self._lost:
            self._transport.abort()

    def reset(self) -> None:
        """Closes with a TCP reset."""
        if self._gone:
            return
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    async def wait_lost(self) -> None:
        """Waits until the event loop has let go of the connection."""
        while not self._lost:
            self._ended = self._ended or asyncio.get_running_loop().create_future()
            await self._ended

    # ---------------------------------------------------------------- TLS

    async def start_tls(self, context: SSL.Context, *, server: bool, host: str | None = None) -> None:
        """Shakes hands as server, or as client asking for `host`.

        Raises TlsFailedError, or LinkClosedError at an early end.
        """
        tls = SSL.Connection(context, None)
        if server:
            tls.set_accept_state()
        else:
            tls.set_connect_state()
            if host is not None:
                tls.set_tlsext_host_name(host.encode("ascii"))
        if self._buffer:
            tls.bio_write(self._cut(len(self._buffer)))
        self._tls = tls
        while not self._handshaken:
            try:
                tls.do_handshake()
                self._handshaken = True
                self._flush()
            except SSL.WantReadError:
                self._flush()
                await self._more()
            except SSL.Error as error:
                self._flush()
                raise TlsFailedError(str(error)) from None
        self._decrypt()

    def _decrypt(self) -> None:
        tls = self._tls
        while tls is not None:
            try:
                self._take(tls.recv(_CHUNK))
            except SSL.WantReadError:
                self._flush()  # a key update asks for an answer
                return
            except (SSL.ZeroReturnError, SSL.Error):
                self._flush()
                self._finish_input()
                return

    def _flush(self) -> None:
        while self._tls is not None and not self._gone:
            try:
                self.transport.write(self._tls.bio_read(_CHUNK))
            except SSL.WantReadError:
                return

    def _notify_close(self) -> None:
        if self._tls is not None and self._handshaken:
            with contextlib.suppress(SSL.Error):
                self._tls.shutdown()
            self._flush()

    # ---------------------------------------------------------------- joining two links

    async def join(self, other: Link, *, idle: float) -> None:
        """Passes bytes both ways until both have ended, one side is gone, or nothing moved for `idle` seconds."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joined = other._joined = done
        self._lead_to(other)
        other._lead_to(self)
        while not done.done():
            before = self.moved + other.moved
            await asyncio.wait([done], timeout=idle)
            if self.moved + other.moved == before:
                break
        self._partner = other._partner = None

    def _lead_to(self, other: Link) -> None:
        self._partner = other
        other.write(self._cut(len(self._buffer)))
        if self._choked:
            other._hold()
        elif not other._choked:
            self._release()
        if self._eof:
            other.write_eof()
        if self._lost or (self._eof and other._eof):
            _wake(self._joined)

    # ---------------------------------------------------------------- inside

    def _take(self, data: bytes) -> None:
        if self._partner is not None:
            self._partner.write(data)
            return
        self._buffer += data
        if len(self._buffer) > BUFFER_LIMIT:
            self._hold()
        _wake(self._reader)

    def _cut(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        if self._held and len(self._buffer) <= BUFFER_LIMIT and self._partner is None:
            self._release()
        return data

    async def _more(self) -> None:
        if self.closed_by_peer:
            raise LinkClosedError("closed by the peer")
        self._reader = asyncio.get_running_loop().create_future()
        await self._reader
        if self.closed_by_peer and not self._buffer:
            raise LinkClosedError("closed by the peer")

    def _finish_input(self) -> None:
        self._eof = True
        _wake(self._reader)
        if self._partner is not None:
            self._partner.write_eof()
            if self._partner._eof:
                _wake(self._joined)

    def _hold(self) -> None:
        if not self._held and not self._eof and not self._gone:
            self._held = True
            self.transport.pause_reading()

    def _release(self) -> None:
        if self._held and not self._eof and not self._gone:
            self._held = False
            self.transport.resume_reading()


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
