"""Failures of the request to the target itself."""

from __future__ import annotations

from typing import Any

from prober.model import Observation, Reason, Stage

from .case import Case, Provoke
from .peers import Script, after_bytes, answering, connect_proxy, dripping, silent
from .world import SHORT, World, hop, server_tls, target


def _asked(scheme: str, script: Script, *, timeout: float = 5, **changes: Any) -> Provoke:
    async def provoke(world: World) -> Observation:
        peer = await world.peer(script, tls=server_tls() if scheme == "https" else None)
        return await world.probe(target(peer.port, scheme, **changes), timeout=timeout)

    return provoke


def _asked_through(scheme: str, script: Script, *, timeout: float = 5) -> Provoke:
    async def provoke(world: World) -> Observation:
        peer = await world.peer(script, tls=server_tls())
        proxy = await world.peer(connect_proxy())
        return await world.probe(target(peer.port, scheme), hop(proxy.port), timeout=timeout)

    return provoke


def _http(name: str, reason: Reason, detail: str, provoke: Provoke) -> Case:
    return Case(name, Stage.HTTP, 0, reason, detail, provoke)


CASES = [
    *(
        case
        for scheme in ("http", "https")
        for case in (
            _http(
                f"{scheme} never answers",
                Reason.HTTP_TIMEOUT,
                "waiting for the answer of origin.example.com",
                _asked(scheme, silent, timeout=SHORT),
            ),
            _http(
                f"{scheme} one byte at a time",
                Reason.HTTP_TIMEOUT,
                "no end after 0.3 s",
                _asked(scheme, dripping(b"HTTP/1.1 200 OK\r\n\r\n", 0.1), timeout=SHORT),
            ),
            _http(
                f"{scheme} closes",
                Reason.HTTP_CLOSED,
                "without an answer to GET /",
                _asked(scheme, answering(b"", then="close")),
            ),
            _http(
                f"{scheme} closes inside the head",
                Reason.HTTP_CLOSED,
                "after 'HTTP/1.1 2'",
                _asked(scheme, answering(b"HTTP/1.1 2", then="close")),
            ),
            _http(
                f"{scheme} garbage",
                Reason.HTTP_PROTOCOL_ERROR,
                "SSH-2.0",
                _asked(scheme, after_bytes(b"SSH-2.0-x\r\n")),
            ),
            _http(
                f"{scheme} endless head",
                Reason.HTTP_PROTOCOL_ERROR,
                "65536 bytes",
                _asked(scheme, after_bytes(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000)),
            ),
        )
    ),
    _http("behind a proxy", Reason.HTTP_TIMEOUT, "origin.example.com", _asked_through("https", silent, timeout=SHORT)),
    _http(
        "revocation list cut short",
        Reason.HTTP_CLOSED,
        "GET /list.crl",
        _asked("http", answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", then="close"), path="/list.crl"),
    ),
    _http(
        "revocation list never ends",
        Reason.HTTP_TIMEOUT,
        "no end",
        _asked("http", answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), path="/list.crl", timeout=SHORT),
    ),
]
