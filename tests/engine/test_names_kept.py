"""Names in what runs for ever: an answer serves for seconds, a failure for nobody who comes later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from unittest import mock

import aiodns
import pytest

from prober.engine import channels
from prober.engine import resolver as module
from prober.engine.resolver import ResolutionError, Resolver
from prober.model import Reason

from .names import AAAA, SERVFAIL, SILENT, A, NameServer, Zone
from .world import World

NAME = "some.example.com"
ONE, OTHER, SIX = "198.51.100.7", "198.51.100.8", "2001:db8::7"


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def keeping(world: World, zone: Zone, keep: float = 10) -> AsyncIterator[tuple[Resolver, NameServer, Clock]]:
    names, clock = await world.names(zone), Clock()
    resolver = Resolver("ipv4", None, [names.address], keep=keep, clock=clock)
    try:
        yield resolver, names, clock
    finally:
        await resolver.close()


async def address(resolver: Resolver, host: str = NAME) -> str:
    return (await resolver.resolve(host, 443)).endpoints[0][0]


async def test_an_answer_is_used_for_that_long_and_then_asked_for_again(world: World) -> None:
    """c-ares has a cache of its own, which would go on for the 60 seconds of the answer's time to live."""
    async with keeping(world, {NAME: (ONE,)}) as (resolver, names, clock):
        assert await address(resolver) == ONE
        names.zone = {NAME: (OTHER,)}
        clock.now += 9.99
        assert await address(resolver) == ONE
        assert len(names.questions) == 1
        clock.now += 0.01
        second = await resolver.resolve(NAME, 443)
        assert second.endpoints == ((OTHER, 443),)
        assert second.seconds is not None
        assert len(names.questions) == 2


async def test_no_longer_than_its_time_to_live(world: World) -> None:
    async with keeping(world, {NAME: (ONE,)}) as (resolver, names, clock):
        names.ttl = 3
        assert await address(resolver) == ONE
        clock.now += 2.9
        assert await address(resolver) == ONE
        clock.now += 0.1
        names.zone = {NAME: (OTHER,)}
        assert await address(resolver) == OTHER
        names.ttl = 0
        clock.now += 100
        await address(resolver)
        await address(resolver)
        assert len(names.questions) == 4


@pytest.mark.parametrize("zone", [{}, {NAME: ()}, {NAME: SERVFAIL}, {NAME: ("0.0.0.0",)}])
async def test_a_failure_is_told_to_those_who_wait_and_to_nobody_later(zone: Zone, world: World) -> None:
    async with keeping(world, zone) as (resolver, names, _):
        asked = await asyncio.gather(*(resolver.resolve(NAME, 443) for _ in range(5)), return_exceptions=True)
        assert [type(each) for each in asked] == [ResolutionError] * 5
        before = len(names.questions)
        with pytest.raises(ResolutionError):
            await resolver.resolve(NAME, 443)
        assert len(names.questions) > before
        names.zone = {NAME: (ONE,)}
        assert await address(resolver) == ONE


async def test_a_sinkholes_addresses_are_told(world: World) -> None:
    async with keeping(world, {NAME: ("127.0.0.1", "0.0.0.0")}) as (resolver, _, _):
        with pytest.raises(ResolutionError) as caught:
            await resolver.resolve(NAME, 443)
    assert caught.value.reason is Reason.DNS_SINKHOLE
    assert caught.value.addresses == ("127.0.0.1", "0.0.0.0")


async def test_families_are_asked_for_apart(world: World) -> None:
    async with keeping(world, {NAME: (ONE, SIX)}) as (resolver, names, _):
        assert (await resolver.resolve(NAME, 1)).endpoints == ((ONE, 1),)
        assert (await resolver.resolve(NAME, 1, "ipv6")).endpoints == ((SIX, 1),)
        both = await resolver.resolve(NAME, 1, "ipv4-first")
        assert both.endpoints == ((ONE, 1), (SIX, 1))
        assert both.seconds is not None
        assert (await resolver.resolve(NAME, 1, "ipv6")).seconds is None
    assert names.questions[:2] == [(NAME, A), (NAME, AAAA)]
    assert sorted(names.questions[2:]) == [(NAME, A), (NAME, AAAA)]


async def test_kept_names_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 3)
    async with keeping(world, {"*": (ONE,)}) as (resolver, names, _):
        for number in range(5):
            await address(resolver, f"n{number}.example.com")
        assert len(resolver._answers) == 3
        await address(resolver, "n4.example.com")
        assert len(names.questions) == 5
        await address(resolver, "n0.example.com")
        assert len(names.questions) == 6


async def test_who_gives_up_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUERY_SECONDS", 0.05)
    monkeypatch.setattr(module, "_TRIES", 1)
    async with keeping(world, {NAME: SILENT}) as (resolver, names, _):
        waiting = asyncio.get_running_loop().create_task(resolver.resolve(NAME, 443), name="waiting")
        await names.asked.wait()
        question = resolver._answers[NAME, "ipv4"].task
        waiting.cancel()
        await asyncio.wait([waiting, question])
        assert waiting.cancelled()
        assert isinstance(question.exception(), ResolutionError)
        assert not resolver._answers


# channels


async def test_channels_are_left_and_closed(world: World) -> None:
    """As many stay open as have a question under way, and the newest."""
    made: list[aiodns.DNSResolver] = []
    real = aiodns.DNSResolver

    def make(*arguments: object, **how: object) -> aiodns.DNSResolver:
        made.append(real(*arguments, **how))  # type: ignore[arg-type] # whatever it is called with
        return made[-1]

    with mock.patch.object(aiodns, "DNSResolver", make):
        async with keeping(world, {NAME: (ONE,), "silent.example.com": SILENT}, keep=0) as (resolver, names, _):
            silent = asyncio.get_running_loop().create_task(resolver.resolve("silent.example.com", 1), name="silent")
            await names.asked.wait()
            for _ in range(4):
                await address(resolver)
            assert [channel._closed for channel in made] == [False, True, True, False]
            assert len(resolver._channels._left) == 1
        assert [channel._closed for channel in made] == [True] * 4
        with pytest.raises(asyncio.CancelledError):
            await silent


async def test_a_channel_is_asked_a_bounded_number_of_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_MOST_ASKED", 2)
    async with keeping(world, {"*": (ONE,)}) as (resolver, _, _):
        first = None
        for number in range(3):
            await address(resolver, f"n{number}.example.com")
            first = first or resolver._channels._current[False]
        assert first is not None
        assert len(first.asked) == 2
        assert resolver._channels._current[False] is not first


async def test_in_one_run_there_is_one_channel(world: World) -> None:
    names = await world.names({NAME: SERVFAIL})
    resolver = Resolver("ipv4", None, [names.address])
    for _ in range(3):
        with pytest.raises(ResolutionError):
            await resolver.resolve(NAME, 443)
    assert len(resolver._channels._current) == 1
    assert not resolver._channels._left
    assert not resolver._channels._current[False].asked
    await resolver.close()
