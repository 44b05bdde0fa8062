"""A device's files become routes: names, components, errors; and which targets a component has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prober.catalog import load
from prober.catalog.vocabulary import BUNDLED
from prober.check.device import DevicePlan, plan_device, routes_of
from prober.check.errors import PlanErrors
from prober.routes.windows.candidates import Candidate, Component, Kind, Reading
from prober.routes.windows.route import SERVICES
from tests import exports

WINDOWS = ["edr", "mdav", "mdi_sensor", "mdi_updater", "system"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def device(*lines: tuple[str, str]) -> str:
    usual = (exports.static("10.0.0.6:8080"), exports.winhttp("px:80"), exports.account("S-1-5-19", proxy="own:3128"))
    return str(exports.write_export(Path("device.reg"), *(lines or usual)))


def names(plan: DevicePlan) -> list[str]:
    return [route.name for route in plan.routes]


def wrong(files: list[str], *components: str) -> list[str]:
    with pytest.raises(PlanErrors) as caught:
        plan_device(files, components or ("all",))
    return list(caught.value.errors)


def test_a_route_for_each_way_and_one_for_the_list() -> None:
    candidates = [
        Candidate(Kind.STATIC), Candidate(Kind.NAMED, active=False), Candidate(Kind.WININET), Candidate(Kind.WPAD),
        Candidate(Kind.WININET), Candidate(Kind.WPAD), Candidate(Kind.WPAD), Candidate(Kind.DIRECT),
    ]  # fmt: skip
    routes = list(routes_of(Reading(Component.EDR, tuple(candidates)), "corp.example"))
    assert [route.name for route in routes] == [
        "edr", "edr.static", "edr.wininet", "edr.wpad", "edr.wininet-2", "edr.wpad-2", "edr.wpad-3", "edr.direct",
    ]  # fmt: skip
    assert [each.kind for each in routes[0].candidates] == [each.kind for each in candidates if each.active]
    assert all(len(route.candidates) == 1 for route in routes[1:])
    assert {route.domain for route in routes} == {"corp.example"}
    assert {route.component for route in routes} == {Component.EDR}


def test_every_component_of_windows() -> None:
    plan = plan_device([device()], domain="corp.example")
    assert [reading.component.value for reading in plan.readings] == WINDOWS
    assert names(plan) == [
        *("edr", "edr.static", "edr.named", "edr.wpad", "edr.direct"),
        *("mdav", "mdav.direct", "mdav.wpad"),
        *("mdi_sensor", "mdi_sensor.wininet", "mdi_sensor.direct"),
        *("mdi_updater", "mdi_updater.wpad", "mdi_updater.direct"),
        *("system", "system.named", "system.direct"),
    ]
    assert plan.complaints == ()


def test_what_routes_are_said_to_come_from() -> None:
    sources = {route.name: route.source for route in plan_device([device()]).routes}
    assert sources["edr.static"].startswith("device: HKLM\\SOFTWARE\\Policies\\")
    assert sources["edr.static"].endswith("\\DataCollection\\TelemetryProxyServer")
    assert sources["edr"].startswith(f"{sources['edr.static']}; ")
    assert sources["edr.direct"] == "device: fallback"


def test_components_chosen_and_their_lints() -> None:
    everything = plan_device([device()])
    some = plan_device([device()], ["system", "edr"])
    assert [reading.component.value for reading in some.readings] == ["edr", "system"]
    assert {each.component for each in some.lints} == {"edr"}
    assert {each.id for each in some.lints} == {"edr-login-not-disabled"}
    assert {each.component for each in everything.lints} > {"edr"}
    assert names(plan_device([device()], ["edr", "all"])) == names(everything)


def test_linux_is_not_windows() -> None:
    managed = Path("mdatp_managed.json")
    managed.write_text(json.dumps({"cloudService": {"proxy": "http://10.0.0.6:8080/"}}))
    plan = plan_device([str(managed)])
    assert {reading.component.value for reading in plan.readings} == {"mde_linux", "mde_macos"}
    assert "mde_linux.static" in names(plan)
    assert not {each.component for each in plan.lints} & set(WINDOWS)


def test_a_component_that_is_asked_for_is_there() -> None:
    assert names(plan_device([device()], ["mde_linux"]))[0] == "mde_linux"


def test_all_errors_at_once() -> None:
    Path("picture.reg").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    found = wrong(["gone.reg", device(), ".", "picture.reg"], "edrr", "edr", "both")
    assert found[:-1] == [
        '--component: "edrr" is none of edr, mdav, mdi_sensor, mdi_updater, system, mde_linux, mde_macos, all',
        '--component: "both" is none of edr, mdav, mdi_sensor, mdi_updater, system, mde_linux, mde_macos, all',
        "--device gone.reg: No such file or directory",
        "--device .: Is a directory",
    ]
    assert found[-1].startswith("picture.reg: ")


def test_a_script_among_the_files_is_for_the_lints() -> None:
    script = 'function FindProxyForURL(url, host) { return url == "https://a/b" ? "DIRECT" : "PROXY p:80"; }'
    Path("proxy.pac").write_text(script)
    plan = plan_device([device(exports.antivirus_script("http://h/proxy.pac")), "proxy.pac"], ("mdav",))
    assert any(each.id == "pac-unusable" and "proxy.pac" in each.text for each in plan.lints)
    assert wrong(["proxy.pac"]) == ["--device proxy.pac: only PAC scripts, no settings of a device"]


def test_a_file_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.check.device.LARGEST", 1024 * 1024)
    Path("huge.reg").write_bytes(bytes(1024 * 1024 + 1))
    assert wrong(["huge.reg"]) == ["--device huge.reg: is larger than 1 MB"]


def test_what_was_read_with_doubt_is_said() -> None:
    plan = plan_device([device(exports.static("10.0.0.6:8080"), ("HKLM\\SOFTWARE\\X", '"Y"=hex:zz'))])
    complaint, untested = plan.complaints
    assert complaint.startswith("device.reg:7: ")
    assert untested.endswith("is not tested: give the device's domain by --device-domain")


# targets


def test_every_service_has_endpoints() -> None:
    assert SERVICES.keys() == set(Component)
    known = {entry.target.service for entry in load(BUNDLED).entries}
    for component, services in SERVICES.items():
        assert services, component
        assert services <= known, component


def test_services_by_component() -> None:
    routes = {route.name: route for route in plan_device([device()]).routes}
    served = {
        name: sorted({entry.target.service for entry in load(BUNDLED).entries if routes[name].serves(entry.target)})
        for name in WINDOWS
    }
    assert served == {
        "edr": ["MDAV", "MDE"], "mdav": ["MDAV"], "mdi_sensor": ["MDI"], "mdi_updater": ["MDI"], "system": ["COMMON"],
    }  # fmt: skip
    of_mdav = {each.target.group for each in load(BUNDLED).entries if each.target.service == "MDAV"}
    assert "sample-blob" in of_mdav
    edr = {each.target.group for each in load(BUNDLED).entries if routes["edr"].serves(each.target)}
    assert edr & of_mdav == {"sample-blob"}
