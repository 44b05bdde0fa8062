"""Targets that a device's bypass lists send direct: grouped by component and entry."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from prober.check.bypassed import MOST, bypass_sentences
from prober.check.conduct import Conduct
from prober.check.device import plan_device
from prober.check.plan import make_plan
from prober.model import Scheme, Target
from tests import exports


def targets(*hosts: str, service: str = "MDE") -> list[Target]:
    return [Target(id=host, scheme=Scheme.HTTPS, host=host, port=443, service=service) for host in hosts]


def said(hosts: list[Target], *lines: tuple[str, str], component: str = "edr", domain: str | None = None) -> list[str]:
    file = str(exports.write_export(Path("device.reg"), *lines))
    return list(bypass_sentences(plan_device([file], [component], domain=domain).routes, hosts))


TELEMETRY = targets("eu.events.data.microsoft.com", "us.events.data.microsoft.com", "winatp.example")


def test_one_sentence_for_each_entry_with_its_place() -> None:
    found = said(
        [*TELEMETRY, *targets("x.blob.core.example")],
        exports.winhttp("px:80", "<local>;*.microsoft.com;*.core.example"),
    )
    assert found == [
        "edr: 2 targets go direct by the bypass entry *.microsoft.com (device.reg:4): "
        "eu.events.data.microsoft.com, us.events.data.microsoft.com",
        "edr: 1 target goes direct by the bypass entry *.core.example (device.reg:4): x.blob.core.example",
    ]


def test_targets_of_other_components_are_none_of_its_own() -> None:
    lines = exports.winhttp("px:80", "*.microsoft.com")
    assert said(targets("a.microsoft.com", service="MDAV"), lines) == []
    assert len(said(targets("a.microsoft.com", service="COMMON"), lines, component="system")) == 1
    assert len(said(targets("a.microsoft.com", service=""), lines)) == 1, "given by hand"


def test_a_static_proxy_comes_first_and_has_no_exceptions() -> None:
    assert said(TELEMETRY, exports.static("10.0.0.6:8080"), exports.winhttp("px:80", "*.microsoft.com")) == []


def test_entries_of_accounts() -> None:
    (found,) = said(
        targets("x.atp.azure.com", service="MDI"),
        exports.account("S-1-5-19", proxy="px:3128", bypass="*.azure.com"),
        component="mdi_sensor",
    )
    assert found.startswith("mdi_sensor: 1 target goes direct by the bypass entry *.azure.com (device.reg:4): ")


def test_nothing_is_said_where_all_take_the_proxy() -> None:
    assert said(TELEMETRY, exports.winhttp("px:80", "<local>;10.*")) == []
    assert said(TELEMETRY, exports.winhttp("px:80")) == []


def test_long_lists_are_cut() -> None:
    many = targets(*(f"h{number}.example" for number in range(MOST + 5)))
    found = said(many, exports.winhttp("px:80", ";".join(target.host for target in many)))
    assert len(found) == MOST + 1
    assert found[-1] == "edr: 5 further bypass entries likewise"
    (one,) = said(many, exports.winhttp("px:80", "*.example"))
    assert one.endswith(f"h4.example and {len(many) - 5} more")


def test_it_is_a_note_of_the_run(given: ModuleType) -> None:
    file = str(exports.write_export(Path("device.reg"), exports.winhttp("px:80", "*.example")))
    device = plan_device([file], ["system"])
    plan = make_plan(given.loaded(), ["a.example", "b.test"], device=device, ask_scripts=False)
    notes = [each.text for each in Conduct(plan).document().notes if each.id == "device"]
    assert "system: 1 target goes direct by the bypass entry *.example (device.reg:4): a.example" in notes
    assert len([each for each in notes if "bypass entry *.example" in each and "system: 1" in each]) == 1
