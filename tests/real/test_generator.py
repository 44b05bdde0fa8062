"""The load generator against real proxies: all succeeds, every stage is measured, and whoever opens TLS shows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from prober.engine.load.generators import Generators
from prober.engine.loop import run_loop
from prober.load.slices import Slice
from prober.load.words import Load, Measure, Phase, PhaseKind, Workload
from prober.model import HopScheme, Scheme

from .forward import Tinyproxy
from .names import ONE
from .origin import BODY
from .proxies import Proxy
from .seeing import _settings, route, target
from .sites import Sites
from .socks import Microsocks
from .squid import Inspecting, Squid

pytestmark = pytest.mark.real

RATE, SECONDS = 20, 1.0
COUNT = 20


@pytest.fixture(scope="module")
def proxies(
    tinyproxy: Tinyproxy, squid: Squid, inspecting: Inspecting, haproxy: Proxy, microsocks: Microsocks, dante: Proxy
) -> dict[str, Sequence[Proxy]]:
    """Routes by name."""
    return {
        "direct": (),
        "tinyproxy": (tinyproxy.open,),
        "squid": (squid.open,),
        "bumping": (inspecting.outright,),
        "haproxy": (haproxy,),
        "microsocks": (microsocks.open.speaking("socks5"),),
        "dante": (dante.speaking("socks5"),),
        "tinyproxy-squid": (tinyproxy.open, squid.open.at("127.0.0.1")),
    }


def put(workload: Workload, sites: Sites, name: str, hops: Sequence[Proxy], reuse: int = 1) -> tuple[Slice, bool]:
    """A small load on a route; all seconds as one, and whether it ran to its end."""
    load = Load(workload=workload, phases=(Phase(PhaseKind.SUSTAIN, SECONDS, RATE, RATE),), seed=1, reuse=reuse)
    [site] = [each for each in sites if each.host == ONE]

    async def run() -> tuple[Slice, bool]:
        async with Generators(settings=_settings(())) as making:
            told = await making.run(load, target(site, Scheme.HTTPS), route(name, hops), expected=len(BODY))
        total = Slice(0)
        for each in told.slices:
            total.add(each)
        return total, told.stopped is None

    return run_loop(run())


def test_handshakes(sites: Sites, proxies: dict[str, Sequence[Proxy]]) -> None:
    keys: dict[str, set[str]] = {}
    for name, hops in proxies.items():
        total, whole = put(Workload.HANDSHAKE, sites, name, hops)
        assert whole
        assert not total.failed, name
        assert (total.succeeded, total.handshakes, total.reset) == (COUNT, COUNT, 0), name
        keys[name] = set(total.keys)
        for index, proxy in enumerate(hops, 1):
            assert total.span(Measure.parse(f"tunnel[{index}]")).count == COUNT, name
            secured = HopScheme(proxy.scheme) is HopScheme.HTTPS
            assert total.span(Measure.parse(f"proxy-tls[{index}]")).count == (COUNT if secured else 0), name
        assert total.span(Measure.parse("connect[1]" if hops else "connect")).count == COUNT
    assert len(keys["direct"]) == 1
    assert all(found == keys["direct"] for name, found in keys.items() if name != "bumping")
    assert not keys["bumping"] & keys["direct"]


@pytest.mark.parametrize("name", ["direct", "tinyproxy", "bumping"])
def test_requests(sites: Sites, proxies: dict[str, Sequence[Proxy]], name: str) -> None:
    """The origin closes after each answer: nothing is reused, and that is no failure. squid keeps its client's
    connection where it has opened the TLS."""
    total, whole = put(Workload.REQUEST, sites, name, proxies[name], reuse=10)
    assert whole
    assert not total.failed
    assert total.transactions == COUNT
    assert total.connections == COUNT or (name == "bumping" and total.connections < COUNT)


@pytest.mark.parametrize("name", ["squid", "dante"])
def test_tunnels(sites: Sites, proxies: dict[str, Sequence[Proxy]], name: str) -> None:
    total, whole = put(Workload.TUNNEL, sites, name, proxies[name])
    assert whole
    assert not total.failed
    assert total.succeeded == COUNT
