"""Failures of TLS, with a proxy and with the target."""

from __future__ import annotations

import ssl
from typing import Final

from prober.model import Observation, Reason, Stage

from .case import Case, Provoke
from .peers import OPENED, Script, after_bytes, answering, connect_proxy, shaking, silent
from .world import SHORT, World, authority, hop, server_tls, target

ALERTS: Final = {
    "handshake_failure": 40,
    "unrecognized_name": 112,
    "internal_error": 80,
    "access_denied": 49,
    "insufficient_security": 71,
    "decode_error": 50,
    "no_application_protocol": 120,
    "close_notify": 0,
}
OLD_SERVER_HELLO: Final = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" + bytes(32) + b"\x00\xc0\x14\x00"
"""A ServerHello of TLS 1.0."""


def _alert(number: int) -> bytes:
    return b"\x15\x03\x03\x00\x02\x02" + bytes([number])


def _target(script: Script, *, timeout: float = 5) -> Provoke:
    async def provoke(world: World) -> Observation:
        return await world.probe(target((await world.peer(script)).port), timeout=timeout)

    return provoke


def _proxied(script: Script, *, timeout: float = 5) -> Provoke:
    """The script is a proxy's; the target's handshake goes through it."""

    async def provoke(world: World) -> Observation:
        return await world.probe(target(443), hop((await world.peer(script)).port), timeout=timeout)

    return provoke


def _https_proxy(script: Script, *, timeout: float = 5) -> Provoke:
    """The script is what listens where an HTTPS proxy should."""

    async def provoke(world: World) -> Observation:
        return await world.probe(target(443), hop((await world.peer(script)).port, "https"), timeout=timeout)

    return provoke


def _second_https_proxy(script: Script, *, timeout: float = 5) -> Provoke:
    async def provoke(world: World) -> Observation:
        first = await world.peer(connect_proxy())
        second = await world.peer(script)
        return await world.probe(target(443), hop(first.port), hop(second.port, "https"), timeout=timeout)

    return provoke


def _old_server(version: ssl.TLSVersion) -> Provoke:
    async def provoke(world: World) -> Observation:
        return await world.probe(target((await world.peer(shaking(server_tls(version=version)))).port))

    return provoke


def _wants_certificate(version: ssl.TLSVersion, *, at: str, ours: str | None = None) -> Provoke:
    """A server that demands a client certificate of one authority; we hold one of `ours`, or none.

    Ours is presented only when the server's key is known, so that takes a second probe.
    """

    async def provoke(world: World) -> Observation:
        demanding = await world.peer(shaking(server_tls(version=version, clients=authority("clients"))))
        certificates = {"*": world.client_file(ours)} if ours else {}
        if at == "proxy":
            return await world.probe(target(443), hop(demanding.port, "https"), client_certificates=certificates)
        aim = target(demanding.port, "https")
        if not ours:
            return await world.probe(aim)
        _, second = await world.probe_twice(aim, client_certificates=certificates)
        return second

    return provoke


V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def _tls(name: str, reason: Reason, detail: str, provoke: Provoke) -> Case:
    return Case(name, Stage.TLS, 0, reason, detail, provoke)


def _proxy_tls(name: str, reason: Reason, detail: str, provoke: Provoke, hop: int = 1) -> Case:
    return Case(name, Stage.PROXY_TLS, hop, reason, detail, provoke)


CASES = [
    *(
        _tls(f"alert {name}", Reason.TLS_HANDSHAKE, f"alert {number} ({name})", _target(after_bytes(_alert(number))))
        for name, number in ALERTS.items()
        if number
    ),
    _tls("alert through a proxy", Reason.TLS_HANDSHAKE, "alert 40", _proxied(answering(OPENED + _alert(40)))),
    _tls("alert protocol_version", Reason.TLS_VERSION, "alert 70", _target(after_bytes(_alert(70)))),
    _tls("old ServerHello", Reason.TLS_VERSION, "alert 70", _target(after_bytes(OLD_SERVER_HELLO))),
    _tls("server of TLS 1.0", Reason.TLS_VERSION, "alert 70", _old_server(ssl.TLSVersion.TLSv1)),
    _tls("server of TLS 1.1", Reason.TLS_VERSION, "alert 70", _old_server(ssl.TLSVersion.TLSv1_1)),
    _tls("clear text", Reason.TLS_HANDSHAKE, "no TLS on this port", _target(after_bytes(b"220 mail\r\n"))),
    _tls("page", Reason.TLS_HANDSHAKE, "400 Bad", _target(after_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"))),
    _tls("broken record", Reason.TLS_HANDSHAKE, "", _target(after_bytes(b"\x16\x03\x03\xff\xff" + bytes(100)))),
    _tls("closes", Reason.TLS_HANDSHAKE_CLOSED, "before any byte of TLS", _target(after_bytes(then="close"))),
    _tls(
        "closes after some bytes",
        Reason.TLS_HANDSHAKE_CLOSED,
        "after 5 bytes of handshake",
        _target(after_bytes(b"\x16\x03\x03\x00\x50", then="close")),
    ),
    _tls(
        "200 and then closes",
        Reason.TLS_HANDSHAKE_CLOSED,
        "before any byte of TLS",
        _proxied(answering(OPENED, then="eof")),
    ),
    _tls("never answers", Reason.TLS_TIMEOUT, "no end after 0.3 s while shaking hands", _target(silent, timeout=SHORT)),
    _tls("200 and then nothing", Reason.TLS_TIMEOUT, "origin.example.com", _proxied(answering(OPENED), timeout=SHORT)),
    *(
        _tls(f"wants {version.name}", Reason.CLIENT_CERT_REQUIRED, "alert", _wants_certificate(version, at="origin"))
        for version in (V1_2, V1_3)
    ),
    *(
        _tls(
            f"refuses ours {version.name}",
            Reason.CLIENT_CERT_UNUSABLE,
            "alert",
            _wants_certificate(version, at="origin", ours="strangers"),
        )
        for version in (V1_2, V1_3)
    ),
    *(
        Case(
            f"wants ours {version.name}",
            Stage.PROXY_TLS,
            1,
            Reason.PROXY_CLIENT_CERT_REQUIRED,
            "alert",
            _wants_certificate(version, at="proxy"),
        )
        for version in (V1_2, V1_3)
    ),
    _proxy_tls("never answers", Reason.TLS_TIMEOUT, "with hop 1 (https://", _https_proxy(silent, timeout=SHORT)),
    _proxy_tls("2nd never answers", Reason.TLS_TIMEOUT, "hop 2", _second_https_proxy(silent, timeout=SHORT), 2),
    _proxy_tls("closes", Reason.TLS_HANDSHAKE_CLOSED, "before any byte", _https_proxy(after_bytes(then="close"))),
    _proxy_tls("alert", Reason.TLS_HANDSHAKE, "alert 80", _https_proxy(after_bytes(_alert(80)))),
    _proxy_tls("old", Reason.TLS_VERSION, "alert 70", _https_proxy(after_bytes(_alert(70)))),
    _proxy_tls("speaks HTTP", Reason.TLS_HANDSHAKE, "no TLS on this port", _https_proxy(after_bytes(b"HTTP/1.1 400 "))),
    _proxy_tls("2nd alerts", Reason.TLS_HANDSHAKE, "alert 80", _second_https_proxy(after_bytes(_alert(80))), 2),
    _proxy_tls("2nd closes", Reason.TLS_HANDSHAKE_CLOSED, "before", _second_https_proxy(after_bytes(then="close")), 2),
]
