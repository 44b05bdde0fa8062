"""Routes of several ways: which failure passes to the next one, and what is told of it."""

from __future__ import annotations

import pytest

from prober.engine.ways import Ways, cannot_connect
from prober.model import Failure, Hop, HopScheme, Observation, Reason, Route, Stage

from .peers import answering, closing, connect_proxy, response, shaking, silent
from .world import World, closed_port, deaf_port, hop, server_tls, target

REFUSED = Failure(Stage.CONNECT, 1, Reason.TCP_REFUSED, "")
FAILED = Observation(target="t", route="r", at=0.0, failure=REFUSED)
LOGIN = response("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="x"')


def several(*ways: tuple[Hop, ...]) -> Route:
    return Route("r", ways[0], ways[1:])


async def over(world: World, route: Route, port: int, **changes: float) -> Observation:
    prober = await world.prober(**changes)
    return await prober.probe(target(port), route)


async def test_a_proxy_that_is_down_is_passed_over(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    down, proxy = closed_port(), await world.peer(connect_proxy())
    observation = await over(world, several((hop(down),), (hop(proxy.port),), ()), aim.port)
    assert observation.failure is None
    assert [(each.stage, each.hop, each.reason) for each in observation.passed_over] == [
        (Stage.CONNECT, 1, Reason.TCP_REFUSED)
    ]
    assert str(down) in observation.passed_over[0].detail
    assert observation.peer == f"127.0.0.1:{proxy.port}"
    assert len(observation.hops) == 1
    assert observation.attempts == 2


async def test_down_to_the_direct_way(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    observation = await over(world, several((hop(closed_port()),), (hop(closed_port()),), ()), aim.port)
    assert observation.failure is None
    assert len(observation.passed_over) == 2
    assert observation.hops == ()
    assert observation.peer == f"127.0.0.1:{aim.port}"


async def test_the_last_failure_is_the_one_that_stands(world: World) -> None:
    observation = await over(world, several((hop(closed_port()),), ()), closed_port())
    assert observation.failure is not None
    assert (observation.failure.hop, observation.failure.reason) == (0, Reason.TCP_REFUSED)
    assert [each.hop for each in observation.passed_over] == [1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (response("403 Forbidden"), Reason.PROXY_DENIED),
        (
            response("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="x"'),
            Reason.PROXY_AUTH_REQUIRED,
        ),
        (response("503 Service Unavailable"), Reason.PROXY_UPSTREAM_CONNECT),
    ],
)
async def test_a_proxy_that_answers_has_answered(answer: bytes, reason: Reason, world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    proxy = await world.peer(answering(answer, then="close"))
    observation = await over(world, several((hop(proxy.port),), ()), aim.port)
    assert observation.failure is not None
    assert observation.failure.stage is Stage.PROXY
    assert observation.failure.hop == 1
    assert observation.passed_over == ()
    assert observation.failure.reason is reason


async def test_a_proxy_that_takes_the_connection_and_closes_it_was_connected(world: World) -> None:
    proxy = await world.peer(closing)
    observation = await over(world, several((hop(proxy.port),), ()), closed_port())
    assert observation.failure is not None
    assert (observation.failure.hop, observation.passed_over) == (1, ())


async def test_a_deaf_proxy_leaves_time_for_the_others(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    observation = await over(world, several((hop(deaf_port(world)),), ()), aim.port, timeout=2)
    assert observation.failure is None
    assert [each.reason for each in observation.passed_over] == [Reason.TCP_TIMEOUT]
    assert "no end after 1 s" in observation.passed_over[0].detail


async def test_a_proxy_that_is_connected_has_all_the_time(world: World) -> None:
    """However many ways there are beside it: it is as slow as it would be alone."""
    proxy = await world.peer(silent)
    observation = await over(world, several((hop(proxy.port),), (hop(1),), ()), closed_port(), timeout=0.6)
    assert observation.failure is not None
    assert observation.failure.reason is Reason.PROXY_TIMEOUT
    assert "no end after 0.6 s" in observation.failure.detail
    assert observation.passed_over == ()


async def test_a_proxy_without_a_handshake_is_not_connected(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    proxy = await world.peer(silent)
    route = several((hop(proxy.port, scheme=HopScheme.HTTPS),), ())
    observation = await over(world, route, aim.port, timeout=2)
    assert observation.failure is None
    assert [(each.stage, each.reason) for each in observation.passed_over] == [(Stage.PROXY_TLS, Reason.TLS_TIMEOUT)]
    assert "no end after 1 s" in observation.passed_over[0].detail


async def test_a_name_that_does_not_exist_passes_on_too(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    names = await world.names({})
    prober = await world.prober(name_servers=[names.address])
    observation = await prober.probe(target(aim.port), several((hop(8080, host="proxy.test"),), ()))
    assert observation.failure is None
    assert [(each.stage, each.hop) for each in observation.passed_over] == [(Stage.DNS, 1)]


async def test_a_route_without_a_way_connects_to_nothing(world: World) -> None:
    aim = await world.peer(shaking(server_tls()))
    problem = Failure(Stage.CONFIG, 0, Reason.PAC_FETCH_FAILED, "status 404")
    observation = await over(world, Route("r", problem=problem), aim.port)
    assert observation.failure == problem
    assert observation.peer is None
    assert aim.heard == b""


def test_the_second_proxy_of_a_way_passes_nothing_on() -> None:
    way = Route("r", (hop(1), hop(2)))
    assert cannot_connect(Failure(Stage.CONNECT, 1, Reason.TCP_REFUSED, ""), way)
    assert cannot_connect(Failure(Stage.PROXY_TLS, 1, Reason.TLS_HANDSHAKE, ""), way)
    assert not cannot_connect(Failure(Stage.PROXY_TLS, 2, Reason.TLS_HANDSHAKE, ""), way)
    assert not cannot_connect(Failure(Stage.DNS, 0, Reason.DNS_NXDOMAIN, ""), way)
    assert not cannot_connect(Failure(Stage.PROXY, 1, Reason.PROXY_CLOSED, ""), way)
    assert cannot_connect(Failure(Stage.DNS, 0, Reason.DNS_NXDOMAIN, ""), Route("r"))


def test_each_way_has_its_share_of_what_is_left() -> None:
    now = 100.0
    ways = Ways(several((hop(1),), (hop(2),), ()), 9.0, monotonic=lambda: now)
    assert ways.next()[1:] == (9.0, 3.0)
    now += 1.0
    assert ways.told(FAILED) is None
    assert ways.next()[1:] == (8.0, 4.0)
    now += 6.0
    assert ways.told(FAILED) is None
    way, *seconds = ways.next()
    assert (way.hops, seconds) == ((), [2.0, 2.0])
    now += 5.0
    assert ways.next()[1:] == (0.0, 0.0)


def test_a_route_of_one_way_has_all_the_time_and_is_itself() -> None:
    route = Route("r", (hop(1),))
    ways = Ways(route, 9.0)
    assert ways.next() == (route, 9.0, 9.0)
    assert ways.told(FAILED) is FAILED
