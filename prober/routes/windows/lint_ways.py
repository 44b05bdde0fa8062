"""Rules about the candidates themselves: bypass lists, PAC scripts, auto-detection, SOCKS, IPv6."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from prober.model import DEFAULT_PORTS, HopScheme
from prober.routes.severity import Severity
from prober.routes.windows import settings
from prober.routes.windows.bypass import NO_LOOPBACK, BypassEntry, BypassList
from prober.routes.windows.candidates import Candidate, Component, Kind
from prober.routes.windows.defender_hosts import DEFENDER_HOSTS, FAMILIES
from prober.routes.windows.device import RegistryValue
from prober.routes.windows.lint_words import Case, Found
from prober.routes.windows.proxy_list import parse_static

MAX_NAMED: Final = 5
"""Entries that one sentence names."""
_PATH_RULE: Final = re.compile(
    r"""["'](?:https|https?\*|http\?|\*)?://[^"'/\s]{1,255}/(?![*]?["'])[^"'\s]{1,400}["']""", re.IGNORECASE
)
"""A string of a script that matches an https URL by more than its origin."""


def bypass_entries(case: Case) -> Iterator[Found]:
    """Entries of bypass lists that do not do what was meant, and those that send Defender direct."""
    seen: set[str] = set()
    for component, reading in case.readings.items():
        for candidate in reading.active:
            if candidate.bypass is None:
                continue
            yield from _direct(component, candidate, candidate.bypass)
            if candidate.source not in seen:
                seen.add(candidate.source)
                yield from _odd(component, candidate, candidate.bypass)


def _direct(component: Component, candidate: Candidate, bypass: BypassList) -> Iterator[Found]:
    hosts: dict[str, str] = {}
    for scheme, host in DEFENDER_HOSTS[component]:
        entry = bypass.matches(scheme, host, DEFAULT_PORTS[scheme])
        if entry is not None:
            hosts.setdefault(entry, host)
    for each in bypass.entries:
        if each.text not in hosts and FAMILIES.search(each.pattern):
            hosts[each.text] = f"what is meant by {each.text}"
    if hosts:
        said = "; ".join(
            f'"{settings.shown(entry)}" sends {settings.shown(host)} direct'
            for entry, host in [*hosts.items()][:MAX_NAMED]
        )
        yield (
            Severity.HIGH,
            component,
            f"The bypass list of {_where(candidate)}: {said}. Where there is no way out but the proxy that fails. "
            "Take the entry out, or open the firewall.",
        )


def _odd(component: Component, candidate: Candidate, bypass: BypassList) -> Iterator[Found]:
    where = _where(candidate)
    written = [each for each in bypass.entries if not each.implicit]
    blocks = [each for each in written if each.is_block]
    if blocks:
        named = candidate.kind is Kind.NAMED
        yield (
            Severity.WARNING,
            component,
            f"The bypass list of {where} has {_named(blocks)}: Windows knows no CIDR blocks, it matches no host. "
            + ("Name the hosts one by one." if named else "Write patterns such as 10.*."),
        )
    stars = [each for each in written if each.has_inner_star]
    if stars and candidate.kind is Kind.NAMED:
        yield (
            Severity.WARNING,
            component,
            f"The bypass list of {where} has {_named(stars)}: WinHTTP is documented to take a star at the left only. "
            "Write *.NAME.",
        )
    loopback = [each for each in written if each.pattern == NO_LOOPBACK]
    if loopback:
        yield (
            Severity.INFO,
            component,
            f"The bypass list of {where} has {NO_LOOPBACK}: connections to this machine itself go to the proxy too. "
            "Take it out unless that is meant.",
        )


def _named(entries: list[BypassEntry]) -> str:
    names = ", ".join(f'"{settings.shown(each.text)}"' for each in entries[:MAX_NAMED])
    return names + (f" and {len(entries) - MAX_NAMED:,} more" if len(entries) > MAX_NAMED else "")


def _where(candidate: Candidate) -> str:
    return f"{candidate.source} ({candidate.place})" if candidate.place else candidate.source


def pac_unusable(case: Case) -> Iterator[Found]:
    """PAC URLs that are not http or https; scripts that look at the path of https URLs."""
    for component, reading in case.readings.items():
        scripts = [each for each in reading.active if each.kind is Kind.PAC and each.pac_url]
        for candidate in scripts:
            scheme, separator, _ = (candidate.pac_url or "").partition("://")
            if separator and scheme.lower() in ("http", "https"):
                continue
            yield (
                Severity.HIGH,
                component,
                f'{_where(candidate)} names the PAC script "{settings.shown(candidate.pac_url or "")}": Windows '
                "takes http:// and https:// only. Put the script on a web server.",
            )
        if scripts:
            yield from _path_rules(case, component)


def _path_rules(case: Case, component: Component) -> Iterator[Found]:
    for name, text in case.scripts.items():
        rule = _PATH_RULE.search(text)
        if rule is not None:
            line = text.count("\n", 0, rule.start()) + 1
            yield (
                Severity.WARNING,
                component,
                f"The PAC script {settings.shown(name)}, line {line}, matches {settings.shown(rule.group(0))}: of "
                "https:// URLs a script may see no path, so the rule may never hold. Match the host alone.",
            )


def detection_disabled(case: Case) -> Iterator[Found]:
    """DisableWpad = 1 where nothing but auto-detection would find a proxy."""
    value = settings.wpad_disabled(case.device)
    if value is None:
        return
    for component, reading in case.readings.items():
        detects = any(each.kind is Kind.WPAD and _affected(each) for each in reading.candidates)
        others = [each for each in reading.active if each.kind not in (Kind.WPAD, Kind.DIRECT)]
        if detects and not others:
            yield (Severity.WARNING, component, _detection_text(value, component))


def _affected(candidate: Candidate) -> bool:
    """Switched off by this very value, or switched on by a setting that it may overrule."""
    return candidate.place is not None and (candidate.active or "DisableWpad" in candidate.source)


def _detection_text(value: RegistryValue, component: Component) -> str:
    unsure = component is not Component.EDR
    return (
        f"{value.path} ({value.place}) switches auto-detection off"
        + (" (for WinINET's users that is not settled)" if unsure else "")
        + ", and these files give this component no other proxy: it goes direct. If the network has no direct way out, "
        "set a proxy."
    )


def socks(case: Case) -> Iterator[Found]:
    """A SOCKS proxy for any component."""
    for component, reading in case.readings.items():
        for candidate in reading.candidates:
            if candidate.proxies is None or not (candidate.active or not candidate.proxies.hops):
                continue
            found = [
                each.text
                for each in candidate.proxies.entries
                if (each.prefix or "").startswith("socks")
                or (each.hop is not None and each.hop.scheme not in (HopScheme.HTTP, HopScheme.HTTPS))
            ]
            if found:
                yield Severity.HIGH, component, _socks_text(_where(candidate), found[0])
    static = settings.text(case.device, settings.DATA_COLLECTION, "TelemetryProxyServer")
    if static is not None and static.text.lower().startswith("socks") and isinstance(parse_static(static.text), str):
        yield Severity.HIGH, Component.EDR, _socks_text(f"{static.value.path} ({static.value.place})", static.text)


def _socks_text(where: str, text: str) -> str:
    return (
        f'{where} names the SOCKS proxy "{settings.shown(text)}": no Defender component is known to work with one; '
        "Windows knows SOCKS 4 at best. Name an HTTP proxy."
    )


def ipv6_only(case: Case) -> Iterator[Found]:
    """Components all of whose proxies are IPv6 literals."""
    for component, reading in case.readings.items():
        hops = [(hop, each) for each in reading.active if each.proxies is not None for hop in each.proxies.hops]
        if hops and all(_is_ipv6(hop.host) for hop, _ in hops):
            hop, candidate = hops[0]
            yield (
                Severity.WARNING,
                component,
                f"{_where(candidate)} names {hop.address}, and no proxy here has an IPv4 address or a name: Defender "
                "for Endpoint does not support IPv6 alone. Name the proxy, or give it an IPv4 address.",
            )


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
