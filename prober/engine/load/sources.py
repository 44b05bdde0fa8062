"""Local addresses to connect from.

Whoever closes a connection first keeps its pair of addresses and ports for a minute (TIME_WAIT, RFC 9293 section
3.3.2), and that is us: a client that closes is what RFC 9411 has, and waiting for the server to close would measure its
idle timer. From one address to one peer there are as many ports as `ip_local_port_range` has, so no more than some 470
connections a second can last; Linux takes ports of loopback again after a second (`tcp_tw_reuse` 2), but has to search
for them. A connection that is held has its port for as long as it is. Towards loopback any address of 127.0.0.0/8 will
do; elsewhere the addresses have to be the machine's own.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

TIME_WAIT: Final = 60.0
"""Seconds, on Linux."""
_USUAL_PORTS: Final = 28232
"""Linux's default range."""
_MOST_SOURCES: Final = 200
_USED: Final = 0.5
"""Share of the ports of an address that may wait, or be held, at once: those that a run held wait while the next run
opens its own."""
BIND_ADDRESS_NO_PORT: Final = 24
"""IP_BIND_ADDRESS_NO_PORT of Linux: the port is chosen at connect(2), when the peer is known."""


def local_ports() -> int:
    """Ports for connections from one address to one peer."""
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
        return int(high) - int(low) + 1
    except (OSError, ValueError):
        return _USUAL_PORTS


def waiting_ports() -> int:
    """Sockets of this machine in TIME_WAIT; 0 where the system does not say."""
    try:
        text = Path("/proc/net/sockstat").read_text(encoding="ascii")
    except OSError:
        return 0
    words = text.split()
    return int(words[words.index("tw") + 1]) if "tw" in words else 0


def unusable(addresses: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Those of them that this machine cannot connect from, each with why."""
    for text in addresses:
        address = ip_address(text)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        try:
            with socket.socket(family, socket.SOCK_STREAM) as tried:
                tried.bind((text, 0))
        except OSError as error:
            unknown = error.errno == errno.EADDRNOTAVAIL
            yield text, "this machine does not have it" if unknown else os.strerror(error.errno or 0)


def sources_for(peer: str, rate: float, given: Sequence[str] = (), *, held: float = 0) -> tuple[str, ...]:
    """Addresses to connect from to reach `peer` with `rate` new connections a second, or to hold `held` of them open at
    once; empty = the system's choice.

    127.0.0.1 alone as long as it does: a proxy's rules may let in that one only.
    """
    if given:
        return tuple(given)
    address = ip_address(peer.split("%", 1)[0])
    needed = min(_MOST_SOURCES, int(max(rate * TIME_WAIT, held) / (local_ports() * _USED)) + 1)
    if not sys.platform.startswith("linux") or address.version != 4 or not address.is_loopback or needed == 1:
        return ()
    return ("127.0.0.1", *(f"127.0.0.{number}" for number in range(2, needed + 1)))
