"""How much one client, and all of them together, may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LINE: Final = 8190
"""Bytes of a request line, and of a header field."""
FIELDS: Final = 100
"""Header fields of a request."""
BODY: Final = 64 * 1024
"""Bytes of a request's body, where one may be sent at all."""
LINGERING: Final = 2.0
"""Seconds for which a body that nobody wants is read, so that the client sees its answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are in seconds."""

    connections: int = 2000
    """Beyond, one that waits for its client makes room; if all are at work, the new one is sent away."""
    streams: int = 200
    """Live pages (server-sent events) at once."""
    head: float = 10.0
    """From the connection, or from a request's first byte, to the end of its head; the TLS handshake too has it."""
    idle: float = 120.0
    """Between two requests on a connection."""
    answer: float = 60.0
    """Until a client has taken what was sent to it."""
