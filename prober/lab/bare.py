"""An origin for load tests: one certificate, one answer of a given size, as many processes as asked for.

TLS or plain HTTP on one port: the first byte tells. Workers share the port by SO_REUSEPORT, the certificate, and
nothing else; they end with the process that started them, however that ends.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from prober.lab.authorities import Authority, Credential, PrivateKey, make_key
from prober.lab.clienthello import HANDSHAKE
from prober.lab.contexts import server_context
from prober.lab.http1 import END_OF_HEAD, HEAD_LIMIT, BadRequestError, Request, parse_request, response
from prober.lab.link import Link
from prober.lab.listener import Listener
from prober.lab.process import ending, run

SIZE_LIMIT: Final = 1 << 30
_IDLE_SECONDS: Final = 60.0
_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BareSettings:
    """What a bare origin serves, in a form that crosses process borders."""

    host: str
    port: int
    size: int
    """Bytes of every answer's body."""
    certificate: bytes
    """PEM."""
    key: bytes
    """PEM."""


class BareOrigin(Listener):
    """Answers everything alike."""

    def __init__(self, context: SSL.Context, size: int) -> None:
        super().__init__("bare-origin")
        self._context = context
        self._body = bytes(size)

    async def serve(self, link: Link) -> None:
        """TLS if the client begins it, then HTTP until the client is content."""
        async with asyncio.timeout(_IDLE_SECONDS):
            if await link.peek_byte() == HANDSHAKE:
                await link.start_tls(self._context, server=True)
        while True:
            async with asyncio.timeout(_IDLE_SECONDS):
                request = await self._request(link)
            if request is None:
                link.write(response(400, close=True))
                return
            link.write(response(200, self._body, head_only=request.method == "HEAD", close=not request.keep_alive))
            async with asyncio.timeout(_IDLE_SECONDS):
                await link.drain()
            if not request.keep_alive:
                return

    async def _request(self, link: Link) -> Request | None:
        try:
            request = parse_request(await link.read_until(END_OF_HEAD, HEAD_LIMIT))
            await link.read_exactly(request.content_length)
        except BadRequestError:
            return None
        return request


def bare_credential(kind: str) -> tuple[Credential, x509.Certificate]:
    """A leaf with an `ecdsa` or `rsa` key for any name below lab.test and for loopback, and its root."""
    authority = Authority("Prober Lab Load Test CA", key="ecdsa")
    names = ["origin.lab.test", "*.lab.test", "localhost", "127.0.0.1", "::1"]
    return authority.leaf(names, key=make_key(kind)), authority.certificate


async def serve_bare(settings: BareSettings, on_ready: Callable[[int], None]) -> None:
    """Serves in this process until told to end; `on_ready` gets the port. Raises OSError."""
    with ending() as told:
        origin = BareOrigin(server_context(_credential(settings)), settings.size)
        await origin.start(settings.host, settings.port)
        try:
            on_ready(origin.port)
            await told.wait()
        finally:
            await origin.close()


async def serve_bare_in(workers: int, settings: BareSettings, on_ready: Callable[[int], None]) -> None:
    """Serves in `workers` processes until told to end. Raises OSError, or RuntimeError if a worker ends early."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as place:  # bound, not listening: it keeps the port for the workers
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place.bind((settings.host, settings.port))
        port: int = place.getsockname()[1]
        processes: list[BaseProcess] = []
        pipes: list[Connection] = []
        try:
            for number in range(workers):
                pipe, process = _start_worker(number + 1, settings, port)
                pipes.append(pipe)
                processes.append(process)
            await _all_ready(pipes)
            with ending(*(process.sentinel for process in processes)) as told:
                on_ready(port)
                await told.wait()
            if not all(process.is_alive() for process in processes):
                raise RuntimeError("a worker ended early")
        finally:
            for pipe in pipes:
                pipe.close()
            for process in processes:
                process.join(_END_SECONDS)


def _start_worker(number: int, settings: BareSettings, port: int) -> tuple[Connection, BaseProcess]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_work, args=(settings, port, theirs), name=f"bare-origin-{number}", daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _work(settings: BareSettings, port: int, parent: Connection) -> None:
    """One worker: lives until the parent's end of the pipe is closed."""
    run(_serve_worker(settings, port, parent))


async def _serve_worker(settings: BareSettings, port: int, parent: Connection) -> None:
    with ending(parent.fileno()) as told:
        origin = BareOrigin(server_context(_credential(settings)), settings.size)
        await origin.start(settings.host, port, reuse_port=True)
        try:
            parent.send("ready")
            await told.wait()
        finally:
            await origin.close()


async def _all_ready(pipes: list[Connection]) -> None:
    loop = asyncio.get_running_loop()
    for pipe in pipes:
        readable = asyncio.Event()
        loop.add_reader(pipe.fileno(), readable.set)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await readable.wait()
            pipe.recv()
        except EOFError:
            raise RuntimeError("a worker did not start") from None
        finally:
            loop.remove_reader(pipe.fileno())


def _credential(settings: BareSettings) -> Credential:
    key = load_pem_private_key(settings.key, None)
    if not isinstance(key, PrivateKey):
        raise TypeError("not an ECDSA or RSA key")
    certificate, *chain = x509.load_pem_x509_certificates(settings.certificate)
    return Credential(key, certificate, tuple(chain))
