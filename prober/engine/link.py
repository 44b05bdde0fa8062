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
    """Feeds a stack from a transport until it is over; `done` is set then, `lost` when the socket is closed."""

    def __init__(self, stack: Stack, record: Record, decide: Decide, loop: asyncio.AbstractEventLoop) -> None:
        self.stack = stack
        self._record = record
        self._decide = decide
        self._transport: asyncio.Transport | None = None
        self.connected_at = 0.0
        self.done: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: send what comes first."""
        self._transport = cast("asyncio.Transport", transport)
        self.connected_at = now()
        self._record.begin_connection(self.stack, self.connected_at)
        self._drive(self.stack.start)

    def data_received(self, data: bytes) -> None:
        """Bytes came: let the stack take them."""
        self._drive(self.stack.receive, data)

    def eof_received(self) -> bool:
        """The peer closed its side; we close ours."""
        self._drive(self.stack.receive_eof)
        return False

    def _drive(self, step: Callable[..., bytes], *data: bytes) -> None:
        """One step of the stack. A bug of ours ends this probe as `internal`; the loop would only log it."""
        before = self.stack.position
        try:
            self._write(step(*data))
            self._record.note_progress(before)
            challenge = self.stack.challenge
            if challenge is not None:
                self._answer(challenge)
        except Exception as error:
            log.exception("a layer broke")
            self.stack.fail(Reason.INTERNAL, f"{type(error).__name__} inside prober; please report it")
        self._settle()

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
        if not self.lost.done():
            self.lost.set_result(None)

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

    def _settle(self) -> None:
        if self.stack.over:
            self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def abandon(self) -> None:
        """Close without waiting for the loop's word: uvloop owes none for a connection given up while it was made."""
        if self._transport is not None:
            self._transport.abort()
        if not self.lost.done():
            self.lost.set_result(None)

    def close(self) -> None:
        """Say goodbye where there is somebody to say it to, and close; safe to call twice."""
        if self._transport is None:
            self.abandon()
        elif self.stack.finished:
            self._write(self.stack.farewell())
            self._transport.close()
        else:
            self._transport.abort()
