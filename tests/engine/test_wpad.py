"""Automatic discovery against name servers and web servers that are really there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from prober.engine.document_web import FetchLimits
from prober.engine.documents import Script, fetch_script
from prober.engine.resolver import Resolved, Resolver
from prober.engine.wpad import Discovery, Outcome, discover
from prober.model import Failure, Reason, Stage
from prober.routes.overrides import Overrides, parse_override
from prober.routes.wpad import Origin

from .names import SERVFAIL, SILENT, Zone
from .peers import answering, silent
from .world import SHORT, World, closed_port, no_descriptors_left

DOMAIN = "dept.corp.example.com"
DEPT, CORP, TOP = (f"wpad.{name}" for name in (DOMAIN, "corp.example.com", "example.com"))


def pac(proxy: str = "PROXY p:1") -> bytes:
    body = f'function FindProxyForURL(url, host) {{ return "{proxy}"; }}'
    kind = "Content-Type: application/x-ns-proxy-autoconfig"
    return f"HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def resolving(world: World, zone: Zone, ports: dict[str, int]) -> AsyncIterator[Resolver]:
    """Names in `ports` are at that port of loopback; the others are asked for."""
    names = await world.names(zone)
    overrides = Overrides(parse_override(host, f"127.0.0.1:{port}") for host, port in ports.items())
    resolver = Resolver("ipv4", overrides, [names.address])
    try:
        yield resolver
    finally:
        await resolver.close()


async def looked(
    world: World, servers: dict[str, bytes], zone: Zone | None = None, *, domain: str = DOMAIN,
    option_252: str | None = None, level: int | None = None, own: tuple[str, ...] = (),
) -> Discovery:  # fmt: skip
    """Discovery where each of these hosts has a web server that gives one answer."""
    ports = {host: (await world.peer(answering(answer, then="close"))).port for host, answer in servers.items()}
    async with resolving(world, zone or {}, ports) as resolver:
        return await discover(
            domain,
            option_252=option_252,
            level=level,
            own=own,
            resolve=resolver.resolve,
            fetch=partial(fetch_script, resolve=resolver.resolve, limits=FetchLimits(seconds=SHORT * 5)),
        )


def in_short(outcome: Outcome) -> tuple[str, str]:
    result = outcome.result
    return outcome.candidate.host, "script" if isinstance(result, Script) else result.reason.value


def said(discovery: Discovery) -> list[tuple[str, str]]:
    return [(each.id, each.severity.value) for each in discovery.findings]


async def test_every_candidate_has_its_outcome_and_the_first_script_is_taken(world: World) -> None:
    found = await looked(world, {DEPT: NOT_FOUND, CORP: pac(), TOP: pac()})
    assert [in_short(each) for each in found.outcomes] == [
        (DEPT, "pac-fetch-failed"),
        (CORP, "script"),
        (TOP, "script"),
    ]
    assert [each.chosen for each in found.outcomes] == [False, True, False]
    assert [each.addresses for each in found.outcomes] == [("127.0.0.1",)] * 3
    assert found.script is found.result is found.outcomes[1].result
    assert found.script is not None
    assert found.script.url == f"http://{CORP}/wpad.dat"
    assert found.failure is None
    refused = found.outcomes[0].result
    assert isinstance(refused, Failure)
    assert refused.status == 404
    assert said(found) == []


async def test_what_dhcp_says_comes_first(world: World) -> None:
    url = "http://pac.example.com/here.pac"
    found = await looked(
        world, {DEPT: pac("PROXY dns:1"), "pac.example.com": pac("PROXY dhcp:1")}, option_252=f"{url}\0"
    )
    assert found.script is not None
    assert "dhcp" in found.script.text
    assert [each.candidate.origin for each in found.outcomes] == [Origin.DHCP, *[Origin.DNS] * 3]
    assert said(found) == [("scripts-differ", "info")]


async def test_dns_where_dhcp_leads_nowhere(world: World) -> None:
    found = await looked(world, {CORP: pac()}, option_252="http://gone.example.com/p.pac")
    assert [in_short(each) for each in found.outcomes] == [
        ("gone.example.com", "dns-nxdomain"),
        (DEPT, "dns-nxdomain"),
        (CORP, "script"),
        (TOP, "dns-nxdomain"),
    ]


async def test_none(world: World) -> None:
    zone: Zone = {DEPT: SERVFAIL, CORP: (), TOP: ("0.0.0.0",)}
    found = await looked(world, {"pac.example.com": NOT_FOUND}, zone, option_252="http://u:secret@pac.example.com/")
    failure = found.failure
    assert found.script is None
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason) == (Stage.CONFIG, 0, Reason.WPAD_NONE)
    for words in ("status 404", "dns-servfail", "dns-nodata", "dns-sinkhole", f"http://{DEPT}/wpad.dat", DOMAIN):
        assert words in failure.detail
    assert "secret" not in failure.detail
    assert found.outcomes[3].addresses == ("0.0.0.0",)
    assert [each.result.stage for each in found.outcomes[1:] if isinstance(each.result, Failure)] == [Stage.DNS] * 3


async def test_no_name_at_all_may_be_the_block_list(world: World) -> None:
    found = await looked(world, {})
    assert said(found) == [("query-block-list", "info")]
    assert found.failure is not None


async def test_a_public_suffix_is_not_asked(world: World) -> None:
    names = await world.names({"*": ("127.0.0.1",)})
    resolver = Resolver("ipv4", servers=[names.address])
    found = await discover(
        "a.corp.co.uk", level=2, resolve=resolver.resolve, fetch=partial(fetch_script, resolve=resolver.resolve)
    )
    await resolver.close()
    assert {name for name, _ in names.questions} == {"wpad.a.corp.co.uk", "wpad.corp.co.uk"}
    assert ("asks-outside", "high") in said(found)


async def test_a_domain_that_leaves_nothing_to_ask(world: World) -> None:
    found = await looked(world, {}, domain="co.uk")
    assert found.outcomes == ()
    assert found.failure is not None
    assert found.failure.reason is Reason.WPAD_NONE
    assert "wpad.co.uk not asked" in found.failure.detail


async def test_a_foreign_answer_is_high(world: World) -> None:
    servers = {"wpad.evil.net": pac()}
    found = await looked(world, servers, option_252="http://wpad.evil.net/wpad.dat")
    assert ("foreign-answer", "high") in said(found)
    own = await looked(world, servers, option_252="http://wpad.evil.net/wpad.dat", own=("evil.net",))
    assert "foreign-answer" not in dict(said(own))


async def test_a_redirect_that_leaves_the_organisation_is_high(world: World) -> None:
    found = await looked(world, {DEPT: moved("http://pac.evil.net/p.pac"), "pac.evil.net": pac()})
    assert found.script is not None
    assert said(found) == [("foreign-answer", "high")]
    inside = await looked(world, {DEPT: moved("http://pac.example.com/p.pac"), "pac.example.com": pac()})
    assert inside.script is not None
    assert said(inside) == []


async def test_a_public_address_is_a_warning() -> None:
    async def resolve(host: str, port: int) -> Resolved:
        return Resolved((("8.8.8.8", port), ("10.0.0.1", port)))

    async def fetch(url: str) -> Script | Failure:
        return Failure(Stage.CONFIG, 0, Reason.PAC_FETCH_FAILED, "no")

    found = await discover("corp.example.com", resolve=resolve, fetch=fetch)
    assert said(found) == [("public-address", "warning")] * 2
    assert "10.0.0.1" not in found.findings[0].text


async def test_the_quick_check_is_for_names_of_dns_only(world: World) -> None:
    async with resolving(world, {"*": SILENT}, {}) as resolver:

        async def fetch(url: str) -> Script | Failure:
            raise AssertionError

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT):
                await discover(
                    "example.com",
                    option_252="http://pac.example.com/",
                    resolve=resolver.resolve,
                    fetch=fetch,
                    quick_check=0.05,
                )
        found = await discover("example.com", resolve=resolver.resolve, fetch=fetch, quick_check=0.05)
    result = found.outcomes[0].result
    assert isinstance(result, Failure)
    assert (result.stage, result.reason) == (Stage.DNS, Reason.DNS_TIMEOUT)
    assert "0.05 s" in result.detail


async def test_candidates_do_not_wait_for_one_another(world: World) -> None:
    slow = await world.peer(silent)
    quick = await world.peer(answering(pac(), then="close"))
    ports = {DEPT: slow.port, CORP: slow.port, TOP: quick.port}
    async with resolving(world, {}, ports) as resolver:
        fetch = partial(fetch_script, resolve=resolver.resolve, limits=FetchLimits(seconds=1.5))
        started = asyncio.get_running_loop().time()
        found = await discover(DOMAIN, resolve=resolver.resolve, fetch=fetch)
        assert asyncio.get_running_loop().time() - started < 3
    assert [in_short(each)[1] for each in found.outcomes] == ["pac-fetch-failed", "pac-fetch-failed", "script"]
    await slow.until(left=True)


async def test_cancelled_leaves_nothing(world: World) -> None:
    slow = await world.peer(silent)
    async with resolving(world, {}, {DEPT: slow.port, CORP: slow.port, TOP: closed_port()}) as resolver:
        fetch = partial(fetch_script, resolve=resolver.resolve)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(discover(DOMAIN, resolve=resolver.resolve, fetch=fetch), name="discover")
            await slow.until(met=2)
            task.cancel()
    assert task.cancelled()
    await slow.until(left=True)


async def test_our_own_exhaustion_is_not_called_wpad_none() -> None:
    async def resolve(host: str, port: int) -> Resolved:
        return Resolved((("127.0.0.1", port),))

    with no_descriptors_left():
        found = await discover("example.com", resolve=resolve, fetch=partial(fetch_script, resolve=resolve))
    assert found.failure is not None
    assert (found.failure.stage, found.failure.reason) == (Stage.LOCAL, Reason.LOCAL_DESCRIPTORS)


async def test_a_domain_that_is_none_is_refused_before_anybody_is_asked() -> None:
    async def nobody(*_: object) -> Resolved:
        raise AssertionError

    async def nothing(url: str) -> Script:
        raise AssertionError

    with pytest.raises(ValueError, match="two labels"):
        await discover("com", resolve=nobody, fetch=nothing)
