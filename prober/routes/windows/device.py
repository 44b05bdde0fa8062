"""What is known of a Windows device's proxy settings: values with their places, before anybody draws a conclusion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag


class RegistryType(IntEnum):
    """Types of registry values, by their numbers (winnt.h)."""

    NONE = 0
    SZ = 1
    EXPAND_SZ = 2
    BINARY = 3
    DWORD = 4
    DWORD_BIG_ENDIAN = 5
    LINK = 6
    MULTI_SZ = 7
    RESOURCE_LIST = 8
    FULL_RESOURCE_DESCRIPTOR = 9
    RESOURCE_REQUIREMENTS_LIST = 10
    QWORD = 11


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was read."""

    file: str
    """As the user named it."""
    line: int | None = None
    """From 1; None where a file has no lines."""

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class RegistryValue:
    """One value as it was exported."""

    key: str
    """Full path from its root on, `HKEY_LOCAL_MACHINE\\SOFTWARE\\…`, in the file's own letter case."""
    name: str
    """Empty for the default value."""
    type: int
    """A RegistryType, or another number that was written."""
    data: str | int | bytes | tuple[str, ...]
    """Text of SZ and EXPAND_SZ, number of DWORD and QWORD, texts of MULTI_SZ, octets of everything else."""
    place: Place

    @property
    def path(self) -> str:
        """`KEY\\NAME`, roots abbreviated (HKLM, HKCU, HKU, HKCR, HKCC), for people."""
        root, _, rest = self.key.partition("\\")
        return "\\".join(part for part in (_SHORT.get(root.upper(), root), rest, self.name or "(Default)") if part)


_SHORT = {
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_USERS": "HKU",
    "HKEY_CLASSES_ROOT": "HKCR",
    "HKEY_CURRENT_CONFIG": "HKCC",
}
_LONG = {short: long for long, short in _SHORT.items()}


@dataclass(slots=True)
class Registry:
    """Values of all files, later ones over earlier ones; names compare without letter case."""

    _values: dict[tuple[str, str], RegistryValue] = field(default_factory=dict)

    def put(self, value: RegistryValue) -> None:
        """A value, in place of one of the same key and name."""
        self._values[_folded(value.key), value.name.casefold()] = value

    def drop(self, key: str, name: str) -> None:
        """`"name"=-`: the value is absent from here on."""
        self._values.pop((_folded(key), name.casefold()), None)

    def drop_key(self, key: str) -> None:
        """`[-key]`: absent with everything below it."""
        folded = _folded(key)
        for each in [each for each in self._values if each[0] == folded or each[0].startswith(folded + "\\")]:
            del self._values[each]

    def get(self, key: str, name: str) -> RegistryValue | None:
        """`key` may begin with an abbreviated root."""
        return self._values.get((_folded(key), name.casefold()))

    def __iter__(self) -> Iterator[RegistryValue]:
        return iter(self._values.values())

    def __len__(self) -> int:
        return len(self._values)


def _folded(key: str) -> str:
    root, separator, rest = key.strip("\\").partition("\\")
    return (_LONG.get(root.upper(), root) + separator + rest).casefold()


class ConnectionFlag(IntFlag):
    """Offset 8 of a connection settings value, and of WinHttpSettings: what is in use."""

    DIRECT = 1
    PROXY = 2
    PAC = 4
    AUTO_DETECT = 8


@dataclass(frozen=True, slots=True)
class WinHttpSettings:
    """The value `WinHttpSettings`, decoded."""

    flags: int
    proxy: str
    """Kept where its flag is off."""
    bypass: str
    header: int = 0x28
    """The first dword, something like a structure size."""
    counter: int = 0
    tail: bytes = b""

    @property
    def in_use(self) -> bool:
        """Whether the proxy is used: its flag is on and there is one."""
        return bool(self.flags & ConnectionFlag.PROXY and self.proxy.strip())


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """The value `DefaultConnectionSettings` or one of its like, decoded."""

    flags: int
    proxy: str
    bypass: str
    pac_url: str
    discovery: int | None = 0
    """Auto-discovery flags; None where the value ends before them."""
    size: int = 0x46
    counter: int = 0
    tail: bytes = b""

    @property
    def meaning(self) -> tuple[bool, bool, bool, str, str, str]:
        """What two values are compared by: what is in use, and its texts; counter, size and tail mean nothing, nor do
        texts that are not in use."""
        proxy, pac = bool(self.flags & ConnectionFlag.PROXY), bool(self.flags & ConnectionFlag.PAC)
        texts = (self.proxy.strip(), self.bypass.strip()) if proxy else ("", "")
        return proxy, pac, bool(self.flags & ConnectionFlag.AUTO_DETECT), *texts, self.pac_url.strip() if pac else ""


@dataclass(frozen=True, slots=True)
class ShownProxy:
    """What `netsh winhttp show proxy` printed: empty proxy = direct."""

    proxy: str
    bypass: str
    place: Place


@dataclass(frozen=True, slots=True)
class AdvancedProxy:
    """What `netsh winhttp show advproxy` printed."""

    proxy_enabled: bool | None
    """None where the key was missing, as in all of these."""
    proxy: str
    bypass: str
    pac_enabled: bool | None
    pac_url: str
    auto_detect: bool | None
    per_user: bool | None
    connection: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class SensorProxy:
    """The proxy in MDI's `SensorConfiguration.json`; its encrypted password is never kept."""

    url: str
    """Empty = none is configured there."""
    user: str | None
    has_password: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that could not be read, or was read with doubt."""

    place: Place
    message: str
    """A sentence."""
    fatal: bool = False
    """Whether the whole file is of no use (a usage error, exit 2); otherwise the rest was read."""


@dataclass(slots=True)
class Device:
    """Everything that files said of one device."""

    registry: Registry = field(default_factory=Registry)
    shown: ShownProxy | None = None
    advanced: list[AdvancedProxy] = field(default_factory=list)
    sensor: SensorProxy | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Proxy variables of a `set`, `env` or /etc/environment text, names in upper case."""
    linux: str | None = None
    """`cloudService.proxy` of a Linux or macOS `mdatp_managed.json`."""
    carriers: dict[str, str] = field(default_factory=dict)
    """What each file was taken for, by file name: `registry export`, `reg query`, `netsh show proxy` and so on."""
    complaints: list[Complaint] = field(default_factory=list)
