"""HTTP CONNECT (RFC 9110 section 9.3.6), with Basic login on the same connection where the proxy keeps it open."""

from __future__ import annotations

from prober.model import Reason
from prober.wire import http1
from prober.wire.layer import NEED_MORE, Challenge, Done, Failed, Outcome, Step
from prober.wire.refusal import offered_schemes, refusal

MAX_REFUSAL_BODY = 256 * 1024
"""Bytes of a 407's page that are read so that the connection can be used again."""


class Connect:
    """One CONNECT to `authority` (`host:port`, IPv6 in brackets).

    Done: any 2xx; bytes behind the head travel on. A challenge is raised only if `can_login`.
    """

    timeout_reason = Reason.PROXY_TIMEOUT

    def __init__(self, authority: str, *, user_agent: str, can_login: bool = False) -> None:
        self._authority = authority
        self._user_agent = user_agent
        self._can_login = can_login
        self._authorization: str | None = None
        self._reader = http1.ResponseReader()
        self._draining = False
        self._unanswered: Challenge | None = None
        self.status: int | None = None
        self.offered: tuple[str, ...] = ()
        self.login_state = "none"

    def preauthorise(self, user: str, password: str) -> None:
        """Send `Proxy-Authorization` with the first request."""
        self._authorization = http1.basic(user, password)
        self._can_login = False

    def start(self) -> bytes:
        """The request."""
        headers = [("User-Agent", self._user_agent), ("Proxy-Connection", "keep-alive")]
        if self._authorization is not None:
            headers.append(("Proxy-Authorization", self._authorization))
        return http1.request("CONNECT", self._authority, self._authority, headers)

    def login(self, user: str, password: str) -> bytes:
        """Ask again, with credentials, on this connection."""
        self._unanswered = self._challenge(reusable=False)
        self.preauthorise(user, password)
        self._reader = http1.ResponseReader()
        self._draining = False
        return self.start()

    def feed(self, data: bytes) -> Step:
        """Read the answer; refusals are told apart, a 2xx opens the tunnel."""
        reader = self._reader
        try:
            if self._draining:
                return b"", self._drained(reader.read_body(data, MAX_REFUSAL_BODY))
            if not reader.feed(data):
                return b"", NEED_MORE
            self.status = reader.status
            if 200 <= reader.status < 300:
                if self._authorization is not None:
                    self.login_state = "accepted"
                return b"", Done(reader.rest)
            return b"", self._refused(reader)
        except http1.MessageError as error:
            if self._draining:
                return b"", self._challenge(reusable=False)
            return b"", Failed(Reason.PROXY_PROTOCOL_ERROR, f"the proxy {error} (to CONNECT {self._authority})")

    def _refused(self, reader: http1.ResponseReader) -> Outcome:
        # After a login some proxies (tinyproxy) say 401 where they mean 407.
        if reader.status != 407 and not (reader.status == 401 and self._authorization is not None):
            return refusal(reader, f"CONNECT {self._authority}")
        self.offered = offered_schemes(reader)
        if self._authorization is not None:
            self.login_state = "rejected"
            refused = refusal(reader, f"CONNECT {self._authority} with a login")
            return Failed(Reason.PROXY_AUTH_FAILED, refused.detail, refused.status)
        if not self._can_login or "basic" not in self.offered:
            return refusal(reader, f"CONNECT {self._authority}")
        if not reader.keeps_alive():
            return self._challenge(reusable=False)
        self._draining = True
        # llhttp reports a bodiless message complete with its head
        return self._drained(reader.body_done or reader.read_body(reader.rest, MAX_REFUSAL_BODY))

    def _drained(self, complete: bool) -> Outcome:
        return self._challenge(reusable=True) if complete else NEED_MORE

    def _challenge(self, *, reusable: bool) -> Challenge:
        return Challenge(self.offered, reusable, refusal(self._reader, f"CONNECT {self._authority}"))

    def eof(self) -> Outcome:
        """The proxy closed instead of answering."""
        if self._draining:
            return self._challenge(reusable=False)
        if self._unanswered is not None and not self._reader.started:
            return self._unanswered  # it hung up on the login, although it had promised to stay
        said = f" after {self._reader.said!r}" if self._reader.started else " without an answer"
        return Failed(Reason.PROXY_CLOSED, f"the proxy closed the connection{said} to CONNECT {self._authority}")
