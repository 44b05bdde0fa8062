"""The far end of the lab: servers that answer for every host as the vendor does, and some that fail on purpose."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from OpenSSL import SSL

from prober.lab.answers import SERVER, Answers
from prober.lab.authorities import Authorities, Credential
from prober.lab.contexts import ClientCertificate, server_context
from prober.lab.faults import DOMAIN, Fault, credential, fault_of
from prober.lab.http1 import END_OF_HEAD, HEAD_LIMIT, BadRequestError, Request, parse_request, response, split_authority
from prober.lab.link import Link
from prober.lab.listener import LOOPBACK, Listener
from prober.model import Target, TrustClass

HANDSHAKE_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 30.0
"""How long a kept connection may wait for its next request."""
CONTEXTS_KEPT: Final = 4096
"""Certificates kept ready; the one used longest ago is made anew when needed again."""
NAMELESS: Final = f"origin.{DOMAIN}"
"""The host that answers a client which names none."""
_ALERTS: Final = {Fault.ALERT: b"\x15\x03\x03\x00\x02\x02\x28", Fault.OLD_TLS: b"\x15\x03\x03\x00\x02\x02\x46"}
_PAGE: Final = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to this network.</body></html>\n"


class Certificates:
    """The TLS settings of each host: a leaf of its own, made when first asked for."""

    def __init__(self, targets: Sequence[Target], authorities: Authorities) -> None:
        self._authorities = authorities
        self._trust: dict[str, TrustClass] = {}
        self._asking: set[str] = set()
        for target in targets:
            if target.trust is not None:
                self._trust[target.host] = target.trust
            if target.client_certificate:
                self._asking.add(target.host)
        self._ready: OrderedDict[str, SSL.Context] = OrderedDict()
        self.special: dict[str, SSL.Context] = {}
        """Hosts that shall answer with settings of somebody else's making."""

    def context(self, host: str) -> SSL.Context:
        """What a server needs to be `host`."""
        if host in self.special:
            return self.special[host]
        ready = self._ready.get(host)
        if ready is None:
            ready = self._ready[host] = self._make(host)
            if len(self._ready) > CONTEXTS_KEPT:
                self._ready.popitem(last=False)
        else:
            self._ready.move_to_end(host)
        return ready

    def _make(self, host: str) -> SSL.Context:
        fault = fault_of(host)
        asked = ClientCertificate.OPTIONAL if host in self._asking else ClientCertificate.NONE
        if fault is Fault.CLIENT_CERT:
            asked = ClientCertificate.REQUIRED
        return server_context(credential(fault, host, self._authorities) or self._good(host), client_certificate=asked)

    def _good(self, host: str) -> Credential:
        if host == NAMELESS:
            return self._authorities.public[0].leaf([host, LOOPBACK, "::1"])
        issuer = self._authorities.issuer_for(host, self._trust.get(host))
        return issuer.leaf([host, f"alt-{host}"])


class Origin(Listener):
    """One port for all hosts: the TLS one, or the plain one."""

    def __init__(self, name: str, answers: Answers, certificates: Certificates | None) -> None:
        super().__init__(name)
        self._answers = answers
        self._certificates = certificates

    async def serve(self, link: Link) -> None:
        """TLS if this is the TLS port, then HTTP until the client is content."""
        named = NAMELESS
        if self._certificates is not None:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                named = await link.peek_server_name() or NAMELESS
            if await _misbehave(link, fault_of(named)):
                return
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await link.start_tls(self._certificates.context(named), server=True)
        while await self._exchange(link, named):
            pass

    async def _exchange(self, link: Link, named: str) -> bool:
        """One request and its answer; whether another may follow."""
        async with asyncio.timeout(IDLE_SECONDS):
            head = await link.read_until(END_OF_HEAD, HEAD_LIMIT)
            try:
                request = parse_request(head)
                await link.read_exactly(request.content_length)
                host = split_authority(request.get("host") or named, default_port=443)[0]
            except BadRequestError as error:
                link.write(response(400, f"{error}\n".encode(), (SERVER,), close=True))
                return False
        fault = fault_of(host)
        if await _fail_over_http(link, fault):
            return False
        link.write(self._render(request, host, fault))
        async with asyncio.timeout(IDLE_SECONDS):
            await link.drain()
        return request.keep_alive

    def _render(self, request: Request, host: str, fault: Fault | None) -> bytes:
        head_only, close = request.method == "HEAD", not request.keep_alive
        if fault is Fault.HTML:
            return response(200, _PAGE, (SERVER, ("Content-Type", "text/html")), head_only=head_only, close=close)
        answer = self._answers.answer(host, request.method, request.target)
        return response(answer.status, answer.body, answer.headers, head_only=head_only, close=close)


class Origins:
    """The TLS port, the plain port, and a port that is closed for certain."""

    def __init__(self, targets: Sequence[Target], authorities: Authorities) -> None:
        answers = Answers(targets, authorities)
        self.certificates = Certificates(targets, authorities)
        self.tls = Origin("tls-origin", answers, self.certificates)
        self.plain = Origin("plain-origin", answers, None)
        self._closed: socket.socket | None = None

    @property
    def closed_port(self) -> int:
        """A port that refuses connections. Raises RuntimeError unless started."""
        if self._closed is None:
            raise RuntimeError("origins are not started")
        port: int = self._closed.getsockname()[1]
        return port

    async def start(self) -> None:
        """Begins to listen, on ports of its own choice. Raises OSError."""
        self._closed = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._closed.bind((LOOPBACK, 0))  # bound but not listening: nobody else can take it, and it refuses
        await self.tls.start()
        await self.plain.start()

    async def close(self) -> None:
        """Ends all of it."""
        await self.tls.close()
        await self.plain.close()
        if self._closed is not None:
            self._closed.close()
            self._closed = None


async def _misbehave(link: Link, fault: Fault | None) -> bool:
    """Fails before the handshake where the fault says so; whether it did."""
    if fault is Fault.SILENT:
        await link.wait_end()
    elif fault is Fault.RESET:
        link.reset()
    elif fault in _ALERTS:
        await link.read_some()
        link.write(_ALERTS[fault])
    elif fault is Fault.HANGUP:
        await link.read_some()  # unread bytes would turn the close into a reset
    else:
        return False
    return True


async def _fail_over_http(link: Link, fault: Fault | None) -> bool:
    """Fails after the request where the fault says so; whether it did."""
    if fault is Fault.MUTE:
        await link.wait_end()
    elif fault is Fault.GARBAGE:
        link.write(b"\x00\x01 this is not HTTP\r\n\r\n")
    elif fault is Fault.DRIP:
        for byte in response(200, b"." * 600):
            if link.closed_by_peer:
                break
            link.write(bytes([byte]))
            await asyncio.sleep(1)
    elif fault is not Fault.CUT:
        return False
    return True
