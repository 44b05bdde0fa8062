"""docs/configuration.md and the code name the same keys, defaults, meanings and variables."""

from __future__ import annotations

import json
import re
from pathlib import Path

from prober.config import environment
from prober.config.keys import keys
from prober.config.settings import Hop, Root
from prober.routes.passwords import PREFIX

TEXT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
SHORT = {path: name for name, path in environment.OPTIONS.items()}


def rows() -> list[str]:
    found = []
    for key in keys():
        default = "host name" if key.path == "egress" else f"`{json.dumps(key.default)}`"
        own = [environment.variable(key.path)] if key.path in {k.path for k in environment.variables().values()} else []
        names = own + [SHORT[path] for path in SHORT if path == key.path]
        names += {"set": ["PROBER_SET__NAME"], "routes": [environment.VIA]}.get(key.path, [])
        if key.path == "trust.client_certificates":
            names.append(environment.CLIENT_CERT)
        variables = ", ".join(f"`{name}`" for name in names) or "–"
        found.append(f"| `{key.path}` | {default} | {variables} | {key.description} |")
    return found


def test_the_table_of_keys_is_the_code_s() -> None:
    stated = [line for line in TEXT.splitlines() if re.match(r"\| `[a-z_.]+` \| .* \| .* \| ", line)]
    assert stated == rows()


def test_every_key_of_a_hop_and_of_a_root_is_explained() -> None:
    for section in (Hop, Root):
        for name, field in section.model_fields.items():
            assert f"| `{name}` | {field.description} |" in TEXT


def test_every_variable_is_named_and_no_other() -> None:
    valid = {*environment.variables(), *environment.PROGRAM, environment.VIA, environment.NO_DIRECT}
    valid |= {environment.CLIENT_CERT, "PROBER_SET__NAME"}
    named = {name for name in re.findall(r"PROBER_[A-Z0-9_]*[A-Z0-9]", TEXT) if not name.startswith(PREFIX.rstrip("_"))}
    assert named - {"PROBER_SET__WORKSPACE", "PROBER_X"} == valid
