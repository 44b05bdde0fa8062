"""A scripted DNS server on loopback (RFC 1035, UDP): knows AAAA records only."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv6Address

_AAAA = 28
_ANSWER = 0x8180


@contextmanager
def ipv6_names(zone: Mapping[str, str]) -> Iterator[str]:
    """Serve the zone (name to IPv6 address) and yield `127.0.0.1:PORT`. Other names exist and have no address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_answer, args=(server, zone))
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"", server.getsockname())
            thread.join()


def _answer(server: socket.socket, zone: Mapping[str, str]) -> None:
    while True:
        query, asker = server.recvfrom(4096)
        if not query:
            return
        server.sendto(_reply(query, zone), asker)


def _reply(query: bytes, zone: Mapping[str, str]) -> bytes:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii"))
        at += 1 + query[at]
    (kind,) = struct.unpack(">H", query[at + 1 : at + 3])
    address = zone.get(".".join(labels).lower()) if kind == _AAAA else None
    records = b""
    if address is not None:
        records = b"\xc0\x0c" + struct.pack(">HHIH", _AAAA, 1, 60, 16) + IPv6Address(address).packed
    return query[:2] + struct.pack(">HHHHH", _ANSWER, 1, 1 if records else 0, 0, 0) + query[12 : at + 5] + records
