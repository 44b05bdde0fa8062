"""A load against scripted peers: what is started, what it is called when it fails, and that nothing is left."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any

import pytest

from prober.load.words import Measure, Phase, PhaseKind, Skip, Span, Workload
from prober.model import Hop, Reason, Stage

from ..peers import after_bytes, answering, shaking
from ..world import LOGIN, PASSWORD, PROXY, World, authority, closed_port, deaf_port, hop, server_tls, target
from .bench import Told, load, run, runner
from .scripts import OK, answer, connect_proxy, dropping, hold, login_proxy, socks_proxy

COUNT = 20
SHORT = 0.2


async def origin(world: World, script: Any = hold, **tls: Any) -> int:
    """A TLS origin's port."""
    port: int = (await world.peer(script, tls=server_tls(**tls))).port
    return port


async def test_handshakes(world: World) -> None:
    port = await origin(world)
    told = await run(target(port), of=load())
    total = told.sum
    assert (total.offered, total.started, total.succeeded) == (COUNT, COUNT, COUNT)
    assert (total.connections, total.handshakes, total.reset, told.slices[-1].open) == (COUNT, COUNT, 0, 0)
    assert told.outcomes[-1] == (COUNT, COUNT)
    for measure in ("response", "service", "lateness", "connect", "target-tls"):
        assert told.count(measure) == COUNT
    assert set(total.spans) == {
        Measure(Span(each)) for each in ("response", "service", "lateness", "connect", "target-tls")
    }
    [(key, seen)] = total.keys.items()
    assert len(key) == 64
    assert seen.count == COUNT
    assert "tests" in seen.issuer
    assert 0 <= seen.first < 1


async def test_response_is_counted_from_when_it_was_due(world: World) -> None:
    """A run whose first moment lies in the past: it is late, and says so in response, not in service."""
    port = await origin(world)
    told = Told()
    made = await runner(target(port), of=load(rate=10, seconds=0.1), told=told)
    made.go(time.perf_counter() - 0.5)
    await made.ended
    total = told.sum
    assert total.succeeded == 1
    late = total.span(Measure(Span.LATENESS)).most
    assert 0.4 < late < 0.9
    assert total.span(Measure(Span.RESPONSE)).most >= late
    assert total.span(Measure(Span.SERVICE)).most < total.span(Measure(Span.RESPONSE)).most


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_through_a_proxy(world: World, scheme: str) -> None:
    port = await origin(world)
    proxy = await world.peer(connect_proxy(port) if scheme == "http" else socks_proxy(port))
    told = await run(target(port), hop(proxy.port, scheme), of=load())
    assert told.sum.succeeded == COUNT
    for measure in ("connect[1]", "tunnel[1]", "target-tls"):
        assert told.count(measure) == COUNT


async def test_two_proxies(world: World) -> None:
    port = await origin(world)
    second = await world.peer(socks_proxy(port))
    first = await world.peer(connect_proxy(second.port))
    told = await run(target(port), hop(first.port), hop(second.port, "socks5h"), of=load())
    assert told.sum.succeeded == COUNT
    assert told.count("tunnel[1]") == told.count("tunnel[2]") == COUNT


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_login_is_sent_at_once_after_it_was_demanded(world: World, keeps: bool) -> None:
    port = await origin(world)
    proxy = await world.peer(login_proxy(port, LOGIN, keeps=keeps))
    told = await run(target(port), hop(proxy.port, login=True), of=load(rate=20, seconds=0.5))
    assert told.sum.succeeded == 10
    assert not told.failed
    asked = [conversation.received.count(b"CONNECT ") for conversation in proxy.conversations]
    assert asked[0] == (2 if keeps else 1)
    assert set(asked[2:]) == {1}
    assert all(LOGIN in conversation.received for conversation in proxy.conversations[2:])


async def test_a_login_of_socks(world: World) -> None:
    port = await origin(world)
    proxy = await world.peer(socks_proxy(port, login=True))
    told = await run(target(port), hop(proxy.port, "socks5h", login=True), of=load())
    assert told.sum.succeeded == COUNT
    assert proxy.heard.count(PASSWORD.encode()) == COUNT


async def test_nobody_logs_in_without_a_user(world: World) -> None:
    proxy = await world.peer(login_proxy(1, LOGIN, keeps=True))
    told = await run(target(1), hop(proxy.port), of=load())
    assert told.failed == {(Stage.PROXY, 1, Reason.PROXY_AUTH_REQUIRED): COUNT}


async def test_a_wrong_password(world: World) -> None:
    proxy = await world.peer(login_proxy(1, LOGIN, keeps=True))
    told = await run(target(1), hop(proxy.port, login=True, password="wrong"), of=load())
    assert told.failed == {(Stage.PROXY, 1, Reason.PROXY_AUTH_FAILED): COUNT}


async def test_an_https_proxy_with_a_login(world: World) -> None:
    port = await origin(world)
    proxy = await world.peer(login_proxy(port, LOGIN, keeps=True), tls=server_tls())
    roots = world.folder() / "roots.pem"
    roots.write_bytes(authority().cert_pem.bytes())
    trusting = Hop(**{**_fields(hop(proxy.port, "https", PROXY, login=True)), "trust_roots": str(roots)})
    told = await run(target(port), trusting, of=load())
    assert told.sum.succeeded == COUNT
    assert told.count("proxy-tls[1]") == COUNT


async def test_no_password_for_a_stranger(world: World) -> None:
    proxy = await world.peer(login_proxy(1, LOGIN, keeps=True), tls=server_tls())
    roots = world.folder() / "roots.pem"
    roots.write_bytes(authority("others").cert_pem.bytes())
    wary = Hop(**{**_fields(hop(proxy.port, "https", PROXY, login=True)), "trust_roots": str(roots)})
    told = await run(target(1), wary, of=load())
    assert set(told.failed) == {(Stage.PROXY_TLS, 1, Reason.CERT_UNTRUSTED)}
    assert LOGIN not in proxy.heard


def _fields(of: Hop) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__slots__}


async def test_failures_have_their_words(world: World) -> None:
    denying = await world.peer(answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"))
    hanging_up = await world.peer(after_bytes(then="close"))
    resetting = await world.peer(after_bytes(then="reset"))
    silent = await world.peer(hold)
    captive = await world.peer(answering(b"HTTP/1.1 200 OK\r\n\r\n<html>log in here", then="hold"))
    for hops, why in (
        ((hop(closed_port()),), (Stage.CONNECT, 1, Reason.TCP_REFUSED)),
        ((hop(denying.port),), (Stage.PROXY, 1, Reason.PROXY_DENIED)),
        ((hop(hanging_up.port),), (Stage.PROXY, 1, Reason.PROXY_CLOSED)),
        ((hop(resetting.port),), (Stage.PROXY, 1, Reason.TCP_RESET)),
        ((hop(silent.port),), (Stage.PROXY, 1, Reason.PROXY_TIMEOUT)),
        ((hop(captive.port),), (Stage.PROXY, 1, Reason.PROXY_CAPTIVE)),
    ):
        told = await run(target(1), *hops, of=load(rate=50, seconds=0.1, timeout=SHORT))
        assert told.failed == {why: 5}
        assert told.sum.reset == (5 if why[2] is Reason.TCP_RESET else 0)
        assert told.outcomes[-1] == (5, 0)
        assert told.count("response") == 0


async def test_failures_of_the_target(world: World) -> None:
    silent = await world.peer(hold)
    hanging_up = await world.peer(after_bytes(then="close"))
    old = await world.peer(shaking(server_tls(version=ssl.TLSVersion.TLSv1_1)))
    clear = await world.peer(
        after_bytes(b"SSH-2.0-OpenSSH_9.2 and a little more so that it can be told what it is\r\n")
    )
    for port, why in (
        (closed_port(), (Stage.CONNECT, 0, Reason.TCP_REFUSED)),
        (deaf_port(world), (Stage.CONNECT, 0, Reason.TCP_TIMEOUT)),
        (silent.port, (Stage.TLS, 0, Reason.TLS_TIMEOUT)),
        (hanging_up.port, (Stage.TLS, 0, Reason.TLS_HANDSHAKE_CLOSED)),
        (old.port, (Stage.TLS, 0, Reason.TLS_VERSION)),
        (clear.port, (Stage.TLS, 0, Reason.TLS_HANDSHAKE)),
    ):
        told = await run(target(port), of=load(rate=50, seconds=0.1, timeout=SHORT))
        assert told.failed == {why: 5}


async def test_no_more_than_allowed_at_once(world: World) -> None:
    silent = await world.peer(hold)
    told = await run(target(silent.port), of=load(timeout=SHORT * 2, in_flight=3))
    assert told.sum.started == 3
    assert told.sum.skipped == {Skip.IN_FLIGHT: COUNT - 3}
    assert silent.most_open <= 3


async def test_what_is_too_late_is_not_started(world: World) -> None:
    port = await origin(world)
    told = Told()
    made = await runner(target(port), of=load(most_late=0.5), told=told)
    made.go(time.perf_counter() - 0.6)  # half of all is over half a second late
    await made.ended
    assert told.sum.skipped[Skip.LATE] + told.sum.started == COUNT
    assert told.sum.skipped[Skip.LATE] >= COUNT / 2


async def test_this_machine_has_nothing_left(world: World) -> None:
    port = await origin(world)
    for how in ({"descriptor_limit": 64}, {"sources": ("192.0.2.1",)}):  # RFC 5737: nobody's own address
        told = await run(target(port), of=load(), **how)
        assert told.sum.skipped == {Skip.LOCAL: COUNT}
        assert not told.failed
        assert told.sum.started == 0


async def test_sources_in_turn(world: World) -> None:
    origins: set[str] = set()

    async def note(talk: Any) -> None:
        origins.add(talk._writer.get_extra_info("peername")[0])
        await talk.hold()

    port = await origin(world, note)
    told = await run(target(port), of=load(), sources=("127.0.0.1", "127.0.0.9"))
    assert told.sum.succeeded == COUNT
    assert origins == {"127.0.0.1", "127.0.0.9"}


async def test_tunnels_are_held(world: World) -> None:
    peer = await world.peer(hold, tls=server_tls())
    told = await run(target(peer.port), of=load("tunnel", seconds=0.2))
    assert told.sum.succeeded == COUNT
    assert peer.most_open == COUNT
    await peer.until(met=COUNT, left=True)


async def test_a_dropped_tunnel_is_a_failure(world: World) -> None:
    let_go = asyncio.Event()
    port = await origin(world)
    proxy = await world.peer(dropping(port, let_go))
    told = Told()
    phases = (Phase(PhaseKind.SUSTAIN, 0.5, 10, 10), Phase(PhaseKind.COLLECTION, 2.5, 0, 0))
    made = await runner(target(port), hop(proxy.port), of=load("tunnel", phases=phases), told=told)
    made.go(time.perf_counter())
    while not told.slices:
        await asyncio.wait([made.ended], timeout=0.05)
    let_go.set()
    await made.ended
    assert told.sum.succeeded == told.slices[0].succeeded == 5
    assert told.failed == {(Stage.PROXY, 1, Reason.PROXY_CLOSED): 5}
    assert not told.slices[0].failed
    assert [each.open for each in told.slices] == [5, 0, 0]


async def test_a_target_that_lets_go(world: World) -> None:
    async def leave(talk: Any) -> None:
        await talk.say(b"")

    port = await origin(world, leave)
    phases = (Phase(PhaseKind.SUSTAIN, 0.2, 100, 100), Phase(PhaseKind.COLLECTION, 1, 0, 0))
    told = await run(target(port), of=load("tunnel", phases=phases))
    assert told.sum.succeeded == COUNT
    assert told.failed == {(Stage.HTTP, 0, Reason.HTTP_CLOSED): COUNT}


async def test_collection_is_over_when_nothing_is_under_way(world: World) -> None:
    port = await origin(world)
    phases = (Phase(PhaseKind.SUSTAIN, 1, 20, 20), Phase(PhaseKind.COLLECTION, 60, 0, 0))
    begun = time.perf_counter()
    told = await run(target(port), of=load(phases=phases))
    assert told.sum.succeeded == COUNT
    assert 1 <= time.perf_counter() - begun < 30


async def test_requests_share_connections(world: World) -> None:
    port = await origin(world, answer)
    told = await run(target(port, "https"), of=load("request", rate=50, seconds=0.4, reuse=5), expected=4)
    total = told.sum
    assert (total.succeeded, total.transactions) == (COUNT, COUNT)
    assert total.connections == total.handshakes
    assert COUNT / 5 <= total.connections < COUNT
    assert total.bytes_in == COUNT * len(OK)
    assert told.count("ttfb") == told.count("ttlb") == COUNT
    assert told.slices[-1].open == 0


async def test_bulk(world: World) -> None:
    size = 1_000_000
    port = await origin(world, answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)))
    told = await run(target(port, "https"), of=load("bulk", rate=20, reuse=9, object_bytes=size), expected=size)
    assert told.sum.succeeded == told.sum.connections == 4
    assert told.sum.bytes_in > 4 * size
    assert told.sum.span(Measure(Span.TTFB)).most <= told.sum.span(Measure(Span.TTLB)).most


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Reason.HTTP_PROTOCOL_ERROR),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", Reason.HTTP_AUTH_REQUIRED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", Reason.HTTP_PROTOCOL_ERROR),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", Reason.HTTP_CLOSED),
        (b"", Reason.HTTP_CLOSED),
        (b"gibberish\r\n\r\n", Reason.HTTP_PROTOCOL_ERROR),
    ],
)
async def test_an_answer_that_will_not_do(world: World, said: bytes, reason: Reason) -> None:
    port = await origin(world, answering(said, then="close"))
    told = await run(target(port, "https"), of=load("request", reuse=100), expected=4)
    assert told.failed == {(Stage.HTTP, 0, reason): COUNT}


async def test_a_slow_answer(world: World) -> None:
    port = await origin(world, answering(b""))
    told = await run(target(port, "https"), of=load("request", timeout=SHORT))
    assert told.failed == {(Stage.HTTP, 0, Reason.HTTP_TIMEOUT): COUNT}


async def test_a_connection_closed_at_rest_is_nobodys_failure(world: World) -> None:
    port = await origin(world, answering(OK, then="close"))
    told = await run(target(port, "https"), of=load("request", rate=10, seconds=0.5, reuse=100), expected=4)
    assert told.sum.succeeded == told.sum.connections == 5
    assert not told.failed


async def test_requests_in_the_clear_go_to_the_proxy_itself(world: World) -> None:
    proxy = await world.peer(answer)
    told = await run(target(80, "http"), hop(proxy.port, login=True), of=load("request", reuse=4), expected=4)
    assert told.sum.succeeded == COUNT
    assert proxy.heard.count(b"GET http://origin.example.com/") == COUNT
    assert proxy.heard.count(LOGIN) == COUNT
    denying = await world.peer(answering(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n"))
    told = await run(target(80, "http"), hop(denying.port), of=load("request"))
    assert told.failed == {(Stage.PROXY, 1, Reason.PROXY_UPSTREAM_CONNECT): COUNT}
    silent = await world.peer(hold)
    told = await run(target(80, "http"), hop(silent.port), of=load("request", timeout=SHORT))
    assert told.failed == {(Stage.PROXY, 1, Reason.PROXY_TIMEOUT): COUNT}


async def test_connections_alone(world: World) -> None:
    """A handshake with a target that speaks no TLS is a connection."""
    peer = await world.peer(hold)
    told = await run(target(peer.port, "http"), of=load())
    assert told.sum.succeeded == told.sum.connections == COUNT
    assert told.sum.handshakes == 0


async def test_sessions_are_resumed_when_asked_for(world: World) -> None:
    port = await origin(world)
    told = await run(target(port), of=load(rate=20, seconds=0.5, resume=True))
    assert told.sum.handshakes == told.sum.succeeded == 10
    assert 1 <= sum(seen.count for seen in told.sum.keys.values()) < 10  # a resumed handshake shows no certificate


async def test_the_key_share_follows_the_server(world: World) -> None:
    context = server_tls()
    context.set_ecdh_curve("prime256v1")
    peer = await world.peer(hold, tls=context)
    told = Told()
    made = await runner(target(peer.port), of=load(rate=20, seconds=0.5), told=told)
    made.go(time.perf_counter())
    await made.ended
    assert told.sum.succeeded == 10
    assert made.plan.groups(0).startswith("*P-256")


async def test_stopped_at_once(world: World) -> None:
    silent = await world.peer(hold)
    told = Told()
    made = await runner(target(silent.port), of=load(rate=200, seconds=60, timeout=60), told=told)
    made.go(time.perf_counter())
    await silent.until(met=3)
    made.stop()
    await made.ended
    await silent.until(left=True)
    total = told.sum
    assert total.started >= 3
    assert total.succeeded == total.ended == 0
    assert total.offered == total.started + total.skipped[Skip.STOPPED] <= 400
    assert made.tally.open == 0
    made.stop()  # once more does no harm


async def test_closed_before_it_began(world: World) -> None:
    told = Told()
    made = await runner(target(1), of=load(), told=told)
    made.close()
    assert told.slices == []


async def test_a_bug_of_ours_is_internal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    port = await origin(world)
    told = Told()
    made = await runner(target(port), of=load(), told=told)
    monkeypatch.setattr(made.tally.keys, "count", lambda *_: 1 / 0)
    made.go(time.perf_counter())
    await made.ended
    assert told.failed == {(Stage.HTTP, 0, Reason.INTERNAL): COUNT} or told.failed == {
        (Stage.TLS, 0, Reason.INTERNAL): COUNT
    }


def test_every_workload_is_measured() -> None:
    assert set(Workload) == {Workload(each) for each in ("handshake", "tunnel", "request", "bulk")}
