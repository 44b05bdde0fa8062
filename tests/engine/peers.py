"""Scripted servers on loopback: each connection runs a script and keeps what the client said."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Any


class Conversation:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received = bytearray()
        """All that the client said, in the clear."""

    async def exactly(self, count: int) -> bytes:
        """That many bytes. Raises asyncio.IncompleteReadError."""
        return self._note(await self._reader.readexactly(count))

    async def head(self) -> bytes:
        """A request up to its empty line."""
        return self._note(await self._reader.readuntil(b"\r\n\r\n"))

    async def some(self) -> bytes:
        """What has come; empty at the end."""
        return self._note(await self._reader.read(65536))

    async def hold(self) -> None:
        """Read until the client closes."""
        while await self.some():
            pass

    async def say(self, data: bytes) -> None:
        """Send."""
        self._writer.write(data)
        await self._writer.drain()

    async def end(self) -> None:
        """Close our side; the client may still speak."""
        self._writer.write_eof()
        await self.hold()

    async def reset(self) -> None:
        """Close with RST instead of FIN."""
        raw: Any = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def pipe(self, host: str, port: int) -> None:
        """Be a tunnel to there until one side closes."""
        reader, writer = await asyncio.open_connection(host, port)

        async def upwards() -> None:
            while data := await self.some():
                writer.write(data)
                await writer.drain()
            writer.close()

        async def downwards() -> None:
            while data := await reader.read(65536):
                await self.say(data)
            self._writer.close()

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(upwards(), name="tunnel upwards")
                group.create_task(downwards(), name="tunnel downwards")
        except* ConnectionError:
            pass
        finally:
            writer.transport.abort()

    def _note(self, data: bytes) -> bytes:
        self.received += data
        return data


Script = Callable[[Conversation], Awaitable[None]]


class Peer:
    """A listener on a free loopback port. Connections end with their script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.conversations: list[Conversation] = []
        self.open = 0
        self.most_open = 0
        self._changed = asyncio.Event()
        self.faults: list[BaseException] = []
        """What went wrong in scripts; a client that goes away early is no fault."""
        self.host = ""
        self.port = 0

    async def start(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._converse, host, 0, ssl=tls)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        conversation = Conversation(reader, writer)
        self.conversations.append(conversation)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self._changed.set()
        try:
            await self._script(conversation)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        except Exception as fault:  # noqa: BLE001 # shown by close()
            self.faults.append(fault)
        finally:
            self.open -= 1
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.shield(writer.wait_closed())
            self._tasks.discard(task)
            self._changed.set()

    async def until(self, *, met: int = 0, left: bool = False) -> None:
        """Wait until so many connections have come altogether; with `left` until none is open any more."""
        while len(self.conversations) < met or (left and self.open):
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Stop listening, end every connection, and raise what went wrong in a script."""
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        if self.faults:
            raise self.faults[0]

    @property
    def heard(self) -> bytes:
        """Everything that clients said, one connection after the other."""
        return b"".join(bytes(conversation.received) for conversation in self.conversations)


# scripts


def answering(*answers: bytes, then: str = "hold") -> Script:
    """Answer each request head in turn; then `hold` the connection, `close` or `reset` it, or say `eof` and hold."""

    async def script(talk: Conversation) -> None:
        for answer in answers:
            await talk.head()
            await talk.say(answer)
        await _end(talk, then)

    return script


def after_bytes(answer: bytes = b"", then: str = "hold") -> Script:
    """Wait for anything at all (a ClientHello, a greeting), answer, then `hold`, `close`, `reset` or `eof`."""

    async def script(talk: Conversation) -> None:
        await talk.some()
        if answer:
            await talk.say(answer)
        await _end(talk, then)

    return script


def turns(*pairs: tuple[int, bytes], then: str = "hold") -> Script:
    """Read so many bytes, answer so; for binary handshakes."""

    async def script(talk: Conversation) -> None:
        for count, answer in pairs:
            await talk.exactly(count)
            await talk.say(answer)
        await _end(talk, then)

    return script


async def _end(talk: Conversation, then: str) -> None:
    if then == "hold":
        await talk.hold()
    elif then == "eof":
        await talk.end()
    elif then == "reset":
        await talk.reset()


async def silent(talk: Conversation) -> None:
    """Accept and never answer."""
    await talk.hold()


async def closing(talk: Conversation) -> None:
    """Accept and close at once."""


def dripping(answer: bytes, interval: float) -> Script:
    """One byte of the answer every `interval` seconds."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        for index in range(len(answer)):
            await talk.say(answer[index : index + 1])
            await asyncio.sleep(interval)

    return script


def response(status: str, *headers: str, body: str = "") -> bytes:
    """An HTTP response with its Content-Length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
UNAUTHORISED = response("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="p"', body="who are you?")
TEAPOT = response("418 I'm a teapot", "Server: scripted", "Connection: close", body="tea")


def shaking(tls: ssl.SSLContext, answer: bytes = TEAPOT, sessions: list[ssl.SSLObject] | None = None) -> Script:
    """The server's side of TLS and nothing more but an answer to whatever comes; alerts are sent, which asyncio's
    own TLS server omits. `sessions` keeps what the server knows of each connection."""

    async def script(talk: Conversation) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = tls.wrap_bio(incoming, outgoing, server_side=True)
        if sessions is not None:
            sessions.append(session)
        finished = False
        while True:
            try:
                if not finished:
                    session.do_handshake()
                    finished = True
                if not session.read():
                    return  # close_notify
                session.write(answer)
            except ssl.SSLWantReadError:
                await talk.say(outgoing.read())
                data = await talk.some()
                if not data:
                    return
                incoming.write(data)
            except ssl.SSLError:
                await talk.say(outgoing.read())
                await talk.hold()
                return

    return script


def origin(answer: bytes = TEAPOT) -> Script:
    """An HTTP server that answers one request and closes."""
    return answering(answer, then="close")


def connect_proxy(*, login: bytes = b"", unauthorised: bytes = UNAUTHORISED, closes: bool = False) -> Script:
    """A CONNECT proxy that tunnels; `login` is the `user:password` in Base64 that it demands.

    With `closes` it hangs up after each demand.
    """

    async def script(talk: Conversation) -> None:
        while True:
            head = await talk.head()
            if not login or b"Proxy-Authorization: Basic " + login + b"\r\n" in head:
                break
            await talk.say(unauthorised)
            if closes:
                return
        name, port = head.split(b" ", 2)[1].rsplit(b":", 1)
        await talk.say(OPENED)
        await talk.pipe(_here(name.decode()), int(port))

    return script


def socks5_proxy(*, user: bytes = b"", password: bytes = b"") -> Script:
    """A SOCKS5 proxy that tunnels; names are all resolved to loopback."""

    async def script(talk: Conversation) -> None:
        _, count = await talk.exactly(2)
        offered = await talk.exactly(count)
        method = 2 if user else 0
        await talk.say(bytes([5, method if method in offered else 255]))
        if user:
            await talk.exactly(1)
            name = await talk.exactly((await talk.exactly(1))[0])
            secret = await talk.exactly((await talk.exactly(1))[0])
            good = (name, secret) == (user, password)
            await talk.say(bytes([1, 0 if good else 1]))
            if not good:
                return
        kind = (await talk.exactly(4))[3]
        if kind == 3:
            host = (await talk.exactly((await talk.exactly(1))[0])).decode()
        else:
            packed = await talk.exactly(4 if kind == 1 else 16)
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, packed)
        port = int.from_bytes(await talk.exactly(2), "big")
        await talk.say(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await talk.pipe(_here(host), port)

    return script


def _here(host: str) -> str:
    """Every name is on loopback; `::1` stays what it is."""
    return host.strip("[]") if ":" in host else "127.0.0.1"
