"""A probe whose target comes from a stranger: what its guard looked at is what is connected to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network

import pytest

from prober.engine.address_policy import AddressPolicy
from prober.engine.probe import Prober
from prober.engine.resolver import Resolver
from prober.engine.terms import Terms
from prober.model import Hop, Observation, Reason, Stage, Target

from .names import Zone
from .peers import answering, connect_proxy, response, silent, socks5_proxy
from .world import SHORT, World, hop, route, settings, target

NAME = "moving.test"
"""`.test` may be on loopback."""
HERE = "127.0.0.1"
ONLY_TWO = AddressPolicy((ip_network("127.0.0.2/32"),))
STRICT = AddressPolicy()
OK = response("200 OK")


async def guarded(
    world: World,
    aim: Target,
    *hops: Hop,
    guard: AddressPolicy | None = STRICT,
    zone: Zone | None = None,
    **changes: object,
) -> tuple[Observation, str | None]:
    if zone is not None:
        names = await world.names(zone)
        changes = {"overrides": {}, "name_servers": [names.address], **changes}
    prober = await world.prober(**changes)
    return await prober.probe_on(Terms(guard=guard), aim, route(*hops))


def refused(ended: tuple[Observation, str | None]) -> str:
    observation, why = ended
    assert why is not None
    assert observation.failure is not None
    assert (observation.failure.stage, observation.failure.hop) == (Stage.CONNECT, 0)
    assert observation.failure.reason is Reason.TCP_UNREACHABLE
    assert why in observation.failure.detail
    return why


class Turning(Mapping[str, tuple[str, ...] | int]):
    """A zone whose name is somewhere else each time it is asked for."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    def __getitem__(self, name: str) -> tuple[str, ...]:
        if name != NAME:
            raise KeyError(name)
        return (self._answers.pop(0),)

    def __iter__(self) -> Iterator[str]:
        return iter((NAME,))

    def __len__(self) -> int:
        return 1


async def test_the_address_that_was_looked_at_is_connected_to(world: World) -> None:
    """Rebinding: the next answer would be another one. Nobody asks for it, though nothing is kept."""
    aim = await world.peer(answering(OK, OK, then="close"), host="127.0.0.2")
    names = await world.names(Turning("127.0.0.2", HERE, "127.0.0.2", HERE))
    resolver = Resolver("ipv4", None, [names.address], keep=0)
    prober = Prober(settings(), resolver, world.gate)
    moving = target(aim.port, "http", host=NAME)
    terms = Terms(guard=ONLY_TWO)
    for _ in range(2):
        observation, why = await prober.probe_on(terms, moving, route())
        assert (observation.failure, why) == (None, None)
        assert observation.peer == f"127.0.0.2:{aim.port}"
        assert "127.0.0.1 is loopback" in refused(await prober.probe_on(terms, moving, route()))
    assert len(names.questions) == 4
    await prober.close()
    await resolver.close()


async def test_of_several_addresses_only_those_that_may_be_are_tried(world: World) -> None:
    aim = await world.peer(answering(OK, then="close"), host="127.0.0.2")
    zone = {NAME: (HERE, "127.0.0.2", "::1")}
    observation, why = await guarded(world, target(aim.port, "http", host=NAME), guard=ONLY_TWO, zone=zone)
    assert (observation.failure, why) == (None, None)
    assert (observation.peer, observation.attempts) == (f"127.0.0.2:{aim.port}", 1)


@pytest.mark.parametrize(
    "literal", [HERE, "::1", "::ffff:127.0.0.1", "169.254.169.254", "64:ff9b::7f00:1", "fe80::1%lo"]
)
async def test_literals_are_looked_at(literal: str, world: World) -> None:
    ended = await guarded(world, target(9, host=literal))
    assert str(ip_address(literal)) in refused(ended)
    assert ended[0].peer is None


async def test_what_an_override_says_is_looked_at(world: World) -> None:
    aim = await world.peer(silent)
    assert "loopback" in refused(await guarded(world, target(aim.port, host=NAME), overrides={NAME: HERE}))
    assert not aim.conversations
    _, why = await guarded(world, target(aim.port, host=NAME), overrides={NAME: HERE}, guard=None, timeout=SHORT)
    assert why is None


async def test_a_sinkhole_stays_one_and_is_refused(world: World) -> None:
    observation, why = await guarded(world, target(443, host="a.example.com"), zone={"a.example.com": (HERE,)})
    assert observation.failure is not None
    assert observation.failure.reason is Reason.DNS_SINKHOLE
    assert why == "127.0.0.1 is loopback (RFC 1122)"


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001"])
async def test_a_number_is_no_way_round(host: str, world: World) -> None:
    """Nobody here reads it as an address; if a name server does, its answer is looked at."""
    observation, _ = await guarded(world, target(9, host=host), zone={})
    assert observation.failure is not None
    assert observation.failure.stage is Stage.DNS
    observation, why = await guarded(world, target(9, host=host), zone={"*": (HERE,)})
    assert (observation.peer, why) == (None, "127.0.0.1 is loopback (RFC 1122)")


@pytest.mark.parametrize("scheme", ["http", "socks5h", "socks4a"])
@pytest.mark.parametrize("host", [HERE, "::1", "2130706433", "0x7f.1", "localhost", "169.254.169.254", "1.2.3.4.5"])
async def test_a_proxy_is_not_sent_where_we_do_not_go(scheme: str, host: str, world: World) -> None:
    proxy = await world.peer(silent)
    refused(await guarded(world, target(9, host=host), hop(proxy.port, scheme)))
    assert not proxy.conversations


async def test_a_proxy_gets_names_as_they_are_and_is_not_asked_about_itself(world: World) -> None:
    proxy = await world.peer(answering(response("403 Forbidden"), then="close"))
    observation, why = await guarded(world, target(443, host="a.example.com"), hop(proxy.port))
    assert why is None
    assert observation.failure is not None
    assert observation.failure.reason is Reason.PROXY_DENIED
    assert proxy.heard.startswith(b"CONNECT a.example.com:443 ")


@pytest.mark.parametrize("scheme", ["socks5", "socks4"])
async def test_what_is_resolved_for_a_proxy_is_looked_at(scheme: str, world: World) -> None:
    proxy = await world.peer(silent)
    ended = await guarded(world, target(9, host=NAME), hop(proxy.port, scheme), zone={NAME: (HERE,)})
    assert "127.0.0.1 is loopback" in refused(ended)
    assert not proxy.conversations


async def test_a_proxy_gets_the_address_that_was_looked_at(world: World) -> None:
    aim = await world.peer(answering(OK, then="close"))
    proxy = await world.peer(socks5_proxy())
    observation, why = await guarded(
        world,
        target(aim.port, "http", host=NAME),
        hop(proxy.port, "socks5"),
        guard=ONLY_TWO,
        zone={NAME: (HERE, "127.0.0.2")},
    )
    assert (observation.failure, why) == (None, None)
    assert b"\x05\x01\x00\x01\x7f\x00\x00\x02" in proxy.heard


async def test_between_proxies_nobody_is_looked_at(world: World) -> None:
    """The next proxy's name is resolved here for the first one; it comes from the configuration."""
    second = await world.peer(connect_proxy())
    first = await world.peer(socks5_proxy())
    aim = await world.peer(answering(OK, then="close"))
    chain = (hop(first.port, "socks5"), hop(second.port, host="second.test"))
    zone = {"second.test": (HERE,)}
    observation, why = await guarded(world, target(aim.port, "tls", host="a.example.com"), *chain, zone=zone)
    assert why is None
    assert second.heard.startswith(b"CONNECT a.example.com:")
    assert observation.hops[1].status == 200


async def test_terms_replace_the_settings(world: World) -> None:
    aim = await world.peer(silent)
    prober = await world.prober(timeout=100)
    observation, _ = await prober.probe_on(Terms(timeout=SHORT), target(aim.port), route())
    assert observation.failure is not None
    assert f"no end after {SHORT:g} s" in observation.failure.detail
    names = await world.names({NAME: (HERE, "::1")})
    prober = await world.prober(overrides={}, name_servers=[names.address], timeout=100)
    observation, _ = await prober.probe_on(Terms(SHORT, "ipv4"), target(aim.port, host=NAME), route())
    assert {kind for _, kind in names.questions} == {1}
