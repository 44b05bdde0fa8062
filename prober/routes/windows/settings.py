"""Looks a component's settings up in a device: keys, types, blobs and the copies of them that an export may hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prober.routes.windows import blobs
from prober.routes.windows.device import (
    ConnectionSettings,
    Device,
    RegistryType,
    RegistryValue,
    WinHttpSettings,
)
from prober.routes.windows.proxy_list import masked

DATA_COLLECTION: Final = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\DataCollection"
ATP_POLICY: Final = r"HKLM\SOFTWARE\Policies\Microsoft\Windows Advanced Threat Protection"
DEFENDER_POLICY: Final = r"HKLM\SOFTWARE\Policies\Microsoft\Windows Defender"
DEFENDER_LOCAL: Final = r"HKLM\SOFTWARE\Microsoft\Windows Defender"
SPYNET: Final = DEFENDER_POLICY + r"\Spynet"
INTERNET: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings"
"""Below HKLM and below every user's hive."""
INTERNET_32: Final = r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Internet Settings"
INTERNET_POLICY: Final = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings"
WINHTTP: Final = "HKLM\\" + INTERNET + r"\WinHttp"
ENVIRONMENT: Final = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"

TEXT_TYPES: Final = (RegistryType.SZ, RegistryType.EXPAND_SZ)

EXPECTED_TYPES: Final[dict[tuple[str, str], RegistryType]] = {
    (DATA_COLLECTION, "TelemetryProxyServer"): RegistryType.SZ,
    (DATA_COLLECTION, "DisableEnterpriseAuthProxy"): RegistryType.DWORD,
    (ATP_POLICY, "PreferStaticProxyForHttpRequest"): RegistryType.DWORD,
    **{
        (key, name): RegistryType.SZ
        for key in (DEFENDER_POLICY, DEFENDER_LOCAL)
        for name in ("ProxyServer", "ProxyPacUrl", "ProxyBypass")
    },
    (SPYNET, "SSLOptions"): RegistryType.DWORD,
    (WINHTTP, "DisableWpad"): RegistryType.DWORD,
    (INTERNET_POLICY, "ProxySettingsPerUser"): RegistryType.DWORD,
    ("HKLM\\" + INTERNET + r"\Connections", "WinHttpSettings"): RegistryType.BINARY,
    ("HKLM\\" + INTERNET_32 + r"\Connections", "WinHttpSettings"): RegistryType.BINARY,
}
"""The documented type of each value that a component reads; those of users' hives are in `connection_values`."""

LOCAL_SYSTEM: Final = "S-1-5-18"
LOCAL_SERVICE: Final = "S-1-5-19"
_HIVES: Final = {
    LOCAL_SYSTEM: (r"HKU\S-1-5-18", r"HKU\.DEFAULT"),
    LOCAL_SERVICE: (r"HKU\S-1-5-19",),
}
"""`.DEFAULT` is another name of LocalSystem's hive, not of a user's."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of the type that it should have."""

    text: str
    """Without blanks around it."""
    value: RegistryValue


@dataclass(frozen=True, slots=True)
class WinHttp:
    """A `WinHttpSettings` value, decoded or not."""

    value: RegistryValue
    settings: WinHttpSettings | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """A `DefaultConnectionSettings` value or one of its like, decoded or not."""

    value: RegistryValue
    settings: ConnectionSettings | None
    problem: str = ""

    @property
    def names_proxy(self) -> bool:
        """Whether a manual proxy or a PAC script is in use there."""
        return self.settings is not None and any(self.settings.meaning[3::2])


def text(device: Device, key: str, name: str) -> Setting | None:
    """A text setting; None if it is absent, empty, or of another type."""
    value = device.registry.get(key, name)
    if value is None or value.type not in TEXT_TYPES or not isinstance(value.data, str) or not value.data.strip():
        return None
    return Setting(value.data.strip(), value)


def number(device: Device, key: str, name: str) -> int | None:
    """A DWORD setting; None if it is absent or of another type, which a component probably ignores."""
    value = device.registry.get(key, name)
    return (
        value.data if value is not None and value.type == RegistryType.DWORD and isinstance(value.data, int) else None
    )


def win_http(device: Device, *, view: int = 64) -> WinHttp | None:
    """WinHTTP's settings of the 64-bit or the 32-bit view; None if there is no such value."""
    key = f"HKLM\\{INTERNET if view == 64 else INTERNET_32}\\Connections"
    value = device.registry.get(key, "WinHttpSettings")
    if value is None:
        return None
    if not isinstance(value.data, bytes):
        return WinHttp(value, None, "it is not binary")
    decoded = blobs.decode_winhttp(value.data)
    return WinHttp(value, None, decoded) if isinstance(decoded, str) else WinHttp(value, decoded)


def connection(device: Device, account: str) -> Connection | None:
    """The WinINET settings of S-1-5-18 or S-1-5-19, under whichever name of its hive they were exported."""
    found = [hive for each in _HIVES[account] if (hive := connection_at(device, each)) is not None]
    return found[0] if found else None


def connection_at(device: Device, hive: str, name: str = "DefaultConnectionSettings") -> Connection | None:
    """The WinINET settings below one hive: `HKU\\S-1-5-19`, `HKLM`."""
    value = device.registry.get(f"{hive}\\{INTERNET}\\Connections", name)
    return None if value is None else _decoded(value)


def connection_values(device: Device) -> Iterator[Connection]:
    """Every WinINET connection of every hive, decoded."""
    for value in device.registry:
        if value.key.casefold().endswith("\\internet settings\\connections") and value.name.casefold() not in (
            "winhttpsettings",
            "",
        ):
            yield _decoded(value)


def _decoded(value: RegistryValue) -> Connection:
    if not isinstance(value.data, bytes):
        return Connection(value, None, "it is not binary")
    decoded = blobs.decode_connection(value.data)
    return Connection(value, None, decoded) if isinstance(decoded, str) else Connection(value, decoded)


def hive(value: RegistryValue) -> str:
    """Whose it is: `HKLM`, `HKCU`, `HKU\\S-1-5-18`."""
    root, *rest = value.path.split("\\", 2)
    return f"{root}\\{rest[0]}" if root == "HKU" else root


def machine_wide(device: Device) -> bool:
    """Whether policy has every account read the WinINET settings of the machine."""
    return number(device, INTERNET_POLICY, "ProxySettingsPerUser") == 0


def wpad_disabled(device: Device) -> RegistryValue | None:
    """The value that switches WinHTTP's auto-detection off."""
    if number(device, WINHTTP, "DisableWpad") == 1:
        return device.registry.get(WINHTTP, "DisableWpad")
    return None


def environment(device: Device) -> dict[str, str]:
    """The proxy variables that are set: those of a printed environment, then those of the machine's in the registry."""
    names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
    stored = {name: found.text for name in names if (found := text(device, ENVIRONMENT, name)) is not None}
    return stored | {name: value for name in names if (value := device.environment.get(name, "").strip())}


def has_windows(device: Device) -> bool:
    """Whether anything was read that only a Windows device has."""
    return bool(len(device.registry) or device.shown or device.advanced or device.sensor)


def shown(value: str, limit: int = 80) -> str:
    """A setting's text for a sentence: bounded, and without what could be a login."""
    value = masked(value.strip())
    return value if len(value) <= limit else value[: limit - 1] + "…"
