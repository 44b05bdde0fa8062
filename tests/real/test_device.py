"""A Windows device's settings tested through a real squid and a real tinyproxy: each component over its own ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import exports
from tests.published import Published, published

from .asking import LOCAL_NAME, Run, run_check
from .forward import Tinyproxy
from .names import DENIED, TARGET
from .origin import Authority, Origin
from .programs import Launcher, free_port, unavailable
from .proxies import Proxy
from .squid import Squid

pytestmark = pytest.mark.real

SERVICES = {"MDE": "edr", "MDAV": "mdav", "MDI": "mdi"}


@dataclass
class Device:
    """Settings on their way to be tested, and the world they are tested in."""

    folder: Path
    authority: Authority
    origin: Origin
    squid: Proxy
    tinyproxy: Proxy
    pac: Published

    def export(self, *lines: tuple[str, str]) -> str:
        """The device's registry."""
        return str(exports.write_export(self.folder / "device.reg", *lines))

    def check(self, *arguments: str, host: str = TARGET) -> Run:
        """A target for each component, at the origin under this name: paths tell who asked."""
        for service, path in SERVICES.items():
            target = {"id": "one", "host": host, "port": self.origin.port, "scheme": "https", "path": f"/{path}"}
            group = {"name": "lab", "targets": [target]}
            (self.folder / f"{path}.yaml").write_text(yaml.safe_dump({"service": service, "groups": [group]}))
        settings = {
            "catalogs": [f"{path}.yaml" for path in SERVICES.values()],
            "probe": {"retries": 0, "per_host": 64},
            "resolve": dict.fromkeys((LOCAL_NAME, TARGET, DENIED), "127.0.0.1"),
            "trust": {"roots": [str(self.authority.roots)]},
        }
        configuration = self.folder / "prober.yaml"
        configuration.write_text(yaml.safe_dump(settings))
        return run_check(["--config", str(configuration), *arguments], {})

    def came_from(self, path: str) -> set[str]:
        """The addresses that requests for this path came from: each proxy leaves from its own."""
        return {request.client for request in self.origin.record.of(path)}


@pytest.fixture
def device(
    tmp_path: Path, launcher: Launcher, authority: Authority, squid: Squid, tinyproxy: Tinyproxy
) -> Iterator[Device]:
    if launcher.names.why_not:
        unavailable(launcher.names.why_not)
    origin = Origin(authority.server_context(TARGET, DENIED, "127.0.0.1"))
    with published() as pac:
        yield Device(tmp_path, authority, origin, squid.open, tinyproxy.open, pac)
    origin.close()


def at(proxy: Proxy) -> str:
    return f"127.0.0.1:{proxy.port}"


def test_three_components_by_three_rules(device: Device) -> None:
    """EDR has a static proxy, Antivirus a PAC file, the Identity sensor's two accounts differ; each is seen to go its
    own way, by the address that the origin saw."""
    squid, tinyproxy = device.squid, device.tinyproxy
    files = device.export(
        exports.static(at(squid)),
        exports.antivirus_script(device.pac.put(f"PROXY {at(tinyproxy)}")),
        exports.account("S-1-5-18", proxy=at(squid)),
        exports.account("S-1-5-19", proxy=at(tinyproxy)),
    )
    run = device.check("--device", files)
    via = {
        route: [f"{hop['host']}:{hop['port']}" for hop in run.result(route)["via"]]
        for route in ("edr", "mdav", "mdi_sensor", "mdi_updater")
    }
    assert via == {
        "edr": [at(squid)], "mdav": [at(tinyproxy)], "mdi_sensor": [at(tinyproxy)], "mdi_updater": [at(squid)],
    }  # fmt: skip
    assert all(run.result(route)["reachable"] for route in via)
    assert device.came_from("/edr") == {squid.leaves_from, "127.0.0.1"}, "edr.direct is probed, too"
    assert device.came_from("/mdav") >= {tinyproxy.leaves_from}
    assert device.came_from("/mdi") == {squid.leaves_from, tinyproxy.leaves_from, "127.0.0.1"}
    (said,) = (each["text"] for each in run.document["notes"] if "S-1-5-18" in each["text"])
    assert f'proxy "{at(squid)}") and S-1-5-19 (' in said
    assert f'proxy "{at(tinyproxy)}") differ.' in said
    assert device.pac.asked == ["/proxy.pac"]


def test_a_static_proxy_that_is_down(device: Device) -> None:
    files = device.export(exports.static(f"127.0.0.1:{free_port()}"))
    run = device.check("--device", files, "--component", "edr")
    result = run.result("edr")
    assert (result["reachable"], result["via"]) == (True, [])
    assert [each["failure"]["reason"] for each in result["passed_over"]] == ["tcp-refused"]
    assert run.failure("edr.static") == ("connect", 1, "tcp-refused")
    assert device.came_from("/edr") == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["squid", "tinyproxy"])
def test_a_static_proxy_that_denies_is_not_passed_over(name: str, device: Device) -> None:
    """A proxy that answers has answered: the sensor is not known to go direct then."""
    proxy: Proxy = getattr(device, name)
    run = device.check("--device", device.export(exports.static(at(proxy))), "--component", "edr", host=DENIED)
    assert run.failure("edr") == ("proxy", 1, "proxy-denied")
    assert not run.result("edr").get("passed_over")
    assert run.result("edr.direct")["reachable"] is True


def ways(run: Run, route: str) -> tuple[list[int], list[str]]:
    """Ports of the proxies taken, and why others were not."""
    result: dict[str, Any] = run.result(route)
    return [hop["port"] for hop in result["via"]], [each["failure"]["reason"] for each in result.get("passed_over", ())]


def test_a_script_s_list(device: Device) -> None:
    """The next entry where a proxy is down; none where it denies."""
    down = device.pac.put(f"PROXY 127.0.0.1:{free_port()}; PROXY {at(device.tinyproxy)}; DIRECT")
    denies = device.pac.put(f"PROXY {at(device.squid)}; PROXY {at(device.tinyproxy)}; DIRECT", "/denies.pac")
    via = ["--via", f"down=pac+{down}", "--via", f"denies=pac+{denies}", "--no-direct", "--service", "MDE"]
    run = device.check(*via)
    assert ways(run, "down") == ([device.tinyproxy.port], ["tcp-refused"])
    assert ways(run, "denies") == ([device.squid.port], [])
    run = device.check(*via, host=DENIED)
    assert run.failure("denies") == ("proxy", 1, "proxy-denied")
    assert ways(run, "denies") == ([device.squid.port], [])


def test_a_bypass_list_sends_direct(device: Device) -> None:
    account = exports.account("S-1-5-19", proxy=at(device.squid), bypass="*.origin.test")
    run = device.check("--device", device.export(account), "--component", "mdi_sensor")
    assert run.result("mdi_sensor.wininet")["via"] == []
    assert device.came_from("/mdi") == {"127.0.0.1"}
