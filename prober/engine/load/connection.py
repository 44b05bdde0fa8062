"""One TCP connection of a load: a socket, a stack, and stamps at each step.

Sockets are driven through the loop's readers and writers instead of its transports, so that connect(2) happens at the
moment an operation starts, without a task in between, and from an address of our choice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from typing import Final, Protocol

from prober.engine.errors import os_reason, os_text
from prober.engine.load.plan import Plan
from prober.engine.load.sources import BIND_ADDRESS_NO_PORT
from prober.engine.load.tally import Operation, Tally
from prober.model import Failure, Reason, Stage
from prober.wire.layer import Challenge
from prober.wire.lean_tls import LeanTls
from prober.wire.stack import Stack

log = logging.getLogger(__name__)

_READ: Final = 65536
_FAMILIES: Final = {False: socket.AF_INET, True: socket.AF_INET6}
_now = time.perf_counter


class Owner(Protocol):
    """Whom a connection tells what becomes of it."""

    loop: asyncio.AbstractEventLoop
    plan: Plan
    tally: Tally

    def established(self, connection: Connection, now: float) -> None:
        """All handshakes are done."""

    def moved(self, connection: Connection, now: float) -> None:
        """Something came after that."""

    def failed(self, connection: Connection, failure: Failure, now: float) -> None:
        """It cannot be used any more, and is closed."""

    def again(self, connection: Connection) -> None:
        """A proxy demanded a login and hung up: what it was for needs another one. It is closed."""

    def left(self, connection: Connection) -> None:
        """It has said goodbye, and waits for the peer's."""

    def gone(self, connection: Connection) -> None:
        """Its socket is closed, after a goodbye or otherwise."""

    def look(self) -> None:
        """A chance to start what is due."""


class Connection:
    """Connects when `open` is called; `operation` is what it works for at present."""

    __slots__ = (
        "_deserted", "_fd", "_held", "_owner", "_rest", "_since", "_socket", "_writing",
        "answered", "asked", "counted", "established", "leaving", "left", "operation", "stack", "transactions", "up",
    )  # fmt: skip

    def __init__(self, owner: Owner, operation: Operation) -> None:
        self._owner = owner
        self.operation: Operation | None = operation
        self.stack: Stack = owner.plan.stack()
        self._socket: socket.socket | None = None
        self._fd = -1
        self._writing = False
        self._rest = b""
        self._held = b""
        """What is sent with what comes next in the same turn: the last words of a handshake and the first behind it."""
        self._since = 0.0
        self.up = False
        """Connected, and not left yet."""
        self._deserted = False
        self.established = False
        self.leaving = False
        """The goodbye is said; what still comes is read so that the peer's last octets meet no RST."""
        self.left = 0.0
        """When it was said."""
        self.transactions = 0
        self.asked = self.answered = 0.0
        """When the present request went out, and when its answer began; 0 = not yet."""
        self.counted = 0
        """Octets of answers that are counted already."""

    # the socket

    def open(self, endpoint: tuple[str, int], source: str | None) -> None:
        """Begin to connect. Raises OSError where this machine has nothing left to do it with."""
        sock = socket.socket(_FAMILIES[":" in endpoint[0]], socket.SOCK_STREAM)
        self._socket, self._fd = sock, sock.fileno()
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source is not None:
                sock.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
                sock.bind((source, 0))
            self._since = _now()
            with contextlib.suppress(BlockingIOError):
                sock.connect(endpoint)
        except OSError:
            self._close()
            raise
        self._owner.loop.add_writer(self._fd, self._writable)
        self._writing = True

    def _writable(self) -> None:
        try:
            if self.up or self.leaving:
                self._flush()
            else:
                self._connected()
        except Exception as error:  # noqa: BLE001 # a bug of ours ends this operation as `internal`, not the run
            self._broke(error)
        self._owner.look()

    def _connected(self) -> None:
        sock = self._socket
        if sock is None:
            return
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        now = _now()
        if number:
            self._lost(OSError(number, ""), now)
            return
        if self.operation is not None:
            self.operation.second.slice.connections += 1
        self._owner.tally.open += 1
        self.up = True
        self._step(0, now)
        self._owner.loop.add_reader(self._fd, self._readable)
        self._send(self.stack.start())
        if not self._rest:
            self._stop_writing()
        if self.stack.finished or self.stack.rung.stage is Stage.HTTP:
            self._establish(now)

    def _readable(self) -> None:
        sock = self._socket
        if sock is None:
            return
        try:
            data = sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error, _now())
            return
        try:
            if self.leaving:
                self._see_off(data)
            else:
                self._take(data)
        except Exception as error:  # noqa: BLE001 # a bug of ours ends this operation as `internal`, not the run
            self._broke(error)
        self._owner.look()

    def _send(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        if not data or self._socket is None:
            return
        if self._rest:
            self._rest += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(error, _now())
            return
        if sent < len(data):
            self._rest = data[sent:]
            if not self._writing:
                self._owner.loop.add_writer(self._fd, self._writable)
                self._writing = True

    def _flush(self) -> None:
        data, self._rest = self._rest, b""
        self._send(data)
        if not self._rest and self._socket is not None:
            self._stop_writing()
            if self.leaving:
                self._end_sending()

    def _stop_writing(self) -> None:
        if self._writing:
            self._owner.loop.remove_writer(self._fd)
            self._writing = False

    def _close(self) -> None:
        if self._socket is None:
            return
        sock, self._socket = self._socket, None
        self._owner.loop.remove_reader(self._fd)
        self._stop_writing()
        sock.close()
        self._leave()
        self._owner.gone(self)

    def _leave(self) -> None:
        if self.up:
            self.up = False
            self._owner.tally.open -= 1

    # what came

    def _take(self, data: bytes) -> None:
        stack = self.stack
        before = stack.position
        self._deserted = not data
        out = stack.receive(data) if data else stack.receive_eof()
        now = _now()
        if stack.position != before and not self._advance(before, now):
            return
        if stack.challenge is not None:
            self._answer(stack.challenge, out, now)
            return
        self._held = out
        self._react(data, now)
        if self._held:
            self._send(b"")

    def _react(self, data: bytes, now: float) -> None:
        stack = self.stack
        if stack.failure is not None:
            self._send(b"")  # an alert that says why
            self.fail(stack.failure, now)
        elif not self.established:
            if stack.finished or stack.rung.stage is Stage.HTTP:
                self._establish(now)
            elif not data:
                self.fail(Failure(*stack.place, Reason.TCP_RESET, "closed"), now)
        else:
            self._owner.moved(self, now)
            if not data and not self.leaving:
                self.abandon()

    def _advance(self, before: int, now: float) -> bool:
        """Stamp the rungs that are done; False if the connection was given up over one of them."""
        owner, stack = self._owner, self.stack
        for index in range(before, min(stack.position, len(owner.plan.steps) - 1)):
            rung = stack.rungs[index]
            self._step(index + 1, now)
            if not isinstance(rung.layer, LeanTls):
                continue
            owner.plan.learn_group(rung.hop, rung.layer)
            if rung.stage is Stage.TLS:
                self._count(rung.layer, now)
            elif owner.plan.says_password(rung.hop):
                failure = owner.plan.untrusted(rung.hop, rung.layer)
                if failure is not None:
                    self.fail(failure, now)
                    return False
        return True

    def _count(self, session: LeanTls, now: float) -> None:
        if self.operation is None:
            return
        tally = self._owner.tally
        slice_ = self.operation.second.slice
        slice_.handshakes += 1
        leaf = session.leaf
        if leaf is not None:
            tally.keys.count(leaf, slice_, now - tally.begun)

    def _step(self, index: int, now: float) -> None:
        if self.operation is not None:
            self.operation.second.steps[index].record(now - self._since)
        self._since = now

    def _answer(self, challenge: Challenge, out: bytes, now: float) -> None:
        """A proxy demands a login: told on this connection if it can be, else on the next one."""
        plan, stack = self._owner.plan, self.stack
        hop = stack.rung.hop
        carrier = plan.carrier(hop)
        session = next(
            (rung.layer for rung in stack.rungs if rung.hop == carrier and rung.stage is Stage.PROXY_TLS), None
        )
        failure = plan.untrusted(carrier, session) if isinstance(session, LeanTls) else None
        first = hop not in plan.logins
        login = plan.learn_login(hop) if failure is None else None
        if login is None or not (challenge.reusable or first or (self.operation and not self.operation.tries)):
            stack.challenge = challenge
            stack.refuse_login()
            self.fail(failure or stack.failure or Failure(Stage.PROXY, hop, Reason.PROXY_AUTH_REQUIRED), now)
        elif challenge.reusable:
            self._send(out + stack.login(*login))
        else:
            self.abandon()
            self._owner.again(self)

    def _establish(self, now: float) -> None:
        self.established = True
        self._owner.established(self, now)

    def _lost(self, error: OSError, now: float) -> None:
        """The socket broke. While connecting that is connecting's failure, else that of whoever had to act."""
        if self.leaving:
            self._close()
            return
        reason = os_reason(error)
        if reason is Reason.TCP_RESET:
            self._owner.tally.at(now).reset += 1
        stack = self.stack
        if self.up and stack.challenge is None and not stack.over and stack.hung_up() and stack.challenge is not None:
            self._answer(stack.challenge, b"", now)
            return
        stage, hop = stack.place if self.up else (Stage.CONNECT, self._owner.plan.first_hop)
        self.fail(Failure(stage, hop, reason, f"the connection broke: {os_text(error)}"), now)

    def _broke(self, error: Exception) -> None:
        log.error("a connection of the load broke", exc_info=error)
        self.fail(Failure(*self.stack.place, Reason.INTERNAL, f"{type(error).__name__} inside prober"), _now())

    # what the owner wants

    def ask(self, request: bytes) -> None:
        """Send, inside all tunnels."""
        self._send(self.stack.say(request))

    def fail(self, failure: Failure, now: float) -> None:
        """Close, and tell the owner why."""
        self.abandon()
        self._owner.failed(self, failure, now)

    def expire(self, now: float) -> None:
        """Its operation took too long."""
        if not self.up:
            where, reason = (Stage.CONNECT, self._owner.plan.first_hop), Reason.TCP_TIMEOUT
        else:
            where = self.stack.place
            reason = self.stack.rung.layer.timeout_reason
            if where[0] is Stage.PROXY:
                reason = Reason.PROXY_TIMEOUT
        self.fail(Failure(*where, reason, "too slow"), now)

    def goodbye(self) -> None:
        """Say close_notify and FIN, and wait for the peer's. Who has gone is told nothing."""
        if self.leaving or self._socket is None:
            return
        if self._deserted:
            self.abandon()
            return
        self.leaving = True
        self.left = _now()
        self.operation = None
        self._leave()
        self._owner.left(self)
        self._send(self.stack.farewell())
        if not self._rest:
            self._end_sending()

    def _end_sending(self) -> None:
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:  # the peer was quicker
                self._close()

    def _see_off(self, data: bytes) -> None:
        if self._owner.plan.load.resume:
            self._owner.plan.take_ticket(self.stack, data)
        if not data:
            self._close()

    def abandon(self) -> None:
        """Close now, without a word."""
        self._close()
