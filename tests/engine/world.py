"""What a test of the engine stands in: peers, names, certificates, and a prober to send against them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

from prober.engine.probe import Prober
from prober.engine.resolver import Resolver
from prober.engine.settings import ProbeSettings
from prober.model import Failure, Hop, HopScheme, Observation, Reason, Route, Scheme, Secret, Stage, Target
from prober.routes.overrides import Overrides, parse_override
from prober.spki import spki_sha256

from .names import NameServer, Zone, serve_names
from .peers import Peer, Script

ORIGIN = "origin.example.com"
PROXY = "proxy.example.com"
USER, PASSWORD = "svc", "open sesame"
LOGIN = b"c3ZjOm9wZW4gc2VzYW1l"
"""USER:PASSWORD in Base64."""
SHORT = 0.3
"""A deadline, in seconds, where the deadline is the point."""


@cache
def authority(name: str = "tests") -> trustme.CA:
    """A certificate authority; one of each name."""
    return trustme.CA(organization_name=name)


def server_tls(
    *names: str, version: ssl.TLSVersion | None = None, clients: trustme.CA | None = None, alpn: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """A server's side; `clients` demands a client certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*(names or (ORIGIN, PROXY, "127.0.0.1", "::1"))).configure_cert(context)
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
            context.minimum_version = context.maximum_version = version
        if version < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


@dataclass
class Gate:
    """Judges proxies' certificates as the test says: hops in `rejected` are untrusted."""

    rejected: set[int] = field(default_factory=set)
    judged: list[int] = field(default_factory=list)

    def failure(self, hop: Hop, index: int, chain: tuple[bytes, ...], at: float) -> Failure | None:
        assert chain
        self.judged.append(index)
        if index not in self.rejected:
            return None
        return Failure(Stage.PROXY_TLS, index, Reason.CERT_UNTRUSTED, "signed by a stranger")


def settings(**changes: Any) -> ProbeSettings:
    """Settings of a test; `overrides` may be a mapping as in the configuration."""
    base = ProbeSettings(
        timeout=5,
        retries=0,
        profile="schannel",
        family="ipv4-first",
        concurrency=64,
        per_route=64,
        per_host=64,
        rate=None,
        overrides=Overrides([parse_override(ORIGIN, "127.0.0.1"), parse_override(PROXY, "127.0.0.1")]),
    )
    if isinstance(changes.get("overrides"), dict):
        changes["overrides"] = Overrides(parse_override(*entry) for entry in changes["overrides"].items())
    return replace(base, **changes)


def target(port: int, scheme: str = "tls", host: str = ORIGIN, **changes: Any) -> Target:
    """A target at that port; `id` is `t` unless given."""
    return Target(**{"id": "t", "scheme": Scheme(scheme), "host": host, "port": port, **changes})


def hop(port: int, scheme: str = "http", host: str = "127.0.0.1", *, login: bool = False, password: str = "") -> Hop:
    """A proxy at that port; `login` gives it USER and PASSWORD (or another password)."""
    if not login:
        return Hop(HopScheme(scheme), host, port)
    return Hop(HopScheme(scheme), host, port, USER, Secret(password or PASSWORD))


def route(*hops: Hop) -> Route:
    """The hops as a route named `r`."""
    return Route("r", hops)


class World:
    """Starts peers and probes; closes everything at its end."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()
        self.gate = Gate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def peer(self, script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
        """A scripted server that listens."""
        peer = Peer(script)
        await peer.start(host, tls)
        self._stack.push_async_callback(peer.close)
        return peer

    async def names(self, zone: Zone) -> NameServer:
        """A scripted name server."""
        server = await serve_names(zone)
        self._stack.push_async_callback(server.close)
        return server

    def keep(self, held: socket.socket) -> socket.socket:
        """Close this socket at the end."""
        self._stack.callback(held.close)
        return held

    def folder(self) -> Path:
        """A directory for files."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory()))

    def client_file(self, name: str) -> str:
        """A client certificate of that authority, with its key, as the settings take it."""
        path = self.folder() / "client.pem"
        issued = authority(name).issue_cert("client.example")
        path.write_bytes(issued.private_key_pem.bytes() + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return str(path)

    async def prober(self, **changes: Any) -> Prober:
        """A prober with these settings; closed at the end."""
        chosen = settings(**changes)
        resolver = Resolver(chosen.family, chosen.overrides, chosen.name_servers)
        self._stack.push_async_callback(resolver.close)
        prober = Prober(chosen, resolver, self.gate)
        self._stack.push_async_callback(prober.close)
        return prober

    async def probe(
        self, aim: Target, *hops: Hop, present: frozenset[str] = frozenset(), **changes: Any
    ) -> Observation:
        """One probe with settings of its own; the target's keys in `present` may see the client certificate."""
        prober = await self.prober(**changes)
        return await prober.probe(aim, route(*hops), present=present)

    async def probe_twice(self, aim: Target, *hops: Hop, **changes: Any) -> tuple[Observation, Observation]:
        """A probe, and another one with the client certificate for the key that answered the first."""
        first = await self.probe(aim, *hops, **changes)
        assert first.tls is not None
        key = spki_sha256(first.tls.chain[0])
        assert key is not None
        return first, await self.probe(aim, *hops, present=frozenset({key}), **changes)

    async def probe_asking(self, zone: Zone, aim: Target, *hops: Hop, **changes: Any) -> Observation:
        """One probe that asks a name server with this zone; nothing is overridden."""
        names = await self.names(zone)
        return await self.probe(aim, *hops, **{"overrides": {}, "name_servers": [names.address], **changes})


def closed_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def deaf_port(world: World) -> int:
    """A port of loopback whose SYNs are dropped: its queue of connections is full and nobody accepts."""
    listener = world.keep(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port: int = listener.getsockname()[1]
    for _ in range(4):
        waiting = world.keep(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.1", port))
    return port


@contextlib.contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Lower this process's limit below what is open now, so that one closed meanwhile helps nobody: c-ares closes the
    descriptors of channels of earlier tests in a thread, when it likes."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
