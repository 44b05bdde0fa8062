"""The order of who takes WinINET's settings: Antivirus, whose order is documented, and the Identity sensor."""

from __future__ import annotations

from prober.routes.windows import settings
from prober.routes.windows.bypass import BypassList
from prober.routes.windows.candidates import Candidate, Component, Confidence, Kind, Reading
from prober.routes.windows.device import Device
from prober.routes.windows.proxy_list import parse_proxy_list
from prober.routes.windows.winhttp_ways import remarks, win_http_ways
from prober.routes.windows.wininet_ways import ACCOUNTS, WPAD_UNSURE, WinInetWays, win_inet_ways

DOCUMENTED = Confidence.DOCUMENTED


def mdav(device: Device) -> Reading:
    """ProxyServer → ProxyPacUrl → none → Internet Explorer's settings → auto-detection; documented."""
    static, scripts = _pair(device, "ProxyServer"), _pair(device, "ProxyPacUrl")
    bypass = _bypass(device)
    explorer = win_inet_ways(device, settings.LOCAL_SYSTEM, DOCUMENTED)
    candidates = [
        *(_static(found, bypass, overruled=number > 0) for number, found in enumerate(static)),
        *(_script(found, overruled=number > 0) for number, found in enumerate(scripts)),
        Candidate(
            Kind.DIRECT,
            source='step 3, "none"',
            confidence=DOCUMENTED,
            note="Whether this step means trying direct is not certain. If so, what follows is never reached where "
            "direct access works.",
        ),
        *explorer.candidates,
        Candidate(
            Kind.WPAD,
            source="step 5, auto-detection",
            confidence=DOCUMENTED,
            note=WPAD_UNSURE if settings.wpad_disabled(device) else "",
        ),
    ]
    return Reading(Component.MDAV, tuple(candidates), tuple(_mdav_notes(static + scripts, explorer)))


def _mdav_notes(found: list[settings.Setting], explorer: WinInetWays) -> list[str]:
    notes = [
        "The order is documented: ProxyServer, ProxyPacUrl, none, Internet Explorer's settings, auto-detection; each "
        "where the earlier is absent or failed. The wording is terse."
    ]
    if found:
        notes.append(
            "It keeps using the proxy that worked last: a correct change may not show at once. A static proxy of its "
            "own does not serve Windows Update or CRLs: see system."
        )
    if any(is_local(each) for each in found) and not all(is_local(each) for each in found):
        notes.append("Policy is taken to win over the local value of the same name; no source used here says so.")
    if explorer.candidates:
        notes.append(
            "Internet Explorer's settings are read here for LocalSystem, as which the service runs; the documented "
            "order does not say whose are meant."
        )
    return notes + explorer.notes


def _pair(device: Device, name: str) -> list[settings.Setting]:
    """Policy first, then the local value."""
    both = (settings.text(device, key, name) for key in (settings.DEFENDER_POLICY, settings.DEFENDER_LOCAL))
    return [each for each in both if each is not None]


def is_local(found: settings.Setting) -> bool:
    """Whether it was set by Set-MpPreference or by hand, not by policy."""
    return not found.value.path.casefold().startswith(settings.DEFENDER_POLICY.casefold())


def _bypass(device: Device) -> BypassList | None:
    found = _pair(device, "ProxyBypass")
    return BypassList.parse(found[0].text) if found else None


def _static(found: settings.Setting, bypass: BypassList | None, *, overruled: bool) -> Candidate:
    proxies = parse_proxy_list(found.text)
    said = ["Overruled by the policy value."] if overruled else []
    if not all(each.prefix for each in proxies.entries):
        said.append("http:// is missing in front: whether it works without is unsure; it is read as http here.")
    said.append(remarks(proxies))
    return Candidate(
        Kind.STATIC,
        proxies,
        bypass=bypass,
        source=found.value.path,
        active=not overruled and bool(proxies.hops),
        confidence=DOCUMENTED,
        note=" ".join(filter(None, said)),
        place=found.value.place,
    )


def _script(found: settings.Setting, *, overruled: bool) -> Candidate:
    return Candidate(
        Kind.PAC,
        pac_url=found.text,
        source=found.value.path,
        active=not overruled,
        confidence=DOCUMENTED,
        note="Overruled by the policy value." if overruled else "",
        place=found.value.place,
    )


def mdi_sensor(device: Device) -> Reading:
    """SensorConfiguration.json → WinINET of LocalService → auto-detection → direct; a model."""
    return _identity(device, Component.MDI_SENSOR, settings.LOCAL_SERVICE)


def mdi_updater(device: Device) -> Reading:
    """SensorConfiguration.json → WinINET of LocalSystem → auto-detection → direct; a model."""
    return _identity(device, Component.MDI_UPDATER, settings.LOCAL_SYSTEM)


def _identity(device: Device, component: Component, account: str) -> Reading:
    ways = win_inet_ways(device, account, Confidence.MODELLED)
    configured = _configured(device)
    candidates = [*configured, *ways.candidates, *_detection(device, ways), Candidate(Kind.DIRECT, source="fallback")]
    notes = [
        f"The order is a model: SensorConfiguration.json, the WinINET settings of {ACCOUNTS[account]} ({account}), "
        "auto-detection or a transparent proxy, direct. A sensor of version 3 runs on Defender for Endpoint: see edr.",
        *ways.notes,
    ]
    proxied = any(each.active and each.kind in (Kind.CONFIG, Kind.PAC, Kind.WININET) for each in candidates)
    if not proxied and win_http_ways(device, Confidence.MODELLED).active is not None:
        notes.append("WinHTTP has a proxy here, but a WinHTTP proxy alone is not enough for this service.")
    return Reading(component, tuple(candidates), tuple(notes))


def _configured(device: Device) -> list[Candidate]:
    sensor = device.sensor
    if sensor is None or not sensor.url.strip():
        return []
    proxies = parse_proxy_list(sensor.url)
    login = ""
    if sensor.user:
        login = f'It logs in as "{sensor.user[:80]}"' + (
            "; its encrypted password is not read." if sensor.has_password else ", without a password."
        )
    return [
        Candidate(
            Kind.CONFIG,
            proxies,
            source="SensorConfiguration.json, SensorProxyConfiguration.Url",
            active=bool(proxies.hops),
            note=" ".join(filter(None, (login, remarks(proxies)))),
            place=sensor.place,
        )
    ]


def _detection(device: Device, ways: WinInetWays) -> list[Candidate]:
    """Auto-detection where the settings are silent; where they have it on it is a candidate already."""
    if ways.detects:
        return []
    if ways.found:
        return [Candidate(Kind.WPAD, source="WinINET settings, flag 8", active=False, note="Auto-detection is off.")]
    note = WPAD_UNSURE if settings.wpad_disabled(device) else ""
    return [Candidate(Kind.WPAD, source="auto-detection, assumed on", note=note)]
