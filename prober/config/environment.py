"""`PROBER_…` variables: one for every key, one for every shared option that sets a key, and the passwords.

A key's variable is `PROBER_` and its path in upper case, with `__` between the levels: `PROBER_PROBE__TIMEOUT`. Lists
are separated by commas, mappings are `KEY=VALUE` pairs separated by commas, `PROBER_SET__NAME` takes the values of a
placeholder. An option's variable is `PROBER_` and its name: `PROBER_TIMEOUT`. `routes` comes from `PROBER_VIA`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prober.config.document import Path, scalar
from prober.config.keys import Key, keys
from prober.routes.passwords import PREFIX as PASSWORD_PREFIX

OPTIONS: Final = {
    "PROBER_CATALOG": "catalogs",
    "PROBER_SERVICE": "select.service",
    "PROBER_GEO": "select.geography",
    "PROBER_CLOUD": "select.cloud",
    "PROBER_OS": "select.os",
    "PROBER_REQUIRED": "select.required",
    "PROBER_TRUST_ROOTS": "trust.roots",
    "PROBER_PIN": "trust.pins",
    "PROBER_KNOWN_INTERCEPTOR": "trust.known_interceptors",
    "PROBER_CONCURRENCY": "probe.concurrency",
    "PROBER_TIMEOUT": "probe.timeout",
}
"""Variables named after shared options, and the keys they set."""

CLIENT_CERT: Final = "PROBER_CLIENT_CERT"
"""A client certificate for every host: `trust.client_certificates["*"]`."""
VIA: Final = "PROBER_VIA"
"""Routes as for --via, separated by blanks."""
NO_DIRECT: Final = "PROBER_NO_DIRECT"
"""`true` or `false`."""
PROGRAM: Final = (
    "PROBER_CONFIG",
    "PROBER_WORKERS",
    "PROBER_LOG_FORMAT",
    "PROBER_SHARD",
    "PROBER_SCHEDULER",
    "PROBER_TLS",
)
"""Read by the command line itself."""
_SET: Final = "PROBER_SET__"
_NO_VARIABLE: Final = ("set", "routes", "serve.modules")


@dataclass(slots=True)
class Found:
    """What the environment says."""

    values: list[tuple[Path, Any, str]] = field(default_factory=list)
    """Path, value, variable."""
    via: list[str] = field(default_factory=list)
    no_direct: bool = False
    warnings: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    """Variable, sentence."""


def variable(key: str) -> str:
    """The variable of a dotted key."""
    return "PROBER_" + key.upper().replace(".", "__")


def variables() -> dict[str, Key]:
    """Every variable that sets a key as a whole, with that key."""
    by_path = {key.path: key for key in keys() if key.path not in _NO_VARIABLE}
    own = {variable(path): key for path, key in by_path.items()}
    return own | {name: by_path[path] for name, path in OPTIONS.items()}


def read(environ: Mapping[str, str]) -> Found:
    """All that the environment says; nothing is raised. Empty variables count as not set."""
    known = variables()
    found = Found()
    setters: dict[str, str] = {}
    for name in sorted(environ):
        if not name.startswith("PROBER_") or name.startswith(PASSWORD_PREFIX) or not environ[name]:
            continue
        text = environ[name]
        if name in known:
            other = setters.setdefault(known[name].path, name)
            if other != name:
                found.errors.append((name, f"{other} sets the same key: unset one of them"))
            found.values.append((tuple(known[name].path.split(".")), _value(known[name], text, name, found), name))
        elif name.startswith(_SET) and len(name) > len(_SET):
            found.values.append((("set", name[len(_SET) :].lower()), _list(text), name))
        elif name == CLIENT_CERT:
            found.values.append((("trust", "client_certificates", "*"), text, name))
        elif name == VIA:
            found.via = text.split()
        elif name == NO_DIRECT:
            found.no_direct = _switch(text, found)
        elif name not in PROGRAM:
            found.warnings.append(_unknown(name, [*known, *PROGRAM, VIA, NO_DIRECT, CLIENT_CERT, _SET + "NAME"]))
    return found


def _unknown(name: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    return f"unknown variable {name} in the environment" + (f": did you mean {near[0]}?" if near else "")


def _value(key: Key, text: str, name: str, found: Found) -> Any:
    if key.kind == "word":
        return scalar(text)
    if key.kind == "list":
        return _list(text)
    return pairs(text.split(","), name, found.errors, many=key.path == "trust.pins") if key.kind == "mapping" else text


def _list(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def pairs(words: list[str], place: str, errors: list[tuple[str, str]], *, many: bool = False) -> dict[str, Any]:
    """`KEY=VALUE` words as a mapping; with `many`, a key may come again and its values make a list."""
    mapping: dict[str, Any] = {}
    for word in words:
        key, separator, value = (part.strip() for part in word.partition("="))
        if not (separator and key and value):
            errors.append((place, f'expected KEY=VALUE, found "{word.strip()}"'))
        elif many:
            mapping.setdefault(key, []).append(value)
        elif key in mapping:
            errors.append((place, f'"{key}" comes twice'))
        else:
            mapping[key] = value
    return mapping


def _switch(text: str, found: Found) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() not in ("0", "false", "no", "off"):
        found.errors.append((NO_DIRECT, "expected true or false"))
    return False
