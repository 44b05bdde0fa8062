"""A scripted DNS server on loopback (RFC 1035), UDP."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from ipaddress import ip_address
from typing import cast

A = 1
AAAA = 28
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
SILENT = -1

Zone = Mapping[str, tuple[str, ...] | int]
"""Name to addresses (an empty tuple: no data), or to a response code; `SILENT` never answers.

`*` is every other name; `NAME/AAAA` is one type only. Names that are nowhere do not exist."""


class NameServer(asyncio.DatagramProtocol):
    """Answers from a zone and keeps the questions."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.ttl = 60
        self.questions: list[tuple[str, int]] = []
        self.asked = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        assert self._transport is not None
        return "{}:{}".format(*self._transport.get_extra_info("sockname"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, kind, question = _question(data)
        self.questions.append((name, kind))
        self.asked.set()
        found = self._find(name, kind)
        if found == SILENT:
            return
        code = found if isinstance(found, int) else NOERROR
        addresses = found if isinstance(found, tuple) else ()
        answers = [_record(address, kind, self.ttl) for address in addresses if (":" in address) == (kind == AAAA)]
        denied = [] if answers or code not in (NOERROR, NXDOMAIN) else [_authority(self.ttl)]
        numbers = (1, len(answers), len(denied), 0)
        head = struct.pack(">HHHHHH", *struct.unpack(">H", data[:2]), 0x8180 | code, *numbers)
        assert self._transport is not None
        self._transport.sendto(head + question + b"".join(answers + denied), addr)

    def _find(self, name: str, kind: int) -> tuple[str, ...] | int:
        typed = f"{name}/AAAA" if kind == AAAA else f"{name}/A"
        return self.zone.get(typed, self.zone.get(name, self.zone.get("*", NXDOMAIN)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set_result(None)

    async def close(self) -> None:
        """Stop answering."""
        assert self._transport is not None
        self._transport.close()
        await self._closed


async def serve_names(zone: Zone) -> NameServer:
    """A name server on a free port."""
    loop = asyncio.get_running_loop()
    _, server = await loop.create_datagram_endpoint(lambda: NameServer(zone), ("127.0.0.1", 0))
    return server


def _question(data: bytes) -> tuple[str, int, bytes]:
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode("ascii"))
        at += 1 + data[at]
    kind = struct.unpack(">H", data[at + 1 : at + 3])[0]
    return ".".join(labels).lower(), kind, data[12 : at + 5]


def _record(address: str, kind: int, ttl: int) -> bytes:
    packed = ip_address(address).packed
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, ttl, len(packed)) + packed


def _authority(ttl: int) -> bytes:
    """SOA, without which nobody may remember that there is nothing (RFC 2308)."""
    data = b"\0\0" + struct.pack(">IIIII", 1, 1, 1, 1, ttl)
    return b"\xc0\x0c" + struct.pack(">HHIH", 6, 1, ttl, len(data)) + data
