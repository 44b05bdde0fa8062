"""Who would use what: settings on the left, candidates in order on the right.

A candidate is its kind with `-` before it if it is not active, and `!` behind it if its place is documented.
"""

from __future__ import annotations

from typing import Any

import pytest

from prober.model import Scheme
from prober.routes.windows.components import WINDOWS, Candidate, Component, Kind, are_shown, read_components

from .devices import advanced, blob, device, sensor, shown, winhttp

A, B = "10.0.0.6:8080", "px.example:3128"
PAC = "http://px.example/p.pac"


def told(candidate: Candidate) -> str:
    mark = "!" if candidate.confidence == "documented" else ""
    return ("" if candidate.active else "-") + candidate.kind + mark


def check(component: Component, settings: dict[str, Any], expected: str) -> None:
    reading = read_components(device(**settings))[component]
    assert " ".join(map(told, reading.candidates)) == expected
    assert reading.component is component
    assert all(each.source for each in reading.candidates)
    assert reading.active[-1].kind in (Kind.DIRECT, Kind.WPAD), "nobody ends without a way"


EDR = [
    ({}, "wpad direct"),
    ({"static": A}, "static wpad direct!"),
    ({"winhttp": winhttp(B)}, "named wpad direct"),
    ({"static": A, "winhttp": winhttp(B)}, "static named wpad direct!"),
    ({"static": A, "no_wpad": 1}, "static -wpad direct!"),
    ({"static": A, "no_wpad": 0}, "static wpad direct!"),
    ({"static": "http://10.0.0.6:8080"}, "-static wpad direct"),
    ({"static": "10.0.0.6"}, "-static wpad direct"),
    ({"static": ""}, "-static wpad direct"),
    ({"static": 8080}, "-static wpad direct"),
    ({"winhttp": winhttp(B, flags=1)}, "-named wpad direct"),
    ({"winhttp": winhttp("", flags=3)}, "wpad direct"),
    ({"winhttp": winhttp(B)[:14]}, "-named wpad direct"),
    ({"winhttp": b""}, "-named wpad direct"),
    ({"winhttp": "text"}, "-named wpad direct"),
    ({"winhttp": winhttp("socks5://px:1080")}, "-named wpad direct"),
    ({"shown": shown(B)}, "named wpad direct"),
    ({"shown": shown("")}, "wpad direct"),
    ({"winhttp": winhttp(A), "shown": shown(B)}, "named wpad direct"),
    ({"winhttp": winhttp(B)[:14], "shown": shown(B)}, "-named named wpad direct"),
    ({"advanced": [advanced(proxy=B, proxy_enabled=True)]}, "named wpad direct"),
    ({"advanced": [advanced(proxy=B)]}, "named wpad direct"),
    ({"advanced": [advanced(proxy=B, proxy_enabled=False)]}, "wpad direct"),
    ({"advanced": [advanced(proxy=B, proxy_enabled=True, per_user=True)]}, "wpad direct"),
    ({"advanced": [advanced(pac_url=PAC, pac_enabled=True, auto_detect=True)]}, "pac wpad direct"),
    ({"advanced": [advanced(pac_url=PAC, pac_enabled=False)]}, "-pac wpad direct"),
    ({"advanced": [advanced(pac_url=" ")]}, "wpad direct"),
    ({"winhttp32": winhttp(B)}, "-named wpad direct"),
    ({"winhttp": winhttp(A), "winhttp32": winhttp(B)}, "named wpad direct"),
    ({"s18": blob(B), "av_server": "http://" + B, "sensor": sensor(B)}, "wpad direct"),
]

MDAV = [
    ({}, "direct! wpad!"),
    ({"av_server": "http://" + A}, "static! direct! wpad!"),
    ({"av_server": A}, "static! direct! wpad!"),
    ({"av_server": "http://" + A, "av_pac": PAC}, "static! pac! direct! wpad!"),
    ({"local_server": "http://" + A, "local_pac": PAC}, "static! pac! direct! wpad!"),
    ({"av_server": "http://" + A, "local_server": "http://" + B}, "static! -static! direct! wpad!"),
    ({"av_pac": PAC, "local_pac": PAC}, "pac! -pac! direct! wpad!"),
    ({"av_pac": PAC, "local_server": "http://" + B}, "static! pac! direct! wpad!"),
    ({"av_server": "http://["}, "-static! direct! wpad!"),
    ({"av_server": 1}, "direct! wpad!"),
    ({"s18": blob(B)}, "direct! wininet! wpad!"),
    ({"default": blob(B)}, "direct! wininet! wpad!"),
    ({"s18": blob(B, pac=PAC, flags=15)}, "direct! wpad! pac! wininet! wpad!"),
    ({"s18": blob(B, pac=PAC, flags=1)}, "direct! -pac! -wininet! wpad!"),
    ({"s19": blob(B), "hkcu": blob(B)}, "direct! wpad!"),
    ({"hklm": blob(B)}, "direct! wpad!"),
    ({"hklm": blob(B), "s18": blob(A, pac=PAC), "per_user": 0}, "direct! wininet! wpad!"),
    ({"static": A, "winhttp": winhttp(B)}, "direct! wpad!"),
]

MDI = [
    ({}, "wpad direct"),
    ({"sensor": sensor("http://" + A)}, "config wpad direct"),
    ({"sensor": sensor("")}, "wpad direct"),
    ({"sensor": sensor("http://[")}, "-config wpad direct"),
    ({"s19": blob(B)}, "wininet -wpad direct"),
    ({"s19": blob(flags=9)}, "wpad direct"),
    ({"s19": blob(flags=1)}, "-wpad direct"),
    ({"s19": blob(B, flags=1)}, "-wininet -wpad direct"),
    ({"s19": blob("", flags=3)}, "-wpad direct"),
    ({"s19": blob(pac=PAC)}, "pac -wpad direct"),
    ({"s19": blob(B, pac=PAC, flags=15)}, "wpad pac wininet direct"),
    ({"s19": blob(B, pac=" ")}, "wininet -wpad direct"),
    ({"sensor": sensor("http://" + A), "s19": blob(B)}, "config wininet -wpad direct"),
    ({"s19": blob(B)[:10]}, "wpad direct"),
    ({"s18": blob(B), "hkcu": blob(B), "user": blob(B)}, "wpad direct"),
    ({"winhttp": winhttp(B), "static": A}, "wpad direct"),
    ({"per_user": 0, "hklm": blob(B), "s19": blob(pac=PAC)}, "wininet -wpad direct"),
    ({"per_user": 1, "hklm": blob(B), "s19": blob(pac=PAC)}, "pac -wpad direct"),
    ({"per_user": 0, "s19": blob(B)}, "wpad direct"),
]

SYSTEM = [
    ({}, "direct!"),
    ({"winhttp": winhttp(B)}, "named! direct"),
    ({"winhttp": winhttp(B, flags=1)}, "-named! direct"),
    ({"shown": shown(B)}, "named! direct"),
    ({"static": A, "av_server": "http://" + A, "av_pac": PAC}, "direct!"),
    ({"s18": blob(B), "s19": blob(B), "sensor": sensor(B)}, "direct!"),
    ({"advanced": [advanced(pac_url=PAC, auto_detect=True)]}, "pac wpad direct"),
]


@pytest.mark.parametrize(("settings", "expected"), EDR)
def test_the_sensor(settings: dict[str, Any], expected: str) -> None:
    check(Component.EDR, settings, expected)


@pytest.mark.parametrize(("settings", "expected"), MDAV)
def test_antivirus(settings: dict[str, Any], expected: str) -> None:
    check(Component.MDAV, settings, expected)


@pytest.mark.parametrize(("settings", "expected"), MDI)
def test_the_identity_sensor(settings: dict[str, Any], expected: str) -> None:
    check(Component.MDI_SENSOR, settings, expected)


@pytest.mark.parametrize(("settings", "expected"), MDI)
def test_its_updater_reads_the_other_account(settings: dict[str, Any], expected: str) -> None:
    swapped = {{"s18": "s19", "s19": "s18"}.get(name, name): value for name, value in settings.items()}
    check(Component.MDI_UPDATER, swapped, expected)


@pytest.mark.parametrize(("settings", "expected"), SYSTEM)
def test_windows_itself(settings: dict[str, Any], expected: str) -> None:
    check(Component.SYSTEM, settings, expected)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"linux": "http://" + A}, "static direct"),
        ({"environment": {"HTTPS_PROXY": B}}, "static direct"),
        ({"linux": A, "environment": {"ALL_PROXY": B, "NO_PROXY": "x"}}, "static static direct"),
        ({"carriers": {"m.json": "mdatp_managed.json"}}, "direct"),
        ({"linux": "ftp://x:1"}, "-static direct"),
    ],
)
def test_linux(settings: dict[str, Any], expected: str) -> None:
    check(Component.MDE_LINUX, settings, expected)


@pytest.mark.parametrize(("settings", "expected"), [({"linux": "http://" + A}, "static wpad direct")])
def test_macos(settings: dict[str, Any], expected: str) -> None:
    check(Component.MDE_MACOS, settings, expected)


def test_who_is_shown() -> None:
    linux, macos = Component.MDE_LINUX, Component.MDE_MACOS
    assert are_shown(device()) == WINDOWS
    assert are_shown(device(static=A, environment={"HTTPS_PROXY": B})) == WINDOWS
    assert are_shown(device(environment={"HTTPS_PROXY": B})) == (linux,)
    assert are_shown(device(linux=A)) == (linux, macos)
    assert are_shown(device(linux=A, static=A)) == (*WINDOWS, linux, macos)
    assert tuple(read_components(device(linux=A))) == (*WINDOWS, linux, macos)
    assert linux in read_components(device(static=A), (linux,))


def only(component: Component, kind: Kind, **settings: Any) -> Candidate:
    reading = read_components(device(**settings))[component]
    (found,) = [each for each in reading.candidates if each.kind is kind]
    return found


def test_a_candidate_says_where_it_comes_from() -> None:
    static = only(Component.EDR, Kind.STATIC, static=A)
    assert static.source == r"HKLM\SOFTWARE\Policies\Microsoft\Windows\DataCollection\TelemetryProxyServer"
    assert str(static.place) == "device.reg:1"
    assert static.proxies is not None
    assert [hop.url for hop in static.proxies.for_scheme(Scheme.HTTPS)] == ["http://10.0.0.6:8080"]
    named = only(Component.SYSTEM, Kind.NAMED, shown=shown("http=a:80;https=b:443", "<local>"))
    assert named.source == "netsh winhttp show proxy"
    assert named.proxies is not None
    assert named.proxies.for_scheme(Scheme.HTTPS)[0].address == "b:443"
    assert named.bypass is not None
    assert named.bypass.matches(Scheme.HTTPS, "intranet", 443) == "<local>"
    pac = only(Component.MDI_SENSOR, Kind.PAC, s19=blob(pac=PAC))
    assert pac.pac_url == PAC
    assert pac.source.startswith("HKU\\S-1-5-19\\")


def test_wininet_leaves_this_machine_out_by_itself() -> None:
    manual = only(Component.MDI_SENSOR, Kind.WININET, s19=blob(B, bypass="*.lan"))
    assert manual.bypass is not None
    assert manual.bypass.matches(Scheme.HTTP, "localhost", 80)
    named = only(Component.EDR, Kind.NAMED, winhttp=winhttp(B, bypass="*.lan"))
    assert named.bypass is not None
    assert not named.bypass.matches(Scheme.HTTP, "localhost", 80)


def test_policy_wins_for_exceptions_too() -> None:
    static = only(Component.MDAV, Kind.STATIC, av_server="http://" + A, av_bypass="a.example", local_bypass="b.example")
    assert static.bypass is not None
    assert static.bypass.text == "a.example"
