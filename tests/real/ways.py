"""The routes that interception is looked for on, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from .interceptors import Sslsplit
from .names import NEXT_HOP
from .proxies import Proxy
from .squid import Inspecting

DIRECT: Final = "direct"
TINYPROXY: Final = "tinyproxy"
SQUID: Final = "squid"
"""These two only tunnel."""

OUTRIGHT: Final = "squid-outright"
PEEKING: Final = "squid-peeking"
LENIENT: Final = "squid-lenient"
CLIENT_FIRST: Final = "squid-client-first"
MITMPROXY: Final = "mitmproxy"
SSLSPLIT: Final = "sslsplit"

BEHIND_SQUID: Final = "tinyproxy-squid"
BEHIND_MITMPROXY: Final = "squid-mitmproxy"
BEHIND_SSLSPLIT: Final = "squid-sslsplit"

FIRST_BLIND: Final = "blind-squid-tinyproxy"
FIRST_STRICT: Final = "strict-squid-tinyproxy"
FIRST_MITMPROXY: Final = "mitmproxy-tinyproxy"
FIRST_TLS: Final = "blind-squid-haproxy"
OUTER_TLS: Final = "sslsplit-haproxy"
"""The name of the proxy leads to sslsplit, if the prober is told so."""

Ways = Mapping[str, Sequence[Proxy]]


def all_ways(
    inspecting: Inspecting, mitmproxy: Proxy, sslsplit: Sslsplit, squid: Proxy, tinyproxy: Proxy, haproxy: Proxy
) -> Ways:
    """Every interceptor by itself, behind an honest proxy, and in front of one. `squid` is the honest one."""
    return {
        DIRECT: [],
        TINYPROXY: [tinyproxy],
        SQUID: [squid],
        OUTRIGHT: [inspecting.outright],
        PEEKING: [inspecting.peeking],
        LENIENT: [inspecting.lenient],
        CLIENT_FIRST: [inspecting.client_first],
        MITMPROXY: [mitmproxy],
        SSLSPLIT: [sslsplit.misled],
        BEHIND_SQUID: [tinyproxy, inspecting.peeking],
        BEHIND_MITMPROXY: [squid, mitmproxy],
        BEHIND_SSLSPLIT: [squid, sslsplit.misled],
        FIRST_BLIND: [inspecting.peeking, tinyproxy],
        FIRST_STRICT: [inspecting.outright, tinyproxy],
        FIRST_MITMPROXY: [mitmproxy, tinyproxy],
        FIRST_TLS: [inspecting.peeking, haproxy],
        OUTER_TLS: [haproxy.at(NEXT_HOP)],
    }
