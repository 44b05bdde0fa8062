"""Failures of name resolution, provoked by a scripted name server."""

from __future__ import annotations

from unittest import mock

from prober.engine import resolver
from prober.model import Observation, Reason, Stage

from .case import Case, Provoke
from .names import REFUSED, SERVFAIL, SILENT, Zone
from .peers import origin
from .world import ORIGIN, PROXY, SHORT, World, hop, no_descriptors_left, route, target

SECOND = "second.example.com"


def _target_name(zone: Zone, timeout: float = 5) -> Provoke:
    async def provoke(world: World) -> Observation:
        return await world.probe_asking(zone, target(443), timeout=timeout)

    return provoke


def _target_name_at(scheme: str, zone: Zone) -> Provoke:
    """The target's name, which a proxy wants to have resolved here."""

    async def provoke(world: World) -> Observation:
        return await world.probe_asking(zone, target(443), hop(1080, scheme))

    return provoke


def _first_hop(zone: Zone, timeout: float = 5) -> Provoke:
    async def provoke(world: World) -> Observation:
        return await world.probe_asking(zone, target(443), hop(8080, "http", PROXY), timeout=timeout)

    return provoke


def _second_hop(zone: Zone) -> Provoke:
    """The second hop's name, resolved here because the first is SOCKS 5 with local names."""

    async def provoke(world: World) -> Observation:
        return await world.probe_asking(zone, target(443), hop(1080, "socks5"), hop(8080, "http", SECOND))

    return provoke


async def _given_up_by_the_resolver(world: World) -> Observation:
    with mock.patch.object(resolver, "_QUERY_SECONDS", 0.05), mock.patch.object(resolver, "_TRIES", 1):
        return await world.probe_asking({ORIGIN: SILENT}, target(443))


async def _no_descriptor_for_a_question(world: World) -> Observation:
    names = await world.names({ORIGIN: ("127.0.0.2",)})
    prober = await world.prober(overrides={}, name_servers=[names.address])
    aim = target(443)
    with no_descriptors_left():
        return await prober.probe(aim, route())


async def _address_of_six_at_socks4a(world: World) -> Observation:
    peer = await world.peer(origin())
    return await world.probe(target(443, host="::1"), hop(peer.port, "socks4a"))


def _case(name: str, hop: int, reason: Reason, detail: str, provoke: Provoke) -> Case:
    return Case(name, Stage.DNS, hop, reason, detail, provoke)


CASES = [
    _case("target", 0, Reason.DNS_NXDOMAIN, ORIGIN, _target_name({})),
    _case("first hop", 1, Reason.DNS_NXDOMAIN, PROXY, _first_hop({})),
    _case("second hop", 2, Reason.DNS_NXDOMAIN, SECOND, _second_hop({})),
    _case("target behind socks5", 0, Reason.DNS_NXDOMAIN, ORIGIN, _target_name_at("socks5", {})),
    _case("target", 0, Reason.DNS_NODATA, ORIGIN, _target_name({ORIGIN: ()})),
    _case("first hop", 1, Reason.DNS_NODATA, PROXY, _first_hop({PROXY: ()})),
    _case("six only at socks4", 0, Reason.DNS_NODATA, "no IPv4", _target_name_at("socks4", {ORIGIN: ("2001:db8::1",)})),
    _case("literal of six at socks4a", 0, Reason.DNS_NODATA, "::1 is an IPv6 address", _address_of_six_at_socks4a),
    _case("target", 0, Reason.DNS_SERVFAIL, "ESERVFAIL", _target_name({ORIGIN: SERVFAIL})),
    _case("refused", 0, Reason.DNS_SERVFAIL, "EREFUSED", _target_name({ORIGIN: REFUSED})),
    _case("first hop", 1, Reason.DNS_SERVFAIL, PROXY, _first_hop({PROXY: SERVFAIL})),
    _case(
        "target by the deadline",
        0,
        Reason.DNS_TIMEOUT,
        f"no end after 0.3 s while resolving the name of {ORIGIN}:443",
        _target_name({ORIGIN: SILENT}, SHORT),
    ),
    _case(
        "first hop by the deadline",
        1,
        Reason.DNS_TIMEOUT,
        f"resolving the name of hop 1 (http://{PROXY}:8080)",
        _first_hop({PROXY: SILENT}, SHORT),
    ),
    _case("target by the resolver", 0, Reason.DNS_TIMEOUT, "ETIMEOUT", _given_up_by_the_resolver),
    *(
        _case(f"{address} for {name}", number, Reason.DNS_SINKHOLE, f"{name} resolves to {address}", provoke)
        for address in ("0.0.0.0", "127.0.0.1", "::", "127.9.9.9", "::ffff:0.0.0.0", "::1")
        for name, number, provoke in (
            (ORIGIN, 0, _target_name({"*": (address,)})),
            (PROXY, 1, _first_hop({"*": (address,)})),
            (SECOND, 2, _second_hop({"*": (address,)})),
        )
    ),
    Case("for a question", Stage.LOCAL, 0, Reason.LOCAL_DESCRIPTORS, "EMFILE", _no_descriptor_for_a_question),
]
