"""What is uncertain is said to be uncertain; what is certain is not."""

from __future__ import annotations

from typing import Any

import pytest

from prober.routes.windows.components import Component, read_components

from .devices import advanced, blob, device, sensor, shown, winhttp

A, B = "10.0.0.6:8080", "px.example:3128"
EDR, MDAV, SENSOR, UPDATER, SYSTEM = list(Component)[:5]

SAID: list[tuple[Component, dict[str, Any], str, dict[str, Any]]] = [
    (EDR, {}, "Microsoft publishes no order", {}),
    (EDR, {"static": A, "winhttp": winhttp(B)}, "Either:", {"static": A, "winhttp": winhttp(A)}),
    (EDR, {"static": A, "winhttp": winhttp(B)}, "Either:", {"static": A, "winhttp": winhttp(B), "prefer": 1}),
    (EDR, {"static": A, "winhttp": winhttp(B), "prefer": "1"}, "Either:", {"static": A}),
    (EDR, {"static": A}, "that names no proxy here", {"static": A, "prefer": 1}),
    (EDR, {"static": A, "prefer": 1}, "10.8210 or later, or 10.8049", {"prefer": 1}),
    (EDR, {"static": A}, "goes direct if its static proxy cannot be reached", {"winhttp": winhttp(A)}),
    (EDR, {"winhttp": winhttp(A), "shown": shown(B)}, "The first is used here",
     {"winhttp": winhttp(A), "shown": shown(A)}),
    (EDR, {"winhttp": winhttp(A), "shown": shown("")}, "says direct access", {"shown": shown("")}),
    (EDR, {"winhttp": winhttp(flags=5)}, "is uncertain, so they are not followed", {"winhttp": winhttp(flags=1)}),
    (EDR, {"winhttp": winhttp(flags=9)}, "is uncertain, so they are not followed", {"winhttp": winhttp(A)}),
    (EDR, {"winhttp": b"123"}, "cannot be decoded", {"winhttp": winhttp()}),
    (EDR, {"winhttp32": winhttp(A)}, "/reg:64", {"winhttp": winhttp(A), "winhttp32": winhttp(A)}),
    (EDR, {"winhttp": winhttp(A), "winhttp32": winhttp(B)}, "32-bit programs have other", {"winhttp": winhttp(A)}),
    (EDR, {"s18": blob(B)}, "whether the sensor looks is unknown", {"s18": blob()}),
    (EDR, {"environment": {"HTTPS_PROXY": A}, "static": A}, "built on curl", {"static": A}),
    (EDR, {"https_proxy": A}, "built on curl", {}),
    (EDR, {"advanced": [advanced(proxy=A, per_user=True)]}, "of the account that ran it", {"advanced": [advanced()]}),
    (EDR, {"advanced": [advanced(proxy=A)]}, "ProxyIsEnabled is missing",
     {"advanced": [advanced(proxy=A, proxy_enabled=True)]}),
    (EDR, {"more": [(r"HKLM\SOFTWARE\Elsewhere", "TelemetryProxyServer", A)]}, "has no effect on the sensor",
     {"static": A}),
    (EDR, {"winhttp": winhttp("https://px:443")}, "whether Windows does that is doubtful",
     {"winhttp": winhttp("https=px:443")}),
    (EDR, {"winhttp": winhttp("http=px:80")}, "no proxy for https:// targets", {"winhttp": winhttp("px:80")}),
    (SYSTEM, {"winhttp": winhttp("https=px:443")}, "such as CRLs", {"winhttp": winhttp("px:80")}),
    (SYSTEM, {"winhttp": winhttp(A)}, "No source says that WinHTTP goes direct", {}),
    (SYSTEM, {"static": A}, "WinHTTP has none", {"static": A, "winhttp": winhttp(A)}),
    (MDAV, {}, "The order is documented", {}),
    (MDAV, {}, "Whether this step means trying direct is not certain", {}),
    (MDAV, {"av_server": A}, "whether it works without is unsure", {"av_server": "http://" + A}),
    (MDAV, {"av_server": A}, "keeps using the proxy that worked last", {}),
    (MDAV, {"av_server": A, "local_server": B}, "Policy is taken to win", {"av_server": A}),
    (MDAV, {"s18": blob(A)}, "does not say whose are meant", {"s19": blob(A)}),
    (MDAV, {"no_wpad": 1}, "whether WinINET's as well is not settled", {}),
    (SENSOR, {}, "The order is a model", {}),
    (SENSOR, {}, "is an assumption", {"s19": blob()}),
    (SENSOR, {"s19": blob()[:11]}, "cannot be decoded", {"s19": blob()}),
    (SENSOR, {"winhttp": winhttp(A)}, "alone is not enough", {"winhttp": winhttp(A), "s19": blob(A)}),
    (SENSOR, {"per_user": 0}, "known from a third party only", {"per_user": 1}),
    (SENSOR, {"per_user": 0, "s19": blob(A)}, "should have no effect", {"per_user": 0}),
    (SENSOR, {"sensor": sensor(A, r"CORP\svc")}, "encrypted password is not read", {"sensor": sensor(A)}),
    (UPDATER, {"s18": blob(A), "default": blob(B)}, "are one hive", {"s18": blob(A), "default": blob(A)}),
]  # fmt: skip


def said(component: Component, settings: dict[str, Any]) -> str:
    reading = read_components(device(**settings))[component]
    return " ".join([*reading.notes, *(each.note for each in reading.candidates)])


@pytest.mark.parametrize(("component", "settings", "words", "other"), SAID)
def test_notes(component: Component, settings: dict[str, Any], words: str, other: dict[str, Any]) -> None:
    assert words in said(component, settings)
    if other:
        assert words not in said(component, other)


INTERNET = r"HKU\S-1-5-19\Software\Microsoft\Windows\CurrentVersion\Internet Settings"


@pytest.mark.parametrize(
    ("name", "data", "used", "words"),
    [
        ("ProxyEnable", 1, blob(), "ProxyEnable beside it is 1, yet the value has the manual proxy off"),
        ("ProxyEnable", 0, blob(A), "ProxyEnable beside it is 0, yet the value has the manual proxy on"),
        ("ProxyServer", B, blob(A), f'ProxyServer beside it is "{B}", the value has "{A}"'),
        ("AutoConfigURL", "http://a/p", blob(), 'AutoConfigURL beside it is "http://a/p", the value uses ""'),
    ],
)
def test_legacy_values_that_disagree(name: str, data: Any, used: bytes, words: str) -> None:
    assert words in said(SENSOR, {"s19": used, "more": [(INTERNET, name, data)]})


def test_legacy_values_that_agree() -> None:
    more = [(INTERNET, "ProxyEnable", 1), (INTERNET, "ProxyServer", A), (INTERNET, "AutoConfigURL", "http://a/p")]
    assert "beside it" not in said(SENSOR, {"s19": blob(A, pac="http://a/p"), "more": more})


def test_no_login_is_told() -> None:
    secret = "hunter2secret"
    text = f"http://svc:{secret}@px.example:3128"
    given = {
        "static": text, "winhttp": winhttp(text), "av_server": text, "av_pac": text + "/p.pac",
        "s18": blob(text, pac=text),
        "s19": blob(text), "linux": text, "environment": {"HTTPS_PROXY": text}, "sensor": sensor(text),
    }  # fmt: skip
    for component in Component:
        assert secret not in said(component, given)
