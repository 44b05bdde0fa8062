"""What this machine's own network offers, asked of the routing table without sending a packet."""

from __future__ import annotations

import socket
from typing import Final

_ANYWHERE: Final = {
    socket.AF_INET: "192.0.2.1",
    socket.AF_INET6: "2001:db8::1",
}  # RFC 5737, RFC 3849: documentation only


def has_way_out(family: socket.AddressFamily) -> bool:
    """Whether the routing table has a way to the internet for this family (connect(2) on UDP sends nothing)."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ANYWHERE[family], 443))
    except OSError:
        return False
    return True
