"""`mdatp_managed.json` of Linux and macOS: the static proxy of Defender for Endpoint there."""

from __future__ import annotations

from prober.routes.windows.documents import entry
from prober.routes.windows.registry_file import Complain

SECTION = "cloudService"
SECTIONS = (SECTION, "antivirusEngine", "edr", "networkProtection", "features", "userInterface", "tamperProtection")
"""What such a file may hold; one of them is enough to know it by."""


def read_managed_json(document: dict[str, object], *, complain: Complain) -> str | None:
    """`cloudService.proxy`, or None where none is set."""
    section = entry(document, SECTION)
    if section is None:
        return None
    if not isinstance(section, dict):
        complain(None, f'"{SECTION}" is no object: expected "proxy" in it.')
        return None
    proxy = entry(section, "proxy")
    if proxy is not None and not isinstance(proxy, str):
        complain(None, f'"{SECTION}.proxy" is no text and was left out.')
    return proxy.strip() or None if isinstance(proxy, str) else None
