"""Registry exports of devices, as `reg export` writes them."""

from __future__ import annotations

from pathlib import Path

from prober.routes.windows import blobs, settings
from prober.routes.windows.device import ConnectionFlag, ConnectionSettings, WinHttpSettings

CONNECTIONS = f"{settings.INTERNET}\\Connections"


def write_export(path: Path, *lines: tuple[str, str]) -> Path:
    """`lines` are keys (roots abbreviated) with the line of a value in each."""
    text = ["Windows Registry Editor Version 5.00", ""]
    for key, line in lines:
        root, _, rest = key.partition("\\")
        long = {"HKLM": "HKEY_LOCAL_MACHINE", "HKU": "HKEY_USERS"}[root]
        text += [f"[{long}\\{rest}]", line, ""]
    path.write_bytes(b"\xff\xfe" + "\r\n".join(text).encode("utf-16-le"))
    return path


def static(proxy: str) -> tuple[str, str]:
    """TelemetryProxyServer."""
    return settings.DATA_COLLECTION, f'"TelemetryProxyServer"="{proxy}"'


def no_login() -> tuple[str, str]:
    """DisableEnterpriseAuthProxy = 1, as a static proxy needs it."""
    return settings.DATA_COLLECTION, '"DisableEnterpriseAuthProxy"=dword:00000001'


def antivirus_script(url: str) -> tuple[str, str]:
    """ProxyPacUrl."""
    return settings.DEFENDER_POLICY, f'"ProxyPacUrl"="{url}"'


def winhttp(proxy: str, bypass: str = "") -> tuple[str, str]:
    """WinHttpSettings: WinHTTP's proxy, which Windows itself uses."""
    data = blobs.encode_winhttp(WinHttpSettings(ConnectionFlag.DIRECT | ConnectionFlag.PROXY, proxy, bypass))
    return f"HKLM\\{CONNECTIONS}", f'"WinHttpSettings"={_octets(data)}'


def account(sid: str, *, proxy: str = "", bypass: str = "", pac: str = "") -> tuple[str, str]:
    """DefaultConnectionSettings of an account; what is given is in use."""
    flags = ConnectionFlag.DIRECT
    flags |= ConnectionFlag.PROXY if proxy else 0
    flags |= ConnectionFlag.PAC if pac else 0
    data = blobs.encode_connection(ConnectionSettings(flags, proxy, bypass, pac))
    return f"HKU\\{sid}\\{CONNECTIONS}", f'"DefaultConnectionSettings"={_octets(data)}'


def _octets(data: bytes) -> str:
    return "hex:" + ",".join(f"{octet:02x}" for octet in data)
