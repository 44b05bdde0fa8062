"""Devices made by hand, a setting a keyword."""

from __future__ import annotations

from typing import Any

from prober.routes.windows import blobs, settings
from prober.routes.windows.device import (
    AdvancedProxy,
    ConnectionSettings,
    Device,
    Place,
    RegistryType,
    RegistryValue,
    SensorProxy,
    ShownProxy,
    WinHttpSettings,
)

FILE = "device.reg"
_TYPES = {str: RegistryType.SZ, int: RegistryType.DWORD, bytes: RegistryType.BINARY}
_VALUES = {
    "static": (settings.DATA_COLLECTION, "TelemetryProxyServer"),
    "no_login": (settings.DATA_COLLECTION, "DisableEnterpriseAuthProxy"),
    "prefer": (settings.ATP_POLICY, "PreferStaticProxyForHttpRequest"),
    "av_server": (settings.DEFENDER_POLICY, "ProxyServer"),
    "av_pac": (settings.DEFENDER_POLICY, "ProxyPacUrl"),
    "av_bypass": (settings.DEFENDER_POLICY, "ProxyBypass"),
    "local_server": (settings.DEFENDER_LOCAL, "ProxyServer"),
    "local_pac": (settings.DEFENDER_LOCAL, "ProxyPacUrl"),
    "local_bypass": (settings.DEFENDER_LOCAL, "ProxyBypass"),
    "ssl": (settings.SPYNET, "SSLOptions"),
    "no_wpad": (settings.WINHTTP, "DisableWpad"),
    "per_user": (settings.INTERNET_POLICY, "ProxySettingsPerUser"),
    "winhttp": (f"HKLM\\{settings.INTERNET}\\Connections", "WinHttpSettings"),
    "winhttp32": (f"HKLM\\{settings.INTERNET_32}\\Connections", "WinHttpSettings"),
    "build": (r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", "CurrentBuild"),
    "https_proxy": (settings.ENVIRONMENT, "HTTPS_PROXY"),
    "agent": (r"HKLM\SYSTEM\CurrentControlSet\Services\AATPSensor", "ImagePath"),
}
HIVES = {
    "s18": r"HKU\S-1-5-18",
    "default": r"HKU\.DEFAULT",
    "s19": r"HKU\S-1-5-19",
    "hkcu": "HKCU",
    "hklm": "HKLM",
    "user": r"HKU\S-1-5-21-1-2-3-1001",
}


def blob(proxy: str = "", *, bypass: str = "", pac: str = "", flags: int | None = None) -> bytes:
    """A connection value: what is given is in use, unless the flags say something else."""
    used = 1 + 2 * bool(proxy) + 4 * bool(pac)
    return blobs.encode_connection(ConnectionSettings(used if flags is None else flags, proxy, bypass, pac))


def winhttp(proxy: str = "", *, bypass: str = "", flags: int | None = None) -> bytes:
    """A WinHttpSettings value."""
    return blobs.encode_winhttp(WinHttpSettings(1 + 2 * bool(proxy) if flags is None else flags, proxy, bypass))


def advanced(**given: Any) -> AdvancedProxy:
    """What `show advproxy` printed; keys that are not given were missing."""
    fields: dict[str, Any] = {
        "proxy_enabled": None, "proxy": "", "bypass": "", "pac_enabled": None, "pac_url": "", "auto_detect": None,
        "per_user": None, "connection": None, "place": Place("adv.txt", 3),
    }  # fmt: skip
    return AdvancedProxy(**fields | given)


def sensor(url: str, user: str | None = None) -> SensorProxy:
    """SensorConfiguration.json."""
    return SensorProxy(url, user, user is not None, Place("SensorConfiguration.json"))


def shown(proxy: str, bypass: str = "") -> ShownProxy:
    """What `show proxy` printed."""
    return ShownProxy(proxy, bypass, Place("proxy.txt", 3))


def device(**given: Any) -> Device:
    """A device: names of `_VALUES` and `HIVES` are registry values, others are fields of Device.

    A registry value is text, number or octets, which is its type too, or a pair of a type and data. `more` is a list of
    keys, names and data.
    """
    made = Device()
    entries = [(*_VALUES[name], data) for name, data in given.items() if name in _VALUES]
    entries += [
        (f"{hive}\\{settings.INTERNET}\\Connections", "DefaultConnectionSettings", given[name])
        for name, hive in HIVES.items()
        if name in given
    ]
    for line, (key, name, value) in enumerate([*entries, *given.pop("more", [])], start=1):
        type_, data = value if isinstance(value, tuple) else (_TYPES[type(value)], value)
        made.registry.put(RegistryValue(key, name, type_, data, Place(FILE, line)))
    for name, data in given.items():
        if name not in _VALUES and name not in HIVES:
            assert hasattr(made, name), name
            setattr(made, name, data)
    return made
