"""Each of the twenty rules: what makes it fire, and the nearest thing that does not."""

from __future__ import annotations

from typing import Any

import pytest

from prober.catalog import load
from prober.catalog.vocabulary import BUNDLED
from prober.routes.windows import settings
from prober.routes.windows.components import Component, read_components
from prober.routes.windows.defender_hosts import DEFENDER_HOSTS
from prober.routes.windows.device import RegistryType
from prober.routes.windows.lints import MAX_OF_A_RULE, RULES, Lint, lint

from .devices import HIVES, advanced, blob, device, sensor, shown, winhttp

A, B = "10.0.0.6:8080", "px.example:3128"
PAC = "http://px.example/p.pac"
V6 = "[2001:db8::1]:3128"
CONNECTIONS = r"HKU\S-1-5-19\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
MISSPELT = r"HKU\S-1-5-19\Software\Microsoft\Windows\CurrentVersion\InternetSetting\Connections"
ENVIRONMENT = {"HTTPS_PROXY": "http://" + B}
BOTH = {"static": A, "winhttp": winhttp(A)}

Row = tuple[str, str, str, dict[str, Any], dict[str, Any]]
ROWS: list[Row] = [
    # id, severity, component, fires, does not fire
    ("edr-static-form", "high", "edr", {"static": "http://10.0.0.6:8080"}, {"static": A}),
    ("edr-static-form", "high", "edr", {"static": "10.0.0.6"}, {}),
    ("edr-static-form", "high", "edr", {"static": "a:1;b:2"}, {"static": 5}),
    ("edr-static-form", "high", "edr", {"static": "a: 80"}, {"static": "a:80"}),
    ("edr-login-not-disabled", "warning", "edr", {"static": A}, {"static": A, "no_login": 1}),
    ("edr-login-not-disabled", "warning", "edr", {"static": A, "no_login": 0}, {"no_login": 0}),
    ("edr-login-not-disabled", "warning", "edr", {"static": A, "no_login": "1"}, {"static": ""}),
    ("edr-static-not-preferred", "warning", "edr", {"static": A}, {"static": A, "prefer": 1}),
    ("edr-static-not-preferred", "warning", "edr", {"static": A, "prefer": 0}, BOTH),
    ("edr-static-not-preferred", "warning", "edr", {"static": A, "shown": shown("")}, {"static": A, "shown": shown(B)}),
    ("proxy-one-sided", "warning", "mdav", {"static": A}, {"static": A, "av_server": "http://" + A}),
    ("proxy-one-sided", "warning", "mdav", {"static": A, "s18": blob(pac=PAC)}, {"static": A, "local_pac": PAC}),
    ("proxy-one-sided", "warning", "edr", {"av_pac": PAC}, {"av_pac": PAC, "winhttp": winhttp(A)}),
    ("proxy-one-sided", "warning", "edr", {"local_server": "http://" + A}, {"s18": blob(pac=PAC)}),
    ("mdav-scheme-missing", "warning", "mdav", {"av_server": A}, {"av_server": "http://" + A}),
    ("mdav-scheme-missing", "warning", "mdav", {"local_server": A}, {"local_server": "https://" + A}),
    ("mdav-ssl-options", "high", "mdav", {"ssl": 0}, {"ssl": 3}),
    ("mdav-ssl-options", "high", "mdav", {"ssl": 2}, {"ssl": "2"}),
    ("mdi-user-only", "high", "mdi_sensor", {"hkcu": blob(A), "sensor": sensor("")}, {"hkcu": blob(A)}),
    ("mdi-user-only", "high", "mdi_sensor", {"user": blob(pac=PAC), "agent": "x"},
     {"user": blob(flags=9), "agent": "x"}),
    ("mdi-user-only", "high", "mdi_sensor", {"hkcu": blob(A), "agent": "x"},
     {"hkcu": blob(A), "agent": "x", "s18": blob(A)}),
    ("mdi-user-only", "high", "mdi_sensor", {"hkcu": blob(A), "agent": "x", "s19": blob()},
     {"hkcu": blob(A), "sensor": sensor(A)}),
    ("mdi-user-only", "high", "mdi_sensor", {"hkcu": blob(A), "agent": "x"},
     {"hkcu": blob(A), "agent": "x", "per_user": 0}),
    ("mdi-accounts-differ", "warning", "mdi_updater", {"s18": blob(A), "s19": blob(B)},
     {"s18": blob(A), "s19": blob(A)}),
    ("mdi-accounts-differ", "warning", "mdi_updater", {"s19": blob(A)}, {"s19": blob()}),
    ("mdi-accounts-differ", "warning", "mdi_sensor", {"s18": blob(A), "agent": "x"}, {"s18": blob(A)}),
    ("mdi-accounts-differ", "info", "mdi_updater", {"s18": blob(A), "s19": blob(B), "sensor": sensor(A)},
     {"s18": blob(), "s19": blob("old:1", flags=1)}),
    ("mdi-accounts-differ", "warning", "mdi_updater", {"s18": blob(A), "s19": blob(A, bypass="x")},
     {"s18": blob(A), "s19": blob(B), "per_user": 0}),
    ("misspelt-name", "warning", "mdi_sensor", {"more": [(CONNECTIONS, "DefaultConnectionSetting", blob(A))]},
     {"s19": blob(A)}),
    ("misspelt-name", "warning", "mdi_sensor", {"more": [(MISSPELT, "DefaultConnectionSettings", blob(A))]},
     {"more": [(r"HKLM\SOFTWARE\InternetSetting", "x", 1)]}),
    ("flag-and-text", "info", "system", {"winhttp": winhttp(A, flags=1)}, {"winhttp": winhttp(A)}),
    ("flag-and-text", "warning", "system", {"winhttp": winhttp("", flags=3)}, {"winhttp": winhttp()}),
    ("flag-and-text", "info", "mdi_sensor", {"s19": blob(A, flags=1)}, {"s19": blob(A)}),
    ("flag-and-text", "info", "mdi_updater", {"s18": blob(pac=PAC, flags=1)}, {"s18": blob(pac=PAC)}),
    ("flag-and-text", "warning", "mdi_updater", {"s18": blob(pac=" ", flags=5)}, {"s18": blob(pac=" ", flags=1)}),
    ("bypass-entry", "high", "edr", {"winhttp": winhttp(A, bypass="<local>;*.microsoft.com")},
     {"winhttp": winhttp(A, bypass="<local>;*.lan")}),
    ("bypass-entry", "high", "edr", {"winhttp": winhttp(A, bypass="winatp-gw-uks.microsoft.com")},
     {"winhttp": winhttp(A, bypass="winatp.example")}),
    ("bypass-entry", "high", "mdav", {"av_server": A, "av_bypass": "*"}, {"av_bypass": "*"}),
    ("bypass-entry", "high", "system", {"winhttp": winhttp(A, bypass="http://*.microsoft.com")},
     {"winhttp": winhttp(A, flags=1, bypass="*")}),
    ("bypass-entry", "high", "mdi_sensor", {"s19": blob(A, bypass="*.atp.azure.com")},
     {"s19": blob(A, bypass="atp.azure.com")}),
    ("bypass-entry", "warning", "edr", {"winhttp": winhttp(A, bypass="10.0.0.0/8")},
     {"winhttp": winhttp(A, bypass="10.0.0.1")}),
    ("bypass-entry", "warning", "edr", {"winhttp": winhttp(A, bypass="srv*.lan")}, {"s19": blob(A, bypass="srv*.lan")}),
    ("bypass-entry", "info", "mdi_sensor", {"s19": blob(A, bypass="<-loopback>")},
     {"s19": blob(A, bypass="localhost")}),
    ("pac-unusable", "high", "mdav", {"av_pac": "file://c:/p.pac"}, {"av_pac": PAC}),
    ("pac-unusable", "high", "mdi_sensor", {"s19": blob(pac=r"\\srv\p.pac")}, {"s19": blob(pac="file://x", flags=1)}),
    ("wpad-disabled", "warning", "edr", {"no_wpad": 1}, {"no_wpad": 1, "static": A}),
    ("wpad-disabled", "warning", "edr", {"no_wpad": 1, "winhttp": winhttp(A, flags=1)}, {"no_wpad": 0}),
    ("wpad-disabled", "warning", "mdi_sensor", {"no_wpad": 1, "s19": blob(flags=9)},
     {"no_wpad": 1, "s19": blob(A, flags=11), "static": A}),
    ("registry-type", "warning", "edr", {"no_login": "1"}, {"no_login": 1}),
    ("registry-type", "warning", "mdav", {"av_server": 1}, {"av_server": "http://" + A}),
    ("registry-type", "info", "edr", {"static": (RegistryType.EXPAND_SZ, A)}, {"static": A}),
    ("registry-type", "warning", "system", {"winhttp": (99, b"x")}, {"winhttp": winhttp(A)}),
    ("registry-type", "warning", "mdi_sensor", {"s19": "x"}, {"s19": blob(A)}),
    ("socks-proxy", "high", "edr", {"winhttp": winhttp("socks=px:1080")}, {"winhttp": winhttp("px:1080")}),
    ("socks-proxy", "high", "mdav", {"av_server": "socks5://px:1080"}, {"av_server": "http://socks:1080"}),
    ("socks-proxy", "high", "edr", {"static": "socks5://px:1080"}, {"static": "socks:1080"}),
    ("socks-proxy", "high", "mdi_sensor", {"sensor": sensor("socks://px:1080")}, {"s19": blob("socks=px:1", flags=1)}),
    ("mdav-policy-and-local", "warning", "mdav", {"av_server": "http://a:1", "local_server": "http://b:1"},
     {"av_server": "http://a:1", "local_server": "http://A:1"}),
    ("mdav-policy-and-local", "warning", "mdav", {"av_bypass": "a", "local_bypass": "b"},
     {"av_bypass": "a", "local_pac": PAC}),
    ("exporter-account", "warning", "mdi_sensor", {"hkcu": blob(A)}, {"hkcu": blob(A), "s18": blob()}),
    ("exporter-account", "warning", "mdi_sensor", {"hkcu": blob(A), "winhttp": winhttp()}, {"user": blob(A)}),
    ("ipv6-only", "warning", "edr", {"static": V6}, {"static": V6, "winhttp": winhttp(A)}),
    ("ipv6-only", "warning", "mdi_sensor", {"s19": blob(V6)}, {"s19": blob(f"http={V6};https={A}")}),
    ("winhttp-views-differ", "warning", "system", {"winhttp": winhttp(A), "winhttp32": winhttp(B)},
     {"winhttp": winhttp(A), "winhttp32": winhttp(A)}),
    ("winhttp-views-differ", "warning", "system", {"winhttp": winhttp(A), "winhttp32": winhttp()},
     {"winhttp": winhttp(), "winhttp32": winhttp(A, flags=1)}),
    ("environment-disagrees", "warning", "edr", {"static": A, "environment": ENVIRONMENT},
     {"static": B, "environment": ENVIRONMENT}),
    ("environment-disagrees", "warning", "edr", {"static": A, "environment": ENVIRONMENT, "build": "14393"},
     {"static": A, "environment": ENVIRONMENT, "build": "20348"}),
    ("environment-disagrees", "warning", "edr", {"static": A, "https_proxy": B, "build": "9600"},
     {"https_proxy": B, "build": "9600"}),
    ("environment-disagrees", "warning", "edr", {"winhttp": winhttp(A), "environment": {"NO_PROXY": ".microsoft.com"}},
     {"winhttp": winhttp(A), "environment": {"NO_PROXY": ".lan"}}),
]  # fmt: skip


def lints(given: dict[str, Any], scripts: dict[str, str] | None = None) -> tuple[Lint, ...]:
    made = device(**given)
    return lint(made, read_components(made), scripts=scripts)


@pytest.mark.parametrize(("id_", "severity", "component", "fires", "quiet"), ROWS)
def test_rules(id_: str, severity: str, component: str, fires: dict[str, Any], quiet: dict[str, Any]) -> None:
    found = [each for each in lints(fires) if (each.id, each.severity, each.component) == (id_, severity, component)]
    assert len(found) == 1
    text = found[0].text
    assert "device.reg:" in text or "SensorConfiguration.json" in text, "the place is named"
    assert text.endswith(".")
    others = [each for each in lints(quiet) if (each.id, each.severity, each.component) == (id_, severity, component)]
    assert others == []


def test_there_are_twenty_and_each_is_tried() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES) == 20
    assert {row[0] for row in ROWS} == {rule.id for rule in RULES}


def test_an_empty_device_has_no_lints() -> None:
    assert lints({}) == ()
    assert lints({"linux": "http://" + A}) == ()


def test_a_device_in_order_has_no_lints() -> None:
    assert lints({
        "static": A, "no_login": 1, "prefer": 1, "av_server": "http://" + A, "ssl": 3,
        "winhttp": winhttp(A, bypass="<local>;*.lan"),
        "winhttp32": winhttp(A, bypass="<local> *.LAN"), "s18": blob(A), "s19": blob(A), "hkcu": blob(A), "agent": "x",
        "advanced": [advanced(proxy=A, proxy_enabled=True)], "environment": {"HTTPS_PROXY": "http://" + A},
    }) == ()  # fmt: skip


def test_the_gravest_come_first() -> None:
    found = lints({"static": A, "ssl": 0, "winhttp": winhttp(A, flags=1)})
    assert [each.severity for each in found] == ["high", "warning", "warning", "warning", "info"]


def test_a_list_s_form_is_said_once_and_its_hosts_for_each_component() -> None:
    found = lints({"winhttp": winhttp(A, bypass="*.microsoft.com;10.0.0.0/8")})
    assert [(each.severity, each.component) for each in found if each.id == "bypass-entry"] == [
        ("high", "edr"), ("high", "system"), ("warning", "edr")
    ]  # fmt: skip


SCRIPT = "function FindProxyForURL(url, host) {\n  if (%s) return 'DIRECT';\n  return 'PROXY px:80';\n}\n"


@pytest.mark.parametrize(
    ("rule", "fires"),
    [
        ('shExpMatch(url, "https://a.example/x/*")', True),
        ("url == 'https://a.example/x'", True),
        ('shExpMatch(url, "*://a.example/x*")', True),
        ('shExpMatch(url, "https://a.example/*")', False),
        ('shExpMatch(url, "https://a.example/")', False),
        ('shExpMatch(url, "http://a.example/x/*")', False),
        ('url.substring(0, 8) == "https://"', False),
        ('dnsDomainIs(host, ".a.example")', False),
    ],
)
def test_scripts_that_look_at_paths(rule: str, fires: bool) -> None:
    found = lints({"av_pac": PAC}, {"p.pac": SCRIPT % rule})
    said = [each.text for each in found if each.id == "pac-unusable"]
    assert bool(said) is fires
    assert all("p.pac, line 2" in text for text in said)


def test_a_script_that_nobody_names_is_nobody_s_finding() -> None:
    assert lints({}, {"p.pac": SCRIPT % "url == 'https://a.example/x'"}) == ()


def test_no_login_is_told() -> None:
    secret = "hunter2secret"
    text = f"socks5://svc:{secret}@px.example:3128"
    given = {
        "static": text, "winhttp": winhttp(text, flags=1), "winhttp32": winhttp(text), "av_server": text,
        "local_server": "x" + text,
        "av_pac": f"ftp://a:{secret}@x/p", "s18": blob(text, pac=f"ftp://a:{secret}@x/p"),
        "s19": blob("x" + text, flags=1),
        "environment": {"HTTPS_PROXY": text}, "sensor": sensor(text),
    }  # fmt: skip
    found = lints(given)
    assert {"edr-static-form", "mdi-accounts-differ", "pac-unusable", "socks-proxy"} <= {each.id for each in found}
    assert not [each.text for each in found if secret in each.text]


def test_a_file_full_of_the_same_fault_does_not_flood() -> None:
    key = f"{HIVES['s19']}\\{settings.INTERNET}\\Connections"
    more = [(key, f"vpn{number}", blob(A, flags=1)) for number in range(1000)]
    found = lints({"more": more})
    assert len(found) == MAX_OF_A_RULE
    assert found[-1].text.endswith("There is more of this kind.")


def test_the_hosts_are_those_of_the_catalogs() -> None:
    known = {entry.target.host.replace("{workspace}", "contoso") for entry in load(BUNDLED).entries}
    assert set(DEFENDER_HOSTS) == set(Component)
    assert {host for some in DEFENDER_HOSTS.values() for _, host in some} <= known
