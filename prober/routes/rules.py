"""What a route's name stands for: hops, or a rule that gives each target its own hops.

A rule is settled when a run is planned: `prober.check.ways` turns it into a `Route` for each target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prober.model import Hop, Route, Target
from prober.routes.environment import EnvironmentRoute
from prober.routes.pac.reading import Reading
from prober.routes.text import without_login
from prober.routes.windows.route import DeviceRoute

if TYPE_CHECKING:
    from typing_extensions import TypeIs  # of Python 3.13; the type checker has it


@dataclass(frozen=True, slots=True)
class ScriptedRoute:
    """A PAC script decides for each target; it is named, or found by WPAD."""

    name: str
    script: str | None = None
    """URL or file of the script; None = WPAD looks for it."""
    domain: str | None = None
    """The domain in which WPAD looks."""
    option_252: str | None = None
    """What DHCP says, for WPAD."""
    reading: Reading = Reading.CHROMIUM
    my_addresses: tuple[str, ...] = ()
    """What `myIpAddress` is to answer; none = this machine's own."""
    trust_roots: str | None = None
    """PEM file with the roots for the server of the script; None = the OS store."""

    @property
    def source(self) -> str:
        """For people, without a login: `PAC http://…`, `WPAD in corp.example`."""
        return f"PAC {without_login(self.script)}" if self.script is not None else f"WPAD in {self.domain}"


FixedRule = Route | EnvironmentRoute
"""What gives a target its way without asking anybody."""
NamedRule = FixedRule | ScriptedRoute
"""What a name in `--via` or in the configuration stands for."""
RouteRule = NamedRule | DeviceRoute
"""Any rule that a run may have."""


def route_for(rule: FixedRule, target: Target) -> Route:
    """The route that `target` takes under `rule`: most rules are routes themselves."""
    return rule if isinstance(rule, Route) else rule.route_for(target.scheme, target.host, target.port)


def is_fixed(rule: RouteRule) -> TypeIs[FixedRule]:
    """Whether `route_for` can tell."""
    return not isinstance(rule, ScriptedRoute | DeviceRoute)


def fixed_routes(rule: RouteRule) -> tuple[Route, ...]:
    """The routes that a rule can come to, as far as they are known before a script has been asked."""
    if isinstance(rule, Route):
        return (rule,)
    return (rule.https, rule.http) if isinstance(rule, EnvironmentRoute) else ()


def fixed_hops(rule: RouteRule) -> tuple[Hop, ...]:
    """Every proxy of those."""
    return tuple(hop for route in fixed_routes(rule) for hop in route.every_hop)


def rule_text(rule: RouteRule) -> str | None:
    """What decides where no fixed hops do, for people; None for a plain route."""
    if isinstance(rule, Route):
        return None
    return "environment" if isinstance(rule, EnvironmentRoute) else rule.source
