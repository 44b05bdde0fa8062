"""A proxy that opens TLS: shakes hands with the origin, forges a certificate like it, and reads what passes.

As products do, it fetches the origin's chain first and speaks to the client after; `policy` says how it forges and
what it loses on the way.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from OpenSSL import SSL

from prober.lab.addresses import Addresses
from prober.lab.authorities import Authority
from prober.lab.clienthello import NotTlsError
from prober.lab.contexts import ClientCertificate, client_context, seen, server_context
from prober.lab.forgery import Forger, Origin, RefusedOriginError
from prober.lab.http1 import END_OF_HEAD, HEAD_LIMIT, BadRequestError, Request, parse_request
from prober.lab.link import Link
from prober.lab.policy import Alpn, LeafKey, Policy, Version
from prober.lab.proxies import TUNNEL_IDLE_SECONDS, HttpProxy

__all__ = ["Interceptor", "LeafKey", "Policy"]

HANDSHAKE_SECONDS: Final = 30.0
REQUEST_SECONDS: Final = 30.0
MINTED_KEPT: Final = 1024
_VERSIONS: Final = {
    Version.FREE: (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION),
    Version.CAPPED: (SSL.TLS1_2_VERSION, SSL.TLS1_2_VERSION),
    Version.RAISED: (SSL.TLS1_3_VERSION, SSL.TLS1_3_VERSION),
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """All that decides what a client is shown."""

    host: str
    leaf: bytes
    """The origin's leaf, as far as it is signed."""
    protocol: bytes
    versions: tuple[int, int]
    client_certificate: ClientCertificate


class Interceptor(HttpProxy):
    """A CONNECT proxy that opens the TLS inside."""

    def __init__(
        self,
        name: str,
        addresses: Addresses,
        authority: Authority,
        roots: Sequence[x509.Certificate],
        policy: Policy | None = None,
    ) -> None:
        super().__init__(name, addresses)
        self._policy = policy or Policy()
        self._forger = Forger(self._policy, authority)
        self._roots = tuple(roots)
        self._upstream: dict[tuple[bytes, ...], SSL.Context] = {}
        self._minted: OrderedDict[_Wanted, SSL.Context] = OrderedDict()
        self._seen = 0
        self.opened = 0
        """Tunnels opened so far."""

    @property
    def root(self) -> x509.Certificate:
        """What the machines behind this interceptor are told to trust."""
        return self._forger.root.certificate

    async def tunnel(self, link: Link, upstream: Link, host: str) -> None:
        """Opens the tunnel unless the policy, or what comes through it, says otherwise."""
        if not self._wants(host):
            await super().tunnel(link, upstream, host)
            return
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                name = await link.peek_server_name() or host
                offered = await link.peek_protocols() if self._policy.alpn is Alpn.KEPT else ()
        except NotTlsError:
            await super().tunnel(link, upstream, host)
            return
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await upstream.start_tls(self._towards_origin(offered), server=False, host=name)
            await link.start_tls(self._mint(name, upstream.tls), server=True)
        self.opened += 1
        if self._policy.headers and not await self._exchange(link, upstream):
            return
        await link.join(upstream, idle=TUNNEL_IDLE_SECONDS)

    def _wants(self, host: str) -> bool:
        if any(host == domain or host.endswith(f".{domain}") for domain in self._policy.bypass):
            return False
        self._seen += 1
        return self._seen % self._policy.every == 0

    def _towards_origin(self, offered: tuple[bytes, ...]) -> SSL.Context:
        if len(self._upstream) >= MINTED_KEPT:
            self._upstream.clear()
        if offered not in self._upstream:
            self._upstream[offered] = client_context(self._roots, offered)
        return self._upstream[offered]

    def _mint(self, name: str, origin: SSL.Connection | None) -> SSL.Context:
        chain = origin.get_peer_cert_chain(as_cryptography=True) if origin is not None else None
        if origin is None or not chain:
            raise ConnectionAbortedError("the origin went away")
        wanted = self._wanted(name, origin, chain[0])
        if wanted not in self._minted:
            try:
                forged = self._forger.forge(name, Origin(tuple(chain), trusted=seen(origin).error is None))
            except RefusedOriginError:
                raise ConnectionAbortedError("the origin does not verify") from None
            except ValueError:  # an extension that does not parse cannot be copied
                raise ConnectionAbortedError("the origin's certificate cannot be read") from None
            oldest, newest = wanted.versions
            self._minted[wanted] = server_context(
                forged,
                alpn=(wanted.protocol,) if wanted.protocol else (),
                client_certificate=wanted.client_certificate,
                oldest=oldest,
                newest=newest,
            )
            if len(self._minted) > MINTED_KEPT:
                self._minted.popitem(last=False)
        return self._minted[wanted]

    def _wanted(self, name: str, origin: SSL.Connection, leaf: x509.Certificate) -> _Wanted:
        policy = self._policy
        asks = policy.client_certificate_request and seen(origin).client_certificate_requested
        version = origin.get_protocol_version()
        return _Wanted(
            name,
            leaf.tbs_certificate_bytes,
            origin.get_alpn_proto_negotiated(),
            _VERSIONS.get(policy.version, (version, version)),
            ClientCertificate.OPTIONAL if asks else ClientCertificate.NONE,
        )

    async def _exchange(self, link: Link, upstream: Link) -> bool:
        """The first request and the head of its answer, with the policy's headers put in; no other may follow it.

        False for what is no HTTP/1: a product that writes headers understands nothing else.
        """
        async with asyncio.timeout(REQUEST_SECONDS):
            try:
                request = parse_request(await link.read_until(END_OF_HEAD, HEAD_LIMIT))
                body = await link.read_exactly(request.content_length)
            except BadRequestError:
                return False
            upstream.write(_last_on_its_connection(request) + body)
            answer = await upstream.read_until(END_OF_HEAD, HEAD_LIMIT)
        start, _, rest = answer.partition(b"\r\n")
        added = "".join(f"{name}: {value}\r\n" for name, value in self._policy.headers)
        link.write(start + b"\r\n" + added.encode("latin-1") + rest)
        return True


def _last_on_its_connection(request: Request) -> bytes:
    kept = [f"{name}: {value}" for name, value in request.headers if name != "connection"]
    lines = [f"{request.method} {request.target} {request.version}", *kept, "connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
