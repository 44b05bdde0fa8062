"""Scripted proxies and origins, put inside each other, on the other end of a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from prober.model import Failure, Scheme, Stage
from prober.wire.connect import Connect
from prober.wire.exchange import Exchange
from prober.wire.layer import Layer
from prober.wire.stack import Guard, Rung, Stack
from prober.wire.tls import ALPN_HTTP, Tls, shared_context

from .transcripts import target

Peer = Callable[[bytes], bytes]
"""Takes what the client sent, returns what it gets."""
OK = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"

ANSWER = b"HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Length: 2\r\n\r\nhi"


@dataclass
class HttpPeer:
    """Answers each request head with the next reply; behind the last one `inside` has the connection."""

    replies: Sequence[bytes] = (OK,)
    inside: Peer | None = None
    heads: list[bytes] = field(default_factory=list)
    buffer: bytes = b""

    def __call__(self, data: bytes) -> bytes:
        self.buffer += data
        out = b""
        while len(self.heads) < len(self.replies) and b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            out += self.replies[len(self.heads)]
            self.heads.append(head)
        if len(self.heads) == len(self.replies) and self.inside is not None and self.buffer:
            data, self.buffer = self.buffer, b""
            out += self.inside(data)
        return out


@dataclass
class FixedPeer:
    """Reads messages of known sizes and answers each; SOCKS proxies talk like that."""

    steps: Sequence[tuple[bytes, bytes]]
    inside: Peer | None = None
    step: int = 0
    buffer: bytes = b""

    def __call__(self, data: bytes) -> bytes:
        self.buffer += data
        out = b""
        while self.step < len(self.steps) and self.buffer.startswith(self.steps[self.step][0]):
            expected, reply = self.steps[self.step]
            self.buffer = self.buffer[len(expected) :]
            out += reply
            self.step += 1
        if self.step == len(self.steps) and self.inside is not None and self.buffer:
            data, self.buffer = self.buffer, b""
            out += self.inside(data)
        return out


def socks5(host: bytes, port: int, inside: Peer) -> FixedPeer:
    request = b"\x05\x01\x00\x03" + bytes([len(host)]) + host + port.to_bytes(2, "big")
    return FixedPeer([(b"\x05\x01\x00", b"\x05\x00"), (request, b"\x05\x00\x00\x01" + b"\x00" * 6)], inside)


@dataclass
class Cutter:
    """Cuts the stream from the peer at one offset, or everywhere (`at` = -1), or nowhere (None)."""

    at: int | None = None
    position: int = 0

    def __call__(self, data: bytes) -> Iterator[bytes]:
        start, self.position = self.position, self.position + len(data)
        if self.at == -1:
            yield from (data[i : i + 1] for i in range(len(data)))
        elif self.at is not None and start < self.at < self.position:
            yield data[: self.at - start]
            yield data[self.at - start :]
        else:
            yield data


def drive(stack: Stack, peer: Peer, cutter: Cutter | None = None) -> int:
    """Until the peer has no more to say; returns how many bytes it said."""
    cutter = cutter or Cutter()
    said = stack.start()
    while said:
        reply, said = peer(said), b""
        for segment in cutter(reply) if reply else ():
            said += stack.receive(segment)
    return cutter.position


def make(rungs: Sequence[tuple[Layer, str, int]], guard: Guard | None = None) -> Stack:
    return Stack(
        [Rung(layer, Stage(stage), hop) for layer, stage, hop in rungs], guard, last_hop=max(hop for *_, hop in rungs)
    )


def connect(authority: str = "host.test:443", *, can_login: bool = False) -> Connect:
    return Connect(authority, user_agent="ua", can_login=can_login)


def blame(stack: Stack) -> tuple[str, int, str]:
    failure = stack.failure
    assert isinstance(failure, Failure)
    assert failure.detail
    return failure.stage.value, failure.hop, failure.reason.value


def tls(host: str = "host.test") -> Tls:
    return Tls(host, shared_context("schannel", ALPN_HTTP))


def https() -> Exchange:
    return Exchange(target(Scheme.HTTPS), user_agent="ua")
