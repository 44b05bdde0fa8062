"""WinHTTP's settings as candidates: the registry first, what netsh printed where the registry says nothing.

For who asks WinHTTP: the EDR sensor, and Windows itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prober.model import Scheme
from prober.routes.windows import settings
from prober.routes.windows.bypass import BypassList
from prober.routes.windows.candidates import Candidate, Confidence, Kind
from prober.routes.windows.device import AdvancedProxy, ConnectionFlag, Device, Place
from prober.routes.windows.proxy_list import ProxyList, parse_proxy_list

SHOW_PROXY = "netsh winhttp show proxy"
SHOW_ADVPROXY = "netsh winhttp show advproxy"
MACHINE_WIDE = "Machine-wide WinHTTP setting of newer Windows: who follows it is not documented."


@dataclass(slots=True)
class WinHttpWays:
    """What WinHTTP is told to use."""

    named: list[Candidate] = field(default_factory=list)
    """The named proxy, the active one first if there is one."""
    pac: list[Candidate] = field(default_factory=list)
    detect: list[Candidate] = field(default_factory=list)
    """Auto-detection where it is switched on by itself."""
    notes: list[str] = field(default_factory=list)

    @property
    def active(self) -> Candidate | None:
        """The named proxy in use."""
        return next((each for each in self.named if each.active), None)


def win_http_ways(device: Device, confidence: Confidence) -> WinHttpWays:
    """What WinHTTP would use, with every source of it; disagreement between them is a note."""
    ways = WinHttpWays()
    seen = [each for each in (_registry(device, confidence, ways), _shown(device, confidence)) if each is not None]
    for advanced in device.advanced:
        if advanced.per_user:
            ways.notes.append(
                f"{SHOW_ADVPROXY} ({advanced.place}) printed settings per user: they are of the account that ran it, "
                "not of the services'."
            )
            continue
        _scripts(advanced, ways)
        seen.append(_advanced(advanced, confidence))
    if seen:
        first, *others = seen
        ways.named += [first.candidate] if first.candidate else []
        ways.notes += [_disagreement(first, other) for other in others if other.meaning != first.meaning]
    _view_of_32_bits(device, ways, confidence)
    return ways


@dataclass(frozen=True, slots=True)
class _Source:
    """What one source says of the named proxy."""

    candidate: Candidate | None
    """None = direct access."""
    name: str
    place: Place

    @property
    def meaning(self) -> tuple[str, str]:
        candidate = self.candidate
        if candidate is None or not candidate.active or candidate.proxies is None:
            return "", ""
        return folded(candidate.proxies.text), folded(candidate.bypass.text if candidate.bypass else "")

    def __str__(self) -> str:
        proxy, bypass = self.meaning
        says = f'"{settings.shown(proxy)}"' if proxy else "direct access"
        return f"{self.name} ({self.place}) says {says}" + (
            f' with the exceptions "{settings.shown(bypass)}"' if bypass else ""
        )


def folded(text: str) -> str:
    """A list's text without what makes no difference: letter case, and how its items are separated."""
    return ";".join(text.lower().replace(";", " ").split())


def _disagreement(one: _Source, other: _Source) -> str:
    return f"{one}, but {other}: they were not taken at the same time, or not on one device. The first is used here."


def named(text: str, bypass: str, source: str, place: Place, confidence: Confidence, note: str = "") -> Candidate:
    """A proxy text as an active candidate, or an inactive one if there is no proxy to be read in it."""
    proxies = parse_proxy_list(text)
    return Candidate(
        Kind.NAMED,
        proxies,
        bypass=BypassList.parse(bypass) if bypass.strip() else None,
        source=source,
        active=bool(proxies.hops),
        confidence=confidence,
        note=" ".join(each for each in (note, remarks(proxies)) if each),
        place=place,
    )


def remarks(proxies: ProxyList) -> str:
    """What is to be said of a list: its problems, and whom it leaves without a proxy."""
    said = list(proxies.problems)
    if not proxies.hops:
        said.append("No proxy can be read there.")
    elif not proxies.for_scheme(Scheme.HTTPS):
        said.append("It names no proxy for https:// targets: they go direct.")
    elif not proxies.for_scheme(Scheme.HTTP):
        said.append("It names no proxy for http:// targets, such as CRLs: they go direct.")
    if any(each.prefix == "https" for each in proxies.entries):
        said.append("TLS to the proxy itself (https:// in front of it): whether Windows does that is doubtful.")
    return " ".join(said)


def _registry(device: Device, confidence: Confidence, ways: WinHttpWays) -> _Source | None:
    found = settings.win_http(device)
    if found is None:
        return None
    path, place = found.value.path, found.value.place
    if found.settings is None:
        ways.named.append(
            Candidate(
                Kind.NAMED,
                source=path,
                active=False,
                confidence=confidence,
                note=f"The value cannot be decoded: {found.problem}.",
                place=place,
            )
        )
        return None
    decoded = found.settings
    unclear = decoded.flags & (ConnectionFlag.PAC | ConnectionFlag.AUTO_DETECT)
    if unclear:
        ways.notes.append(
            f"{path} ({place}) has the flags 0x{decoded.flags:02x}. In WinINET's values 4 is a PAC script and 8 is "
            "auto-detection; whether WinHTTP has them too is uncertain, so they are not followed."
        )
    if decoded.in_use:
        return _Source(named(decoded.proxy, decoded.bypass, path, place, confidence), path, place)
    if decoded.proxy.strip():
        ways.named.append(
            Candidate(
                Kind.NAMED,
                parse_proxy_list(decoded.proxy),
                bypass=BypassList.parse(decoded.bypass) if decoded.bypass.strip() else None,
                source=path,
                active=False,
                confidence=confidence,
                note="Kept, but its flag is off: WinHTTP goes without it.",
                place=place,
            )
        )
    return _Source(None, path, place)


def _shown(device: Device, confidence: Confidence) -> _Source | None:
    said = device.shown
    if said is None:
        return None
    candidate = named(said.proxy, said.bypass, SHOW_PROXY, said.place, confidence) if said.proxy.strip() else None
    return _Source(candidate, SHOW_PROXY, said.place)


def _advanced(said: AdvancedProxy, confidence: Confidence) -> _Source:
    if not said.proxy.strip() or said.proxy_enabled is False:
        return _Source(None, SHOW_ADVPROXY, said.place)
    note = "" if said.proxy_enabled else "ProxyIsEnabled is missing in the text; it is taken as on."
    return _Source(
        named(said.proxy, said.bypass, SHOW_ADVPROXY, said.place, confidence, note), SHOW_ADVPROXY, said.place
    )


def _scripts(said: AdvancedProxy, ways: WinHttpWays) -> None:
    """PAC and auto-detection, which only the newer settings of WinHTTP have."""
    url = said.pac_url.strip()
    if url:
        ways.pac.append(
            Candidate(
                Kind.PAC,
                pac_url=url,
                source=f"{SHOW_ADVPROXY}, AutoconfigUrl",
                active=said.pac_enabled is not False,
                note=f"{MACHINE_WIDE} Of a script's list WinHTTP takes the first entry."
                if said.pac_enabled is not False
                else "Kept, but AutoConfigIsEnabled is false.",
                place=said.place,
            )
        )
    if said.auto_detect:
        ways.detect.append(
            Candidate(
                Kind.WPAD,
                source=f"{SHOW_ADVPROXY}, AutoDetect",
                note=MACHINE_WIDE,
                place=said.place,
            )
        )


def _view_of_32_bits(device: Device, ways: WinHttpWays, confidence: Confidence) -> None:
    copy, main = settings.win_http(device, view=32), settings.win_http(device)
    if copy is None or copy.settings is None:
        return
    if main is None:
        if copy.settings.in_use:
            ways.named.append(
                Candidate(
                    Kind.NAMED,
                    parse_proxy_list(copy.settings.proxy),
                    bypass=BypassList.parse(copy.settings.bypass) if copy.settings.bypass.strip() else None,
                    source=copy.value.path,
                    active=False,
                    confidence=confidence,
                    note="The copy of 32-bit programs; the services are 64-bit programs and read the other one.",
                    place=copy.value.place,
                )
            )
        ways.notes.append(
            f"Only the copy for 32-bit programs was exported ({copy.value.place}). Export the other one as well, with "
            "reg export … /reg:64."
        )
    elif main.settings is not None and use(copy) != use(main):
        ways.notes.append(
            f"32-bit programs have other WinHTTP settings ({copy.value.place}) than 64-bit programs "
            f"({main.value.place}). The services are 64-bit programs."
        )


def use(found: settings.WinHttp) -> tuple[str, str]:
    """Proxy and exceptions in use, fit to be compared; both empty where there is direct access."""
    decoded = found.settings
    return (folded(decoded.proxy), folded(decoded.bypass)) if decoded is not None and decoded.in_use else ("", "")
