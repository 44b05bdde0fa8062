"""Defects found by review, each provoked again."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from dataclasses import replace

from prober.engine.admission import Admission
from prober.engine.resolver import Resolver
from prober.engine.run import Pair
from prober.engine.stores import ProxyCertificates
from prober.engine.workers import _deal
from prober.interception.anchors import shipped
from prober.model import Anchor, Reason, Stage

from .peers import Conversation, answering, connect_proxy, silent
from .world import LOGIN, SHORT, World, authority, hop, route, server_tls, target


def test_a_free_place_never_waits_for_work_that_could_take_it() -> None:
    for seed in range(2000):
        dice = random.Random(seed)  # noqa: S311 # no secret
        admission: Admission[int] = Admission(total=6, per_route=dice.randint(1, 3), per_host=dice.randint(1, 3))
        waiting = [(dice.choice("RST"), dice.choice("abc")) for _ in range(20)]
        for number, key in enumerate(waiting):
            admission.add(number, *key)
        limits = {"route": admission._per_route, "host": admission._per_host}
        flying: list[tuple[str, str]] = []
        while admission.waiting or admission.in_flight:
            admitted = admission.next()
            if admitted is not None:
                flying.append(admitted[1:])
                waiting.remove(admitted[1:])
                continue
            assert flying, "nothing is under way and nothing may start"
            for way, host in set(waiting) if len(flying) < 6 else ():
                by_route = sum(each[0] == way for each in flying)
                by_host = sum(each[1] == host for each in flying)
                assert by_route >= limits["route"] or by_host >= limits["host"], f"seed {seed}: {way} {host}"
            admission.release(*flying.pop(dice.randrange(len(flying))))


async def _demand_then_close(conversation: Conversation) -> None:
    """Says that the connection stays open after its 407, and closes it all the same."""
    request = await conversation.head()
    if LOGIN in request:
        await conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await conversation.hold()
        return
    await conversation.say(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
    await conversation.end()


async def test_a_proxy_that_closes_in_spite_of_keep_alive_is_asked_again(world: World) -> None:
    proxy = await world.peer(_demand_then_close)
    seen = await world.probe(target(80, "http"), hop(proxy.port, login=True))
    assert seen.failure is None
    assert seen.hops[0].login == "accepted"
    assert len(proxy.conversations) == 2


async def test_the_time_to_the_answer_is_not_that_to_the_demand_for_a_login(world: World) -> None:
    async def closing(conversation: Conversation) -> None:
        request = await conversation.head()
        if LOGIN in request:
            await conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            await conversation.say(
                b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )

    proxy = await world.peer(closing)
    seen = await world.probe(target(80, "http"), hop(proxy.port, login=True))
    assert seen.failure is None
    assert seen.timings.ttfb is not None
    assert seen.timings.ttfb > 0


async def test_the_time_to_the_answer_counts_from_the_request_with_the_login(world: World) -> None:
    async def slow(conversation: Conversation) -> None:
        await conversation.head()
        await asyncio.sleep(1)
        await conversation.say(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
        await conversation.head()
        await conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await conversation.hold()

    proxy = await world.peer(slow)
    seen = await world.probe(target(80, "http"), hop(proxy.port, login=True))
    assert seen.failure is None
    assert seen.timings.ttfb is not None
    assert 0 < seen.timings.ttfb < 0.9


async def test_no_password_for_a_clear_hop_inside_an_untrusted_one(world: World) -> None:
    async def demands(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.say(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
        await conversation.hold()

    inner = await world.peer(demands)
    outer = await world.peer(connect_proxy(), tls=server_tls())
    world.gate.rejected.add(1)
    seen = await world.probe(target(443), hop(outer.port, "https"), hop(inner.port, login=True))
    assert all(LOGIN not in each.received for each in (*inner.conversations, *outer.conversations))
    assert seen.failure is not None
    assert (seen.failure.stage, seen.failure.hop) == (Stage.PROXY_TLS, 1)
    assert "password was not sent" in seen.failure.detail


async def test_asking_for_ipv6_only_does_not_make_names_ipv6_only() -> None:
    resolver = Resolver("ipv6")
    try:
        assert not (await resolver.resolve("localhost", 1)).ipv6_only
    finally:
        await resolver.close()


async def test_a_reset_right_after_accepting_is_no_fault_of_ours(world: World) -> None:
    listener = world.keep(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    port = listener.getsockname()[1]

    def resetting() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()

    threading.Thread(target=resetting, daemon=True).start()
    prober = await world.prober()
    reasons = set()
    for _ in range(300):
        seen = await prober.probe(target(port), route())
        assert seen.failure is not None
        reasons.add(seen.failure.reason)
    assert Reason.INTERNAL not in reasons
    listener.shutdown(socket.SHUT_RDWR)


async def test_what_a_proxy_does_with_a_request_in_absolute_form_is_the_proxys(world: World) -> None:
    closing = await world.peer(answering(b"", then="close"))
    seen = await world.probe(target(80, "http"), hop(closing.port))
    assert seen.failure is not None
    assert (seen.failure.stage, seen.failure.hop, seen.failure.reason) == (Stage.PROXY, 1, Reason.PROXY_CLOSED)
    babbling = await world.peer(answering(b"SSH-2.0-x\r\n"))
    seen = await world.probe(target(80, "http"), hop(babbling.port))
    assert seen.failure is not None
    assert (seen.failure.stage, seen.failure.hop) == (Stage.PROXY, 1)
    assert seen.failure.reason is Reason.PROXY_PROTOCOL_ERROR


async def test_a_proxy_that_does_not_answer_a_request_in_absolute_form(world: World) -> None:
    quiet = await world.peer(silent)
    seen = await world.probe(target(80, "http"), hop(quiet.port), timeout=SHORT)
    assert seen.failure is not None
    assert (seen.failure.stage, seen.failure.hop, seen.failure.reason) == (Stage.PROXY, 1, Reason.PROXY_TIMEOUT)


async def test_proxies_are_judged_by_the_roots_given_alone(world: World) -> None:
    roots = world.folder() / "corp.pem"
    roots.write_bytes(authority().cert_pem.bytes())
    private = {each.certificate.der for each in shipped().authorities if each.anchor is Anchor.VENDOR_PRIVATE}
    assert private
    for given in (str(roots), None):
        store = ProxyCertificates([replace(hop(443, "https"), trust_roots=given)])._stores[given]
        known = {each.certificate.der for each in store._resolver._authorities}
        assert known
        assert not private & known


def test_a_host_is_never_dealt_to_two_workers() -> None:
    pairs = [Pair(target(port, id=f"t{port}", host=f"h{port % 3}.example"), route()) for port in range(1, 20)]
    shares = _deal(pairs, 2, {})
    hosts = [{pair.target.host for pair in share} for share in shares]
    assert not hosts[0] & hosts[1]
    assert sum(map(len, shares)) == len(pairs)
