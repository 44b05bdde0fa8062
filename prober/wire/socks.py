"""SOCKS 4 and 4a (the memos of 1992 and 1996), SOCKS 5 (RFC 1928) with user name and password (RFC 1929)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from prober.model import Reason
from prober.wire.layer import NEED_MORE, Challenge, Done, Failed, Outcome, Step, http_like, printable

Address = IPv4Address | IPv6Address | str
"""Where the proxy shall go: an address, or a name for the proxy to resolve."""

_SOCKS4_REPLIES = {
    0x5B: (Reason.PROXY_UPSTREAM_CONNECT, "request rejected or failed"),
    0x5C: (Reason.PROXY_AUTH_REQUIRED, "the proxy could not reach an identd here"),
    0x5D: (Reason.PROXY_AUTH_FAILED, "identd and the user id do not agree"),
}
_SOCKS5_REPLIES = {
    1: (Reason.PROXY_INTERNAL, "general failure"),
    2: (Reason.PROXY_DENIED, "not allowed by the proxy's rules"),
    3: (Reason.PROXY_UPSTREAM_CONNECT, "network unreachable"),
    4: (Reason.PROXY_UPSTREAM_CONNECT, "host unreachable (also used when its name does not resolve)"),
    5: (Reason.PROXY_UPSTREAM_CONNECT, "connection refused"),
    6: (Reason.PROXY_UPSTREAM_TIMEOUT, "TTL expired"),
    7: (Reason.PROXY_PROTOCOL_ERROR, "command not supported"),
    8: (Reason.PROXY_PROTOCOL_ERROR, "address type not supported"),
}
"""REP of RFC 1928 section 6."""


def _wrong_protocol(data: bytes, expected: str, tried: str) -> Failed:
    """Not a SOCKS reply. HTTP or TLS in its place means another kind of server listens there."""
    if http_like(data):
        return Failed(Reason.NOT_A_PROXY, f"answered HTTP to {tried}: {printable(data[:60])!r}; use http://, not SOCKS")
    if data[:1] in (b"\x15", b"\x16"):
        return Failed(Reason.NOT_A_PROXY, f"answered TLS to {tried}; use https://, not SOCKS")
    return Failed(Reason.PROXY_PROTOCOL_ERROR, f"answered {printable(data[:60])!r} to {tried}, expected {expected}")


class Socks4:
    """SOCKS 4 with an IPv4 address, or 4a with a name."""

    timeout_reason = Reason.PROXY_TIMEOUT

    def __init__(self, address: Address, port: int, *, user_id: str = "") -> None:
        self._address = address
        self._port = port
        self._user_id = user_id.encode()
        self._tried = f"SOCKS4 CONNECT {address}:{port}"
        self._buffer = b""
        self.status: int | None = None
        self.offered: tuple[str, ...] = ()
        self.login_state = "none"

    def start(self) -> bytes:
        """VN 4, CD 1, port, address (0.0.0.1 and the name behind the user id for 4a)."""
        port = self._port.to_bytes(2, "big")
        if isinstance(self._address, str):
            name = self._address.encode("ascii") + b"\0"
            return b"\x04\x01" + port + b"\0\0\0\x01" + self._user_id + b"\0" + name
        return b"\x04\x01" + port + self._address.packed[:4] + self._user_id + b"\0"

    def feed(self, data: bytes) -> Step:
        """Eight bytes: 0, code, port, address."""
        self._buffer += data
        if self._buffer[:1] not in (b"", b"\0"):
            return b"", NEED_MORE if http_like(self._buffer) is None else self._not_socks()
        if len(self._buffer) < 8:
            return b"", NEED_MORE
        self.status = code = self._buffer[1]
        if code == 0x5A:
            return b"", Done(self._buffer[8:])
        reason, text = _SOCKS4_REPLIES.get(code, (Reason.PROXY_PROTOCOL_ERROR, "unknown reply code"))
        return b"", Failed(reason, f"reply {code} ({text}) to {self._tried}")

    def _not_socks(self) -> Failed:
        return _wrong_protocol(self._buffer, "a SOCKS4 reply", self._tried)

    def eof(self) -> Outcome:
        """The proxy closed instead of answering."""
        if self._buffer[:1] not in (b"", b"\0"):
            return self._not_socks()
        return Failed(Reason.PROXY_CLOSED, f"the proxy closed the connection without an answer to {self._tried}")


class Socks5:
    """SOCKS 5: method selection, login if asked, CONNECT. Names go to the proxy, addresses as addresses."""

    timeout_reason = Reason.PROXY_TIMEOUT

    def __init__(self, address: Address, port: int, *, can_login: bool = False, anonymous_first: bool = False) -> None:
        self._address = address
        self._port = port
        self._can_login = can_login
        # A server that is offered both may choose the password though it would have done without.
        self._anonymous_first = can_login and anonymous_first
        self._tried = f"SOCKS5 CONNECT {address}:{port}"
        self._buffer = b""
        self._state = "method"
        self._credentials: tuple[str, str] | None = None
        self.status: int | None = None
        self.offered: tuple[str, ...] = ()
        self.login_state = "none"

    def preauthorise(self, user: str, password: str) -> None:
        """Answer a demand for a password without asking the engine."""
        self._credentials = (user, password)
        self._can_login = True
        self._anonymous_first = False

    def start(self) -> bytes:
        """VER 5 and the methods: none, and user/password if we hold one."""
        return b"\x05\x02\x00\x02" if self._can_login and not self._anonymous_first else b"\x05\x01\x00"

    def login(self, user: str, password: str) -> bytes:
        """RFC 1929 section 2; each at most 255 bytes (the configuration sees to it)."""
        name, secret = user.encode()[:255], password.encode()[:255]
        self._state = "login"
        return b"\x01" + bytes([len(name)]) + name + bytes([len(secret)]) + secret

    def feed(self, data: bytes) -> Step:
        """Go as far as the bytes reach; each state sends at most one message."""
        self._buffer += data
        out = b""
        while True:
            sent, outcome = self._advance()
            out += sent
            if outcome is not None:
                return out, outcome

    def _advance(self) -> tuple[bytes, Outcome | None]:
        """One message; None as outcome means that the next one may be in the buffer already."""
        if self._state == "method":
            return self._method()
        if self._state == "login":
            return self._login_reply()
        return self._connect_reply()

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _method(self) -> tuple[bytes, Outcome | None]:
        if self._buffer[:1] not in (b"", b"\x05"):
            return b"", NEED_MORE if http_like(self._buffer) is None else self._not_socks()
        if len(self._buffer) < 2:
            return b"", NEED_MORE
        method = self._take(2)[1]
        if method == 0:
            self._state = "connect"
            return self._request(), None
        if method == 2 and self._can_login:
            self.offered = ("password",)
            if self._credentials is not None:
                return self.login(*self._credentials), None
            refused = Failed(Reason.PROXY_AUTH_REQUIRED, "the SOCKS5 proxy demands a user name and password")
            return b"", Challenge(self.offered, True, refused)
        if method == 0xFF and self._anonymous_first:
            self.offered = ("password",)
            refused = Failed(Reason.PROXY_AUTH_REQUIRED, "the SOCKS5 proxy accepts no connection without a login")
            return b"", Challenge(self.offered, False, refused)
        if method == 0xFF:
            held = "neither no login nor a password" if self._can_login else "no connection without a login"
            return b"", Failed(Reason.PROXY_AUTH_REQUIRED, f"the SOCKS5 proxy accepts {held} (method 255)")
        return b"", Failed(
            Reason.PROXY_PROTOCOL_ERROR, f"the SOCKS5 proxy chose method {method}, which was not offered"
        )

    def _login_reply(self) -> tuple[bytes, Outcome | None]:
        if len(self._buffer) < 2:
            return b"", NEED_MORE
        version, code = self._take(2)
        if version not in (1, 5):  # 5 is seen from servers that misread RFC 1929
            return b"", Failed(Reason.PROXY_PROTOCOL_ERROR, f"login reply of version {version}, expected 1")
        if code != 0:
            self.login_state = "rejected"
            return b"", Failed(Reason.PROXY_AUTH_FAILED, f"the SOCKS5 proxy refused the password (status {code})")
        self.login_state = "accepted"
        self._state = "connect"
        return self._request(), None

    def _request(self) -> bytes:
        port = self._port.to_bytes(2, "big")
        if isinstance(self._address, IPv4Address):
            return b"\x05\x01\x00\x01" + self._address.packed + port
        if isinstance(self._address, IPv6Address):
            return b"\x05\x01\x00\x04" + self._address.packed + port
        name = self._address.encode("ascii")[:255]
        return b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port

    def _connect_reply(self) -> tuple[bytes, Outcome | None]:
        buffer = self._buffer
        if buffer[:1] not in (b"", b"\x05"):
            return b"", Failed(Reason.PROXY_PROTOCOL_ERROR, f"reply of version {buffer[0]} to {self._tried}")
        if len(buffer) < 2:
            return b"", NEED_MORE
        if buffer[1] != 0:  # some servers close without the rest of a refusal
            self.status = buffer[1]
            reason, text = _SOCKS5_REPLIES.get(buffer[1], (Reason.PROXY_PROTOCOL_ERROR, "unknown reply code"))
            return b"", Failed(reason, f"reply {buffer[1]} ({text}) to {self._tried}")
        if len(buffer) < 5:
            return b"", NEED_MORE
        size = {1: 4, 3: buffer[4] + 1, 4: 16}.get(buffer[3])
        if size is None:
            return b"", Failed(Reason.PROXY_PROTOCOL_ERROR, f"bound address of type {buffer[3]} to {self._tried}")
        if len(buffer) < 4 + size + 2:
            return b"", NEED_MORE
        self.status = 0
        self._take(4 + size + 2)
        return b"", Done(self._buffer)

    def _not_socks(self) -> Failed:
        return _wrong_protocol(self._buffer, "a SOCKS5 method", "a SOCKS5 greeting")

    def eof(self) -> Outcome:
        """The proxy closed instead of answering."""
        if self._state == "method" and self._buffer[:1] not in (b"", b"\x05"):
            return self._not_socks()
        if self._state == "login":
            self.login_state = "rejected"
            return Failed(Reason.PROXY_AUTH_FAILED, "the SOCKS5 proxy closed the connection on the password")
        return Failed(Reason.PROXY_CLOSED, f"the proxy closed the connection without an answer to {self._tried}")
