"""What this machine's own network offers, asked of the routing table without sending a packet."""

from __future__ import annotations

import socket
from typing import Final

from prober.engine.errors import LOCAL, os_reason

_ANYWHERE: Final = {
    socket.AF_INET: "192.0.2.1",
    socket.AF_INET6: "2001:db8::1",
}  # RFC 5737, RFC 3849: documentation only


def has_way_out(family: socket.AddressFamily) -> bool:
    """Whether the routing table has a way to the internet for this family (connect(2) on UDP sends nothing).

    True where this process has nothing left to ask with: our own limits are not the network's.
    """
    try:
        probe = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        return os_reason(error) in LOCAL
    with probe:
        try:
            probe.connect((_ANYWHERE[family], 443))
        except OSError:
            return False
    return True
