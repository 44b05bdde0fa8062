"""The pipelines and commands that the documents show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

SHELL: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
YAML: Final = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPRESSION: Final = re.compile(r"\$\{\{ *([\w.]+) *\}\}")


def documents(text: str) -> list[dict[str, Any]]:
    """Its YAML blocks, read."""
    return [yaml.safe_load(each) for each in YAML.findall(text)]


def lines_of(value: Any, key: str = "") -> Iterator[str]:
    """Every command line of a pipeline: what stands under `run`, `script`, `before_script` and `after_script`."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from lines_of(each, str(name))
    elif isinstance(value, list):
        for each in value:
            yield from lines_of(each, key)
    elif key in ("run", "script", "before_script", "after_script"):
        yield from str(value).strip().splitlines()


def commands_of(text: str) -> list[str]:
    """Every line of its shell blocks and pipelines that begins with `prober`, lines that go on joined."""
    blocks = [line for block in SHELL.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    piped = [line for document in documents(text) for line in lines_of(document)]
    return [line.strip() for line in (*blocks, *piped) if line.strip().startswith("prober ")]
