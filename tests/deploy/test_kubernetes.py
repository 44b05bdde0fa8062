"""The manifests: labels meet selectors, ports meet probes, the configuration loads, nothing has needless rights."""

from __future__ import annotations

import re
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes.build import TARGET, document, text
from prober.config import load
from prober.engine.address_policy import METADATA
from prober.monitor.inforce import parse_shard

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
NAME = {"app.kubernetes.io/name": "prober"}


def manifest(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


SET = manifest("statefulset.yaml")
POD = SET["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]


def test_every_manifest_is_in_a_kustomization() -> None:
    for folder in (FOLDER, FOLDER / "monitoring"):
        listed = set(yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"])
        there = {each.name for each in folder.glob("*.yaml")} - {"kustomization.yaml", "prober.yaml"}
        assert listed - {"monitoring"} == there


def test_labels_meet_selectors() -> None:
    assert SET["spec"]["template"]["metadata"]["labels"] == NAME
    assert SET["spec"]["selector"]["matchLabels"] == NAME
    service = manifest("service.yaml")
    assert service["spec"]["selector"] == NAME
    assert service["metadata"]["name"] == SET["spec"]["serviceName"]
    assert manifest("poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"] == NAME
    assert manifest("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"] == NAME
    monitor = manifest("monitoring/servicemonitor.yaml")
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert manifest("serviceaccount.yaml")["metadata"]["name"] == POD["serviceAccountName"]


def test_ports_meet() -> None:
    [port] = CONTAINER["ports"]
    [served] = manifest("service.yaml")["spec"]["ports"]
    assert (port["name"], port["containerPort"]) == ("http", 9464)
    assert served["targetPort"] == port["name"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert CONTAINER[probe]["httpGet"]["port"] == port["name"]
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] == "/-/ready"
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/-/healthy"
    [endpoint] = manifest("monitoring/servicemonitor.yaml")["spec"]["endpoints"]
    assert endpoint["port"] == served["name"]
    assert manifest("networkpolicy.yaml")["spec"]["ingress"][0]["ports"] == [{"port": "http", "protocol": "TCP"}]


def test_each_pod_gets_its_shard() -> None:
    environ = {each["name"]: each for each in CONTAINER["env"]}
    count = environ["SHARDS"]["value"]
    assert count == str(SET["spec"]["replicas"]), "every share must have a pod"
    path = environ["SHARD"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.labels['apps.kubernetes.io/pod-index']"
    args = CONTAINER["args"]
    template = args[args.index("--shard") + 1]
    for number in range(int(count)):
        assert parse_shard(template.replace("$(SHARD)", str(number)).replace("$(SHARDS)", count)).number == number
    named = set(re.findall(r"\$\((\w+)\)", template))
    assert named <= set(environ)
    assert not [name for name in environ if name.startswith("PROBER_")], "they would be taken for settings"
    assert POD["enableServiceLinks"] is False


def test_the_configuration_is_mounted_where_it_is_read_and_loads() -> None:
    [generator] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["configMapGenerator"]
    mounts = {each["name"]: each for each in CONTAINER["volumeMounts"]}
    volumes = {each["name"]: each for each in POD["volumes"]} | {
        each["metadata"]["name"]: each for each in SET["spec"]["volumeClaimTemplates"]
    }
    assert set(mounts) == set(volumes)
    assert volumes["config"]["configMap"]["name"] == generator["name"]
    args = CONTAINER["args"]
    read = args[args.index("--config") + 1]
    assert read in [f"{mounts['config']['mountPath']}/{file}" for file in generator["files"]]
    loaded = load(FOLDER / "prober.yaml", {"PROBER_SERVE__STATE": "/var/lib/prober/prober.db"}, {})
    assert not loaded.warnings
    assert loaded.settings.serve.state is not None
    assert loaded.settings.serve.state.startswith(mounts["state"]["mountPath"])
    assert POD["terminationGracePeriodSeconds"] > loaded.settings.serve.grace


def test_no_rights_that_are_not_needed() -> None:
    outer, inner = POD["securityContext"], CONTAINER["securityContext"]
    assert outer["runAsNonRoot"] is True
    assert outer["runAsUser"] == outer["fsGroup"] == 10001
    assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inner["readOnlyRootFilesystem"] is True
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert POD["automountServiceAccountToken"] is False
    assert manifest("serviceaccount.yaml")["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(POD)
    assert {"cpu", "memory"} <= set(CONTAINER["resources"]["requests"])
    assert "memory" in CONTAINER["resources"]["limits"]
    writable = [mount["name"] for mount in CONTAINER["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["state", "tmp"]


def test_the_network_policy_lets_out_what_probes_need_and_not_the_metadata_service() -> None:
    spec = manifest("networkpolicy.yaml")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    [come] = spec["ingress"]
    assert come["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    names, resolvers, targets = spec["egress"]
    for rule in (names, resolvers):
        assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert {443, 80} < {port["port"] for port in targets["ports"]}
    blocks = [each["ipBlock"] for each in targets["to"]]
    for block in blocks:
        whole = ip_network(block["cidr"])
        assert all(ip_network(each).version == whole.version for each in block["except"])
    refused = [ip_network(each) for block in blocks for each in block["except"]]
    for address, words in METADATA.items():
        assert any(address in network for network in refused), f"{address}: {words}"


def test_scrapes_keep_the_probers_labels() -> None:
    [endpoint] = manifest("monitoring/servicemonitor.yaml")["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True
    assert {"action": "labeldrop", "regex": "service|endpoint|container"} in endpoint["relabelings"]
    assert manifest("service.yaml")["metadata"]["name"] == "prober", "the operator makes it the job"


def test_the_operators_rules_are_the_same_rules() -> None:
    assert TARGET.read_text(encoding="utf-8") == text(), "run `make dashboards`"
    assert yaml.safe_load(text()) == document()
    names = [group["name"] for group in document()["spec"]["groups"]]
    assert len(set(names)) == len(names) == 8


def test_kustomize_builds_it() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run([kubectl, "kustomize", FOLDER], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    built = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)}
    kinds = {kind for kind, _ in built}
    assert kinds == {
        "ServiceAccount", "ConfigMap", "Service", "StatefulSet",
        "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PrometheusRule",
    }  # fmt: skip
    [configuration] = [name for kind, name in built if kind == "ConfigMap"]
    volumes = built["StatefulSet", "prober"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "config", "configMap": {"name": configuration}} in volumes, "the name with its digest"
    assert configuration != "prober"
