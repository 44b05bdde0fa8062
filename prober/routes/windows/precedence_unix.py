"""The order of Defender for Endpoint on Linux and macOS: static proxies; on macOS PAC and WPAD as well."""

from __future__ import annotations

from prober.routes.windows import settings
from prober.routes.windows.candidates import Candidate, Component, Confidence, Kind, Reading
from prober.routes.windows.device import Device
from prober.routes.windows.proxy_list import parse_proxy_list

MANAGED = "mdatp_managed.json"
"""What such a file is called, and what it is taken for."""


def is_linux(device: Device) -> bool:
    """Whether there are settings of Defender on Linux: its managed file, or an environment without a Windows device."""
    return is_macos(device) or bool(device.environment and not settings.has_windows(device))


def is_macos(device: Device) -> bool:
    """Whether there may be settings of Defender on macOS: the managed file does not say which system it is from."""
    return device.linux is not None or MANAGED in device.carriers.values()


def linux(device: Device) -> Reading:
    """cloudService.proxy → HTTPS_PROXY at installation → direct; a model."""
    variable = next((name for name in ("HTTPS_PROXY", "ALL_PROXY") if settings.environment(device).get(name)), None)
    candidates = _managed(device)
    if variable is not None:
        candidates.append(
            _static(settings.environment(device)[variable], variable, "It counts at installation, for the service.")
        )
    notes = [
        "Static and transparent proxies only: no PAC, no WPAD, no authentication, no inspection (documented). The "
        "order among static settings is a model.",
        "What `mdatp config proxy set` has set is in none of these files.",
    ]
    return Reading(
        Component.MDE_LINUX, (*candidates, Candidate(Kind.DIRECT, source="direct or transparent")), tuple(notes)
    )


def macos(device: Device) -> Reading:
    """The managed proxy → the system's PAC script and WPAD → direct; a model."""
    candidates = [
        *_managed(device),
        Candidate(Kind.WPAD, source="network settings of macOS, if auto-detection is on there"),
        Candidate(Kind.DIRECT, source="direct or transparent"),
    ]
    notes = [
        "PAC, WPAD and static proxies are supported; authentication and inspection are not (documented). The order "
        "is a model, and the network settings of macOS are in none of these files."
    ]
    return Reading(Component.MDE_MACOS, tuple(candidates), tuple(notes))


def _managed(device: Device) -> list[Candidate]:
    if not (device.linux or "").strip():
        return []
    return [_static(device.linux or "", f"{MANAGED}, cloudService.proxy", "")]


def _static(text: str, source: str, note: str) -> Candidate:
    proxies = parse_proxy_list(text)
    said = [note, "It has a login, which is not supported (documented)." if "@" in text else ""]
    if not proxies.hops:
        said.append("No proxy can be read there.")
    return Candidate(
        Kind.STATIC,
        proxies,
        source=source,
        active=bool(proxies.hops),
        confidence=Confidence.MODELLED,
        note=" ".join(filter(None, said)),
    )
