"""Failures on the way to the first peer, and our own exhaustion."""

from __future__ import annotations

import asyncio
import errno
import os
from unittest import mock

from prober.engine import probe
from prober.model import Observation, Reason, Stage

from .case import Case, Provoke
from .peers import after_bytes, answering, silent
from .world import SHORT, World, closed_port, deaf_port, hop, no_descriptors_left, route, target

NOWHERE = "255.255.255.255"
"""No TCP connection can be made to the broadcast address: the kernel has no route for it."""


async def _refused_by_the_target(world: World) -> Observation:
    return await world.probe(target(closed_port()))


async def _refused_by_the_first_hop(world: World) -> Observation:
    return await world.probe(target(443), hop(closed_port()), hop(8080))


async def _refused_by_all_addresses(world: World) -> Observation:
    return await world.probe_asking({}, target(closed_port(), host="localhost"))


async def _unreachable_target(world: World) -> Observation:
    return await world.probe(target(443, host=NOWHERE))


async def _unreachable_first_hop(world: World) -> Observation:
    return await world.probe(target(443), hop(8080, "http", NOWHERE))


async def _deaf_target(world: World) -> Observation:
    return await world.probe(target(deaf_port(world)), timeout=SHORT)


async def _deaf_first_hop(world: World) -> Observation:
    return await world.probe(target(443), hop(deaf_port(world)), timeout=SHORT)


def _reset(stage: str) -> Provoke:
    async def provoke(world: World) -> Observation:
        reset = await world.peer(after_bytes(then="reset"))
        if stage == "tls":
            return await world.probe(target(reset.port))
        if stage == "behind":
            proxy = await world.peer(answering(b"HTTP/1.1 200 OK\r\n\r\n", then="reset"))
            return await world.probe(target(443), hop(proxy.port))
        if stage == "proxy-tls":
            return await world.probe(target(443), hop(reset.port, "https"))
        if stage == "http":
            return await world.probe(target(reset.port, "http"))
        return await world.probe(target(443), hop(reset.port))

    return provoke


def _refusing_kernel(number: int | None) -> Provoke:
    """The system call fails with this number (None: MemoryError)."""

    async def provoke(world: World) -> Observation:
        error = MemoryError() if number is None else OSError(number, os.strerror(number))
        loop = asyncio.get_running_loop()
        with mock.patch.object(loop, "create_connection", side_effect=error):
            return await world.probe(target(443))

    return provoke


async def _no_descriptor_for_a_connection(world: World) -> Observation:
    peer = await world.peer(silent)
    prober = await world.prober()
    with no_descriptors_left():
        return await prober.probe(target(peer.port), route())


async def _bug_before_the_connection(world: World) -> Observation:
    with mock.patch.object(probe, "assemble", side_effect=KeyError("a bug")):
        return await world.probe(target(443), hop(8080))


def _bug_in_a_layer(method: str) -> Provoke:
    async def provoke(world: World) -> Observation:
        peer = await world.peer(answering(b"HTTP/1.1 200 OK\r\n\r\n"))
        with mock.patch(f"prober.wire.connect.Connect.{method}", side_effect=KeyError("a bug")):
            return await world.probe(target(443), hop(peer.port), timeout=1)

    return provoke


async def _bug_at_the_end(world: World) -> Observation:
    peer = await world.peer(after_bytes(then="close"))
    with mock.patch("prober.wire.tls.Tls.eof", side_effect=KeyError("a bug")):
        return await world.probe(target(peer.port), timeout=1)


CASES = [
    Case("target", Stage.CONNECT, 0, Reason.TCP_REFUSED, "ECONNREFUSED", _refused_by_the_target),
    Case("first hop", Stage.CONNECT, 1, Reason.TCP_REFUSED, "ECONNREFUSED", _refused_by_the_first_hop),
    Case("all addresses", Stage.CONNECT, 0, Reason.TCP_REFUSED, "::1", _refused_by_all_addresses),
    Case("target", Stage.CONNECT, 0, Reason.TCP_UNREACHABLE, f"{NOWHERE}:443: ENETUNREACH", _unreachable_target),
    Case("first hop", Stage.CONNECT, 1, Reason.TCP_UNREACHABLE, f"{NOWHERE}:8080: ENETUNREACH", _unreachable_first_hop),
    Case("target", Stage.CONNECT, 0, Reason.TCP_TIMEOUT, "no end after 0.3 s while connecting to", _deaf_target),
    Case("first hop", Stage.CONNECT, 1, Reason.TCP_TIMEOUT, "connecting to hop 1 (http://127.0.0.1:", _deaf_first_hop),
    Case("after ClientHello", Stage.TLS, 0, Reason.TCP_RESET, "ECONNRESET", _reset("tls")),
    Case("behind a proxy", Stage.TLS, 0, Reason.TCP_RESET, "ECONNRESET", _reset("behind")),
    Case("after ClientHello", Stage.PROXY_TLS, 1, Reason.TCP_RESET, "ECONNRESET", _reset("proxy-tls")),
    Case("after CONNECT", Stage.PROXY, 1, Reason.TCP_RESET, "ECONNRESET", _reset("proxy")),
    Case("after the request", Stage.HTTP, 0, Reason.TCP_RESET, "ECONNRESET", _reset("http")),
    Case("for a connection", Stage.LOCAL, 0, Reason.LOCAL_DESCRIPTORS, "EMFILE", _no_descriptor_for_a_connection),
    Case("of all", Stage.LOCAL, 0, Reason.LOCAL_DESCRIPTORS, "ENFILE", _refusing_kernel(errno.ENFILE)),
    Case("none free", Stage.LOCAL, 0, Reason.LOCAL_PORTS, "EADDRNOTAVAIL", _refusing_kernel(errno.EADDRNOTAVAIL)),
    Case("no buffers", Stage.LOCAL, 0, Reason.LOCAL_MEMORY, "ENOBUFS", _refusing_kernel(errno.ENOBUFS)),
    Case("no heap", Stage.LOCAL, 0, Reason.LOCAL_MEMORY, "MemoryError", _refusing_kernel(None)),
    Case("unheard-of number", Stage.CONNECT, 0, Reason.INTERNAL, "EXDEV", _refusing_kernel(errno.EXDEV)),
    Case("in assembly", Stage.CONNECT, 1, Reason.INTERNAL, "KeyError", _bug_before_the_connection),
    Case("as it starts", Stage.PROXY, 1, Reason.INTERNAL, "KeyError", _bug_in_a_layer("start")),
    Case("as it is fed", Stage.PROXY, 1, Reason.INTERNAL, "KeyError", _bug_in_a_layer("feed")),
    Case("at the end", Stage.TLS, 0, Reason.INTERNAL, "KeyError", _bug_at_the_end),
]
