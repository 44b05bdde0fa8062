"""Scripted web servers on loopback for /probe: TLS or not, one answer for each path, a record of what was asked."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import trustme

Answer = bytes | Callable[[bytes], bytes]
"""All that is sent back, or what makes it from the request."""


@cache
def authority(name: str) -> trustme.CA:
    """A certificate authority; one of each name."""
    return trustme.CA(organization_name=name)


def server_tls(
    *names: str, ca: str = "Tests", expired: bool = False, version: ssl.TLSVersion | None = None, rsa: bool = False
) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    until = dt.datetime(2020, 2, 2, tzinfo=dt.UTC) if expired else None
    kind = trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA
    authority(ca).issue_cert(*names, not_after=until, key_type=kind).configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def answer(status: int = 200, body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    """A response; `length` gives it a Content-Length."""
    lines = [f"HTTP/1.1 {status} Reason", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(location: str, status: int = 302) -> bytes:
    """A redirect with a body that nobody needs."""
    return answer(status, b"moved", f"Location: {location}")


@dataclass
class Origin:
    """A server; `answers` by path, `*` for every other one."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    """Heads of requests."""
    connections: int = 0
    silent: bool = False
    """Accepts and says nothing."""
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def paths(self) -> list[str]:
        """Request targets in order."""
        return [request.split(b" ", 2)[1].decode() for request in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head)
                if self.silent:
                    await reader.read()
                path = head.split(b" ", 2)[1].decode()
                found = self.answers.get(path, self.answers.get("*", answer(404)))
                writer.write(found(head) if callable(found) else found)
                await writer.drain()
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)
        await self._server.wait_closed()
