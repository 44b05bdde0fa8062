"""compose.yaml: hardened services, volumes whose files exist, and provisioning that fits together."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.config import load

ROOT = Path(__file__).parents[2] / "deploy"
FOLDER = ROOT / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KEYS = {"name", "services", "networks", "volumes", "secrets"}
SERVICE_KEYS = {
    "restart", "read_only", "cap_drop", "security_opt", "logging", "image", "build", "stop_grace_period", "tmpfs",
    "volumes", "ports", "networks", "ulimits", "healthcheck", "deploy", "command", "depends_on", "environment",
    "secrets",
}  # fmt: skip


def test_only_keys_of_the_compose_specification_that_we_mean() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} <= KEYS
    for service in SERVICES.values():
        assert set(service) <= SERVICE_KEYS
    assert set(SERVICES) == {"prober", "prometheus", "grafana"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= set(limits)
    check = service["healthcheck"]
    assert check["test"][0] == "CMD", "no shell"
    assert "privileged" not in service
    assert "cap_add" not in service
    if "build" not in service:
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), "a version, not the latest"
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_published_is_published_on_loopback(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists(name: str) -> None:
    for volume in SERVICES[name]["volumes"]:
        source, target, *mode = volume.split(":")
        assert target.startswith("/")
        if source.startswith("."):
            assert (FOLDER / source).exists(), source
            assert mode == ["ro"], "what is ours is not written by them"
        else:
            assert source in COMPOSE["volumes"]
    assert set(SERVICES[name].get("networks", ())) <= set(COMPOSE["networks"])
    assert set(SERVICES[name].get("secrets", ())) <= set(COMPOSE["secrets"])


def test_prometheus_is_inside_only() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["prometheus"]["networks"] == ["inside"]
    assert all("inside" in service["networks"] for service in SERVICES.values())


def test_prober_reads_its_file_and_the_container_builds() -> None:
    loaded = load(FOLDER / "prober.yaml", {}, {})
    assert not loaded.warnings
    assert [rule.name for rule in loaded.routes] == ["direct"]
    build = SERVICES["prober"]["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).exists()
    assert any(volume.endswith(":/var/lib/prober") for volume in SERVICES["prober"]["volumes"])
    grace = int(SERVICES["prober"]["stop_grace_period"].removesuffix("s"))
    assert grace > loaded.settings.serve.grace


def test_grafana_finds_its_data_source_and_the_dashboards() -> None:
    [source] = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["type"] == "prometheus"
    assert source["isDefault"] is True
    scrape = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"], "what $__rate_interval builds on"
    [provider] = yaml.safe_load((FOLDER / "grafana/provisioning/dashboards/prober.yml").read_text())["providers"]
    mounts = dict(volume.split(":")[:2][::-1] for volume in SERVICES["grafana"]["volumes"])
    dashboards = FOLDER / mounts[provider["options"]["path"]]
    assert len(list(dashboards.glob("*.json"))) == 4
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert json.loads((dashboards / Path(home).name).read_text())["uid"] == "prober-overview"
    assert (FOLDER / mounts["/etc/grafana/provisioning"] / "datasources").is_dir()


def test_no_password_is_in_the_environment() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana-admin"
    assert "GF_SECURITY_ADMIN_PASSWORD" not in environment
    assert "*" in (FOLDER / "secrets" / ".gitignore").read_text().split(), "no secret is checked in"


def test_prometheus_scrapes_the_prober_as_the_rules_expect() -> None:
    for file in (FOLDER / "prometheus.yml", ROOT / "prometheus" / "prometheus.yml"):
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        [job] = [job for job in config["scrape_configs"] if job["job_name"] == "prober"]
        assert job["honor_labels"] is True, "else service becomes exported_service"
        assert config["rule_files"] == ["rules/*.yml"]
        assert config["global"]["external_labels"]["runbooks"].endswith("/")
        assert re.fullmatch(r"\S+:9464", job["static_configs"][0]["targets"][0])
