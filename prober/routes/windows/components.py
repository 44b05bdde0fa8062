"""What each component makes of a device's settings: its candidates in order, and what is uncertain about them.

Three consumers, none derived from another: the EDR sensor asks WinHTTP and has a static proxy before it, Defender
Antivirus has an order of its own, Defender for Identity takes the WinINET settings of two service accounts. An answer
is a list with a fallback, not one proxy. What no source documents is a model and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from prober.routes.windows import precedence_unix, precedence_winhttp, precedence_wininet
from prober.routes.windows.candidates import WINDOWS, Candidate, Component, Confidence, Kind, Reading
from prober.routes.windows.capabilities import CAPABILITIES, Ability, Answer, Capabilities
from prober.routes.windows.device import Device
from prober.routes.windows.settings import has_windows

__all__ = [
    "CAPABILITIES",
    "WINDOWS",
    "Ability",
    "Answer",
    "Candidate",
    "Capabilities",
    "Component",
    "Confidence",
    "Kind",
    "Reading",
    "are_shown",
    "read_components",
]

_READERS: Final[dict[Component, Callable[[Device], Reading]]] = {
    Component.EDR: precedence_winhttp.edr,
    Component.MDAV: precedence_wininet.mdav,
    Component.MDI_SENSOR: precedence_wininet.mdi_sensor,
    Component.MDI_UPDATER: precedence_wininet.mdi_updater,
    Component.SYSTEM: precedence_winhttp.system,
}


def read_components(device: Device, also: Collection[Component] = ()) -> dict[Component, Reading]:
    """Every Windows component's reading; Linux' and macOS' where such settings are among the files, and `also` "
    "these."""
    readings = {component: read(device) for component, read in _READERS.items()}
    if precedence_unix.is_linux(device) or Component.MDE_LINUX in also:
        readings[Component.MDE_LINUX] = precedence_unix.linux(device)
    if precedence_unix.is_macos(device) or Component.MDE_MACOS in also:
        readings[Component.MDE_MACOS] = precedence_unix.macos(device)
    return readings


def are_shown(device: Device) -> tuple[Component, ...]:
    """The components that the files say something about: those of Windows only if they hold Windows' settings."""
    readings = read_components(device)
    windows = has_windows(device) or not readings.keys() - set(WINDOWS)
    return tuple(component for component in readings if windows or component not in WINDOWS)
