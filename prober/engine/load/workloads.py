"""What one operation is, as connections do it."""

from __future__ import annotations

import time
from typing import Protocol

from prober.engine.load.connection import Connection
from prober.engine.load.tally import Operation, Tally
from prober.load.words import Load, Workload
from prober.model import Failure, Reason, Stage
from prober.wire.lean_tls import LeanTls
from prober.wire.transfers import Transfers


class Opener(Protocol):
    """Who opens connections for a workload."""

    tally: Tally

    def connect(self, operation: Operation) -> None:
        """Open a connection for an operation."""


class Work(Protocol):
    """A workload."""

    def begin(self, operation: Operation) -> None:
        """Do it."""

    def established(self, connection: Connection, now: float) -> None:
        """A connection is ready."""

    def moved(self, connection: Connection, now: float) -> None:
        """Something came on a connection that was ready."""

    def failed(self, connection: Connection, failure: Failure, now: float) -> None:
        """A connection is gone."""

    def end(self) -> None:
        """The run is over: say goodbye to what is held."""


class Handshakes:
    """Connect, shake hands, close."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def begin(self, operation: Operation) -> None:
        """Each on a connection of its own."""
        self._opener.connect(operation)

    def established(self, connection: Connection, now: float) -> None:
        """That was it."""
        if connection.operation is not None:
            self._opener.tally.succeed(connection.operation, now)
        connection.goodbye()

    def moved(self, connection: Connection, now: float) -> None:
        """Nobody is listening any more."""

    def failed(self, connection: Connection, failure: Failure, now: float) -> None:
        """Count it."""
        if connection.operation is not None:
            self._opener.tally.fail(connection.operation, now, (failure.stage, failure.hop, failure.reason))

    def end(self) -> None:
        """Nothing is held."""


class Tunnels(Handshakes):
    """Connect, shake hands, keep. A tunnel that is dropped is a failure of the second in which that happens."""

    def __init__(self, opener: Opener) -> None:
        super().__init__(opener)
        self.held: set[Connection] = set()

    def established(self, connection: Connection, now: float) -> None:
        """Hold it."""
        if connection.operation is not None:
            self._opener.tally.succeed(connection.operation, now)
            connection.operation = None
        self.held.add(connection)

    def failed(self, connection: Connection, failure: Failure, now: float) -> None:
        """Not made, or dropped."""
        if connection not in self.held:
            super().failed(connection, failure, now)
            return
        self.held.discard(connection)
        failure = _dropped(connection, failure)
        self._opener.tally.drop(now, (failure.stage, failure.hop, failure.reason))

    def end(self) -> None:
        """Let go of all."""
        while self.held:
            self.held.pop().goodbye()


def _dropped(connection: Connection, failure: Failure) -> Failure:
    """Who let go: the target said close_notify, or the last proxy cut the line without a word."""
    rungs = connection.stack.rungs
    said = any(isinstance(rung.layer, LeanTls) and rung.stage is Stage.TLS and rung.layer.closed for rung in rungs)
    hop = max(rung.hop for rung in rungs)
    if failure.reason is Reason.HTTP_CLOSED and hop and not said:
        return Failure(Stage.PROXY, hop, Reason.PROXY_CLOSED, failure.detail)
    return failure


class Requests:
    """GETs over a pool of connections, `reuse` on each. Each is due at its own time and takes a connection at rest;
    where there is none, it opens one."""

    def __init__(self, opener: Opener, load: Load) -> None:
        self._opener = opener
        self._reuse = load.reuse if load.workload is Workload.REQUEST else 1
        self._resting: dict[Connection, None] = {}

    def begin(self, operation: Operation) -> None:
        """Take the connection that has rested least: it is the one that is least likely to be closed by the peer."""
        if self._resting:
            connection, _ = self._resting.popitem()
            connection.operation, operation.connection = operation, connection
            self._ask(connection)
        else:
            self._opener.connect(operation)

    def _ask(self, connection: Connection) -> None:
        connection.asked = time.perf_counter()
        connection.answered = 0.0
        connection.ask(_transfers(connection).ask())

    def established(self, connection: Connection, now: float) -> None:
        """The first request."""
        self._ask(connection)

    def moved(self, connection: Connection, now: float) -> None:
        """Count; at the answer's end the connection rests, or is done with."""
        operation, top = connection.operation, _transfers(connection)
        self._opener.tally.at(now).bytes_in += top.received - connection.counted
        connection.counted = top.received
        if operation is None:  # closed by the peer while it rested
            self._resting.pop(connection, None)
            connection.goodbye()
            return
        if top.answering and not connection.answered:
            connection.answered = now
        if not top.whole:
            return
        operation.second.slice.transactions += 1
        operation.second.ttfb.record(connection.answered - connection.asked)
        operation.second.ttlb.record(now - connection.asked)
        self._opener.tally.succeed(operation, now)
        connection.operation = None
        connection.transactions += 1
        if connection.transactions < self._reuse and top.reusable and not connection.stack.finished:
            self._resting[connection] = None
        else:
            connection.goodbye()

    def failed(self, connection: Connection, failure: Failure, now: float) -> None:
        """That of an operation counts; a connection at rest may be closed by anybody."""
        self._resting.pop(connection, None)
        if connection.operation is not None:
            self._opener.tally.fail(connection.operation, now, (failure.stage, failure.hop, failure.reason))

    def end(self) -> None:
        """Let go of those at rest."""
        while self._resting:
            self._resting.popitem()[0].goodbye()


def _transfers(connection: Connection) -> Transfers:
    top = connection.stack.rungs[-1].layer
    if not isinstance(top, Transfers):
        raise TypeError("this connection makes no requests")
    return top


def work_for(load: Load, opener: Opener) -> Work:
    """The workload of a load."""
    if load.workload is Workload.HANDSHAKE:
        return Handshakes(opener)
    if load.workload is Workload.TUNNEL:
        return Tunnels(opener)
    return Requests(opener, load)
