"""HTTP CONNECT (RFC 9110 section 9.3.6), with Basic login on the same connection where the proxy keeps it open."""

from __future__ import annotations

from prober.model import Reason
from prober.wire import http1
from prober.wire.layer import NEED_MORE, Done, Failed, Outcome, Step
from prober.wire.login import BasicLogin
from prober.wire.refusal import refusal


class Connect(BasicLogin):
    """One CONNECT to `authority` (`host:port`, IPv6 in brackets).

    Done: any 2xx; bytes behind the head travel on. A challenge is raised only if `can_login`.
    """

    timeout_reason = Reason.PROXY_TIMEOUT

    def __init__(self, authority: str, *, user_agent: str, can_login: bool = False) -> None:
        super().__init__(can_login=can_login)
        self._authority = authority
        self._user_agent = user_agent

    @property
    def _tried(self) -> str:
        return f"CONNECT {self._authority}"

    def start(self) -> bytes:
        """The request."""
        headers = [("User-Agent", self._user_agent), ("Proxy-Connection", "keep-alive"), *self._login_headers]
        return http1.request("CONNECT", self._authority, self._authority, headers)

    def feed(self, data: bytes) -> Step:
        """Read the answer; refusals are told apart, a 2xx opens the tunnel."""
        if self._draining:
            return b"", self._drain(data)
        reader = self._reader
        try:
            if not reader.feed(data):
                return b"", NEED_MORE
        except http1.MessageError as error:
            return b"", Failed(Reason.PROXY_PROTOCOL_ERROR, f"the proxy {error} (to {self._tried})")
        self.status = reader.status
        if 200 <= reader.status < 300:
            self._accepted()
            return b"", Done(reader.rest)
        # After a login some proxies (tinyproxy) say 401 where they mean 407.
        if reader.status == 407 or (reader.status == 401 and self._authorization is not None):
            return b"", self._demanded()
        return b"", refusal(reader, self._tried)

    def eof(self) -> Outcome:
        """The proxy closed instead of answering."""
        challenge = self._hung_up()
        if challenge is not None:
            return challenge
        said = f" after {self._reader.said!r}" if self._reader.started else " without an answer"
        return Failed(Reason.PROXY_CLOSED, f"the proxy closed the connection{said} to {self._tried}")
