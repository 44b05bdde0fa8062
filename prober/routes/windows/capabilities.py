"""What each component can use at all: a table, each answer with the words of the sources it stands on.

`S0` to `S4` are the vendor's pages of 2018 to 2023 that this was compiled from, `MS-…` its current pages. `own` is
inference. Where the sources are silent the answer is `unknown`, which is not a yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prober.routes.windows.candidates import Component, Kind


class Answer(StrEnum):
    """Whether a component can use something."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ability:
    """An answer and what it stands on."""

    answer: Answer
    source: str
    """Why, and in brackets which sources say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one component can use."""

    name: str
    """For people."""
    account: str
    """The account whose network identity and settings it has."""
    kinds: Mapping[Kind, Ability]
    """Every kind has its answer."""
    authentication: Ability
    """Whether it can log in to a proxy."""
    socks: Ability
    tls_to_proxy: Ability
    """Whether the connection to the proxy itself may be TLS (`https://proxy`)."""
    inspection: Ability
    """Whether it works through a proxy that opens TLS."""

    def can(self, kind: Kind) -> Answer:
        """Whether it can use this kind of way."""
        return self.kinds[kind].answer


def _yes(source: str) -> Ability:
    return Ability(Answer.YES, source)


def _no(source: str) -> Ability:
    return Ability(Answer.NO, source)


def _unknown(source: str) -> Ability:
    return Ability(Answer.UNKNOWN, source)


_TRANSPARENT: Final = _yes("direct, or a transparent proxy, which no setting shows [S0 S1 S3]")
_NO_CONFIG: Final = _no("it has no configuration file for a proxy [own]")
_SOCKS: Final = _no(
    "WinHTTP and WinINET know SOCKS 4 only, SOCKS 5 is listed as unsupported [MS-netsh]; a finding [own]"
)
_TLS_TO_PROXY: Final = _unknown("Windows' support for TLS to the proxy is doubtful [own CR]")
_LOCAL_SYSTEM: Final = _no("it speaks as LocalSystem: the proxy must let anonymous requests through [S3]")
_UNIX_LOGIN: Final = "no authentication"


def _mdi(account: str, name: str) -> Capabilities:
    return Capabilities(
        name=name,
        account=account,
        kinds={
            Kind.STATIC: _no("it has no proxy in the registry of its own; see its configuration file [MS-mdi]"),
            Kind.NAMED: _no("a WinHTTP proxy alone is not enough [S2 MS-mdi]"),
            Kind.PAC: _yes("from the account's WinINET settings [S2 MS-mdi; reading own]"),
            Kind.WPAD: _yes("from the account's WinINET settings [S2 MS-mdi; reading own]"),
            Kind.WININET: _yes("from the account's WinINET settings [S2 MS-mdi]"),
            Kind.CONFIG: _yes("SensorConfiguration.json, written at installation or by the PowerShell module [MS-mdi]"),
            Kind.DIRECT: _TRANSPARENT,
        },
        authentication=_yes("user name and password of SensorConfiguration.json [MS-mdi]; not from WinINET [own]"),
        socks=_SOCKS,
        tls_to_proxy=_TLS_TO_PROXY,
        inspection=_no("it shows a client certificate, which inspection cannot pass on [S2 MS-mdi]"),
    )


CAPABILITIES: Final[Mapping[Component, Capabilities]] = {
    Component.EDR: Capabilities(
        name="EDR sensor (Defender for Endpoint)",
        account="LocalSystem",
        kinds={
            Kind.STATIC: _yes("TelemetryProxyServer, by Group Policy only [S0 S1 MS-mde]"),
            Kind.NAMED: _yes("netsh winhttp [S0 S1 S3]"),
            Kind.PAC: _unknown("whether the sensor takes a PAC URL, from WinHTTP or WinINET, is an open point"),
            Kind.WPAD: _yes("auto-discovery [S0 S1 S3]"),
            Kind.WININET: _unknown(
                "independent of WinINET [S0 S1 S3], yet MS-lab recommends WinINET beside the static"
            ),
            Kind.CONFIG: _NO_CONFIG,
            Kind.DIRECT: _TRANSPARENT,
        },
        authentication=_no("proxy with authentication unsupported [MS-lab S3]; it speaks as LocalSystem [S3]"),
        socks=_SOCKS,
        tls_to_proxy=_no("TelemetryProxyServer takes host:port only [MS-mde S0 S1]; elsewhere doubtful [own CR]"),
        inspection=_no("the vendor's lists of endpoints ask to leave its hosts alone (catalog mde)"),
    ),
    Component.MDAV: Capabilities(
        name="Defender Antivirus",
        account="LocalSystem",
        kinds={
            Kind.STATIC: _yes("ProxyServer [S0 S1 ADMX]"),
            Kind.NAMED: _unknown("WinHTTP's proxy is not in the documented order [ADMX]"),
            Kind.PAC: _yes("ProxyPacUrl, from Windows 10 and Server 2016 on [ADMX]"),
            Kind.WPAD: _yes("the last step of the documented order [ADMX]"),
            Kind.WININET: _yes("Internet Explorer settings, step 4 of the documented order [ADMX]"),
            Kind.CONFIG: _NO_CONFIG,
            Kind.DIRECT: _TRANSPARENT,
        },
        authentication=_LOCAL_SYSTEM,
        socks=_SOCKS,
        tls_to_proxy=_unknown("https:// may stand before ProxyServer [S0 S1 ADMX]; what it does is doubtful [own CR]"),
        inspection=_no("SSL inspection breaks the cloud connection: pinning, SSLOptions 3 [S0 S1]"),
    ),
    Component.MDI_SENSOR: _mdi("LocalService (S-1-5-19)", "MDI sensor (Defender for Identity)"),
    Component.MDI_UPDATER: _mdi("LocalSystem (S-1-5-18)", "MDI sensor updater"),
    Component.SYSTEM: Capabilities(
        name="Windows itself (CRLs, root certificates, Windows Update)",
        account="of each service",
        kinds={
            Kind.STATIC: _no("Defender's static proxies are not used for Windows Update [S0 S1] and CRLs [S4]"),
            Kind.NAMED: _yes("CRLs are fetched over the WinHTTP system proxy [S4], updates over the system's [S0 S1]"),
            Kind.PAC: _unknown("machine-wide settings of newer Windows may name one (show advproxy) [MS-netsh; own]"),
            Kind.WPAD: _unknown("no source says whether these clients detect a proxy by themselves"),
            Kind.WININET: _no("independent of accounts [own]"),
            Kind.CONFIG: _NO_CONFIG,
            Kind.DIRECT: _TRANSPARENT,
        },
        authentication=_LOCAL_SYSTEM,
        socks=_SOCKS,
        tls_to_proxy=_TLS_TO_PROXY,
        inspection=_unknown("CRLs and root lists come over plain HTTP; of Windows Update no source used here speaks"),
    ),
    Component.MDE_LINUX: Capabilities(
        name="Defender for Endpoint on Linux",
        account="root",
        kinds={
            Kind.STATIC: _yes("mdatp config proxy, the managed file, or HTTPS_PROXY at installation [MS-linux]"),
            Kind.NAMED: _no("a setting of Windows"),
            Kind.PAC: _no("static and transparent only: no PAC [MS-linux]"),
            Kind.WPAD: _no("static and transparent only: no WPAD [MS-linux]"),
            Kind.WININET: _no("a setting of Windows"),
            Kind.CONFIG: _no("the managed file counts as static here"),
            Kind.DIRECT: _yes("direct, or a transparent proxy [MS-linux]"),
        },
        authentication=_no(f"{_UNIX_LOGIN} [MS-linux]"),
        socks=_unknown("the sources name http:// proxies only [MS-linux]"),
        tls_to_proxy=_unknown("the sources name http:// proxies only [MS-linux]"),
        inspection=_no("no inspection [MS-linux]"),
    ),
    Component.MDE_MACOS: Capabilities(
        name="Defender for Endpoint on macOS",
        account="root",
        kinds={
            Kind.STATIC: _yes("PAC, WPAD and static are supported [MS-mac]"),
            Kind.NAMED: _no("a setting of Windows"),
            Kind.PAC: _yes("PAC, WPAD and static are supported [MS-mac]"),
            Kind.WPAD: _yes("PAC, WPAD and static are supported [MS-mac]"),
            Kind.WININET: _no("a setting of Windows"),
            Kind.CONFIG: _no("the managed file counts as static here"),
            Kind.DIRECT: _yes("direct, or a transparent proxy [own]"),
        },
        authentication=_no(f"{_UNIX_LOGIN} [MS-mac]"),
        socks=_unknown("no source says so [MS-mac]"),
        tls_to_proxy=_unknown("no source says so [MS-mac]"),
        inspection=_no("no inspection [MS-mac]"),
    ),
}
