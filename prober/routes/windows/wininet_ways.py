"""An account's WinINET settings as candidates, in WinINET's own order: auto-detection, PAC script, manual proxy.

For who takes them: the Identity sensor and its updater, and Defender Antivirus at a late step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prober.routes.windows import settings
from prober.routes.windows.bypass import BypassList
from prober.routes.windows.candidates import Candidate, Confidence, Kind
from prober.routes.windows.device import ConnectionFlag, ConnectionSettings, Device, RegistryValue
from prober.routes.windows.proxy_list import parse_proxy_list
from prober.routes.windows.winhttp_ways import folded, remarks

ACCOUNTS = {settings.LOCAL_SYSTEM: "LocalSystem", settings.LOCAL_SERVICE: "LocalService"}
WPAD_UNSURE = "DisableWpad = 1 switches WinHTTP's auto-detection off; whether WinINET's as well is not settled."


@dataclass(slots=True)
class WinInetWays:
    """What the WinINET settings of an account amount to."""

    candidates: list[Candidate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    found: bool = False
    """Whether there are settings that can be read; without them what the account does is a guess."""

    @property
    def detects(self) -> bool:
        """Whether auto-detection is switched on by the settings themselves."""
        return any(each.kind is Kind.WPAD and each.active for each in self.candidates)


def win_inet_ways(device: Device, account: str, confidence: Confidence) -> WinInetWays:
    """The candidates of S-1-5-18 or S-1-5-19, those of the machine where policy says so."""
    ways = WinInetWays()
    own = settings.connection(device, account)
    if settings.machine_wide(device):
        used, source = settings.connection_at(device, "HKLM"), "HKLM"
        ways.notes.append(
            "ProxySettingsPerUser = 0: the WinINET settings of the machine (HKLM) are read instead of those of each "
            "account. That services do so as well is known from a third party only."
        )
        if own is not None and own.names_proxy:
            ways.notes.append(f"So {own.value.path} ({own.value.place}) should have no effect.")
    else:
        used, source = own, f"HKU\\{account}"
    if used is None:
        ways.notes.append(
            f"{source} has no DefaultConnectionSettings in these files. .NET's reader takes a missing value as "
            "auto-detection on; that the service does so is an assumption. Was the key exported?"
        )
    elif used.settings is None:
        ways.notes.append(f"{used.value.path} ({used.value.place}) cannot be decoded: {used.problem}.")
    else:
        ways.found = True
        ways.candidates += _candidates(used.value, used.settings, confidence, _detection_note(device))
        ways.notes += _mirrors(device, used)
    ways.notes += _two_names(device) if account == settings.LOCAL_SYSTEM else []
    return ways


def _detection_note(device: Device) -> str:
    return WPAD_UNSURE if settings.wpad_disabled(device) else ""


def _candidates(value: RegistryValue, found: ConnectionSettings, confidence: Confidence, wpad: str) -> list[Candidate]:
    candidates = []
    if found.flags & ConnectionFlag.AUTO_DETECT:
        candidates.append(
            Candidate(Kind.WPAD, source=f"{value.path}, flag 8", confidence=confidence, note=wpad, place=value.place)
        )
    url = found.pac_url.strip()
    if url:
        on = bool(found.flags & ConnectionFlag.PAC)
        candidates.append(
            Candidate(
                Kind.PAC,
                pac_url=url,
                source=f"{value.path}, flag 4",
                active=on,
                confidence=confidence,
                note="" if on else "Kept, but its flag is off.",
                place=value.place,
            )
        )
    if found.proxy.strip():
        on = bool(found.flags & ConnectionFlag.PROXY)
        proxies = parse_proxy_list(found.proxy)
        note = "" if on else "Kept, but its flag is off."
        candidates.append(
            Candidate(
                Kind.WININET,
                proxies,
                bypass=BypassList.parse(found.bypass, implicit_loopback=True),
                source=f"{value.path}, flag 2",
                active=on and bool(proxies.hops),
                confidence=confidence,
                note=" ".join(each for each in (note, remarks(proxies)) if each),
                place=value.place,
            )
        )
    return candidates


def _mirrors(device: Device, used: settings.Connection) -> list[str]:
    """The plain values beside the blob: legacy mirrors of it, and the blob decides."""
    decoded = used.settings
    key = used.value.key.rpartition("\\")[0]
    if decoded is None:
        return []
    notes = []
    enabled = settings.number(device, key, "ProxyEnable")
    server = settings.text(device, key, "ProxyServer")
    url = settings.text(device, key, "AutoConfigURL")
    flag = bool(decoded.flags & ConnectionFlag.PROXY)
    if enabled is not None and bool(enabled) != flag:
        notes.append(
            f"ProxyEnable beside it is {enabled}, yet the value has the manual proxy {'on' if flag else 'off'}"
        )
    if server is not None and (enabled or flag) and folded(server.text) != folded(decoded.proxy):
        notes.append(
            f'ProxyServer beside it is "{settings.shown(server.text)}", the value has "{settings.shown(decoded.proxy)}"'
        )
    script = decoded.pac_url.strip() if decoded.flags & ConnectionFlag.PAC else ""
    if url is not None and url.text != script:
        notes.append(
            f'AutoConfigURL beside it is "{settings.shown(url.text)}", the value uses "{settings.shown(script)}"'
        )
    return [
        f"{used.value.path} ({used.value.place}): {note}. The value decides; the others are legacy." for note in notes
    ]


def _two_names(device: Device) -> list[str]:
    one, other = (settings.connection_at(device, hive) for hive in (r"HKU\S-1-5-18", r"HKU\.DEFAULT"))
    if one is None or other is None or one.settings is None or other.settings is None:
        return []
    if one.settings.meaning == other.settings.meaning:
        return []
    return [
        f"HKU\\S-1-5-18 ({one.value.place}) and HKU\\.DEFAULT ({other.value.place}) are one hive, yet they differ "
        "here: they were not exported at the same time, or not on one device. The first is used."
    ]
