"""Logins at proxies: nobody is shown first, a password goes only where it may, a 407 is never forgotten."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from prober.model import Failure, Hop, HopScheme, Observation, Reason, Stage

from .peers import Conversation, Peer, Script, answering, connect_proxy, origin, response, shaking, socks5_proxy
from .world import LOGIN, PASSWORD, USER, World, hop, server_tls, target

SAYS_CLOSE = response("407 Login", "Proxy-Authenticate: Basic realm=p", "Connection: close")
NTLM_ONLY = response("407 Login", "Proxy-Authenticate: NTLM", "Proxy-Authenticate: Negotiate")


async def tls_origin(world: World) -> Peer:
    return await world.peer(shaking(server_tls()))


def heads(peer: Peer) -> list[list[bool]]:
    """For each connection, for each request: whether it carried a login."""
    return [
        [b"Proxy-Authorization:" in head for head in bytes(talk.received).split(b"\r\n\r\n") if b"HTTP/1.1" in head]
        for talk in peer.conversations
    ]


def refused(observation: Observation) -> Failure:
    assert observation.failure is not None
    assert PASSWORD not in repr(observation)
    assert LOGIN.decode() not in repr(observation)
    return observation.failure


def lying_proxy(how: str) -> Script:
    """Promises to keep the connection after its 407, and hangs up: at once, or on the login, with FIN or RST."""

    async def script(talk: Conversation) -> None:
        head = await talk.head()
        if b"Proxy-Authorization" in head:
            await connect_proxy_answer(talk, head)
            return
        await talk.say(response("407 Login", "Proxy-Authenticate: Basic realm=p", "Proxy-Connection: keep-alive"))
        if how == "at once":
            await talk.end()
            return
        await talk.head()
        if how == "with a reset":
            await talk.reset()

    return script


async def connect_proxy_answer(talk: Conversation, head: bytes) -> None:
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    await talk.pipe("127.0.0.1", int(head.split(b" ", 2)[1].rsplit(b":", 1)[1]))


async def test_without_a_demand_no_login_is_sent(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy())
    observation = await world.probe(target(aim.port), hop(proxy.port, login=True))
    assert observation.failure is None
    assert heads(proxy)[0][0] is False
    assert observation.hops[0].login == "none"
    assert observation.hops[0].offered == ()
    assert observation.hops[0].status == 200


async def test_nobody_first_then_the_login_on_the_same_connection(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy(login=LOGIN))
    observation = await world.probe(target(aim.port), hop(proxy.port, login=True))
    assert observation.failure is None
    assert heads(proxy) == [[False, True]]
    assert observation.attempts == 1
    assert (observation.hops[0].login, observation.hops[0].offered) == ("accepted", ("basic",))
    assert observation.hops[0].status == 200


async def test_a_proxy_that_closes_after_its_demand_is_asked_anew(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy(login=LOGIN, unauthorised=SAYS_CLOSE, closes=True))
    observation = await world.probe(target(aim.port), hop(proxy.port, login=True))
    assert observation.failure is None
    assert heads(proxy) == [[False], [True]]
    assert observation.attempts == 2
    assert (observation.hops[0].login, observation.hops[0].offered) == ("accepted", ("basic",))


@pytest.mark.parametrize(
    ("how", "secure"),
    [
        ("at once", False),  # TLS of asyncio has no half-open end
        ("on the login", False),
        ("on the login", True),
        ("with a reset", False),
        ("with a reset", True),
    ],
)
async def test_a_proxy_that_closes_without_saying_so_is_asked_anew(how: str, secure: bool, world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(lying_proxy(how), tls=server_tls() if secure else None)
    observation = await world.probe(target(aim.port), hop(proxy.port, "https" if secure else "http", login=True))
    assert observation.failure is None
    assert len(proxy.conversations) == observation.attempts == 2
    assert heads(proxy)[1][0] is True
    assert (observation.hops[0].login, observation.hops[0].offered) == ("accepted", ("basic",))


async def test_each_of_two_closing_proxies_gets_its_login(world: World) -> None:
    aim = await tls_origin(world)
    first = await world.peer(connect_proxy(login=LOGIN, unauthorised=SAYS_CLOSE, closes=True))
    second = await world.peer(connect_proxy(login=LOGIN, unauthorised=SAYS_CLOSE, closes=True))
    observation = await world.probe(target(aim.port), hop(first.port, login=True), hop(second.port, login=True))
    assert observation.failure is None
    assert observation.attempts == 3
    assert [facts.login for facts in observation.hops] == ["accepted", "accepted"]
    assert [facts.offered for facts in observation.hops] == [("basic",), ("basic",)]


@pytest.mark.parametrize("closes", [False, True])
async def test_a_wrong_password(closes: bool, world: World) -> None:
    unauthorised = SAYS_CLOSE if closes else response("407 No", "Proxy-Authenticate: Basic realm=p", body="no")
    proxy = await world.peer(connect_proxy(login=LOGIN, unauthorised=unauthorised, closes=closes))
    observation = await world.probe(target(443), hop(proxy.port, login=True, password="guess"))
    failure = refused(observation)
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.PROXY_AUTH_FAILED)
    assert failure.status == 407
    assert "407 to CONNECT origin.example.com:443 with a login, offering basic" in failure.detail
    assert heads(proxy) == ([[False], [True]] if closes else [[False, True]])
    assert (observation.hops[0].login, observation.hops[0].offered) == ("rejected", ("basic",))


async def test_no_basic_on_offer(world: World) -> None:
    proxy = await world.peer(answering(NTLM_ONLY))
    observation = await world.probe(target(443), hop(proxy.port, login=True))
    failure = refused(observation)
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.PROXY_AUTH_REQUIRED)
    assert heads(proxy) == [[False]]
    assert observation.hops[0].offered == ("ntlm", "negotiate")


async def test_a_user_without_a_password_has_an_empty_one(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy(login=b64encode(USER.encode() + b":")))
    observation = await world.probe(target(aim.port), Hop(HopScheme.HTTP, "127.0.0.1", proxy.port, USER))
    assert observation.failure is None
    assert observation.hops[0].login == "accepted"


@pytest.mark.parametrize("closes", [False, True])
async def test_a_service_that_cannot_log_in_keeps_the_407(closes: bool, world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy(login=LOGIN, unauthorised=SAYS_CLOSE, closes=closes))
    observation = await world.probe(target(aim.port, "https", proxy_login=False), hop(proxy.port, login=True))
    failure = refused(observation)
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.PROXY_AUTH_REQUIRED)
    assert failure.status == 407
    assert "with the login of this route the target was reached" in failure.detail
    assert observation.tls is not None
    assert observation.tls.chain
    assert observation.http is not None
    assert observation.hops[0].login == "accepted"


async def test_of_two_demands_the_nearer_one_is_kept(world: World) -> None:
    aim = await tls_origin(world)
    proxies = [await world.peer(connect_proxy(login=LOGIN)) for _ in range(2)]
    observation = await world.probe(
        target(aim.port, proxy_login=False), *(hop(proxy.port, login=True) for proxy in proxies)
    )
    failure = refused(observation)
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.PROXY_AUTH_REQUIRED)
    assert f"407 to CONNECT 127.0.0.1:{proxies[1].port}" in failure.detail
    assert [facts.login for facts in observation.hops] == ["accepted", "accepted"]


async def test_a_service_that_cannot_log_in_and_would_not_get_through_either(world: World) -> None:
    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(response("407 Login", "Proxy-Authenticate: Basic realm=p"))
        await talk.head()
        await talk.say(response("403 No"))
        await talk.hold()

    proxy = await world.peer(script)
    failure = refused(await world.probe(target(443, proxy_login=False), hop(proxy.port, login=True)))
    assert failure.reason is Reason.PROXY_AUTH_REQUIRED
    assert "with the login of this route it failed too: proxy-denied" in failure.detail


@pytest.mark.parametrize("scheme", ["tls", "http"], ids=["tunnel", "absolute form"])
async def test_no_password_for_a_proxy_with_a_bad_certificate(scheme: str, world: World) -> None:
    world.gate.rejected = {1}
    proxy = await world.peer(connect_proxy(login=LOGIN), tls=server_tls())
    observation = await world.probe(target(443, scheme), hop(proxy.port, "https", login=True))
    failure = refused(observation)
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY_TLS, 1, Reason.CERT_UNTRUSTED)
    assert "the password was not sent" in failure.detail
    assert "signed by a stranger" in failure.detail
    assert heads(proxy) == [[False]]
    assert observation.attempts == 1, "nothing is to be gained from asking it anew"
    assert observation.hops[0].tls_failure is not None
    assert observation.hops[0].tls is not None


@pytest.mark.parametrize("scheme", ["tls", "http"], ids=["tunnel", "absolute form"])
async def test_the_certificate_counts_on_the_second_connection_too(scheme: str, world: World) -> None:
    """The first connection shows a good certificate and closes; the second shows a bad one."""
    demand = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        world.gate.rejected = {1}
        demand.set()
        await talk.say(SAYS_CLOSE)

    proxy = await world.peer(script, tls=server_tls())
    failure = refused(await world.probe(target(443, scheme), hop(proxy.port, "https", login=True)))
    assert demand.is_set()
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY_TLS, 1, Reason.CERT_UNTRUSTED)
    assert "the password was not sent" in failure.detail
    assert world.gate.judged == [1, 1]
    assert b"Proxy-Authorization" not in proxy.heard
    assert LOGIN not in proxy.heard


async def test_a_login_that_does_not_travel_in_the_untrusted_tls_is_not_withheld(world: World) -> None:
    """The proxy before it closed after its demand, so the login is held when the bad certificate comes."""
    world.gate.rejected = {2}
    aim = await tls_origin(world)
    first = await world.peer(connect_proxy(login=LOGIN, unauthorised=SAYS_CLOSE, closes=True))
    second = await world.peer(connect_proxy(), tls=server_tls())
    observation = await world.probe(target(aim.port), hop(first.port, login=True), hop(second.port, "https"))
    assert observation.failure is None
    assert [facts.login for facts in observation.hops] == ["accepted", "none"]
    assert observation.hops[1].tls_failure is not None


async def test_without_a_demand_a_bad_certificate_is_only_recorded(world: World) -> None:
    world.gate.rejected = {1}
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy(), tls=server_tls())
    observation = await world.probe(target(aim.port), hop(proxy.port, "https", login=True))
    assert observation.failure is None
    tls_failure = observation.hops[0].tls_failure
    assert tls_failure is not None
    assert tls_failure.reason is Reason.CERT_UNTRUSTED


async def test_a_trusted_https_proxy_gets_the_login(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(connect_proxy(login=LOGIN), tls=server_tls())
    observation = await world.probe(target(aim.port), hop(proxy.port, "https", login=True))
    assert observation.failure is None
    assert heads(proxy)[0][:2] == [False, True]
    assert observation.hops[0].tls_failure is None


async def test_socks5_asks_and_gets(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(socks5_proxy(user=USER.encode(), password=PASSWORD.encode()))
    observation = await world.probe(target(aim.port), hop(proxy.port, "socks5h", login=True))
    assert observation.failure is None
    assert (observation.hops[0].login, observation.hops[0].offered) == ("accepted", ("password",))
    assert proxy.heard.startswith(b"\x05\x02\x00\x02")


async def test_socks5_that_asks_for_nothing_gets_nothing(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(socks5_proxy())
    observation = await world.probe(target(aim.port), hop(proxy.port, "socks5h", login=True))
    assert observation.failure is None
    assert (observation.hops[0].login, observation.hops[0].offered) == ("none", ())
    assert PASSWORD.encode() not in proxy.heard


async def test_socks5_keeps_the_demand_of_a_service_that_cannot_log_in(world: World) -> None:
    aim = await tls_origin(world)
    proxy = await world.peer(socks5_proxy(user=USER.encode(), password=PASSWORD.encode()))
    observation = await world.probe(target(aim.port, proxy_login=False), hop(proxy.port, "socks5h", login=True))
    failure = refused(observation)
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.PROXY_AUTH_REQUIRED)
    assert observation.tls is not None


@pytest.mark.parametrize("closes", [False, True])
async def test_a_login_with_the_request_in_absolute_form(closes: bool, world: World) -> None:
    async def script(talk: Conversation) -> None:
        while LOGIN not in await talk.head():
            demand = SAYS_CLOSE if closes else response("407 Login", "Proxy-Authenticate: Basic realm=p", body="x" * 99)
            await talk.say(demand)
            if closes:
                return
        await talk.say(response("200 OK", body="ok"))

    proxy = await world.peer(script)
    observation = await world.probe(target(80, "http"), hop(proxy.port, login=True))
    assert observation.failure is None
    assert heads(proxy) == ([[False], [True]] if closes else [[False, True]])
    assert observation.http is not None
    assert observation.http.status == 200
    assert (observation.hops[0].login, observation.hops[0].offered) == ("accepted", ("basic",))


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_request_in_absolute_form_whose_login_is_hung_up_on(then: str, world: World) -> None:
    async def script(talk: Conversation) -> None:
        if LOGIN in await talk.head():
            await talk.say(response("200 OK", body="ok"))
            return
        await talk.say(response("407 Login", "Proxy-Authenticate: Basic realm=p"))
        await talk.head()
        if then == "reset":
            await talk.reset()

    proxy = await world.peer(script)
    observation = await world.probe(target(80, "http"), hop(proxy.port, login=True))
    assert observation.failure is None
    assert heads(proxy) == [[False, True], [True]]


async def test_a_proxy_that_hangs_up_on_every_login(world: World) -> None:
    async def script(talk: Conversation) -> None:
        if LOGIN not in await talk.head():
            await talk.say(response("407 Login", "Proxy-Authenticate: Basic realm=p"))
            await talk.head()

    proxy = await world.peer(script)
    failure = refused(await world.probe(target(443), hop(proxy.port, login=True)))
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.PROXY_CLOSED)
    assert heads(proxy) == [[False, True], [True]]


async def test_the_target_never_sees_a_login(world: World) -> None:
    aim = await world.peer(origin(), tls=server_tls())
    proxy = await world.peer(connect_proxy(login=LOGIN))
    observation = await world.probe(target(aim.port, "https"), hop(proxy.port, login=True))
    assert observation.failure is None
    assert b"GET / HTTP/1.1" in aim.heard
    assert b"Authorization" not in aim.heard
