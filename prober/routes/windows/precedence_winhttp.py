"""The order of who asks WinHTTP: the EDR sensor, which has a static proxy before it, and Windows itself."""

from __future__ import annotations

from prober.model import Scheme
from prober.routes.windows import settings
from prober.routes.windows.candidates import Candidate, Component, Confidence, Kind, Reading
from prober.routes.windows.device import Device
from prober.routes.windows.proxy_list import parse_proxy_list, parse_static
from prober.routes.windows.winhttp_ways import WinHttpWays, win_http_ways

MODEL = (
    "Microsoft publishes no order for the sensor. This is a model: static proxy, WinHTTP's proxy, auto-detection, "
    "direct."
)

MAX_STRAY = 3
"""Values in wrong places that are named."""


def edr(device: Device) -> Reading:
    """TelemetryProxyServer → WinHTTP → auto-detection → direct; a model."""
    ways = win_http_ways(device, Confidence.MODELLED)
    static = _static(device)
    in_use = static is not None and static.active
    candidates = [
        *([static] if static else []),
        *ways.named,
        *ways.pac,
        _detection(device, ways),
        Candidate(
            Kind.DIRECT,
            source="fallback",
            confidence=Confidence.DOCUMENTED if in_use else Confidence.MODELLED,
            note="Documented: the sensor goes direct if its static proxy cannot be reached. Only the place behind "
            "WinHTTP and auto-detection is the model's."
            if in_use
            else "",
        ),
    ]
    notes = [MODEL, *_preference(device, static, ways.active), *ways.notes, *_unknowns(device)]
    return Reading(Component.EDR, tuple(candidates), tuple(notes))


def _static(device: Device) -> Candidate | None:
    value = device.registry.get(settings.DATA_COLLECTION, "TelemetryProxyServer")
    if value is None:
        return None
    found = settings.text(device, settings.DATA_COLLECTION, "TelemetryProxyServer")
    if found is None:
        is_text = value.type in settings.TEXT_TYPES
        note = "It is empty." if is_text else "It is not of type REG_SZ: the sensor probably ignores it."
        return Candidate(Kind.STATIC, source=value.path, active=False, note=note, place=value.place)
    hop = parse_static(found.text)
    if isinstance(hop, str):
        note = f'"{settings.shown(found.text)}" is no HOST:PORT: {hop}. What the sensor makes of it is not documented.'
        return Candidate(Kind.STATIC, source=value.path, active=False, note=note, place=value.place)
    return Candidate(Kind.STATIC, parse_proxy_list(found.text), source=value.path, place=value.place)


def _detection(device: Device, ways: WinHttpWays) -> Candidate:
    disabled = settings.wpad_disabled(device)
    if disabled is not None:
        return Candidate(
            Kind.WPAD,
            source=disabled.path,
            active=False,
            note="DisableWpad = 1 switches WinHTTP's auto-detection off.",
            place=disabled.place,
        )
    if ways.detect:
        return ways.detect[0]
    return Candidate(Kind.WPAD, source="WinHTTP auto-detection, on unless DisableWpad = 1")


def _preference(device: Device, static: Candidate | None, winhttp: Candidate | None) -> list[str]:
    """What PreferStaticProxyForHttpRequest makes of a static proxy."""
    if static is None or not static.active or static.proxies is None:
        return []
    own = static.proxies.hops[0]
    if settings.number(device, settings.ATP_POLICY, "PreferStaticProxyForHttpRequest") == 1:
        return [
            "PreferStaticProxyForHttpRequest = 1: the static proxy also where default WinHTTP would be used. It takes "
            "MsSense.exe 10.8210 or later, or 10.8049 or later: the sources differ. It does not apply to the older, "
            "MMA-based agent."
        ]
    if winhttp is None or winhttp.proxies is None:
        return [
            "PreferStaticProxyForHttpRequest is not 1: some requests probably use default WinHTTP instead of the "
            "static proxy, and that names no proxy here, so they go by auto-detection or direct."
        ]
    theirs = winhttp.proxies.for_scheme(Scheme.HTTPS)
    if theirs[:1] == (own,):
        return []
    return [
        f"Either: PreferStaticProxyForHttpRequest is not 1, so a request may take the static proxy ({own.address}) or "
        f'WinHTTP\'s ("{settings.shown(winhttp.proxies.text)}"). Both have to work.'
    ]


def _unknowns(device: Device) -> list[str]:
    notes = []
    account = settings.connection(device, settings.LOCAL_SYSTEM)
    if account is not None and account.names_proxy:
        notes.append(
            "The sensor is described as independent of WinINET. Newer WinHTTP clients can look at their account's "
            f"WinINET settings too, and LocalSystem has some ({account.value.place}); whether the sensor looks is "
            "unknown. If it does, WinHTTP's own settings win."
        )
    right = f"{settings.DATA_COLLECTION}\\TelemetryProxyServer".casefold()
    stray = [v for v in device.registry if v.name.casefold() == "telemetryproxyserver" and v.path.casefold() != right]
    notes += [
        f"{value.path} ({value.place}) has no effect on the sensor: it reads TelemetryProxyServer below "
        f"{settings.DATA_COLLECTION} only."
        for value in stray[:MAX_STRAY]
    ]
    if settings.environment(device):
        notes.append(
            "The unified agent of Server 2012 R2 and 2016 is built on curl in places, and curl follows the "
            "environment's proxy variables; how far the sensor does is not documented."
        )
    return notes


def system(device: Device) -> Reading:
    """WinHTTP's settings → direct. Never a static proxy of Defender's."""
    ways = win_http_ways(device, Confidence.DOCUMENTED)
    candidates = [*ways.named, *ways.pac, *ways.detect]
    named = ways.active is not None
    candidates.append(
        Candidate(
            Kind.DIRECT,
            source="fallback" if named else "no WinHTTP proxy",
            confidence=Confidence.MODELLED if candidates else Confidence.DOCUMENTED,
            note="No source says that WinHTTP goes direct when its proxy cannot be reached." if named else "",
        )
    )
    notes = [
        "Revocation lists and updates are fetched by Windows over these ways, not over Defender's static proxies: an "
        "endpoint can answer 200 while cloud protection fails because a CRL is out of reach.",
        *ways.notes,
    ]
    if _defender_static(device) and not named:
        notes.append(
            "Defender has a static proxy here and WinHTTP has none: CRLs and Windows Update go direct, or to an "
            "internal update source."
        )
    return Reading(Component.SYSTEM, tuple(candidates), tuple(notes))


def _defender_static(device: Device) -> bool:
    places = (
        (settings.DATA_COLLECTION, "TelemetryProxyServer"),
        (settings.DEFENDER_POLICY, "ProxyServer"),
        (settings.DEFENDER_LOCAL, "ProxyServer"),
    )
    return any(settings.text(device, key, name) for key, name in places)
