"""Many GETs one after another on one connection (RFC 9112), whose answers are counted and not kept; or none at all.

`Transfers` and `Held` are rungs at the top of a stack that stay there: they are never done by themselves.
"""

from __future__ import annotations

from typing import Final
from weakref import proxy

import httptools

from prober.model import Reason
from prober.wire.http1 import MAX_HEAD, MAX_INTERIM
from prober.wire.layer import NEED_MORE, Done, Failed, Outcome, Step, printable
from prober.wire.refusal import BY_STATUS

_OK: Final = 200
_PROXYS_OWN: Final = (407, 429, 502, 503, 504, 511)
"""Statuses that are the proxy's when it was sent the request itself; others may be the origin's."""
_FRAMES: Final = (b"content-length", b"transfer-encoding")


class Held:
    """A tunnel that is held: nothing is said, and what comes is not read."""

    timeout_reason = Reason.TLS_TIMEOUT

    def start(self) -> bytes:
        """Nothing."""
        return b""

    def feed(self, data: bytes) -> Step:
        """Whatever it is, it goes on."""
        return b"", NEED_MORE

    def eof(self) -> Outcome:
        """The peer let go."""
        return Failed(Reason.HTTP_CLOSED, "the connection was closed while it was held")


class Transfers:
    """The same request again and again: `ask` sends it, and `whole` says that its answer came with status 200 and in
    full length. Anything else is a failure, of which the stack is told."""

    timeout_reason = Reason.HTTP_TIMEOUT

    def __init__(self, request: bytes, *, expected: int | None = None, proxied: bool = False) -> None:
        """`expected`: octets that a whole body has; None = what the answer says. `proxied`: the request goes to an HTTP
        proxy in absolute form."""
        self._request = request
        self._expected = expected
        self._proxied = proxied
        self._parser = httptools.HttpResponseParser(_Ear(self))
        self._framed = False
        self._head = 0
        self._interim = 0
        self._in_head = True
        self._wrong: Failed | None = None
        self.asked = False
        """A request is under way."""
        self.answering = False
        """The first octet of its answer has come."""
        self.whole = False
        """The last answer came whole, and nothing has been asked since."""
        self.reusable = True
        """Whether the peer keeps the connection."""
        self.blames_proxy = False
        """Set with a failure that is the proxy's answer, not the target's."""
        self.body = 0
        """Octets of the present answer's body."""
        self.received = 0
        """Octets of all answers, heads included."""

    @property
    def unattributed(self) -> bool:
        """Whether the request went to a proxy that has not answered yet."""
        return self._proxied and not self.answering

    def start(self) -> bytes:
        """Nothing: the first request has its own moment."""
        return b""

    def ask(self) -> bytes:
        """The next request."""
        self.asked, self.answering, self.whole = True, False, False
        self.body = self._head = self._interim = 0
        self._in_head, self._framed = True, False
        return self._request

    def feed(self, data: bytes) -> Step:
        """Count what came."""
        self.received += len(data)
        if not self.asked:
            return b"", Failed(Reason.HTTP_PROTOCOL_ERROR, f"answered without being asked: {printable(data[:60])!r}")
        self.answering = True
        if self._in_head:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._wrong is None:
                return b"", Failed(Reason.HTTP_PROTOCOL_ERROR, printable(f"not an HTTP/1.1 answer: {error}"))
        except httptools.HttpParserUpgrade:
            return b"", self._status_failure()
        if self._in_head and self._head > MAX_HEAD:
            return b"", Failed(Reason.HTTP_PROTOCOL_ERROR, f"sent more than {MAX_HEAD} bytes of response head")
        return b"", self._wrong or NEED_MORE

    def eof(self) -> Outcome:
        """The peer closed: the end of a body that has no other, or the end of a connection at rest."""
        if not self.asked:
            return Done()
        if self.answering and not self._in_head and not self._framed and self._wrong is None:
            self.reusable = False
            self._complete()
            if self._wrong is None:
                return Done()
        if self._wrong is not None:
            return self._wrong
        so_far = f"after {self.body} bytes of body" if self.answering else "without an answer"
        return Failed(Reason.HTTP_CLOSED, f"the connection was closed {so_far}")

    def _status_failure(self) -> Failed:
        status = self._parser.get_status_code()
        if self._proxied and status in _PROXYS_OWN:
            self.blames_proxy = True
            return Failed(BY_STATUS[status], f"the proxy answered {status}", status)
        reason = Reason.HTTP_AUTH_REQUIRED if status == 401 else Reason.HTTP_PROTOCOL_ERROR
        return Failed(reason, f"answered {status}, expected {_OK}", status)

    def _complete(self) -> None:
        if self._expected is not None and self.body != self._expected:
            text = f"sent {self.body} bytes of body, expected {self._expected}"
            self._wrong = Failed(Reason.HTTP_PROTOCOL_ERROR, text, _OK)
            return
        self.asked, self.whole = False, True

    # what llhttp finds
    def on_header(self, name: bytes) -> None:
        """Whether the body says where it ends (RFC 9112 section 6.3)."""
        if self._in_head and name.lower() in _FRAMES:
            self._framed = True

    def on_headers_complete(self) -> None:
        """The status decides. Of two answers to one request the second is wrong."""
        if not self.asked:
            self.whole = False
            self._wrong = Failed(Reason.HTTP_PROTOCOL_ERROR, "sent more than one answer")
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                self._wrong = Failed(Reason.HTTP_PROTOCOL_ERROR, f"sent more than {MAX_INTERIM} interim responses")
            return
        self._in_head = False
        self.reusable = self._parser.should_keep_alive()
        if status != _OK:
            self._wrong = self._wrong or self._status_failure()

    def on_body(self, size: int) -> None:
        """More of the body."""
        self.body += size

    def on_message_complete(self) -> None:
        """The answer ends here; a 1xx is none."""
        if not self._in_head and self._wrong is None:
            self._complete()


class _Ear:
    """llhttp's callbacks. The parser keeps them and the layer keeps the parser, so they must not keep the layer."""

    __slots__ = ("_layer",)

    def __init__(self, layer: Transfers) -> None:
        self._layer = proxy(layer)

    def on_header(self, name: bytes, _value: bytes) -> None:
        self._layer.on_header(name)

    def on_headers_complete(self) -> None:
        self._layer.on_headers_complete()

    def on_body(self, data: bytes) -> None:
        self._layer.on_body(len(data))

    def on_message_complete(self) -> None:
        self._layer.on_message_complete()
