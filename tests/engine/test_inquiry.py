"""A probe that asks for more: through the engine and over real sockets."""

from __future__ import annotations

from typing import Any

from prober.engine.terms import Terms
from prober.model import Hop, Observation, Reason
from prober.model.inquiry import Inquiry
from prober.model.observation import BodyFacts
from prober.spki import spki_sha256

from .peers import Conversation
from .world import ORIGIN, World, closed_port, hop, route, server_tls, target

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def page(conversation: Conversation) -> None:
    await conversation.head()
    await conversation.say(PAGE)


async def accept(conversation: Conversation) -> None:
    await conversation.hold()


async def ask(world: World, inquiry: Inquiry, aim: Any, *hops: Hop, **terms: Any) -> Observation:
    prober = await world.prober()
    observation, _ = await prober.probe_on(Terms(inquiry=inquiry, **terms), aim, route(*hops))
    return observation


async def test_the_body_is_read_and_timed(world: World) -> None:
    peer = await world.peer(page, tls=server_tls())
    seen = await ask(world, Inquiry(body_limit=99), target(peer.port, "https"))
    assert seen.failure is None
    assert seen.http is not None
    assert (seen.http.version, seen.http.body) == ("1.1", BodyFacts(5, 5))
    assert seen.timings.transfer is not None
    assert seen.timings.transfer >= 0


async def test_without_an_inquiry_nothing_of_that_is_there(world: World) -> None:
    peer = await world.peer(page, tls=server_tls())
    seen = await world.probe(target(peer.port, "https"))
    assert seen.http is not None
    assert (seen.http.body, seen.timings.transfer) == (None, None)


async def test_a_stranger_hears_nothing(world: World) -> None:
    peer = await world.peer(page, tls=server_tls())
    aim = target(peer.port, "https")
    seen = await ask(world, Inquiry(body_limit=9, keys=frozenset()), aim)
    assert (seen.failure, seen.http) == (None, None)
    assert seen.tls is not None
    key = spki_sha256(seen.tls.chain[0])
    assert key is not None
    seen = await ask(world, Inquiry(body_limit=9, keys=frozenset({key})), aim)
    assert seen.http is not None
    assert [bool(each.received) for each in peer.conversations] == [False, True]


async def test_another_name_in_the_handshake(world: World) -> None:
    names: list[str | None] = []
    tls = server_tls()
    tls.sni_callback = lambda connection, name, context: names.append(name)
    peer = await world.peer(page, tls=tls)
    await ask(world, Inquiry(server_name="other.example"), target(peer.port))
    await ask(world, Inquiry(), target(peer.port))
    assert names == ["other.example", ORIGIN]


async def test_a_connection_alone(world: World) -> None:
    peer = await world.peer(accept)
    only = Inquiry(connect_only=True)
    seen = await ask(world, only, target(peer.port))
    assert seen.failure is None
    assert seen.timings.connect is not None
    assert (seen.tls, seen.timings.tls) == (None, None)
    assert seen.peer == seen.tried == f"127.0.0.1:{peer.port}"


async def test_a_connection_alone_through_a_proxy(world: World) -> None:
    async def grant(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.say(b"HTTP/1.1 200 OK\r\n\r\n")
        await conversation.hold()

    peer = await world.peer(grant)
    only = Inquiry(connect_only=True)
    for scheme in ("tls", "http"):
        seen = await ask(world, only, target(9, scheme), hop(peer.port))
        assert seen.failure is None
        assert seen.timings.hops[0].negotiate is not None
    assert all(each.received.startswith(b"CONNECT origin.example.com:9 ") for each in peer.conversations)


async def test_what_was_tried_is_known_though_nothing_answered(world: World) -> None:
    port = closed_port()
    seen = await ask(world, Inquiry(connect_only=True), target(port))
    assert seen.failure is not None
    assert seen.failure.reason is Reason.TCP_REFUSED
    assert (seen.peer, seen.tried) == (None, f"127.0.0.1:{port}")


async def test_either_family_may_come_first(world: World) -> None:
    names = await world.names({"both.test": ("127.0.0.1", "::1")})
    prober = await world.prober(overrides={}, name_servers=[names.address])
    port = closed_port()
    for family, last in (("ipv4-first", f"[::1]:{port}"), ("ipv6-first", f"127.0.0.1:{port}")):
        terms = Terms(inquiry=Inquiry(connect_only=True), family=family)
        seen, _ = await prober.probe_on(terms, target(port, host="both.test"), route())
        assert seen.tried == last


async def test_a_body_that_is_wanted_comes_along(world: World) -> None:
    peer = await world.peer(page, tls=server_tls())
    seen = await ask(world, Inquiry(body_limit=99, keep_body=True), target(peer.port, "https"))
    assert seen.http is not None
    assert seen.http.body is not None
    assert seen.http.body.content == b"hello"
