"""A target and a route become a stack of layers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from prober.engine.resolver import as_address
from prober.engine.settings import USER_AGENT, ProbeSettings
from prober.model import Hop, HopScheme, Route, Scheme, Stage, Target, authority
from prober.model.inquiry import Inquiry
from prober.wire.connect import Connect
from prober.wire.exchange import Exchange
from prober.wire.fetch import Fetch
from prober.wire.layer import Layer
from prober.wire.socks import Address, Socks4, Socks5
from prober.wire.stack import Guard, Rung, Stack
from prober.wire.tls import ALPN_BARE, ALPN_HTTP, Tls, shared_context

Onward = Mapping[int, tuple[str, int]]
"""For hops that take an address instead of a name: hop index to address and port of what comes after it."""


def next_stop(target: Target, route: Route, index: int) -> tuple[str, int]:
    """Host and port that hop `index` (from 1) must be asked for."""
    if index < len(route.hops):
        after = route.hops[index]
        return after.host, after.port
    return target.host, target.port


def assemble(
    target: Target,
    route: Route,
    onward: Onward,
    settings: ProbeSettings,
    logins: Mapping[int, tuple[str, str]],
    guard: Guard,
    present: frozenset[str] = frozenset(),
    inquiry: Inquiry | None = None,
) -> Stack:
    """The layers of one connection, outermost first; none where only a direct connection is asked for.

    `logins` holds hops whose demand for a login is known from an earlier connection of the same probe; `present` the
    target's keys to which the client certificate may be shown (SHA-256 of the SubjectPublicKeyInfo, hex).
    """
    rungs: list[Rung] = []
    alone = inquiry is not None and inquiry.connect_only
    for index, hop in enumerate(route.hops, 1):
        if hop.scheme is HopScheme.HTTPS:
            rungs.append(Rung(Tls(hop.host, shared_context(settings.profile, ALPN_HTTP)), Stage.PROXY_TLS, index))
        if index == len(route.hops) and hop.scheme.is_http and target.scheme is Scheme.HTTP and not alone:
            break  # the request itself goes to this proxy, in absolute form
        host, port = onward.get(index) or next_stop(target, route, index)
        layer = negotiation(hop, host, port, anonymous_first=not target.proxy_login)
        if index in logins and not isinstance(layer, Socks4):
            layer.preauthorise(*logins[index])
        rungs.append(Rung(layer, Stage.PROXY, index))
    if target.scheme is not Scheme.HTTP and not alone:
        rungs.append(Rung(_target_tls(target, settings, present, inquiry), Stage.TLS, 0))
    if target.scheme is not Scheme.TLS and not alone:
        rungs.append(Rung(_exchange(target, route, logins, inquiry), Stage.HTTP, 0))
    return Stack(rungs, guard, last_hop=len(route.hops))


def negotiation(hop: Hop, host: str, port: int, *, anonymous_first: bool) -> Connect | Socks4 | Socks5:
    """How this hop is asked for what comes after it."""
    can_login = hop.user is not None
    if hop.scheme.is_http:
        return Connect(authority(host, port), user_agent=USER_AGENT, can_login=can_login)
    address: Address = as_address(host) or host
    if hop.scheme in (HopScheme.SOCKS4, HopScheme.SOCKS4A):
        return Socks4(address, port, user_id=hop.user or "")
    return Socks5(address, port, can_login=can_login, anonymous_first=anonymous_first)


def _target_tls(target: Target, settings: ProbeSettings, present: frozenset[str], inquiry: Inquiry | None) -> Layer:
    alpn = ALPN_BARE if target.scheme is Scheme.TLS else ALPN_HTTP
    certificate = settings.client_certificate(target.host) if present else None
    name = (inquiry and inquiry.server_name) or target.host
    return Tls(name, shared_context(settings.profile, alpn, certificate), present=present)


def _exchange(target: Target, route: Route, logins: Mapping[int, tuple[str, str]], inquiry: Inquiry | None) -> Exchange:
    last = len(route.hops)
    clear = target.scheme is Scheme.HTTP
    proxied = clear and last > 0 and route.hops[-1].scheme.is_http
    kind = Exchange if inquiry is None else partial(Fetch, inquiry=inquiry)
    exchange = kind(
        target,
        user_agent=USER_AGENT,
        proxied=proxied,
        via_proxy=clear and last > 0,
        can_login=proxied and route.hops[-1].user is not None,
    )
    if proxied and last in logins:
        exchange.preauthorise(*logins[last])
    return exchange
