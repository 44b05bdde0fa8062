from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from prober.engine.link import Link, Login
from prober.engine.probe import Prober
from prober.engine.record import Record
from prober.engine.resolver import Resolver
from prober.model import Failure, Reason, Stage
from prober.wire.connect import Connect
from prober.wire.layer import Challenge
from prober.wire.stack import Rung, Stack
from prober.wire.tls import ALPN_BARE, Tls, shared_context

from .peers import OPENED, UNAUTHORISED, Conversation, Peer, after_bytes, answering, shaking, silent
from .world import SHORT, Gate, World, hop, route, server_tls, settings, target


class Transport(asyncio.Transport):
    """Keeps what is written; says nothing when it is aborted, as uvloop's in the last step of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.aborted or self.closed

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True


def refuse(stack: Stack, challenge: Challenge) -> Login | None:
    """Never log in."""
    return None


def connected(*, decide: Any = refuse, can_login: bool = False) -> tuple[Link, Stack, Transport]:
    """A link to a proxy that has been asked for its only rung, CONNECT."""
    stack = Stack([Rung(Connect("a.test:443", user_agent="t", can_login=can_login), Stage.PROXY, 1)])
    record = Record(target(443), route(hop(8080)), 0.0)
    link = Link(stack, record, decide, lambda _: None, asyncio.get_running_loop())
    transport = Transport()
    link.connection_made(transport)
    return link, stack, transport


async def failure_of(stack: Stack, link: Link) -> Failure:
    await link.done
    assert stack.failure is not None
    return stack.failure


async def test_the_stack_speaks_first_and_is_fed() -> None:
    link, stack, transport = connected()
    assert transport.written.startswith(b"CONNECT a.test:443 ")
    for index in range(len(OPENED)):
        assert not link.done.done()
        link.data_received(OPENED[index : index + 1])
    assert stack.finished
    assert link.done.done()
    link.close()
    assert transport.closed
    assert not transport.aborted


async def test_a_bytearray_is_taken_too() -> None:
    """As asyncio's transports on Windows hand it out: TLS above reads it to its end."""
    record = Record(target(443), route(), 0.0)
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_tls().wrap_bio(heard, said, server_side=True)
    stack = Stack([Rung(Tls("host.test", shared_context("schannel", ALPN_BARE)), Stage.TLS, 0)])
    link = Link(stack, record, refuse, lambda _: None, asyncio.get_running_loop())
    transport = Transport()
    link.connection_made(transport)
    heard.write(transport.written)
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    link.data_received(bytearray(said.read()))  # type: ignore[arg-type] # which asyncio's signature does not allow
    assert stack.failure is None
    assert stack.finished


@pytest.mark.parametrize(
    ("error", "reason", "stage"),
    [
        (ConnectionResetError(104, "x"), Reason.TCP_RESET, Stage.PROXY),
        (BrokenPipeError(32, "x"), Reason.TCP_RESET, Stage.PROXY),
        (TimeoutError(110, "x"), Reason.TCP_TIMEOUT, Stage.PROXY),
        (OSError(113, "x"), Reason.TCP_UNREACHABLE, Stage.PROXY),
        (OSError(105, "x"), Reason.LOCAL_MEMORY, Stage.LOCAL),
        (None, Reason.PROXY_CLOSED, Stage.PROXY),
    ],
)
async def test_a_lost_connection(error: Exception | None, reason: Reason, stage: Stage) -> None:
    link, stack, _ = connected()
    link.connection_lost(error)
    failure = await failure_of(stack, link)
    assert (failure.reason, failure.stage, failure.hop) == (reason, stage, 1)
    assert link.lost


async def test_the_end_of_the_peers_side() -> None:
    link, stack, _ = connected()
    assert link.eof_received() is False
    assert (await failure_of(stack, link)).reason is Reason.PROXY_CLOSED
    link.connection_lost(None)
    assert stack.failure is not None
    assert stack.failure.reason is Reason.PROXY_CLOSED


async def test_what_comes_after_the_end_changes_nothing() -> None:
    link, stack, _ = connected()
    link.data_received(OPENED)
    link.data_received(b"more")
    link.connection_lost(ConnectionResetError(104, "x"))
    assert stack.failure is None
    assert link.done.done()
    assert link.lost
    link.connection_lost(None)


async def test_an_unfinished_connection_is_cut() -> None:
    link, _, transport = connected()
    link.close()
    assert transport.aborted
    assert not link.lost
    link.connection_lost(None)
    assert link.lost


async def test_what_never_connected_is_closed_at_once() -> None:
    stack = Stack([Rung(Connect("a.test:443", user_agent="t"), Stage.PROXY, 1)])
    link = Link(stack, Record(target(443), route(hop(1)), 0.0), refuse, lambda _: None, asyncio.get_running_loop())
    link.close()
    link.close()
    assert link.lost


async def test_a_login_goes_out_on_the_connection() -> None:
    link, stack, transport = connected(decide=lambda stack, challenge: ("u", "p"), can_login=True)
    transport.written = b""
    link.data_received(UNAUTHORISED)
    assert b"Proxy-Authorization: Basic dTpw\r\n" in transport.written
    assert not link.done.done()
    link.data_received(OPENED)
    assert stack.finished


async def test_no_login_leaves_the_challenge_to_the_caller() -> None:
    link, stack, transport = connected(can_login=True)
    transport.written = b""
    link.data_received(UNAUTHORISED)
    assert link.done.done()
    assert stack.challenge is not None
    assert stack.failure is None
    assert transport.written == b""


async def test_nothing_is_written_to_a_closing_transport() -> None:
    link, _, transport = connected(decide=lambda stack, challenge: ("u", "p"), can_login=True)
    transport.abort()
    transport.written = b""
    link.data_received(UNAUTHORISED)
    assert transport.written == b""


@pytest.mark.parametrize("error", [TimeoutError(), asyncio.CancelledError(), OSError(111, "x")], ids=repr)
async def test_a_connection_cut_on_its_last_step_does_not_keep_the_prober_open(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvloop closes a transport whose connection was cancelled without calling `connection_lost`."""
    made: list[Transport] = []

    async def create_connection(factory: Any, *_: object) -> None:
        made.append(Transport())
        factory().connection_made(made[0])
        raise error

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    resolver = Resolver()
    prober = Prober(settings(), resolver, Gate())
    try:
        await prober.probe(target(443, host="192.0.2.1"), route())
    except asyncio.CancelledError:
        assert isinstance(error, asyncio.CancelledError)
    async with asyncio.timeout(1):
        await prober.close()
    assert made[0].aborted
    await resolver.close()


async def test_a_finished_session_says_goodbye(world: World) -> None:
    """close_notify reaches the server: its TLS sees an orderly end."""
    ends: list[bytes] = []

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        ends.append(await talk.some())  # raises where the end is not orderly

    peer = await world.peer(script, tls=server_tls())
    observation = await world.probe(target(peer.port, "https"))
    assert observation.failure is None
    await done(peer)
    assert ends == [b""]


@pytest.mark.parametrize("kind", ["silent", "half", "refused"])
async def test_an_unfinished_probe_leaves_no_connection(kind: str, world: World) -> None:
    script = {"silent": silent, "half": answering(OPENED), "refused": after_bytes(b"HTTP/1.1 403 No\r\n\r\n")}[kind]
    peer = await world.peer(script)
    observation = await world.probe(target(443), hop(peer.port), timeout=SHORT)
    assert observation.failure is not None
    await done(peer)
    assert peer.open == 0


async def done(peer: Peer) -> None:
    """Wait until the peer's scripts have ended."""
    for _ in range(200):
        if not peer.open:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("a connection stays open")


async def test_a_large_answer_in_one_piece(world: World) -> None:
    """Head, TLS records and more arrive as they like; nothing is lost between the layers."""
    aim = await world.peer(shaking(server_tls(), b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200000))
    observation = await world.probe(target(aim.port, "https"))
    assert observation.failure is None
    assert observation.http is not None
    assert observation.http.status == 200
