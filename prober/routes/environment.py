"""`--via env`: the proxy variables of the environment, read as curl reads them.

`HTTPS_PROXY` serves `https://` and `tls://` targets, `HTTP_PROXY` serves `http://` ones, `ALL_PROXY` whichever of the
two is missing; the lower-case name comes first and an empty value counts as not set. `NO_PROXY` makes a target direct.
So the way depends on the target: an `EnvironmentRoute` is a rule that gives each target its `Route`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from prober.model import Hop, HopScheme, Route, Scheme
from prober.routes.text import RouteError, parse_hop, split_port


@dataclass(frozen=True, slots=True)
class EnvironmentRoute:
    """What the environment says, parsed once: one route for each kind of target, and who goes direct."""

    name: str
    https: Route
    """For `https://` and `tls://` targets; no hops where no variable is set."""
    http: Route
    """For `http://` targets."""
    no_proxy: tuple[str, ...] = ()
    """The words of NO_PROXY, lower case."""

    def route_for(self, scheme: Scheme, host: str, port: int) -> Route:
        """The route of one target; all three possible ones bear this rule's name."""
        if bypassed(self.no_proxy, host, port):
            return Route(self.name)
        return self.http if scheme is Scheme.HTTP else self.https


def environment_route(environ: Mapping[str, str], errors: list[RouteError], *, name: str = "env") -> EnvironmentRoute:
    """The rule that the environment states; variables that no target would use are not looked at.

    What is wrong is appended to `errors`, with the variable's name as the place.
    """
    parsed: dict[str, tuple[Hop, ...]] = {}

    def hops(*names: str) -> tuple[Hop, ...]:
        variable = next((name for name in names if environ.get(name)), None)
        if variable is None:
            return ()
        if variable not in parsed:
            hop = parse_hop(environ[variable], where=variable, errors=errors, default_scheme=HopScheme.HTTP)
            parsed[variable] = () if hop is None else (hop,)
        return parsed[variable]

    # A CGI program gets the client's "Proxy:" header as HTTP_PROXY (httpoxy, CVE-2016-5385).
    http_names = ("http_proxy",) if "REQUEST_METHOD" in environ else ("http_proxy", "HTTP_PROXY")
    every = ("all_proxy", "ALL_PROXY")
    words = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return EnvironmentRoute(
        name,
        Route(name, hops("https_proxy", "HTTPS_PROXY", *every)),
        Route(name, hops(*http_names, *every)),
        tuple(word.lower() for word in re.split(r"[,\s]+", words) if word),
    )


def environment_hops(environ: Mapping[str, str], target_scheme: Scheme, host: str, port: int) -> tuple[Hop, ...]:
    """The hops that the environment gives one target; raises ValueError with every error in one sentence each."""
    errors: list[RouteError] = []
    rule = environment_route(environ, errors)
    if errors:
        raise ValueError("; ".join(f"{error.path}: {error.message}" for error in errors))
    return rule.route_for(target_scheme, host, port).hops


def bypassed(no_proxy: tuple[str, ...], host: str, port: int) -> bool:
    """Whether NO_PROXY makes `host:port` direct.

    `*` alone is everybody; `corp.example` and `.corp.example` are that name and all below it; `*.corp.example` only
    those below; a `:PORT` narrows any of them; an address or a CIDR block matches IP literals only.
    """
    name = host.lower().strip("[]").rstrip(".")
    return any(_matches(word, name, port) for word in no_proxy)


def _matches(word: str, host: str, port: int) -> bool:
    if word == "*":
        return True
    pattern, port_text = split_port(word)
    if port_text is not None and port_text != str(port):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        below = pattern.startswith("*.")
        suffix = pattern.removeprefix("*").strip(".")
        return bool(suffix) and ((host == suffix and not below) or host.endswith("." + suffix))
    try:
        return address in ipaddress.ip_network(pattern.strip("[]"), strict=False)
    except ValueError:
        return False
