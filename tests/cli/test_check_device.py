"""`prober check --device` in the lab: settings tested from end to end, and as the vendor's tool prints it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests import exports
from tests.published import Published, published

from .conftest import Done, RunProber, environment

NOBODY: Final = 9
"""A port of 127.0.0.1 on which nobody listens: discard."""
STATIC: Final = f"http://127.0.0.1:{NOBODY}"


@dataclass(frozen=True)
class Lab:
    """A running lab, and a place that publishes scripts."""

    config: Path
    folder: Path
    pac: Published

    def at(self, proxy: str) -> str:
        """Where a proxy of the lab listens."""
        ports = json.loads((self.config.parent / "ready").read_text())["ports"]
        return f"127.0.0.1:{ports[proxy]}"

    def device(self, *lines: tuple[str, str]) -> str:
        """A registry export."""
        return str(exports.write_export(self.folder / "device.reg", *lines))

    def check(self, *arguments: str) -> Done:
        """`prober check` in this lab."""
        done = subprocess.run(
            [sys.executable, "-m", "prober", "check", "--config", str(self.config), *arguments],
            capture_output=True, text=True, timeout=100, env=environment(), cwd=self.folder, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def document(self, *arguments: str, code: int = 1) -> dict[str, Any]:
        """The run document."""
        done = self.check(*arguments, "--format", "json")
        assert done.code == code, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found


@pytest.fixture(scope="module")
def scene(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with published() as pac:
        yield Lab(lab, tmp_path_factory.mktemp("device"), pac)


def by_route(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for result in document["results"]:
        found.setdefault(result["route"], []).append(result)
    return found


def ways(results: list[dict[str, Any]]) -> set[str]:
    """The ways that were taken in the end."""
    return {",".join(f"{hop['scheme']}://{hop['host']}:{hop['port']}" for hop in each["via"]) for each in results}


def notes(document: dict[str, Any]) -> list[str]:
    return [each["text"] for each in document["notes"] if each["id"] == "device"]


# three components, three rules


@pytest.fixture(scope="module")
def run(scene: Lab) -> dict[str, Any]:
    """EDR with a static proxy that is down, Antivirus with a PAC script, and the Identity sensor with two accounts."""
    script = scene.pac.put(f"PROXY {scene.at('open')}; DIRECT", "/av.pac")
    device = scene.device(
        exports.static(f"127.0.0.1:{NOBODY}"),
        exports.antivirus_script(script),
        exports.account("S-1-5-18", proxy=scene.at("open")),
        exports.account("S-1-5-19", proxy=scene.at("slow")),
    )
    return scene.document("--device", device, "--geo", "EU", code=0)


def test_each_component_s_targets_over_each_component_s_ways(run: dict[str, Any]) -> None:
    found = by_route(run)
    services = {route: {result["target"]["service"] for result in results} for route, results in by_route(run).items()}
    assert {route.partition(".")[0]: services[route] for route in found} == {
        "edr": {"MDE", "MDAV"}, "mdav": {"MDAV"}, "mdi_sensor": {"MDI"}, "mdi_updater": {"MDI"}, "system": {"COMMON"},
    }  # fmt: skip
    assert {each["target"]["group"] for each in found["edr"] if each["target"]["service"] == "MDAV"} == {"sample-blob"}
    assert [route["name"] for route in run["routes"]] == [
        *("edr", "edr.static", "edr.direct"),
        *("mdav", "mdav.pac", "mdav.direct", "mdav.wininet"),
        *("mdi_sensor", "mdi_sensor.wininet", "mdi_sensor.direct"),
        *("mdi_updater", "mdi_updater.wininet", "mdi_updater.direct"),
        *("system", "system.direct"),
    ]
    assert all(route["rule"].startswith("device: ") for route in run["routes"])
    assert {route["name"] for route in run["routes"] if not route["candidate"]} == services.keys() & {
        "edr", "mdav", "mdi_sensor", "mdi_updater", "system",
    }  # fmt: skip


def test_what_each_would_use(run: dict[str, Any], scene: Lab) -> None:
    found = by_route(run)
    assert ways(found["mdav"]) == ways(found["mdav.pac"]) == {f"http://{scene.at('open')}"}
    assert ways(found["mdi_sensor"]) == {f"http://{scene.at('slow')}"}
    assert ways(found["mdi_updater"]) == {f"http://{scene.at('open')}"}
    assert ways(found["system"]) == {""}
    for route in ("edr", "mdav", "mdi_sensor", "mdi_updater", "system"):
        assert found[route]
        assert all(result["reachable"] for result in found[route]), route


def test_the_differences_are_named(run: dict[str, Any], scene: Lab) -> None:
    said = notes(run)
    (accounts,) = (each for each in said if "S-1-5-18" in each)
    assert accounts.startswith("warning, mdi_updater: The WinINET settings of S-1-5-18 (")
    assert f'proxy "{scene.at("open")}") and S-1-5-19 (' in accounts
    assert f'proxy "{scene.at("slow")}") differ. The sensor runs as S-1-5-19 and its updater as S-1-5-18.' in accounts
    assert any("DisableEnterpriseAuthProxy beside it is missing" in each for each in said)
    assert any(each.startswith("warning, edr: ") and "WinHTTP has no proxy in these files" in each for each in said)


def test_a_static_proxy_that_is_down_is_passed_over(run: dict[str, Any]) -> None:
    found = by_route(run)
    assert ways(found["edr"]) == {""}
    for result in found["edr"]:
        (passed,) = result["passed_over"]
        assert [(hop["host"], hop["port"]) for hop in passed["via"]] == [("127.0.0.1", NOBODY)]
        failure = passed["failure"]
        assert (failure["stage"], failure["hop"], failure["reason"]) == ("connect", 1, "tcp-refused")
        assert result["reachable"] is True
    assert not any(result["reachable"] for result in found["edr.static"])
    assert all(result["reachable"] and not result.get("passed_over") for result in found["edr.direct"])


def test_auto_detection_without_a_domain_is_said(run: dict[str, Any]) -> None:
    assert any("is passed over: wpad-none" in each["text"] for each in run["notes"])


def test_one_script_is_fetched_once(run: dict[str, Any], scene: Lab) -> None:
    assert len(by_route(run)["mdav.pac"]) > 10
    assert scene.pac.asked.count("/av.pac") == 1


# the table


def test_the_table_says_what_carried_it_instead(scene: Lab) -> None:
    device = scene.device(exports.static(f"127.0.0.1:{NOBODY}"))
    done = scene.check("--device", device, "--component", "edr", "https://one.lab.test/")
    text = re.sub(r"\s+", " ", done.out)
    assert done.code == 0, "the list leads somewhere, whatever becomes of edr.static"
    assert "auto-detection (WPAD) of edr is not tested: give the device's domain by --device-domain" in done.err
    assert f"proxy edr (hop 1, {STATIC}) could not be connected (tcp-refused)" in text
    assert "went direct instead" in text
    assert "Until then the next way of route edr carries the traffic." in text
    assert "DisableEnterpriseAuthProxy" in text


# the vendor's block


def test_the_analyzer_s_block(scene: Lab) -> None:
    device = scene.device(exports.static(scene.at("blocking")), exports.winhttp(scene.at("open")))
    via = f"lab=http://{scene.at('slow')}"
    done = scene.check(
        "--device", device, "--component", "edr", "--geo", "EU", "--format", "analyzer", "--via", via,
        "--device-domain", "corp.example", "--resolve", f"*:80=127.0.0.1:{NOBODY}",
    )  # fmt: skip
    blocks = done.out.split("\n\n")
    denied = [block for block in blocks if ".blob.core.windows.net" in block]
    assert denied
    for block in denied:
        lines = block.splitlines()
        assert re.fullmatch(r"Testing URL : https://[a-z0-9]+\.blob\.core\.windows\.net/.*", lines[0])
        assert re.fullmatch(r"1 - Default proxy: Succeeded \((200|400|404|405)\)", lines[1])
        assert lines[2].startswith("2 - Proxy auto discovery (WPAD): Doesn't exist (")
        assert re.fullmatch(r"3 - Proxy disabled: Succeeded \((200|400|404|405)\)", lines[3])
        assert lines[4] == "4 - Named proxy: Failed (403, proxy-denied, hop 1)"
        assert re.fullmatch(r"5 - Command line proxy: Succeeded \((200|400|404|405)\)", lines[5])
    verdicts = blocks[-1].splitlines()
    assert [line[:7] for line in verdicts] == ["130017 ", "130018 ", "130019 ", "130020 ", "130021 "]
    assert re.fullmatch(r"130017 Command and control \(CnC\): (\d+) of \1 URLs reached", verdicts[0])


# mistakes


def test_components_and_files_are_checked(prober: RunProber) -> None:
    done = prober("check", "--device", "gone.reg", "--component", "edrr,system", "--component", "edr")
    assert done.code == 2
    assert done.out == ""
    assert '--component: "edrr" is none of edr, mdav, mdi_sensor, mdi_updater, system' in done.err
    assert "--device gone.reg: No such file or directory" in done.err


def test_every_file_has_its_own_option(prober: RunProber, tmp_path: Path) -> None:
    files = [tmp_path / "a.reg", tmp_path / "b.txt"]
    for file in files:
        file.touch()
    done = prober("check", "--device", str(files[0]), str(files[1]))
    assert done.code == 2
    assert done.err == f'error: TARGET "{files[1]}" is a file: every one of a device\'s files has its own --device\n'


def test_a_component_needs_a_device(prober: RunProber) -> None:
    done = prober("check", "--component", "edr", "--device-domain", "corp.example")
    assert done.code == 2
    assert [line for line in done.err.splitlines() if "--device" in line] == [
        "error: --component needs --device",
        "error: --device-domain needs --device",
    ]


def test_a_dry_run_shows_the_ways(scene: Lab) -> None:
    before = len(scene.pac.asked)
    device = scene.device(exports.static("10.0.0.6:8080"), exports.antivirus_script(scene.pac.url("/av.pac")))
    done = scene.check("--device", device, "--component", "edr,mdav", "--dry-run", "one.lab.test")
    rows = [line.split("\t")[1:3] for line in done.out.splitlines()]
    assert done.code == 0
    assert ["edr", "http://10.0.0.6:8080 else direct"] in rows
    assert ["mdav.pac", "no way (pac-fetch-failed)"] in rows
    assert len(scene.pac.asked) == before


# scripts without a device


def test_a_list_is_gone_through_on_connection_failure_only(scene: Lab) -> None:
    down = scene.pac.put(f"PROXY 127.0.0.1:{NOBODY}; PROXY {scene.at('open')}", "/down.pac")
    denies = scene.pac.put(f"PROXY {scene.at('blocking')}; PROXY {scene.at('open')}", "/denies.pac")
    document = scene.document(
        "--via", f"down=pac+{down}", "--via", f"denies=pac+{denies}", "--via", f"gone=pac+{scene.pac.url('/gone')}",
        "--no-direct", "https://x.blob.core.windows.net/", "https://one.lab.test/",
    )  # fmt: skip
    found = by_route(document)
    for result in found["down"]:
        assert result["reachable"] is True
        assert [each["failure"]["reason"] for each in result["passed_over"]] == ["tcp-refused"]
    assert ways(found["down"]) == {f"http://{scene.at('open')}"}
    assert ways(found["denies"]) == {f"http://{scene.at('blocking')}"}
    blob, one = found["denies"]
    assert (blob["failure"]["stage"], blob["failure"]["hop"], blob["failure"]["reason"]) == ("proxy", 1, "proxy-denied")
    assert not blob.get("passed_over")
    assert one["reachable"] is True
    for result in found["gone"]:
        assert (result["failure"]["stage"], result["failure"]["reason"]) == ("config", "pac-fetch-failed")
        assert "404" in result["failure"]["detail"]


# revocation, over the system's own way


def test_revocation_over_the_system_s_way(scene: Lab) -> None:
    device = scene.device(exports.static(scene.at("open")), exports.winhttp(scene.at("no-revocation")))
    arguments = ["--device", device, "--component", "edr", "--component", "system", "--revocation"]
    document = scene.document(*arguments, "--fail-on", "revocation", "https://one.lab.test/")
    found = by_route(document)
    (result,) = found["edr"]
    assert ways([result]) == {f"http://{scene.at('open')}"}
    for route in ("edr", "edr.static", "edr.named", "edr.direct"):
        (result,) = found[route]
        assert result["reachable"] is True
        told = result["revocation"]
        assert (told["reachable"], told["route"]) == (False, "system")
        failure = told["failure"]
        assert (failure["stage"], failure["hop"], failure["reason"]) == ("proxy", 1, "revocation-unreachable")
        assert "proxy-denied" in failure["detail"]
    assert document["summary"]["revocation_unreachable"] >= 4
    text = re.sub(r"\s+", " ", scene.check(*arguments, "https://one.lab.test/").out)
    assert "Revocation cannot be looked up, which Windows does" in text
    assert "asked over system: proxy system (hop 1) is in the way" in text


# workers, saved runs


def test_workers_and_a_saved_run(scene: Lab, tmp_path: Path) -> None:
    """What was passed over, and routes without a way, survive processes, files and another judgement."""
    saved = tmp_path / "run.json"
    device = scene.device(exports.static(f"127.0.0.1:{NOBODY}"), exports.winhttp(scene.at("open"), "two.lab.test"))
    document = scene.document(
        "--device", device, "--component", "edr", "--workers", "2", "--save", str(saved),
        "--device-domain", "corp.example", "--resolve", f"*:80=127.0.0.1:{NOBODY}",
        "https://one.lab.test/", "https://two.lab.test/", code=0,
    )  # fmt: skip
    one, two = by_route(document)["edr"]
    assert ways([one]) == {f"http://{scene.at('open')}"}
    assert ways([two]) == {""}, "on the bypass list"
    for result in (one, two):
        assert [each["failure"]["reason"] for each in result["passed_over"]] == ["tcp-refused"]
    assert {each["failure"]["reason"] for each in by_route(document)["edr.wpad"]} == {"wpad-none"}
    done = subprocess.run(
        [sys.executable, "-m", "prober", "judge", str(saved), "--format", "json"],
        capture_output=True, text=True, timeout=60, env=environment(), cwd=tmp_path, check=False,
    )  # fmt: skip
    again = json.loads(done.stdout)
    assert again["routes"] == document["routes"]
    assert notes(again) == notes(document) != []
    kept = ("reachable", "failure", "via", "passed_over")
    assert [[each.get(key) for key in kept] for each in again["results"]] == [
        [each.get(key) for key in kept] for each in document["results"]
    ]
