"""Writes the Prometheus operator's rules from the very files that a plain Prometheus loads.

`python -m deploy.kubernetes.build` from the repository's root (`make dashboards`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

RULES: Final = Path(__file__).parents[1] / "prometheus" / "rules"
TARGET: Final = Path(__file__).parent / "monitoring" / "prometheusrule.yaml"
_HEAD: Final = "# Written by deploy/kubernetes/build.py from deploy/prometheus/rules/: change it there.\n"


class _Dumper(yaml.SafeDumper):
    """Expressions keep their lines."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def document() -> dict[str, Any]:
    """The PrometheusRule with every group of every file."""
    groups = [
        group
        for file in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "prober", "labels": {"app.kubernetes.io/name": "prober"}},
        "spec": {"groups": groups},
    }


def text() -> str:
    """The file's content."""
    return _HEAD + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
