"""Some hosts that each component cannot do without, to hold bypass lists against. The catalogs have all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from prober.model import Scheme
from prober.routes.windows.candidates import Component

Place = tuple[Scheme, str]

_IDENTITY: Final[tuple[Place, ...]] = (
    (Scheme.HTTPS, "contososensorapi.atp.azure.com"),
    (Scheme.HTTP, "crl.microsoft.com"),
    (Scheme.HTTP, "ctldl.windowsupdate.com"),
)
_ENDPOINT: Final[tuple[Place, ...]] = (
    (Scheme.HTTPS, "winatp-gw-neu.microsoft.com"),
    (Scheme.HTTPS, "winatp-gw-cus.microsoft.com"),
    (Scheme.HTTPS, "edr-neu.eu.endpoint.security.microsoft.com"),
    (Scheme.HTTPS, "edr-cus.us.endpoint.security.microsoft.com"),
    (Scheme.HTTPS, "us-v20.events.data.microsoft.com"),
    (Scheme.HTTPS, "settings-win.data.microsoft.com"),
)
_ANTIVIRUS: Final[tuple[Place, ...]] = (
    (Scheme.HTTPS, "wdcp.microsoft.com"),
    (Scheme.HTTPS, "wdcpalt.microsoft.com"),
    (Scheme.HTTPS, "unitedstates.cp.wd.microsoft.com"),
    (Scheme.HTTPS, "mdav.eu.endpoint.security.microsoft.com"),
    (Scheme.HTTPS, "wseu1northprod.blob.core.windows.net"),
)

DEFENDER_HOSTS: Final[Mapping[Component, tuple[Place, ...]]] = {
    Component.EDR: _ENDPOINT,
    Component.MDAV: _ANTIVIRUS,
    Component.MDI_SENSOR: _IDENTITY,
    Component.MDI_UPDATER: _IDENTITY,
    Component.SYSTEM: (
        (Scheme.HTTP, "crl.microsoft.com"),
        (Scheme.HTTP, "www.microsoft.com"),
        (Scheme.HTTP, "ctldl.windowsupdate.com"),
        (Scheme.HTTPS, "definitionupdates.microsoft.com"),
    ),
    Component.MDE_LINUX: (*_ENDPOINT[:4], (Scheme.HTTPS, "x.cp.wd.microsoft.com")),
    Component.MDE_MACOS: (*_ENDPOINT[:4], (Scheme.HTTPS, "x.cp.wd.microsoft.com")),
}
"""Every one is in a catalog (a placeholder filled in); all on the default port of its scheme."""

FAMILIES: Final = re.compile(
    r"winatp-gw-|endpoint\.security\.microsoft\.com|events\.data\.microsoft\.com|wdcp(alt)?\.microsoft\.com"
    r"|\.wd\.microsoft\.com|\.atp\.azure\.(com|us)|securitycenter\.windows\.com"
)
"""What an entry that names one of the many other hosts by itself looks like."""
