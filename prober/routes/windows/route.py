"""A component's candidates as a rule that gives each target its ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prober.model import Hop, Target
from prober.routes.pac.reading import Reading
from prober.routes.windows.candidates import Candidate, Component, Kind

SERVICES: Final[Mapping[Component, frozenset[str]]] = {
    Component.EDR: frozenset({"MDE"}),
    Component.MDAV: frozenset({"MDAV"}),
    Component.MDI_SENSOR: frozenset({"MDI"}),
    Component.MDI_UPDATER: frozenset({"MDI"}),
    Component.SYSTEM: frozenset({"COMMON"}),
    Component.MDE_LINUX: frozenset({"MDE", "MDAV"}),
    Component.MDE_MACOS: frozenset({"MDE", "MDAV"}),
}
"""The catalogs' services that a component uses."""
SAMPLES: Final = "sample-blob"
"""A group of MDAV's that the sensor sends to as well: the vendor's analyzer has it among the sensor's."""


@dataclass(frozen=True, slots=True)
class DeviceRoute:
    """One candidate of a component, or all that are active, in their order."""

    name: str
    """`edr` for the component's whole list, `edr.static` for one candidate."""
    component: Component
    candidates: tuple[Candidate, ...]
    domain: str | None = None
    """The device's DNS domain, in which WPAD looks; None = not known."""
    alone: bool = False
    """Whether this is one candidate, tested to see what it would do: the device itself goes by the whole list."""

    @property
    def source(self) -> str:
        """For people: the settings it comes from."""
        return "device: " + ("; ".join(each.source or each.kind for each in self.candidates) or "nothing is set")

    @property
    def is_direct(self) -> bool:
        """Whether it has no proxy for any target."""
        return all(each.kind is Kind.DIRECT for each in self.candidates)

    @property
    def reading(self) -> Reading:
        """WinINET goes through the list that a script returns; WinHTTP hands its caller the first entry."""
        return Reading.CHROMIUM if self.component in _WININET else Reading.WINHTTP

    def serves(self, target: Target) -> bool:
        """Whether the component talks to this target; one that was given by hand belongs to no service."""
        if not target.service or target.service in SERVICES[self.component]:
            return True
        return self.component is Component.EDR and target.group == SAMPLES


_WININET: Final = frozenset({Component.MDI_SENSOR, Component.MDI_UPDATER, Component.MDE_MACOS})


def proxies_of(candidate: Candidate, target: Target) -> tuple[tuple[Hop, ...], ...] | None:
    """The ways that a candidate gives a target; () is direct. None where a script decides.

    A destination on the bypass list goes direct, and so does one whose scheme the proxy list does not name.
    """
    if candidate.kind is Kind.DIRECT:
        return ((),)
    if candidate.proxies is None:
        return None
    bypass = candidate.bypass
    if bypass is not None and bypass.matches(target.scheme, target.host, target.port) is not None:
        return ((),)
    return tuple((hop,) for hop in candidate.proxies.for_scheme(target.scheme)) or ((),)


def bypassed_by(rule: DeviceRoute, target: Target) -> tuple[Candidate, str] | None:
    """The candidate whose bypass list sends a target direct, and the entry; None where a proxy or a script comes first.

    Auto-detection in a domain that is not known is passed over, as it is when the rule's ways are made.
    """
    for candidate in rule.candidates:
        if candidate.kind is Kind.WPAD and candidate.pac_url is None and rule.domain is None:
            continue
        if candidate.proxies is None or candidate.bypass is None:
            return None
        entry = candidate.bypass.matches(target.scheme, target.host, target.port)
        return None if entry is None else (candidate, entry)
    return None
