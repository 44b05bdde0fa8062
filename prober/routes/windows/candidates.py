"""The words for a component's ways out: what could be used, in which order, where it is set, how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from prober.routes.windows.bypass import BypassList
from prober.routes.windows.device import Place
from prober.routes.windows.proxy_list import ProxyList


class Component(StrEnum):
    """Whoever picks a proxy by rules of its own."""

    EDR = "edr"
    """The sensor of Defender for Endpoint, MsSense.exe."""
    MDAV = "mdav"
    """Microsoft Defender Antivirus: cloud protection, samples."""
    MDI_SENSOR = "mdi_sensor"
    """The sensor of Defender for Identity (version 2)."""
    MDI_UPDATER = "mdi_updater"
    """Its updater, a service with another account."""
    SYSTEM = "system"
    """Windows itself: revocation lists, root certificates, Windows Update."""
    MDE_LINUX = "mde_linux"
    """Defender for Endpoint on Linux."""
    MDE_MACOS = "mde_macos"
    """Defender for Endpoint on macOS."""


WINDOWS = (Component.EDR, Component.MDAV, Component.MDI_SENSOR, Component.MDI_UPDATER, Component.SYSTEM)
"""The components of a Windows device."""


class Kind(StrEnum):
    """How a candidate names its proxy."""

    STATIC = "static"
    """The component's own setting."""
    NAMED = "named"
    """WinHTTP's proxy, as `netsh winhttp set proxy` makes it."""
    PAC = "pac"
    """A PAC script."""
    WPAD = "wpad"
    """Auto-detection by DHCP and DNS."""
    WININET = "wininet"
    """The manual proxy of an account's WinINET settings."""
    CONFIG = "config"
    """A configuration file of the component."""
    DIRECT = "direct"
    """No proxy; a transparent one is not visible in any setting."""


class Confidence(StrEnum):
    """Where the order comes from."""

    DOCUMENTED = "documented"
    """Microsoft publishes this place in the order."""
    MODELLED = "modelled"
    """No source has it: a model made from what is known."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way out that a component may take at its turn."""

    kind: Kind
    proxies: ProxyList | None = None
    """None where the kind names none, or where the setting could not be read: then `note` says why."""
    pac_url: str | None = None
    bypass: BypassList | None = None
    """Destinations that go direct although this candidate is in use."""
    source: str = ""
    """The setting: `HKLM\\…\\TelemetryProxyServer`, `netsh winhttp show proxy`, or words where nothing is set."""
    active: bool = True
    """Whether it is tried at its turn; False for what is kept but switched off, overruled or unreadable."""
    confidence: Confidence = Confidence.MODELLED
    """How sure its place in the order is."""
    note: str = ""
    """What is uncertain of it, or why it is not active: a sentence or several; empty if there is nothing to say."""
    place: Place | None = None
    """Where it was read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one component makes of a device's settings."""

    component: Component
    candidates: tuple[Candidate, ...]
    """In the order in which they are tried; inactive ones stand where they would be tried if they were active."""
    notes: tuple[str, ...] = ()
    """What is uncertain or needs saying, a sentence or several each."""

    @property
    def active(self) -> tuple[Candidate, ...]:
        """Those that are tried."""
        return tuple(candidate for candidate in self.candidates if candidate.active)
