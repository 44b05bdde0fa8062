from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509

from prober.lab.authorities import Authorities, pem
from prober.lab.world import Lab
from prober.model import Scheme, Target, TrustClass

TARGETS = (
    Target(id="t.gw", scheme=Scheme.HTTPS, host="gw.vendor.example", port=443, path="/test", expected=(404, 200),
           trust=TrustClass.VENDOR_PRIVATE),
    Target(id="t.blob", scheme=Scheme.HTTPS, host="a1.blob.core.windows.net", port=443, expected=(400,),
           trust=TrustClass.PUBLIC),
    Target(id="t.sensor", scheme=Scheme.HTTPS, host="sensor.atp.example", port=443, path="/tri/sensor/api/ping",
           expected=(200, 503), trust=TrustClass.PUBLIC, client_certificate=True),
    Target(id="t.post", scheme=Scheme.HTTPS, host="smart.example", port=443, path="/api", method="POST",
           expected=(400,)),
    Target(id="t.moved", scheme=Scheme.HTTP, host="go.example", port=80, path="/x", expected=(302,)),
    Target(id="t.bare", scheme=Scheme.TLS, host="bypassed.endpoint.security.microsoft.com", port=443,
           trust=TrustClass.VENDOR_PRIVATE),
)  # fmt: skip


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    return Authorities()


@pytest_asyncio.fixture
async def lab(tmp_path: Path, authorities: Authorities) -> AsyncIterator[Lab]:
    async with Lab(TARGETS, tmp_path / "lab", authorities=authorities) as world:
        yield world
    assert [listener.open_links for listener in world.listeners] == [0] * len(world.listeners)
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("lab ")] == []


@dataclass
class Peer:
    """A plain client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Sends a request and reads one answer: status, headers in lower case, body."""
        self.writer.write(request)
        return await self.answer(head_only=request.startswith(b"HEAD "))

    async def answer(self, *, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = b"" if head_only else await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, body

    async def start_tls(self, context: ssl.SSLContext, host: str) -> ssl.SSLObject:
        await self.writer.start_tls(context, server_hostname=host)
        found: ssl.SSLObject = self.writer.get_extra_info("ssl_object")
        return found

    def leaf(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Peer]]]:
    """Connects a plain client: connect(port, context=None, host=None)."""
    peers: list[Peer] = []

    async def connect(port: int, context: ssl.SSLContext | None = None, host: str | None = None) -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host))
        peers.append(peer)
        return peer

    yield connect
    for peer in peers:
        peer.writer.transport.abort()
        with suppress(OSError):
            await peer.writer.wait_closed()


@pytest.fixture
def trusting(authorities: Authorities) -> ssl.SSLContext:
    """A client that trusts the lab's public and vendor roots, and nobody else."""
    return client_context(*authorities.public_roots, authorities.vendor.root)


def client_context(*roots: x509.Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem(*roots).decode())
    return context
