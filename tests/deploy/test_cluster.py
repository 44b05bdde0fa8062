"""A scheduler and agents, composed and on Kubernetes: command lines that the program takes, certificates where they are
read, no rights that are not needed, and only those let in who have to be."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.cluster.authority import AUTHORITY, AUTHORITY_KEY, Role, certificate_file
from prober.cluster.security import PORT, parse_place
from prober.config import load
from prober.engine.address_policy import METADATA
from prober.model import Route

from ..cli.pipelines import commands_of
from .accepted import refusal

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSED = DEPLOY / "compose-cluster"
COMPOSE = yaml.safe_load((COMPOSED / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AGENTS = [name for name in SERVICES if name.startswith("agent-")]
SINGLE = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))["services"]
MANIFESTS = DEPLOY / "kubernetes" / "cluster"
PAGES = ("docs/many-egress.md", "deploy/README.md")


def manifest(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((MANIFESTS / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


POLICIES = [manifest(f"networkpolicy-{name}.yaml") for name in ("scheduler", "agent")]
DEPLOYMENTS = {name: manifest(f"{name}.yaml") for name in ("scheduler", "agent")}
PODS = {name: each["spec"]["template"]["spec"] for name, each in DEPLOYMENTS.items()}


def words_of(service: dict[str, Any]) -> list[str]:
    """What stands after `prober`: the image's entry point, unless the service has one of its own."""
    words: list[str] = [*service.get("entrypoint", ["prober"]), *service["command"]]
    assert words[0] == "prober"
    return words[1:]


def value(words: list[str], option: str) -> str:
    """Of an option, written as one word or as two."""
    for place, word in enumerate(words):
        if word == option:
            return words[place + 1]
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    raise AssertionError(f"no {option} in {words}")


def role_of(words: list[str]) -> Role:
    return Role.CLIENT if words[0] == "check" else Role(words[0])


# the program's own parser


def shown() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for command in commands_of((ROOT / page).read_text(encoding="utf-8")):
            yield page, command


@pytest.mark.parametrize(("page", "command"), list(shown()))
def test_every_command_of_the_pages_is_understood(page: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    assert refusal(words[1:]) is None, page


@pytest.mark.parametrize("name", SERVICES)
def test_every_composed_command_is_understood(name: str) -> None:
    assert refusal(words_of(SERVICES[name])) is None


@pytest.mark.parametrize("name", PODS)
def test_every_pods_command_is_understood(name: str) -> None:
    assert refusal(PODS[name]["containers"][0]["args"]) is None


def test_the_parser_refuses_what_is_invented() -> None:
    assert refusal(["scheduler", "--lisen", "tls://0.0.0.0"]) is not None
    assert refusal(["agents"]) is not None
    assert refusal(["agent"]) is not None, "an agent without a scheduler"
    assert refusal(["cluster", "certs", "here", "--days", "0"]) is not None
    commands = {command.split()[1] for _, command in shown()}
    assert {"cluster", "scheduler", "agent", "check"} <= commands


# composed


def test_three_agents_and_who_talks_to_them() -> None:
    assert set(SERVICES) == {"scheduler", *AGENTS, "client"}
    assert len(AGENTS) == 3
    listening = parse_place(value(words_of(SERVICES["scheduler"]), "--listen"), "--listen")
    assert (listening.scheme, listening.port) == ("tls", PORT)
    for name in [*AGENTS, "client"]:
        asked = parse_place(value(words_of(SERVICES[name]), "--scheduler"), "--scheduler")
        assert (asked.scheme, asked.host, asked.port) == ("tls", "scheduler", PORT)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_as_hardened_as_the_single_prober(name: str) -> None:
    service, single = SERVICES[name], SINGLE["prober"]
    for key in ("read_only", "cap_drop", "security_opt", "tmpfs", "logging"):
        assert service[key] == single[key], key
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert service["image"] == SERVICES["scheduler"]["image"], "versions must be alike: one image for all"
    assert not {"privileged", "cap_add", "network_mode", "ports", "pid"} & set(service)
    assert service["restart"] == ("no" if name == "client" else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_each_gets_the_authority_and_its_own_certificate_alone(name: str) -> None:
    words = words_of(SERVICES[name])
    assert value(words, "--tls") == "/run/secrets"
    assert set(SERVICES[name]["secrets"]) == {AUTHORITY, certificate_file(role_of(words))}
    assert {Path(each["file"]).name for each in COMPOSE["secrets"].values()} == set(COMPOSE["secrets"])
    assert AUTHORITY_KEY not in COMPOSE["secrets"]


def test_no_certificate_is_checked_in() -> None:
    assert "*" in (COMPOSED / "certs" / ".gitignore").read_text().split()
    assert {Path(each["file"]).parent.name for each in COMPOSE["secrets"].values()} == {"certs"}


def test_the_image_has_the_extra() -> None:
    build = SERVICES["scheduler"]["build"]
    file = COMPOSED / build["context"] / build["dockerfile"]
    assert build["args"] == {"EXTRAS": "[cluster]"}
    text = file.read_text(encoding="utf-8")
    assert re.search(r"^ARG EXTRAS=$", text, re.MULTILINE), "serve's image has no dask"
    assert '"$(echo /wheels/*.whl)${EXTRAS}"' in text


def test_every_site_has_its_own_name_way_out_and_network() -> None:
    egresses, proxies = set(), set()
    for name in AGENTS:
        [volume] = SERVICES[name]["volumes"]
        source, target, mode = volume.split(":")
        assert mode == "ro"
        assert value(words_of(SERVICES[name]), "--config") == target
        loaded = load(COMPOSED / source, {}, {})
        assert not loaded.warnings
        assert name == f"agent-{loaded.settings.egress}"
        egresses.add(loaded.settings.egress)
        [route] = loaded.routes
        assert isinstance(route, Route)
        proxies |= {(hop.host, hop.port) for hop in route.hops}
        assert SERVICES[name]["networks"] == ["cluster", loaded.settings.egress]
    assert len(egresses) == len(proxies) == 3
    assert COMPOSE["networks"]["cluster"] == {"internal": True}
    assert set(COMPOSE["networks"]) == {"cluster", *egresses}
    assert SERVICES["scheduler"]["networks"] == SERVICES["client"]["networks"] == ["cluster"]


def test_the_image_s_check_is_for_serve_so_each_says_what_it_has() -> None:
    check = SERVICES["scheduler"]["healthcheck"]
    assert check == SINGLE["prober"]["healthcheck"]
    assert SERVICES["scheduler"]["environment"] == {"HEALTH_URL": f"https://127.0.0.1:{PORT}/"}
    assert all(SERVICES[name]["healthcheck"] == {"disable": True} for name in (*AGENTS, "client"))


# Kubernetes


def test_every_manifest_is_in_the_kustomization() -> None:
    listed = set(manifest("kustomization.yaml")["resources"])
    assert listed == {each.name for each in MANIFESTS.glob("*.yaml")} - {"kustomization.yaml", "prober.yaml"}


def test_labels_meet_selectors_and_ports_meet() -> None:
    for name, deployment in DEPLOYMENTS.items():
        label = {"app.kubernetes.io/name": f"prober-{name}"}
        assert deployment["spec"]["selector"]["matchLabels"] == label
        assert deployment["spec"]["template"]["metadata"]["labels"] == label
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}
        assert PODS[name]["serviceAccountName"] == manifest("serviceaccount.yaml")["metadata"]["name"]
    for policy, name in zip(POLICIES, DEPLOYMENTS, strict=True):
        assert policy["spec"]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": f"prober-{name}"}
    service = manifest("service.yaml")
    assert service["spec"]["selector"] == {"app.kubernetes.io/name": "prober-scheduler"}
    scheduler, agent = (PODS[name]["containers"][0] for name in ("scheduler", "agent"))
    [port] = scheduler["ports"]
    assert (port["name"], port["containerPort"]) == ("dask", PORT)
    assert service["spec"]["ports"] == [{"name": "dask", "port": PORT, "targetPort": "dask", "protocol": "TCP"}]
    asked = parse_place(value(agent["args"], "--scheduler"), "--scheduler")
    assert (asked.scheme, asked.host, asked.port) == ("tls", service["metadata"]["name"], PORT)
    assert parse_place(value(scheduler["args"], "--listen"), "--listen").url == f"tls://0.0.0.0:{PORT}"


def test_the_agent_says_the_address_of_its_pod() -> None:
    agent = PODS["agent"]["containers"][0]
    assert value(agent["args"], "--listen") == "$(POD_IP)"
    assert agent["env"] == [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]


def test_health_of_the_scheduler_is_a_handshake() -> None:
    container = PODS["scheduler"]["containers"][0]
    assert container["env"] == [{"name": "HEALTH_URL", "value": f"https://127.0.0.1:{PORT}/"}]
    command = SINGLE["prober"]["healthcheck"]["test"][1:]
    assert container["startupProbe"]["exec"]["command"] == container["livenessProbe"]["exec"]["command"] == command
    assert not {"startupProbe", "readinessProbe", "livenessProbe"} & set(PODS["agent"]["containers"][0])


@pytest.mark.parametrize("name", PODS)
def test_what_is_mounted_is_where_it_is_read(name: str) -> None:
    [container] = PODS[name]["containers"]
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in PODS[name]["volumes"]}
    assert set(mounts) == set(volumes)
    assert value(container["args"], "--tls") == mounts["certs"]["mountPath"]
    secret = volumes["certs"]["secret"]
    assert secret == {"secretName": f"prober-cluster-{name}", "defaultMode": 0o440}
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    [made] = re.findall(rf"create secret generic {secret['secretName']} (.+)", readme)
    assert set(re.findall(r"certs/([\w.-]+)", made)) == {AUTHORITY, certificate_file(Role(name))}
    assert [each for each, mount in mounts.items() if not mount.get("readOnly")] == ["tmp"]


def test_the_agents_configuration_loads() -> None:
    [generator] = manifest("kustomization.yaml")["configMapGenerator"]
    volumes = {each["name"]: each for each in PODS["agent"]["volumes"]}
    assert volumes["config"]["configMap"]["name"] == generator["name"]
    [container] = PODS["agent"]["containers"]
    [folder] = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "config"]
    assert value(container["args"], "--config") in [f"{folder}/{file}" for file in generator["files"]]
    assert not load(MANIFESTS / "prober.yaml", {}, {}).warnings


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_that_the_single_prober_has_not(name: str) -> None:
    single = yaml.safe_load((DEPLOY / "kubernetes" / "statefulset.yaml").read_text(encoding="utf-8"))
    theirs = single["spec"]["template"]["spec"]
    pod, [container] = PODS[name], PODS[name]["containers"]
    same = {key: each for key, each in theirs["securityContext"].items() if key != "fsGroupChangePolicy"}
    assert pod["securityContext"] == same
    assert container["securityContext"] == theirs["containers"][0]["securityContext"]
    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
    assert manifest("serviceaccount.yaml")["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert set(container["resources"]["limits"]) == {"memory"}
    assert container["image"] == PODS["scheduler"]["containers"][0]["image"]
    names = [each["name"] for each in container.get("env", ())]
    assert not [each for each in names if each.startswith("PROBER_")], "they would be taken for settings"


def pods_named(rule: dict[str, Any], side: str) -> set[str]:
    return {each["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for each in rule[side]}


def test_only_the_parts_of_the_cluster_reach_one_another() -> None:
    scheduler, agent = (policy["spec"] for policy in POLICIES)
    assert scheduler["policyTypes"] == agent["policyTypes"] == ["Ingress", "Egress"]
    [come], [go] = scheduler["ingress"], scheduler["egress"]
    assert pods_named(come, "from") == {"prober-agent", "prober-client"}
    assert come["ports"] == [{"port": "dask", "protocol": "TCP"}]
    assert pods_named(go, "to") == {"prober-agent"}
    [come] = agent["ingress"]
    assert pods_named(come, "from") == {"prober-scheduler"}
    assert come["ports"] == go["ports"] == [{"port": 1024, "endPort": 65535, "protocol": "TCP"}]
    asked = agent["egress"][0]
    assert pods_named(asked, "to") == {"prober-scheduler"}
    assert asked["ports"] == [{"port": "dask", "protocol": "TCP"}]


def test_what_an_agent_probes_is_let_out_as_with_the_single_prober() -> None:
    single = yaml.safe_load((DEPLOY / "kubernetes" / "networkpolicy.yaml").read_text(encoding="utf-8"))
    rules = POLICIES[1]["spec"]["egress"][1:]
    assert rules == single["spec"]["egress"]
    refused = [ip_network(each) for to in rules[-1]["to"] for each in to["ipBlock"]["except"]]
    for address, words in METADATA.items():
        assert any(address in network for network in refused), f"{address}: {words}"


def test_kustomize_builds_it() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run([kubectl, "kustomize", MANIFESTS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    kinds = [each["kind"] for each in yaml.safe_load_all(done.stdout)]
    assert sorted(kinds) == [
        "ConfigMap", "Deployment", "Deployment", "NetworkPolicy", "NetworkPolicy", "Service", "ServiceAccount",
    ]  # fmt: skip
