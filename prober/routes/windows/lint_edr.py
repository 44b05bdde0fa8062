"""Rules about the EDR sensor's static proxy, and about what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator

from prober.model import Scheme
from prober.routes.environment import bypassed
from prober.routes.severity import Severity
from prober.routes.windows import settings
from prober.routes.windows.candidates import Candidate, Component, Kind
from prober.routes.windows.defender_hosts import DEFENDER_HOSTS
from prober.routes.windows.lint_words import Case, Found
from prober.routes.windows.proxy_list import parse_proxy_list, parse_static

BUILD_KEY = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
UNIFIED_AGENT_BUILDS = ("9600", "14393")
"""Server 2012 R2 and Server 2016 (clients of the same age have these numbers too)."""


def static_form(case: Case) -> Iterator[Found]:
    """TelemetryProxyServer that is not `host:port`."""
    value = case.device.registry.get(settings.DATA_COLLECTION, "TelemetryProxyServer")
    if value is None or value.type not in settings.TEXT_TYPES or not isinstance(value.data, str):
        return
    why = parse_static(value.data)
    if isinstance(why, str):
        yield (
            Severity.HIGH,
            Component.EDR,
            f'{value.path} ({value.place}) is "{settings.shown(value.data)}": {why}. Write HOST:PORT, for example '
            "proxy.corp.example:8080, or delete the value.",
        )


def login_allowed(case: Case) -> Iterator[Found]:
    """TelemetryProxyServer without DisableEnterpriseAuthProxy = 1."""
    found = settings.text(case.device, settings.DATA_COLLECTION, "TelemetryProxyServer")
    switch = case.device.registry.get(settings.DATA_COLLECTION, "DisableEnterpriseAuthProxy")
    if found is None or settings.number(case.device, settings.DATA_COLLECTION, "DisableEnterpriseAuthProxy") == 1:
        return
    state = "is missing" if switch is None else f"is not a DWORD of 1 ({switch.place})"
    yield (
        Severity.WARNING,
        Component.EDR,
        f"TelemetryProxyServer is set ({found.value.place}), but DisableEnterpriseAuthProxy beside it {state}: the "
        "telemetry service may use an authenticated proxy. Set it to DWORD 1; the two belong together.",
    )


def not_preferred(case: Case) -> Iterator[Found]:
    """A static proxy alone, without WinHTTP's and without PreferStaticProxyForHttpRequest = 1."""
    static, named = _active(case, Component.EDR, Kind.STATIC), _active(case, Component.EDR, Kind.NAMED)
    if static is None or named is not None:
        return
    if settings.number(case.device, settings.ATP_POLICY, "PreferStaticProxyForHttpRequest") == 1:
        return
    yield (
        Severity.WARNING,
        Component.EDR,
        f"TelemetryProxyServer is set ({static.place}), WinHTTP has no proxy in these files, and "
        "PreferStaticProxyForHttpRequest is not 1: requests that use default WinHTTP do not take the static proxy. Set "
        f"DWORD 1 in {settings.ATP_POLICY}, or give WinHTTP a proxy (netsh winhttp set proxy), which serves CRLs and "
        "Windows Update too.",
    )


def one_sided(case: Case) -> Iterator[Found]:
    """A proxy for the EDR sensor and none for Antivirus, or the other way round."""
    static = _active(case, Component.EDR, Kind.STATIC)
    own = _active(case, Component.MDAV, Kind.STATIC) or _active(case, Component.MDAV, Kind.PAC, own=True)
    if static is not None and own is None:
        yield (
            Severity.WARNING,
            Component.MDAV,
            f"The EDR sensor has a static proxy ({static.place}), Antivirus has none of its own: neither ProxyServer "
            f"nor ProxyPacUrl. It does not take the sensor's. Set ProxyServer in {settings.DEFENDER_POLICY}.",
        )
    if own is not None and static is None and _active(case, Component.EDR, Kind.NAMED) is None:
        yield (
            Severity.WARNING,
            Component.EDR,
            f"Antivirus has a proxy of its own ({own.place}), the EDR sensor has neither TelemetryProxyServer nor a "
            f"WinHTTP proxy. It does not take that of Antivirus. Set TelemetryProxyServer in "
            f"{settings.DATA_COLLECTION}.",
        )


def _active(case: Case, component: Component, kind: Kind, *, own: bool = False) -> Candidate | None:
    """The first active candidate of a kind; `own` = from the component's values, not from WinINET's."""
    for each in case.readings[component].active if component in case.readings else ():
        if each.kind is kind and not (own and "internet settings" in each.source.casefold()):
            return each
    return None


def environment_disagrees(case: Case) -> Iterator[Found]:
    """Proxy variables that name another proxy than the sensor's settings, where the agent may follow them."""
    variables = settings.environment(case.device)
    used = _active(case, Component.EDR, Kind.STATIC) or _active(case, Component.EDR, Kind.NAMED)
    build = settings.text(case.device, BUILD_KEY, "CurrentBuild") or settings.text(
        case.device, BUILD_KEY, "CurrentBuildNumber"
    )
    if used is None or used.proxies is None or (build is not None and build.text not in UNIFIED_AGENT_BUILDS):
        return
    which = f"Build {build.text}" if build else "If this is Server 2012 R2 or 2016"
    agent = f"{which}: parts of its unified agent are built on curl and may follow the environment."
    name = next((each for each in ("HTTPS_PROXY", "ALL_PROXY") if each in variables), None)
    ours = used.proxies.for_scheme(Scheme.HTTPS)[:1]
    if name is not None and parse_proxy_list(variables[name]).for_scheme(Scheme.HTTPS)[:1] != ours:
        yield (
            Severity.WARNING,
            Component.EDR,
            f'{name} is "{settings.shown(variables[name])}", the sensor\'s settings say '
            f'"{settings.shown(used.proxies.text)}" '
            f"({used.place}). {agent} Make them equal, or take the variable out.",
        )
    words = tuple(variables.get("NO_PROXY", "").lower().replace(",", " ").split())
    direct = [host for _, host in DEFENDER_HOSTS[Component.EDR] if bypassed(words, host, 443)]
    if direct:
        yield (
            Severity.WARNING,
            Component.EDR,
            f"NO_PROXY makes {direct[0]} direct, while the sensor's settings name a proxy ({used.place}). {agent} "
            "Take the entry out of NO_PROXY.",
        )
