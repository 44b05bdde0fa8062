"""File, environment and command line become one set of checked settings and the routes in force.

Every error is collected before any is raised. Nothing that could hold a password is quoted, chained or logged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError

from prober.config import environment, texts
from prober.config.document import Path, parse
from prober.config.keys import keys, names_at
from prober.config.layers import DEFAULT, Layers, Origin, dotted, entries
from prober.config.module_refusals import refusal
from prober.config.routes import InForce, configured, in_force
from prober.config.settings import DEFAULT_FILE, Settings
from prober.routes.overrides import Override, Overrides, parse_override
from prober.routes.rules import NamedRule
from prober.routes.text import RouteError, did_you_mean, host_name

LARGEST_FILE: Final = 1024 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One thing that is wrong, and where. Never holds a password."""

    path: str
    """Dotted path of the key, or what else names the place (`--via two, hop 2`); may be empty."""
    message: str
    file: str | None = None
    line: int | None = None
    source: str = ""
    """`prober.yaml:12`, `environment PROBER_X` or `command line`."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.path, self.message) if part)


class ConfigErrors(Exception):
    """The configuration cannot be used; `errors` has every reason."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = list(errors)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in force."""

    settings: Settings
    origin: dict[str, str]
    """Dotted path of every key (entries of mappings included) to `command line`, `environment PROBER_X`,
    `file prober.yaml:12` or `default`."""
    routes: tuple[NamedRule, ...]
    """Routes with their passwords; `prober.check.ways.settle` gives a target's own."""
    routes_origin: str
    """Where the choice of routes comes from, as in `origin`."""
    password_sources: dict[tuple[str, int], str]
    """By route and hop (from 1): `URL`, `file NAME` or `environment NAME`."""
    resolve: Overrides
    pins: dict[str, tuple[str, ...]]
    """Host to SPKI hashes, lower-case hex."""
    client_certificates: dict[str, str]
    """Host, `*.SUFFIX` or `*` to a PEM file."""
    warnings: tuple[str, ...]
    file: str | None
    """The file that was read, as named."""
    no_direct: bool = False
    """Whether nothing may be probed without a proxy."""
    routes_given: bool = False
    """Whether the routes come from --via or its environment variable, not from the file or the default."""


def load(
    path: FilePath | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    *,
    via: Sequence[str] = (),
    no_direct: bool = False,
    without_routes: bool = False,
) -> Loaded:
    """Read and check everything once.

    `path` None means ./prober.yaml if there. `overrides` are the command line's values by dotted key; those for `set`,
    `resolve`, `trust.pins` and `trust.client_certificates` are mappings and count entry by entry. `via` and `no_direct`
    are the options of that name. With `without_routes` none is settled, and no password file of one is read: others
    probe over theirs. Raises ConfigErrors with every error.
    """
    errors: list[ConfigError] = []
    layers = Layers()
    name = _read_file(path, layers, errors)
    found = environment.read(environ)
    errors += [ConfigError("", message, source=f"environment {place}") for place, message in found.errors]
    for key, value, variable in found.values:
        layers.put(key, value, Origin(f"environment {variable}"))
    for dotted_key, value in overrides.items():
        layers.put(tuple(dotted_key.split(".")), value, Origin("command line"))

    config = configured(layers.values)
    problems = [*texts.check_texts(layers.values), *texts.missing_files(layers.values), *config.problems]
    settings, faults = _validated(layers.values)
    errors += [_error(layers, at, message) for at, message in [*faults, *problems]]
    source = "--via" if via or not found.via else environment.VIA
    chosen = InForce()
    if not without_routes:
        chosen = in_force(config, list(via) or found.via, source, environ, no_direct=no_direct or found.no_direct)
    errors += [_route_error(layers, error) for error in chosen.errors]
    if errors or settings is None:
        raise ConfigErrors(
            sorted(dict.fromkeys(errors), key=lambda error: (error.source.partition(":")[0], error.line or 0))
        )
    return Loaded(
        settings=settings,
        origin=_origins(settings, layers),
        routes=tuple(chosen.rules),
        routes_origin=_routes_origin(bool(via), bool(found.via), layers),
        password_sources=chosen.sources,
        resolve=Overrides(_overrides(settings)),
        pins={host_name(host): tuple(map(texts.pin_hash, some)) for host, some in settings.trust.pins.items()},
        client_certificates={
            texts.host_pattern(host): file for host, file in settings.trust.client_certificates.items()
        },
        warnings=tuple(dict.fromkeys([*found.warnings, *chosen.warnings])),
        file=name,
        no_direct=no_direct or found.no_direct,
        routes_given=bool(via or found.via),
    )


def _read_file(path: FilePath | None, layers: Layers, errors: list[ConfigError]) -> str | None:
    file = FilePath(DEFAULT_FILE) if path is None else path
    name = str(file)
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        if path is not None:
            errors.append(ConfigError("", "no such file", name, None, name))
        return None
    except UnicodeError:
        errors.append(ConfigError("", "is not UTF-8", name, None, name))
        return name
    except OSError as error:
        errors.append(ConfigError("", f"cannot be read: {error.strerror}", name, None, name))
        return name
    if len(data) > LARGEST_FILE:
        errors.append(ConfigError("", f"is larger than {LARGEST_FILE} bytes", name, None, name))
        return name
    document = parse(text)
    for fault in document.faults:
        source = name if fault.line is None else f"{name}:{fault.line}"
        errors.append(ConfigError(dotted(fault.path), fault.message, name, fault.line, source))
    if document.value is not None and not isinstance(document.value, dict):
        errors.append(ConfigError("", "expected a mapping of keys", name, 1, f"{name}:1"))
    layers.add_file(document, name)
    texts.relative_to(file.parent, layers.values)
    return name


def _validated(values: dict[str, Any]) -> tuple[Settings | None, list[tuple[Path, str]]]:
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        # Raised from here on it would drag the input, and a password within, into the traceback.
        details = error.errors(include_url=False)
    return None, [_fault(values, dict(detail)) for detail in details]


def _fault(values: dict[str, Any], detail: dict[str, Any]) -> tuple[Path, str]:
    path: Path = detail["loc"]
    if path[0] == "routes" and len(path) > 2:
        path = (*path[:2], *path[3:])  # pydantic names the branch of the union there
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        why = refusal(path[2:]) if path[:2] == ("serve", "modules") else None
        return path, why or f"unknown key{did_you_mean(str(path[-1]), names_at(path[:-1]))}"
    if kind == "literal_error":
        valid = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return path, f"not a valid value{did_you_mean(str(detail.get('input')), valid)}"
    if kind == "value_error":
        return path, str(context["error"])
    return path, _SENTENCES.get(kind, "").format(**context) or detail["msg"]


_SENTENCES: Final = {
    "missing": "this key is required",
    "string_type": "expected text (put numbers and true, false, null in quotes)",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "list_type": "expected a list: [a, b]",
    "dict_type": "expected a mapping: {{key: value}}",
    "model_type": "expected a mapping: {{key: value}}",
    "string_too_short": "expected some text, found none",
    "string_too_long": "longer than {max_length} characters",
    "string_pattern_mismatch": "contains control characters",
    "finite_number": "expected a finite number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
}


def _error(layers: Layers, path: Path, message: str) -> ConfigError:
    origin = layers.place(path)
    return ConfigError(dotted(path), message, origin.file, origin.line, "" if origin is DEFAULT else origin.place)


def _route_error(layers: Layers, error: RouteError) -> ConfigError:
    """Errors of routes come by a text of their own; those of a key in the file get its line."""
    for path, origin in layers.origins.items():
        if dotted(path) == error.path and origin.file:
            return ConfigError(error.path, error.message, origin.file, origin.line, origin.place)
    source = "command line" if error.path.startswith("--") else "environment"
    return ConfigError(error.path, error.message, source=source)


def _overrides(settings: Settings) -> list[Override]:
    return [parse_override(key, value) for key, value in settings.resolve.items()]


def _origins(settings: Settings, layers: Layers) -> dict[str, str]:
    dumped = settings.model_dump()
    origins: dict[str, str] = {}
    for key in keys():
        path: Path = tuple(key.path.split("."))
        inner = entries(dumped, *key.path.split(".")) if key.kind == "mapping" else []
        for at in [entry for entry, _ in inner] or [path]:
            origins[dotted(at)] = layers.origin(at).text
    return origins


def _routes_origin(via: bool, environment_via: bool, layers: Layers) -> str:
    if via:
        return "command line"
    return f"environment {environment.VIA}" if environment_via else layers.place(("routes",)).text
