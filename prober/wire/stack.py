"""Layers on top of each other: TLS in CONNECT in TLS in SOCKS is just a longer list.

Bytes from the network pass upwards through every TLS session already established and into the handshake that is
in progress; what that handshake wants to send passes the same sessions downwards. When a handshake is done, its
leftover goes to the next one. The stack has no clock: whoever drives it looks at `position` before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from prober.model import Failure, Reason, Stage
from prober.wire.exchange import Exchange
from prober.wire.layer import NEED_MORE, Challenge, Done, Failed, Layer, LoginLayer, NotTls, Outcome
from prober.wire.tls import Tls
from prober.wire.transfers import Transfers


class Rung(NamedTuple):
    """A layer with its place in the probe."""

    layer: Layer
    stage: Stage
    hop: int
    """0 for the target itself, 1… for proxies."""


_REQUESTS: Final = (Exchange, Transfers)
"""What asks the target itself, and is always the last rung."""

Guard = Callable[["Stack", Rung], None]
"""Called when a rung is done, before the next one says anything; may set the stack's failure."""


class Stack:
    """Drives the rungs in order. After each call look at `position`, `failure`, `challenge` and `finished`.

    `last_hop` is the number of the last proxy. It need not have a rung: a request in absolute form goes to it.
    """

    __slots__ = (
        "_guard",
        "_last_hop",
        "_sessions",
        "challenge",
        "exchange",
        "failure",
        "finished",
        "position",
        "rung",
        "rungs",
    )

    def __init__(self, rungs: Sequence[Rung], guard: Guard | None = None, *, last_hop: int = 0) -> None:
        self.rungs = tuple(rungs)
        """All of them, in order."""
        self._guard = guard
        self._last_hop = last_hop
        self._sessions: list[Tls] = []
        self.position = 0
        self.failure: Failure | None = None
        self.challenge: Challenge | None = None
        self.finished = not self.rungs
        self.exchange: Exchange | None = None
        """The request to the target, where one is made."""
        if self.rungs:
            self.rung = self.rungs[0]
            """The one in progress (the last one when finished); a stack of none has none."""
            last = self.rungs[-1].layer
            if not isinstance(last, Tls) and isinstance(last, Exchange):
                self.exchange = last

    @property
    def place(self) -> tuple[Stage, int]:
        """Stage and hop of whoever has to act now: a request in absolute form is the last proxy's until it answers."""
        rung = self.rung
        if isinstance(rung.layer, _REQUESTS) and rung.layer.unattributed:
            return Stage.PROXY, self._last_hop
        return rung.stage, rung.hop

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.finished or self.failure is not None

    def stop(self) -> None:
        """Nothing more is to be said: the stack is finished where it stands."""
        self.finished = True

    def start(self) -> bytes:
        """The connection is there: the first bytes to send."""
        return b"" if self.finished else self._down(self.rung.layer.start())

    def say(self, data: bytes) -> bytes:
        """What the rung in progress wants to send by itself, wrapped for the wire."""
        return self._down(data)

    def receive(self, data: bytes) -> bytes:
        """Bytes from the network; returns bytes for it."""
        if self.over or self.challenge is not None:
            return b""
        out = b""
        ended: tuple[Tls, Failed | bool] | None = None
        for index, session in enumerate(self._sessions):
            data, state = session.decrypt(data)
            out += self._down(session.outgoing(), index)
            if state:  # the innermost end came first: what came before it still passes upwards
                ended = session, state
        out += self._feed(data)
        if ended is None or self.over:
            return out
        session, state = ended
        if isinstance(state, Failed):
            self._session_failed(session, state)
            return out
        return out + self.receive_eof()

    def _feed(self, data: bytes) -> bytes:
        out = b""
        while data:
            sent, outcome = self.rung.layer.feed(data)
            out += self._down(sent)
            if not isinstance(outcome, Done):
                self._take(outcome)
                break
            done = self.rung.layer
            out += self._advance()
            data = b"" if self.over else outcome.leftover
            if isinstance(done, Tls) and done.closed and not self.over:
                return out + self._feed(data) + self.receive_eof()
        return out

    def _advance(self) -> bytes:
        """The current rung is done; start the next one."""
        layer = self.rung.layer
        if isinstance(layer, Tls):
            self._sessions.append(layer)
        if self._guard is not None:
            self._guard(self, self.rung)
        self.position += 1
        if self.position == len(self.rungs):
            self.finished = self.finished or self.failure is None
            return b""
        self.rung = self.rungs[self.position]
        if self.over:
            return b""
        return self._down(self.rung.layer.start())

    def _take(self, outcome: Outcome) -> None:
        if outcome is NEED_MORE:
            return
        if isinstance(outcome, Challenge):
            self.challenge = outcome
        elif isinstance(outcome, NotTls):
            self._not_tls(outcome)
        elif isinstance(outcome, Failed):
            self._fail_rung(outcome)

    def _fail_rung(self, failed: Failed) -> None:
        rung = self.rung
        if isinstance(rung.layer, _REQUESTS) and rung.layer.blames_proxy:
            self.fail(failed.reason, failed.detail, Stage.PROXY, self._last_hop, failed.status)
        elif rung.stage is Stage.PROXY_TLS and failed.reason is Reason.CLIENT_CERT_REQUIRED:
            self.fail(Reason.PROXY_CLIENT_CERT_REQUIRED, failed.detail)
        else:
            self.fail(failed.reason, failed.detail, status=failed.status)

    def _session_failed(self, session: Tls, failed: Failed) -> None:
        """An established session broke: that is the fault of the rung that made it, not of what ran above."""
        rung = next(rung for rung in self.rungs if rung.layer is session)
        reason = failed.reason
        if rung.stage is Stage.PROXY_TLS and reason is Reason.CLIENT_CERT_REQUIRED:
            reason = Reason.PROXY_CLIENT_CERT_REQUIRED
        self.fail(reason, failed.detail, rung.stage, rung.hop)

    def _not_tls(self, outcome: NotTls) -> None:
        """Clear text where a ServerHello belongs. Behind a proxy that said yes, the proxy (or what it really
        connected us to) is to blame: a portal that answers everything with 200 and a page looks like this.
        Not so where a proxy of the chain answers in clear text, or anybody with status 400, which is what a server
        of plain HTTP says to a ClientHello: the port behind the tunnel speaks no TLS.
        """
        shown = f"expected a TLS ServerHello, got {outcome.first[:40]!r}"
        below = self.rungs[self.position - 1] if self.position else None
        plain = self.rung.stage is Stage.PROXY_TLS or outcome.status == 400
        if below is not None and below.stage is Stage.PROXY and not plain:
            reason = Reason.PROXY_CAPTIVE if outcome.looks_like_http else Reason.PROXY_PROTOCOL_ERROR
            self.fail(reason, f"the proxy opened a tunnel, then came clear text: {shown}", Stage.PROXY, below.hop)
        else:
            self.fail(Reason.TLS_HANDSHAKE, f"no TLS on this port: {shown}")

    def receive_eof(self) -> bytes:
        """The peer closed its side."""
        if self.over or self.challenge is not None:
            return b""
        outcome = self.rung.layer.eof()
        if isinstance(outcome, Done):
            return self._advance()
        self._take(outcome)
        return b""

    def hung_up(self) -> bool:
        """The connection broke; whether that leaves a demand for a login open, to be met on another connection."""
        outcome = self.rung.layer.eof()
        if isinstance(outcome, Challenge):
            self.challenge = outcome
        return self.challenge is not None

    def login(self, user: str, password: str) -> bytes:
        """Answer the challenge on this connection."""
        layer = self.rung.layer
        self.challenge = None
        return self._down(as_login(layer).login(user, password))

    def refuse_login(self) -> None:
        """Nobody logs in: the refusal stands."""
        challenge = self.challenge
        if challenge is not None:
            self.challenge = None
            self._fail_rung(challenge.refusal)

    def fail(
        self, reason: Reason, detail: str, stage: Stage | None = None, hop: int | None = None, status: int | None = None
    ) -> None:
        """Note a failure at the rung in progress, or where the caller knows better. The first one stands."""
        if self.failure is None:
            rung = self.rung
            self.failure = Failure(stage or rung.stage, rung.hop if hop is None else hop, reason, detail, status)

    def farewell(self) -> bytes:
        """close_notify of the innermost session, wrapped for the wire."""
        if not self._sessions:
            return b""
        inner = self._sessions[-1].close_notify()
        for session in reversed(self._sessions[:-1]):
            inner = session.encrypt(inner)
        return inner

    def _down(self, data: bytes, below: int | None = None) -> bytes:
        """Wrap for the wire: through all sessions, or only those below that index."""
        for session in reversed(self._sessions[:below]):
            data = session.encrypt(data)
        return data


def as_login(layer: Layer) -> LoginLayer:
    """The layer as one that can log in; only such layers raise a challenge."""
    if not hasattr(layer, "login"):
        raise TypeError(f"{type(layer).__name__} cannot log in")
    return layer  # type: ignore[return-value] # the attribute was just looked at
