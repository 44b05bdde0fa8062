"""Names are asked for once, and what keeps a run from starting has its words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.engine.load.way import CannotBeginError, find_way
from prober.model import Failure, Hop, HopScheme, Reason, Route, Stage

from ..world import World, hop, route, settings, target


async def test_what_has_to_be_known_here() -> None:
    here = settings(overrides={"a.test": "127.0.0.1", "b.test": "127.0.0.2", "t.test": "127.0.0.3"})
    aim = target(443, host="t.test")
    assert (await find_way(aim, Route("direct"), here)).endpoint == ("127.0.0.3", 443)
    way = await find_way(aim, route(hop(1, host="a.test"), hop(2, "socks5", "b.test")), here)
    assert (way.endpoint, way.onward) == (("127.0.0.1", 1), {2: ("127.0.0.3", 443)})
    behind = await find_way(aim, route(hop(1, "socks4", "a.test"), hop(2, host="b.test")), here)
    assert behind.onward == {1: ("127.0.0.2", 2)}
    assert (await find_way(target(1, host="unknown.test"), route(hop(1, host="127.0.0.1")))).onward == {}


async def refused(of: object, *hops: Hop, **how: object) -> Failure:
    """Why it cannot begin."""
    with pytest.raises(CannotBeginError) as caught:
        await find_way(target(443, host=str(of)), route(*hops), settings(**how))
    assert str(caught.value)
    return caught.value.failure


async def test_a_name_that_is_none(world: World) -> None:
    names = await world.names({})
    how = {"overrides": {}, "name_servers": [names.address]}
    direct = await refused("gone.example.com", **how)
    assert (direct.stage, direct.hop, direct.reason) == (Stage.DNS, 0, Reason.DNS_NXDOMAIN)
    proxy = await refused("127.0.0.1", hop(1, host="gone.example.com"), **how)
    assert (proxy.stage, proxy.hop) == (Stage.DNS, 1)


async def test_socks4_has_no_ipv6() -> None:
    for scheme in ("socks4", "socks4a"):
        failure = await refused("2001:db8::1", hop(1, scheme))
        assert (failure.stage, failure.reason) == (Stage.DNS, Reason.DNS_NODATA)


async def test_roots_that_cannot_be_read() -> None:
    failure = await refused(
        "127.0.0.1", replace(Hop(HopScheme.HTTPS, "127.0.0.1", 1), trust_roots="/nowhere/roots.pem")
    )
    assert (failure.stage, failure.hop, failure.reason) == (Stage.CONFIG, 1, Reason.CERT_UNTRUSTED)
    assert "/nowhere/roots.pem" in failure.detail


async def test_a_route_that_is_a_problem() -> None:
    problem = Failure(Stage.CONFIG, 0, Reason.PAC_SCRIPT_ERROR, "line 3")
    with pytest.raises(CannotBeginError, match="line 3"):
        await find_way(target(443), Route("r", problem=problem))
