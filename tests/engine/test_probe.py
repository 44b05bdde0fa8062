from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from prober.engine.link import Link
from prober.engine.probe import Prober
from prober.engine.resolver import Resolver
from prober.model import Observation, Purpose, Reason, Route, Stage, Timings
from prober.spki import spki_sha256

from .peers import (
    OPENED,
    Conversation,
    Peer,
    Script,
    answering,
    closing,
    connect_proxy,
    origin,
    response,
    shaking,
    silent,
    socks5_proxy,
)
from .world import (
    ORIGIN,
    PROXY,
    SHORT,
    Gate,
    World,
    authority,
    closed_port,
    hop,
    route,
    server_tls,
    settings,
    target,
)

TWO = "two.test"
"""A name with several addresses; `.test` may be on loopback."""


async def tls_origin(world: World, **kwargs: Any) -> Peer:
    return await world.peer(shaking(server_tls(**kwargs)))


def reached(observation: Observation) -> Observation:
    assert observation.failure is None, observation.failure
    return observation


# addresses


async def test_the_next_address_is_tried(world: World) -> None:
    aim = await tls_origin(world)
    observation = reached(await world.probe_asking({TWO: ("127.0.0.2", "127.0.0.1")}, target(aim.port, host=TWO)))
    assert observation.attempts == 2
    assert observation.peer == f"127.0.0.1:{aim.port}"


async def test_all_that_was_tried_is_told(world: World) -> None:
    port = closed_port()
    addresses = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6")
    observation = await world.probe_asking({TWO: addresses}, target(port, host=TWO))
    assert observation.failure is not None
    assert observation.failure.reason is Reason.TCP_REFUSED
    assert [address in observation.failure.detail for address in addresses] == [True, True, True, True, False]
    assert observation.attempts == 4


async def test_a_dead_address_gets_its_share_of_the_deadline_only(world: World) -> None:
    aim = await tls_origin(world)
    listener = world.keep(socket.socket())
    listener.bind(("127.0.0.2", aim.port))
    listener.listen(0)
    for _ in range(4):
        waiting = world.keep(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.2", aim.port))
    zone = {TWO: ("127.0.0.2", "127.0.0.1")}
    observation = reached(await world.probe_asking(zone, target(aim.port, host=TWO), timeout=2))
    assert observation.timings.total is not None
    assert 0.95 < observation.timings.total < 1.95
    assert observation.attempts == 2
    assert observation.timings.connect is not None
    assert observation.timings.connect < 0.9


async def test_an_ipv6_target(world: World) -> None:
    aim = await world.peer(shaking(server_tls()), host="::1")
    observation = reached(await world.probe(target(aim.port, "https", host="::1")))
    assert observation.peer == f"[::1]:{aim.port}"
    assert observation.ipv6_only == ()


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_an_ipv6_target_behind_a_proxy(scheme: str, world: World) -> None:
    aim = await world.peer(shaking(server_tls()), host="::1")
    proxy = await world.peer(connect_proxy() if scheme == "http" else socks5_proxy())
    reached(await world.probe(target(aim.port, host="::1"), hop(proxy.port, scheme)))
    if scheme == "http":
        assert f"CONNECT [::1]:{aim.port} HTTP/1.1\r\nHost: [::1]:{aim.port}\r\n".encode() in proxy.heard


async def test_an_ipv6_proxy(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy(), host="::1")
    observation = reached(await world.probe(target(aim.port), hop(proxy.port, host="::1")))
    assert observation.peer == f"[::1]:{proxy.port}"


async def test_names_without_ipv4_are_told_by_hop(world: World) -> None:
    aim = await world.peer(shaking(server_tls()), host="::1")
    direct = await world.probe_asking({TWO: ("::1",)}, target(aim.port, host=TWO))
    assert reached(direct).ipv6_only == (0,)
    proxy = await world.peer(socks5_proxy(), host="::1")
    zone = {TWO: ("::1",), "proxy.test": ("::1",)}
    through = await world.probe_asking(zone, target(aim.port, host=TWO), hop(proxy.port, "socks5", "proxy.test"))
    assert reached(through).ipv6_only == (0, 1)


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [("http", False), ("socks4", True), ("socks4a", False), ("socks5", True), ("socks5h", False)],
)
async def test_behind_a_proxy_the_proxy_resolves(scheme: str, asked: bool, world: World) -> None:
    names = await world.names({PROXY: ("127.0.0.1",), ORIGIN: ("198.51.100.1",)})
    proxy = await world.peer(silent)
    observation = await world.probe(
        target(443),
        hop(proxy.port, scheme),
        overrides={PROXY: "127.0.0.1"},
        name_servers=[names.address],
        timeout=SHORT,
    )
    assert observation.failure is not None
    assert observation.failure.reason is Reason.PROXY_TIMEOUT
    assert bool(names.questions) is asked
    assert (observation.timings.dns is not None) is asked
    assert (ORIGIN.encode() in proxy.heard) is (scheme in ("http", "socks4a"))  # socks5h says it after the greeting


async def test_an_override_also_holds_for_what_a_proxy_is_given(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(socks5_proxy())
    overrides = {f"{ORIGIN}:443": f"127.0.0.1:{aim.port}"}
    reached(await world.probe(target(443), hop(proxy.port, "socks5"), overrides=overrides))


# facts


@pytest.mark.parametrize(("scheme", "alpn"), [("tls", "h2"), ("https", "http/1.1")])
async def test_what_a_handshake_showed(scheme: str, alpn: str, world: World) -> None:
    aim = await tls_origin(world, alpn=("h2", "http/1.1"))
    observation = reached(await world.probe(target(aim.port, scheme)))
    facts = observation.tls
    assert facts is not None
    assert (facts.version, facts.alpn, facts.group) == ("TLSv1.3", alpn, "x25519")
    assert len(facts.chain) >= 1
    assert not facts.client_cert_requested
    assert (observation.http is None) is (scheme == "tls")
    if observation.http is not None:
        assert observation.http.status == 418
        assert ("server", "scripted") in observation.http.headers


async def test_what_the_bytes_of_a_handshake_showed(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy(), tls=server_tls(version=ssl.TLSVersion.TLSv1_2))
    observation = reached(await world.probe(target(aim.port), hop(proxy.port, "https")))
    outer = observation.hops[0].tls
    assert outer is not None
    assert observation.tls is not None
    assert [tls.hello and tls.hello.version for tls in (outer, observation.tls)] == [0x0303, 0x0304]
    assert [tls.key_proven for tls in (outer, observation.tls)] == [True, True]
    assert observation.purpose is Purpose.ATTEMPT


# client certificates


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
@pytest.mark.parametrize("proxied", [False, True])
async def test_a_client_certificate_waits_for_the_servers_key(
    version: ssl.TLSVersion, proxied: bool, world: World
) -> None:
    """Not in the first probe, whatever the settings hold; then to the key that answered it."""
    aim = await world.peer(shaking(server_tls(version=version, clients=authority("clients"))))
    hops = [hop((await world.peer(connect_proxy())).port)] if proxied else []
    certificates = {ORIGIN: world.client_file("clients")}
    first, second = await world.probe_twice(target(aim.port, "https"), *hops, client_certificates=certificates)
    assert first.failure is not None
    assert first.failure.reason is Reason.CLIENT_CERT_REQUIRED
    for observation in (first, reached(second)):
        assert observation.tls is not None
        assert observation.tls.client_cert_requested
        assert observation.tls.key_proven


@VERSIONS
async def test_another_server_never_sees_the_client_certificate(version: ssl.TLSVersion, world: World) -> None:
    """It asks, would take any certificate of that authority, and is told nothing."""
    clean = await world.peer(shaking(server_tls(version=version, clients=authority("clients"))))
    seen: list[ssl.SSLObject] = []
    impostor = await world.peer(shaking(server_tls(version=version, clients=authority("clients")), sessions=seen))
    certificates = {ORIGIN: world.client_file("clients")}
    first = await world.probe(target(clean.port, "https"), client_certificates=certificates)
    assert first.tls is not None
    key = spki_sha256(first.tls.chain[0])
    assert key is not None
    observation = await world.probe(
        target(impostor.port, "https"), present=frozenset({key}), client_certificates=certificates
    )
    assert observation.failure is not None
    assert (observation.failure.stage, observation.failure.hop) == (Stage.TLS, 0)
    assert observation.failure.reason is Reason.TLS_HANDSHAKE
    assert "withheld" in observation.failure.detail
    assert observation.tls is not None
    assert not observation.tls.key_proven
    (session,) = seen
    with pytest.raises(ValueError, match="handshake not done yet"):
        session.getpeercert()
    assert len(impostor.heard) < 1000  # a ClientHello and an alert
    assert b"client.example" not in impostor.heard


async def test_a_proxy_never_sees_the_client_certificate(world: World) -> None:
    """Not even one whose key is known: it is the target's."""
    proxy = await world.peer(shaking(server_tls(clients=authority("clients"))))
    certificates = {"*": world.client_file("clients")}
    way = hop(proxy.port, "https")
    first = await world.probe(target(443), way, client_certificates=certificates)
    assert first.hops[0].tls is not None
    key = spki_sha256(first.hops[0].tls.chain[0])
    assert key is not None
    second = await world.probe(target(443), way, present=frozenset({key}), client_certificates=certificates)
    for observation in (first, second):
        assert observation.failure is not None
        assert observation.failure.reason is Reason.PROXY_CLIENT_CERT_REQUIRED


async def test_facts_of_each_hop(world: World) -> None:
    aim = await tls_origin(world)
    first = await world.peer(connect_proxy(), tls=server_tls())
    second = await world.peer(socks5_proxy())
    observation = reached(await world.probe(target(aim.port), hop(first.port, "https"), hop(second.port, "socks5h")))
    assert [(facts.status, facts.tls is not None) for facts in observation.hops] == [(200, True), (0, False)]
    assert observation.peer == f"127.0.0.1:{first.port}"
    assert observation.attempts == 1
    assert world.gate.judged == [1]


async def test_an_unreachable_target_keeps_the_facts_before_it(world: World) -> None:
    aim = await world.peer(silent, tls=server_tls())
    observation = await world.probe(target(aim.port, "https"), timeout=SHORT)
    assert observation.failure is not None
    assert observation.tls is not None
    assert observation.tls.chain
    assert observation.http is None
    assert observation.timings.tls is not None
    assert observation.timings.ttfb is None


# timings


def spans(timings: Timings) -> list[float | None]:
    """All stages in the order in which they happen."""
    hops = [span for each in timings.hops for span in (each.dns, each.connect, each.tls, each.negotiate)]
    return [timings.dns, timings.connect, *hops, timings.tls, timings.ttfb]


def check(timings: Timings, expected: str) -> None:
    """`expected` has one letter a stage: `x` measured, `-` not."""
    measured = spans(timings)
    assert "".join("-" if span is None else "x" for span in measured) == expected
    assert all(span is None or span >= 0 for span in measured)
    assert timings.total is not None
    assert timings.total >= sum(span or 0 for span in measured)


@pytest.mark.parametrize(("scheme", "expected"), [("tls", "xxx-"), ("https", "xxxx"), ("http", "xx-x")])
async def test_timings_of_a_direct_route(scheme: str, expected: str, world: World) -> None:
    aim = await (world.peer(origin()) if scheme == "http" else tls_origin(world))
    observation = await world.probe_asking({TWO: ("127.0.0.1",)}, target(aim.port, scheme, host=TWO))
    check(reached(observation).timings, expected)


async def test_timings_of_hops(world: World) -> None:
    aim = await tls_origin(world)
    first = await world.peer(connect_proxy(), tls=server_tls())
    second = await world.peer(socks5_proxy())
    third = await world.peer(connect_proxy())
    hops = [hop(first.port, "https", "a.test"), hop(second.port, "socks5h"), hop(third.port)]
    observation = await world.probe_asking({"a.test": ("127.0.0.1",)}, target(aim.port, "https"), *hops)
    check(reached(observation).timings, "--" + "xxxx" + "---x" + "---x" + "xx")


async def test_time_is_counted_where_it_is_spent(world: World) -> None:
    pause = 0.1

    async def slow_proxy(talk: Conversation) -> None:
        await talk.head()
        await asyncio.sleep(pause)  # the time that must show
        await talk.say(OPENED)
        await asyncio.sleep(pause)
        await talk.hold()

    proxy = await world.peer(slow_proxy)
    observation = await world.probe(target(443), hop(proxy.port), timeout=1)
    timings = observation.timings
    assert observation.failure is not None
    assert observation.failure.reason is Reason.TLS_TIMEOUT
    assert timings.hops[0].negotiate is not None
    assert timings.hops[0].negotiate >= pause
    assert timings.hops[0].connect is not None
    assert timings.hops[0].connect < timings.hops[0].negotiate
    assert timings.tls is None
    assert timings.total is not None
    assert timings.total >= 1


async def test_an_answer_that_is_known_takes_no_time(world: World) -> None:
    aim = await tls_origin(world)
    names = await world.names({TWO: ("127.0.0.1",)})
    prober = await world.prober(overrides={}, name_servers=[names.address])
    first = await prober.probe(target(aim.port, host=TWO), route())
    second = await prober.probe(target(aim.port, host=TWO), route())
    assert first.timings.dns is not None
    assert second.timings.dns is None


# plain requests


async def test_a_plain_request_to_the_target_is_in_origin_form(world: World) -> None:
    aim = await world.peer(origin())
    observation = reached(await world.probe(target(aim.port, "http", path="/a?b=c")))
    assert aim.heard.startswith(f"GET /a?b=c HTTP/1.1\r\nHost: {ORIGIN}:{aim.port}\r\n".encode())
    assert observation.http is not None
    assert observation.http.status == 418


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_a_plain_request_through_an_http_proxy_is_in_absolute_form(secure: bool, world: World) -> None:
    proxy = await world.peer(origin(), tls=server_tls() if secure else None)
    scheme = "https" if secure else "http"
    observation = reached(await world.probe(target(80, "http", path="/a?b=c"), hop(proxy.port, scheme)))
    assert proxy.heard.startswith(f"GET http://{ORIGIN}/a?b=c HTTP/1.1\r\nHost: {ORIGIN}\r\n".encode())
    assert b"CONNECT" not in proxy.heard
    assert observation.http is not None
    assert observation.http.status == observation.hops[0].status == 418
    check(observation.timings, "--" + ("-xx-" if secure else "-x--") + "-x")


async def test_a_plain_request_through_socks_is_in_origin_form(world: World) -> None:
    aim = await world.peer(origin())
    proxy = await world.peer(socks5_proxy())
    reached(await world.probe(target(aim.port, "http"), hop(proxy.port, "socks5h")))
    assert aim.heard.startswith(b"GET / HTTP/1.1\r\n")


async def test_a_plain_request_through_socks_and_an_http_proxy(world: World) -> None:
    """The way to the last proxy is tunnelled; that one gets the request."""
    first = await world.peer(socks5_proxy())
    second = await world.peer(origin())
    observation = reached(await world.probe(target(80, "http"), hop(first.port, "socks5h"), hop(second.port)))
    assert second.heard.startswith(f"GET http://{ORIGIN}/ HTTP/1.1\r\n".encode())
    assert first.heard.startswith(b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01" + second.port.to_bytes(2, "big"))
    assert [facts.status for facts in observation.hops] == [0, 418]


async def test_a_plain_request_through_an_http_proxy_and_socks(world: World) -> None:
    aim = await world.peer(origin())
    first = await world.peer(connect_proxy())
    second = await world.peer(socks5_proxy())
    reached(await world.probe(target(aim.port, "http"), hop(first.port), hop(second.port, "socks5h")))
    assert first.heard.startswith(f"CONNECT 127.0.0.1:{second.port} ".encode())
    assert aim.heard.startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize("status", ["403 No", "502 Bad Gateway", "503 Unavailable"])
async def test_a_refusal_that_is_expected_of_the_origin_is_an_answer(status: str, world: World) -> None:
    proxy = await world.peer(answering(response(status)))
    expected = (int(status[:3]),)
    reached(await world.probe(target(80, "http", expected=expected), hop(proxy.port)))


# robustness


@pytest.mark.parametrize("script", [closing, "reset"], ids=["close", "reset"])
async def test_peers_that_hang_up_at_once_are_never_a_bug_of_ours(script: Script | str, world: World) -> None:
    async def reset(talk: Conversation) -> None:
        await talk.reset()

    peer = await world.peer(reset if isinstance(script, str) else script)
    prober = await world.prober()
    observations = await asyncio.gather(*(prober.probe(target(peer.port), route()) for _ in range(60)))
    reasons = {observation.failure.reason for observation in observations if observation.failure}
    assert len([observation for observation in observations if observation.failure]) == 60
    assert reasons <= {Reason.TCP_RESET, Reason.TLS_HANDSHAKE_CLOSED}


async def test_a_bug_in_one_probe_leaves_the_others_alone(world: World) -> None:
    aim = await tls_origin(world)
    prober = await world.prober()

    no_hop: Any = object()
    odd = Route("odd", (no_hop,))
    broken, good = await asyncio.gather(prober.probe(target(aim.port), odd), prober.probe(target(aim.port), route()))
    assert good.failure is None
    assert broken.failure is not None
    assert (broken.failure.reason, broken.failure.detail) == (
        Reason.INTERNAL,
        "AttributeError inside prober; please report it",
    )


async def test_the_deadline_covers_everything(world: World) -> None:
    """Slow in each step, but never silent for long: the sum counts."""

    async def slow(talk: Conversation) -> None:
        await talk.head()
        await asyncio.sleep(0.6)
        await talk.say(OPENED)
        await talk.some()
        await asyncio.sleep(0.6)
        await talk.say(b"\x16")
        await talk.hold()

    proxy = await world.peer(slow)
    observation = await world.probe(target(443), hop(proxy.port), timeout=1.6)
    assert observation.failure is not None
    assert (observation.failure.stage, observation.failure.reason) == (Stage.TLS, Reason.TLS_TIMEOUT)
    assert observation.timings.total is not None
    assert 1.59 <= observation.timings.total < 2.7  # uvloop counts whole milliseconds; 2.8 if each step began it anew


async def test_the_wall_clock_dates_an_observation(world: World) -> None:
    aim = await tls_origin(world)
    resolver = Resolver()
    prober = Prober(settings(), resolver, world.gate, wall=lambda: 1_790_000_000.5)
    observation = await prober.probe(target(aim.port, host="127.0.0.1"), route())
    await prober.close()
    await resolver.close()
    assert observation.at == 1_790_000_000.5
    assert (observation.target, observation.route) == ("t", "r")


async def test_a_probe_cancelled_while_its_connection_is_made_leaves_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        resolver = Resolver()
        prober = Prober(settings(), resolver, Gate())
        aim = target(listening.getsockname()[1], host="127.0.0.1")
        made = Link.connection_made

        def cut(link: Link, transport: asyncio.BaseTransport) -> None:
            made(link, transport)
            task.cancel()

        monkeypatch.setattr(Link, "connection_made", cut)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(prober.probe(aim, route()), name="probe")
        assert task.cancelled()
        # uvloop owes no connection_lost here: waiting for it used to hang for ever
        await asyncio.wait_for(prober.close(), 10)
        await resolver.close()
    assert not prober._links


async def test_a_proxy_that_never_answers_a_request_in_absolute_form(world: World) -> None:
    proxy = await world.peer(silent)
    observation = await world.probe(target(80, "http"), hop(proxy.port), timeout=SHORT)
    failure = observation.failure
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.PROXY_TIMEOUT)
