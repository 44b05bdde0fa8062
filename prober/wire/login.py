"""Logging in to an HTTP proxy with Basic (RFC 7617): what CONNECT and a request in absolute form have in common.

Anonymous first. A 407 that offers Basic, while we hold a login, becomes a challenge: the engine decides. If the proxy
keeps the connection, the page of the 407 is read off and the request goes out again with the login; a proxy that
closes, or hangs up on the login although it had promised to stay, is to be asked anew on a second connection.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from prober.model import Reason
from prober.wire import http1
from prober.wire.layer import NEED_MORE, Challenge, Failed, Outcome
from prober.wire.refusal import offered_schemes, refusal

MAX_REFUSAL_BODY = 256 * 1024
"""Bytes of a 407's page that are read so that the connection can be used again."""


class BasicLogin(ABC):
    """The state of a login in a layer that talks HTTP to a proxy."""

    def __init__(self, *, can_login: bool) -> None:
        self._can_login = can_login
        self._authorization: str | None = None
        self._reader = http1.ResponseReader()
        self._draining = False
        self._unanswered: Challenge | None = None
        self.status: int | None = None
        self.offered: tuple[str, ...] = ()
        self.login_state = "none"

    @abstractmethod
    def start(self) -> bytes:
        """The request, with `_login_headers`."""

    @property
    @abstractmethod
    def _tried(self) -> str:
        """The request in words."""

    @property
    def _login_headers(self) -> list[tuple[str, str]]:
        return [] if self._authorization is None else [("Proxy-Authorization", self._authorization)]

    def preauthorise(self, user: str, password: str) -> None:
        """Send `Proxy-Authorization` with the first request."""
        self._authorization = http1.basic(user, password)
        self._can_login = False

    def login(self, user: str, password: str) -> bytes:
        """Ask again, with credentials, on this connection."""
        self._unanswered = self._challenge(reusable=False)
        self.preauthorise(user, password)
        self._reader = http1.ResponseReader()
        self._draining = False
        return self.start()

    def _accepted(self) -> None:
        if self._authorization is not None:
            self.login_state = "accepted"

    def _demanded(self) -> Outcome:
        """The proxy's answer was a demand for a login."""
        reader = self._reader
        self.offered = offered_schemes(reader)
        if self._authorization is not None:
            self.login_state = "rejected"
            refused = refusal(reader, f"{self._tried} with a login")
            return Failed(Reason.PROXY_AUTH_FAILED, refused.detail, refused.status)
        if not self._can_login or "basic" not in self.offered:
            return refusal(reader, self._tried)
        if not reader.keeps_alive():
            return self._challenge(reusable=False)
        self._draining = True
        return self._drain(reader.rest)

    def _drain(self, data: bytes) -> Outcome:
        """Read the page of the 407 off the connection; if that does not end well, another connection will do."""
        try:
            # llhttp reports a bodiless message complete with its head
            done = self._reader.body_done or self._reader.read_body(data, MAX_REFUSAL_BODY)
        except http1.MessageError:
            return self._challenge(reusable=False)
        return self._challenge(reusable=True) if done else NEED_MORE

    def _challenge(self, *, reusable: bool) -> Challenge:
        return Challenge(self.offered, reusable, refusal(self._reader, self._tried))

    def _hung_up(self) -> Challenge | None:
        """The connection ended: the challenge that then stands, if a login is under way."""
        if self._draining:
            return self._challenge(reusable=False)
        return self._unanswered if not self._reader.started else None
