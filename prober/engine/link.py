"""One TCP connection driving one stack: the only place where bytes meet a socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from prober.engine.errors import os_reason, os_text, stage_of
from prober.engine.record import Record, now
from prober.model import Reason
from prober.wire.layer import Challenge
from prober.wire.stack import Stack

log = logging.getLogger(__name__)

Login = tuple[str, str]
"""User name and password, in the clear."""
Decide = Callable[[Stack, Challenge], Login | None]
"""Called when a proxy demands a login: what to send now, or None to stop here (the caller may come back anew)."""


class Link(asyncio.Protocol):
    """Feeds a stack from a transport until it is over; `done` is set then. `on_lost` is told once, when the socket is
    closed."""

    __slots__ = (
        "_decide",
        "_on_lost",
        "_record",
        "_said_goodbye",
        "_transport",
        "connected_at",
        "done",
        "lost",
        "stack",
    )

    def __init__(
        self,
        stack: Stack,
        record: Record,
        decide: Decide,
        on_lost: Callable[[Link], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.stack = stack
        self._record = record
        self._decide = decide
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._said_goodbye = False
        self.connected_at = 0.0
        self.done: asyncio.Future[None] = loop.create_future()
        self.lost = False
        """Whether the socket is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: send what comes first."""
        self._transport = cast("asyncio.Transport", transport)
        self.connected_at = now()
        self._record.begin_connection(self.stack, self.connected_at)
        self._drive(self.stack.start)

    def data_received(self, data: bytes) -> None:
        """Bytes came: let the stack take them."""
        self._drive(self.stack.receive, bytes(data))  # some of asyncio's transports hand out a bytearray

    def eof_received(self) -> bool:
        """The peer closed its side; we close ours."""
        self._drive(self.stack.receive_eof)
        return False

    def _drive(self, step: Callable[..., bytes], *data: bytes) -> None:
        """One step of the stack. A bug of ours ends this probe as `internal`; the loop would only log it."""
        stack = self.stack
        before = stack.position
        try:
            out = step(*data)
            if stack.finished:
                out += self._goodbye()
            self._write(out)
            self._record.note_progress(before)
            if stack.challenge is not None:
                self._answer(stack.challenge)
        except Exception as error:
            log.exception("a layer broke")
            stack.fail(Reason.INTERNAL, f"{type(error).__name__} inside prober; please report it")
        if stack.over:
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone; if the stack was not over, somebody cut it."""
        if not self.stack.over and not self.done.done():
            if error is None:
                self._drive(self.stack.receive_eof)
            if self.stack.failure is None and self.stack.challenge is None and not self.stack.hung_up():
                reason = os_reason(error) if error is not None else Reason.TCP_RESET
                stage, hop = self.stack.place
                text = os_text(error) if error is not None else "closed"
                self.stack.fail(reason, f"the connection broke: {text}", stage_of(reason, stage), hop)
        self._finish()
        self._lose()

    def _answer(self, challenge: Challenge) -> None:
        login = self._decide(self.stack, challenge)
        if login is None:
            self._finish()
            return
        self._record.ask_again()
        self._write(self.stack.login(*login))

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _goodbye(self) -> bytes:
        """close_notify, in one segment with whatever is said last."""
        if self._said_goodbye:
            return b""
        self._said_goodbye = True
        return self.stack.farewell()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def abandon(self) -> None:
        """Close without waiting for the loop's word: uvloop owes none for a connection given up while it was made."""
        if self._transport is not None:
            self._transport.abort()
        self._lose()

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self._on_lost(self)

    def close(self) -> None:
        """Say goodbye where there is somebody to say it to, and close; safe to call twice."""
        if self._transport is None:
            self.abandon()
        elif self.stack.finished:
            self._write(self._goodbye())
            self._transport.close()
        else:
            self._transport.abort()
