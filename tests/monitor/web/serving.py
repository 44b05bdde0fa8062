"""A web server on a real socket, clients that speak to it byte by byte, and its configuration files."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import bcrypt
import trustme
from aiohttp import web
from aiohttp_sse import sse_response

from prober.monitor.web.access import Access
from prober.monitor.web.app import make_app
from prober.monitor.web.limits import Limits
from prober.monitor.web.passwords import LoginLimits
from prober.monitor.web.server import Server

USER, PASSWORD = "alice", "correct horse"
HASH: Final = bcrypt.hashpw(PASSWORD.encode(), b"$2b$04$ZqNur92JmhuFGV1gzbd8rO").decode()
BIG: Final = b"x" * (32 * 1024 * 1024)
"""More than the system buffers for one connection."""


@cache
def authority(name: str = "one") -> trustme.CA:
    return trustme.CA(organization_name=name)


@cache
def server_certificate(name: str = "first", ca: str = "one") -> trustme.LeafCert:
    return authority(ca).issue_cert("localhost", "127.0.0.1", common_name=name)


@cache
def client_certificate(*names: str, ca: str = "clients") -> trustme.LeafCert:
    return authority(ca).issue_cert(*names)


def put(folder: Path, name: str, *blobs: trustme.Blob) -> Path:
    """A PEM file, replaced at once as certbot and Kubernetes do."""
    fresh = folder / f".{name}"
    fresh.write_bytes(b"".join(blob.bytes() for blob in blobs))
    fresh.replace(folder / name)
    return folder / name


def put_certificate(folder: Path, leaf: trustme.LeafCert) -> None:
    put(folder, "key.pem", leaf.private_key_pem)
    put(folder, "cert.pem", *leaf.cert_chain_pems)


TLS: Final = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
USERS: Final = f"basic_auth_users:\n  {USER}: {HASH}\n"


def trusting(ca: str = "one", client: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A client's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority(ca).configure_trust(context)
    if client is not None:
        client.configure_cert(context)
    return context


def login(user: str = USER, password: str = PASSWORD) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Handlers:
    """Pages to serve in tests, and what they saw."""

    seen: list[str] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """`/wait` answers once this is set."""
    entered: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    """Released once for each request that `/wait` or `/events` is at."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when `/events` has ended."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.index),
            web.get("/wait", self.wait),
            web.get("/big", self.big),
            web.get("/events", self.events),
            web.get("/boom", self.boom),
            web.post("/post", self.index),
        ]

    async def index(self, request: web.Request) -> web.Response:
        self.seen.append(request.path_qs)
        return web.Response(text="hello")

    async def wait(self, request: web.Request) -> web.Response:
        self.entered.release()
        await self.open.wait()
        return web.Response(text="done")

    async def big(self, request: web.Request) -> web.Response:
        self.entered.release()
        return web.Response(body=BIG)

    async def boom(self, request: web.Request) -> web.Response:
        raise ValueError(f"no good: {request.query_string} \x1b[31m")

    async def events(self, request: web.Request) -> web.StreamResponse:
        try:
            async with sse_response(request) as stream:
                await stream.send("first")
                self.entered.release()
                await self.open.wait()  # as a handler does that waits for news and nothing else
                return stream
        finally:
            self.ended.set()


async def nothing_wrong() -> Sequence[str]:
    return ()


@dataclass
class Running:
    """A server under test."""

    server: Server
    access: Access
    handlers: Handlers
    tls: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return int(self.server.addresses[0].rpartition(":")[2])

    async def connect(self, tls: ssl.SSLContext | None = None) -> Client:
        context = tls or self.tls
        name = "localhost" if context else None
        return Client(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name))

    async def get(
        self, path: str = "/", *fields: str, method: str = "GET", tls: ssl.SSLContext | None = None
    ) -> Answer:
        async with await self.connect(tls) as client:
            return await client.ask(path, *fields, method=method)


@contextlib.asynccontextmanager
async def serving(
    file: Path | None = None,
    *,
    limits: Limits | None = None,
    logins: LoginLimits | None = None,
    listen: str = "127.0.0.1:0",
    ready: Callable[[], bool] = lambda: True,
    reload: Callable[[], Awaitable[Sequence[str]]] = nothing_wrong,
    names: Sequence[str] = (),
    grace: float = 5.0,
    tls: ssl.SSLContext | None = None,
    routes: Sequence[web.AbstractRouteDef] = (),
    look_every: float = 0.0,
) -> AsyncIterator[Running]:
    handlers = Handlers()
    access = Access(file, names=names, logins=logins, look_every=look_every)
    errors = await access.reload()
    assert not errors, errors

    async def whole() -> Sequence[str]:
        prepared = await access.prepare()
        wrong = [*prepared.errors, *await reload()]
        if not wrong:
            prepared.commit()
        return wrong

    app = make_app([*handlers.routes(), *routes], access=access, ready=ready, reload=whole)
    async with Server(app, listen, access=access, limits=limits, grace=grace) as server:
        yield Running(server, access, handlers, tls)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
        except RuntimeError as error:  # so says uvloop where the connection has ended meanwhile
            raise ConnectionResetError(str(error)) from None
        await self.writer.drain()

    async def ask(self, path: str = "/", *fields: str, method: str = "GET", host: str = "localhost") -> Answer:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]
        await self.send("\r\n".join(lines).encode("latin-1"))
        return await self.answer(head=method == "HEAD")

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = raw.split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def answer(self, *, head: bool = False) -> Answer:
        status, headers = await self.head()
        length = 0 if head else int(headers.get("content-length", "0"))
        return Answer(status, headers, await self.reader.readexactly(length))

    async def ended(self) -> bytes:
        """What still comes until the server ends the connection, which it must."""
        try:
            async with asyncio.timeout(20):
                return await self.reader.read()
        except OSError:  # a reset is an end as well
            return b""
