"""The one interface of everything that shakes hands: CONNECT, SOCKS, TLS, an HTTP exchange.

A layer takes bytes and returns bytes to send plus an outcome. It knows neither its position in the chain nor
the clock nor the socket, and it never raises for what a peer sent. Every layer bounds what it keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from prober.model import Reason

DETAIL_LIMIT = 300
"""Characters of a failure's detail; the rest of what a peer said is cut."""


class _NeedMore(Enum):
    NEED_MORE = "need more"


NEED_MORE = _NeedMore.NEED_MORE
"""The handshake goes on when more bytes come."""


@dataclass(frozen=True, slots=True)
class Done:
    """The handshake is over; `leftover` are bytes that already belong to the layer above."""

    leftover: bytes = b""


@dataclass(frozen=True, slots=True)
class Failed:
    """The handshake failed for `reason`; `detail` is for a person, bounded and printable."""

    reason: Reason
    detail: str
    status: int | None = None
    """The HTTP status that was the failure, where there was one."""


@dataclass(frozen=True, slots=True)
class NotTls:
    """A TLS layer was answered in something that is not TLS; whose fault that is depends on what stands below."""

    first: bytes
    """The first bytes that came, at most 64."""

    @property
    def looks_like_http(self) -> bool:
        """Whether the bytes look like an HTTP message or an HTML page."""
        return http_like(self.first) is True

    @property
    def status(self) -> int | None:
        """The status, where it is an HTTP response."""
        return http_status(self.first) or None


@dataclass(frozen=True, slots=True)
class Challenge:
    """The proxy demands a login, and we hold credentials: the engine decides whether they may be sent."""

    offered: tuple[str, ...]
    """Schemes on offer, lower case."""
    reusable: bool
    """Whether the answer can travel on this connection."""
    refusal: Failed
    """What the failure is if nobody logs in."""


Outcome = _NeedMore | Done | Failed | NotTls | Challenge
Step = tuple[bytes, Outcome]
"""Bytes to send now, and what became of the handshake."""


class Layer(Protocol):
    """A handshake, fed with bytes."""

    timeout_reason: Reason
    """What it is called when the deadline falls inside this layer."""

    def start(self) -> bytes:
        """The first bytes to send (may be empty)."""

    def feed(self, data: bytes) -> Step:
        """Take what the peer sent."""

    def eof(self) -> Outcome:
        """The peer closed its side; never `NEED_MORE`."""


class LoginLayer(Layer, Protocol):
    """A layer that can answer a `Challenge`."""

    offered: tuple[str, ...]
    login_state: str
    status: int | None

    def login(self, user: str, password: str) -> bytes:
        """Bytes that carry the login."""

    def preauthorise(self, user: str, password: str) -> None:
        """Send the login at once instead of waiting to be asked; call before `start`."""


def http_like(first: bytes) -> bool | None:
    """Whether an answer begins like HTTP or a page; None while too little of it has come to tell.

    How the bytes were cut into segments must not change the verdict. At most 64 bytes are looked at.
    """
    head = first[:64].lstrip()[:5].upper()
    if head.startswith((b"HTTP/", b"<")):
        return True
    return None if len(first) < 64 and b"HTTP/".startswith(head) else False


def http_status(first: bytes) -> int | None:
    """The status in the first bytes of an HTTP/1 response; 0 if it is none, None while too little has come to tell."""
    head = first.lstrip()[:12]
    if http_like(first) is False or not head.upper().startswith(b"HTTP/"[: len(head)]):
        return 0
    if len(head) < 12:
        return None
    return int(head[9:]) if head[9:].isdigit() else 0


def printable(data: bytes | str, limit: int = DETAIL_LIMIT) -> str:
    """Peer bytes as bounded text: controls, bidirectional marks and undecodable bytes become escapes."""
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    if len(text) <= limit and text.isprintable():
        return text
    cut = text[: limit + 1]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
