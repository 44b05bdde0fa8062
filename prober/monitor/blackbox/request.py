"""What a request to /probe says: its parameters and how long it may take. Everything wrong with it is an answer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from prober.monitor.blackbox.modules import ReadyModule
from prober.monitor.blackbox.scope import ProbeScope
from prober.routes.rules import FixedRule

TIMEOUT_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"
OFFSET: Final = 0.5
"""Seconds that the answer needs to get to Prometheus: blackbox_exporter's `--timeout-offset`."""
_DEFAULT_MODULE: Final = "http_2xx"
_KNOWN: Final = ("target", "module", "route", "hostname", "debug")


class Parameters(Protocol):
    """The query of a request."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """All values of a parameter."""


class BadRequestError(Exception):
    """The request cannot be understood; the sentence is for the client."""


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """A request that can be carried out if its target is allowed."""

    target: str
    ready: ReadyModule
    rule: FixedRule
    hostname: str | None
    debug: bool
    timeout: float
    """Seconds."""


def read_request(query: Parameters, headers: Mapping[str, str], scope: ProbeScope) -> ProbeRequest:
    """Raises BadRequestError."""
    values = {name: _single(query, name) for name in _KNOWN}
    module = values["module"] or _DEFAULT_MODULE
    ready = scope.modules.get(module)
    if ready is None:
        raise BadRequestError(f"Unknown module {_quoted(module)}")
    if not values["target"]:
        raise BadRequestError("Target parameter is missing")
    host = values["hostname"] or None
    if host is not None and ready.module.prober == "http" and ready.host_header not in (None, host):
        raise BadRequestError("the module has a Host header of its own: leave out the hostname parameter")
    return ProbeRequest(
        target=values["target"],
        ready=ready,
        rule=_route(values["route"] or ready.module.route, scope),
        hostname=host,
        debug=values["debug"] == "true",
        timeout=_timeout(headers.get(TIMEOUT_HEADER), ready.module.timeout, scope.timeout),
    )


def _single(query: Parameters, name: str) -> str:
    values = query.getall(name, [])
    if len(values) > 1:
        raise BadRequestError(f"the parameter {name} comes more than once")
    return values[0] if values else ""


def _route(name: str | None, scope: ProbeScope) -> FixedRule:
    """The route asked for; else the direct one, or the first."""
    if name is None and scope.routes:
        return scope.by_name.get("direct") or scope.routes[0]
    rule = scope.by_name.get(name or "direct")
    if rule is None and (name is None or name in scope.scripted):
        raise BadRequestError(
            "A PAC script decides this route, target by target, when the configuration is read: "
            "/probe takes routes whose proxies are named"
        )
    if rule is None:
        raise BadRequestError(f"Unknown route {_quoted(name or '')}")
    return rule


def _timeout(header: str | None, module: float | None, default: float) -> float:
    """What Prometheus will wait, less what the answer needs, and no more than what the configuration says: the module's
    timeout, else probe.timeout. (Whoever may ask can say any number.)"""
    if not header:
        return module or default
    try:
        scrape = float(header) if header.isascii() else math.nan
    except ValueError:
        scrape = math.nan
    if not math.isfinite(scrape) or scrape < 0:
        raise BadRequestError(
            f"Failed to parse timeout from Prometheus header: {_quoted(header)} is no number of seconds"
        )
    if scrape == 0:
        return module or default
    left = max(scrape - OFFSET, scrape / 2)  # a very short scrape still gets half of its time
    return min(left, module or default)


def _quoted(text: str) -> str:
    """In double quotes and ASCII, as Go's %q has it; bounded."""
    return json.dumps(text if len(text) <= 100 else text[:99] + "…")
