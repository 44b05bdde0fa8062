from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import aiodns
import pycares
import pytest

from prober.engine import resolver as module
from prober.engine.resolver import ResolutionError, Resolved, Resolver, as_address, is_sinkholed
from prober.model import Reason
from prober.routes.overrides import Overrides, parse_override

from .names import AAAA, SERVFAIL, SILENT, A, NameServer, Zone
from .world import World

NAME = "some.example.com"
FOUR, SIX = "198.51.100.7", "2001:db8::7"


@contextlib.asynccontextmanager
async def resolving(
    world: World, zone: Zone, family: str = "ipv4-first", **overrides: str
) -> AsyncIterator[tuple[Resolver, NameServer]]:
    names = await world.names(zone)
    entries = Overrides(parse_override(*entry) for entry in overrides.items())
    resolver = Resolver(family, entries, [names.address])
    try:
        yield resolver, names
    finally:
        await resolver.close()


async def refusal(resolver: Resolver, host: str = NAME) -> Reason:
    with pytest.raises(ResolutionError) as caught:
        await resolver.resolve(host, 443)
    assert host in caught.value.detail
    return caught.value.reason


async def test_one_question_for_many_who_wait(world: World) -> None:
    async with resolving(world, {NAME: (FOUR,)}, "ipv4") as (resolver, names):
        answers = await asyncio.gather(*(resolver.resolve(NAME, port) for port in range(1, 51)))
        assert names.questions == [(NAME, A)]
    assert [answer.endpoints for answer in answers] == [((FOUR, port),) for port in range(1, 51)]
    assert [answer.seconds is None for answer in answers] == [False] + [True] * 49


async def test_an_answer_serves_for_the_whole_run(world: World) -> None:
    async with resolving(world, {NAME: (FOUR,)}, "ipv4") as (resolver, names):
        first = await resolver.resolve(NAME, 1)
        second = await resolver.resolve(NAME, 2)
        assert names.questions == [(NAME, A)]
    assert first.seconds is not None
    assert first.seconds > 0
    assert second.seconds is None


async def test_who_is_cancelled_does_not_take_the_answer_from_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_QUERY_SECONDS", 0.1)
    async with resolving(world, {NAME: SILENT}, "ipv4") as (resolver, names):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(resolver.resolve(NAME, 1), name="first")
            second = group.create_task(resolver.resolve(NAME, 2), name="second")
            await names.asked.wait()
            first.cancel()
            names.zone = {NAME: (FOUR,)}  # the next try of the same question is answered
        assert first.cancelled()
        assert second.result().endpoints == ((FOUR, 2),)


async def test_ipv4_comes_first(world: World) -> None:
    zone = {NAME: (SIX, FOUR, "2001:db8::8", "198.51.100.8")}
    async with resolving(world, zone) as (resolver, _):
        answer = await resolver.resolve(NAME, 443)
    assert [address for address, _ in answer.endpoints] == [FOUR, "198.51.100.8", SIX, "2001:db8::8"]
    assert not answer.ipv6_only


@pytest.mark.parametrize(("family", "kinds"), [("ipv4", {A}), ("ipv6", {AAAA}), ("ipv4-first", {A, AAAA})])
async def test_families(family: str, kinds: set[int], world: World) -> None:
    async with resolving(world, {NAME: (FOUR, SIX)}, family) as (resolver, names):
        answer = await resolver.resolve(NAME, 443)
        assert {kind for _, kind in names.questions} == kinds
    expected = {"ipv4": [FOUR], "ipv6": [SIX], "ipv4-first": [FOUR, SIX]}[family]
    assert [address for address, _ in answer.endpoints] == expected


async def test_a_name_without_ipv4_is_told(world: World) -> None:
    async with resolving(world, {NAME: (SIX,)}) as (resolver, _):
        answer = await resolver.resolve(NAME, 443)
    assert answer.ipv6_only
    assert answer.endpoints == ((SIX, 443),)


async def test_one_family_without_an_answer_does_not_spoil_the_other(world: World) -> None:
    zone: dict[str, tuple[str, ...] | int] = {f"{NAME}/A": (FOUR,), f"{NAME}/AAAA": SERVFAIL}
    async with resolving(world, zone) as (resolver, _):
        answer = await resolver.resolve(NAME, 443)
    assert answer.endpoints == ((FOUR, 443),)


async def test_search_domains_are_for_single_labels_only(world: World) -> None:
    """The machine's search list is whatever it is: a name with dots is asked for once, as it stands."""
    async with resolving(world, {}, "ipv4") as (resolver, names):
        assert await refusal(resolver) is Reason.DNS_NXDOMAIN
        assert names.questions == [(NAME, A)]
    with mock.patch.object(aiodns, "DNSResolver", wraps=aiodns.DNSResolver) as made:
        async with resolving(world, {"*": (FOUR,)}, "ipv4") as (resolver, _):
            await resolver.resolve("proxy", 8080)
            await resolver.resolve(NAME, 443)
    flags = [call.kwargs["flags"] & pycares.ARES_FLAG_NOSEARCH for call in made.call_args_list]
    assert [bool(flag) for flag in flags] == [False, True]


async def test_overrides_come_before_everything_and_the_narrowest_wins(world: World) -> None:
    overrides = {f"{NAME}:1": "127.0.0.1:9", NAME: "127.0.0.2", "*:3": "127.0.0.3", "192.0.2.1": "127.0.0.4"}
    async with resolving(world, {"*": (FOUR,)}, "ipv4", **overrides) as (resolver, names):
        assert await resolver.resolve(NAME, 1) == Resolved((("127.0.0.1", 9),))
        assert await resolver.resolve(NAME, 2) == Resolved((("127.0.0.2", 2),))
        assert await resolver.resolve("other.example.com", 3) == Resolved((("127.0.0.3", 3),))
        assert await resolver.resolve("192.0.2.1", 4) == Resolved((("127.0.0.4", 4),))
        assert not names.questions
        assert (await resolver.resolve("other.example.com", 4)).endpoints == ((FOUR, 4),)


@pytest.mark.parametrize("literal", ["192.0.2.1", "::1", "fe80::1%lo"])
async def test_nobody_is_asked_for_a_literal(literal: str, world: World) -> None:
    async with resolving(world, {"*": (FOUR,)}) as (resolver, names):
        assert await resolver.resolve(literal, 443) == Resolved(((literal, 443),))
        assert not names.questions


async def test_a_passing_failure_is_asked_again(world: World) -> None:
    async with resolving(world, {NAME: SERVFAIL}, "ipv4") as (resolver, names):
        assert await refusal(resolver) is Reason.DNS_SERVFAIL
        names.zone = {NAME: (FOUR,)}
        assert (await resolver.resolve(NAME, 443)).endpoints == ((FOUR, 443),)


@pytest.mark.parametrize("zone", [{}, {NAME: ()}, {NAME: ("0.0.0.0",)}], ids=["nxdomain", "nodata", "sinkhole"])
async def test_a_lasting_failure_is_remembered(zone: Zone, world: World) -> None:
    async with resolving(world, zone, "ipv4") as (resolver, names):
        first = await refusal(resolver)
        names.zone = {NAME: (FOUR,)}
        assert await refusal(resolver) is first
        assert names.questions == [(NAME, A)]


async def test_closing_ends_questions_under_way(world: World) -> None:
    names = await world.names({"*": SILENT})
    resolver = Resolver("ipv4", None, [names.address])
    waiting = asyncio.get_running_loop().create_task(resolver.resolve(NAME, 443), name="waiting")
    await names.asked.wait()
    before = asyncio.all_tasks()
    await resolver.close()
    assert asyncio.all_tasks() < before
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_closing_what_was_never_used() -> None:
    await Resolver().close()


def _may_unshare() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


@pytest.mark.skipif(not _may_unshare(), reason="needs root on Linux for a private /etc/hosts")
def test_the_hosts_file_counts(tmp_path: Path) -> None:
    program = f"""
import asyncio
from prober.engine.resolver import Resolver
async def main():
    resolver = Resolver("ipv4-first", None, ["127.0.0.1:9"])
    print((await resolver.resolve({NAME!r}, 443)).endpoints)
    await resolver.close()
asyncio.run(main())
"""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{FOUR} {NAME}\n")
    mount = 'mount --bind "$1" /etc/hosts && exec "$2" -c "$3"'
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", str(hosts), sys.executable, program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.stdout == f"(('{FOUR}', 443),)\n", ended.stderr


@pytest.mark.parametrize(
    ("host", "addresses", "sinkholed"),
    [
        ("a.example.com", ["0.0.0.0"], True),
        ("a.example.com", ["0.1.2.3"], True),
        ("A.Example.Com.", ["127.0.0.1", "::1"], True),
        ("a.example.com", ["::"], True),
        ("a.example.com", ["::ffff:127.0.0.1"], True),
        ("a.example.com", ["127.0.0.1", "198.51.100.1"], False),
        ("a.example.com", ["10.0.0.1"], False),
        ("a.example.com", ["1.0.0.0"], False),
        ("a.example.com", ["::ffff:10.0.0.1"], False),
        ("proxy", ["127.0.0.1"], False),
        ("localhost", ["127.0.0.1"], False),
        ("a.localhost", ["127.0.0.1"], False),
        ("proxy.corp", ["127.0.0.1"], False),
        ("x.test.", ["127.0.0.1"], False),
        ("x.home.arpa", ["127.0.0.1"], False),
        ("nothome.arpa", ["127.0.0.1"], True),
        ("xlocalhost.com", ["127.0.0.1"], True),
    ],
)
def test_sinkholes(host: str, addresses: list[str], sinkholed: bool) -> None:
    assert is_sinkholed(host, addresses) is sinkholed


def test_literals() -> None:
    assert str(as_address("192.0.2.1")) == "192.0.2.1"
    assert str(as_address("fe80::1%eth0")) == "fe80::1%eth0"
    assert as_address("localhost") is None
    assert as_address("[::1]") is None
    assert as_address("1.2.3") is None


async def test_exhaustion_is_told_only_where_it_explains(world: World) -> None:
    with mock.patch.object(module, "_exhaustion", return_value=OSError(24, "too many")) as asked:
        async with resolving(world, {}, "ipv4") as (resolver, _):
            assert await refusal(resolver) is Reason.DNS_NXDOMAIN
        assert not asked.called
        async with resolving(world, {NAME: SERVFAIL}, "ipv4") as (resolver, _):
            assert await refusal(resolver) is Reason.LOCAL_DESCRIPTORS


def test_a_foreign_error_is_no_exhaustion() -> None:
    with mock.patch.object(socket, "socket", side_effect=OSError(97, "no such family")):
        assert module._exhaustion() is None
    assert module._exhaustion() is None
