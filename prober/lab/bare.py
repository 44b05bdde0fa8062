"""An origin for load tests: one certificate, answers of any size, as many processes as asked for.

TLS or plain HTTP on one port: the first byte tells. Workers share the port by SO_REUSEPORT, the certificate, and
nothing else; they end with the process that started them, however that ends.

It must not be what a load test measures: so it has no task a connection.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from prober.lab.authorities import Authority, Credential, PrivateKey, make_key
from prober.lab.bare_peer import BarePeer
from prober.lab.contexts import server_context
from prober.lab.listener import BACKLOG, LOOPBACK
from prober.lab.process import ending, run

_ACCEPTED_AT_ONCE: Final = 64
_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 10.0
_VERSIONS: Final = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


@dataclass(frozen=True, slots=True, kw_only=True)
class BareSettings:
    """What a bare origin serves, in a form that crosses process borders."""

    host: str
    port: int
    size: int
    """Bytes of an answer's body where the path does not say: `/bytes/N` gets N."""
    certificate: bytes
    """PEM."""
    key: bytes
    """PEM."""
    tickets: bool = False
    """Whether clients may resume sessions."""
    tls: str | None = None
    """`1.2` or `1.3`: the only version spoken; None = both."""

    until_input_ends: bool = False
    """Whether the origin ends when its standard input does: with the program at the other end, however that ends."""

    @property
    def watched(self) -> tuple[int, ...]:
        """Descriptors that have something to read when the origin is to end."""
        return (sys.stdin.fileno(),) if self.until_input_ends else ()

    def context(self) -> SSL.Context:
        """TLS as set here."""
        return bare_context(_credential(self), tickets=self.tickets, tls=self.tls)


class BareOrigin:
    """Answers everything alike. After `close` no socket of it is left."""

    def __init__(self, context: SSL.Context, size: int) -> None:
        self._context = context
        self._size = size
        self._sockets: list[socket.socket] = []
        self._peers: set[BarePeer] = set()
        self.served = 0
        """Connections taken so far."""

    async def start(self, host: str = LOOPBACK, port: int = 0, *, reuse_port: bool = False) -> None:
        """Begins to listen; port 0 takes a free one. Raises OSError if the address cannot be had."""
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self._sockets.append(listener)
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, listener)

    @property
    def port(self) -> int:
        """The port in use. Raises RuntimeError unless listening."""
        if not self._sockets:
            raise RuntimeError("the origin is not listening")
        port: int = self._sockets[0].getsockname()[1]
        return port

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, _ = listener.accept()
            except OSError:  # nobody is left, or gave up meanwhile, or there is no descriptor for them
                return
            self.served += 1
            peer = BarePeer(loop, sock, self._context, self._size, self._peers.discard)
            self._peers.add(peer)
            peer.begin()

    async def close(self) -> None:
        """Stops listening and closes all connections."""
        loop = asyncio.get_running_loop()
        while self._sockets:
            listener = self._sockets.pop()
            loop.remove_reader(listener.fileno())
            listener.close()
        for peer in tuple(self._peers):
            peer.close()


def bare_context(credential: Credential, *, tickets: bool = False, tls: str | None = None) -> SSL.Context:
    """TLS as a server: 1.2 and 1.3, or the one version `tls` names; no session is resumed unless there are tickets."""
    oldest, newest = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION) if tls is None else (_VERSIONS[tls], _VERSIONS[tls])
    context = server_context(credential, oldest=oldest, newest=newest)
    if not tickets:  # with TLS 1.3 some are sent all the same, but what they name is not kept
        context.set_options(SSL.OP_NO_TICKET)
    return context


def bare_credential(kind: str) -> tuple[Credential, x509.Certificate]:
    """A leaf with a key of that kind (`make_key`) for any name below lab.test and for loopback, and its root."""
    authority = Authority("Prober Lab Load Test CA", key="ecdsa")
    names = ["origin.lab.test", "*.lab.test", "localhost", "127.0.0.1", "::1"]
    return authority.leaf(names, key=make_key(kind)), authority.certificate


async def serve_bare(settings: BareSettings, on_ready: Callable[[int], None]) -> None:
    """Serves in this process until told to end; `on_ready` gets the port. Raises OSError."""
    with ending(*settings.watched) as told:
        origin = BareOrigin(settings.context(), settings.size)
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
            with ending(*settings.watched, *(process.sentinel for process in processes)) as told:
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
        origin = BareOrigin(settings.context(), settings.size)
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
