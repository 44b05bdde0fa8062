"""`prober config`: validate, print the schema, print what is in force and where it comes from."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.cli.options import SETTINGS, Shared, load_or_exit, refuse, with_shared

if TYPE_CHECKING:
    from prober.config import Loaded

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Check and show the configuration.")


class Format(StrEnum):
    """How a command prints."""

    TEXT = "text"
    JSON = "json"


OutputFormat = Annotated[Format, typer.Option("--format", help="text or json.")]


@app.command(epilog="Example: prober config check --config site.yaml")
@with_shared(only=SETTINGS)
def check(shared: Shared) -> None:
    """Validate the configuration: every error at once, each with file, line and key; exit 2 if there is one."""
    loaded = load_or_exit(shared)
    from prober.check.errors import PlanErrors
    from prober.check.plan import make_plan

    try:
        # catalogs, selection, placeholders and certificate files, as `prober check` would take them; nothing is sent
        make_plan(loaded, ask_scripts=False)
    except PlanErrors as error:
        refuse(list(error.errors))
    names = ", ".join(rule.name for rule in loaded.routes)
    typer.echo(f"{loaded.file or 'no file, defaults only'}: fine; routes: {names}; warnings: {len(loaded.warnings)}")


@app.command(epilog="Example: prober config schema > prober.schema.json")
def schema() -> None:
    """Print the JSON schema (draft 2020-12) of prober.yaml, for editors and CI."""
    from prober.config import schema as json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@app.command(epilog="Examples: prober config show  ·  PROBER_TIMEOUT=5 prober config show --format json | jq .origin")
@with_shared(only=SETTINGS)
def show(shared: Shared, output: OutputFormat = Format.TEXT) -> None:
    """Print what is in force, and where each value comes from. Passwords are masked."""
    loaded = load_or_exit(shared)
    if output is Format.TEXT:
        typer.echo(as_text(loaded))
    else:
        document = {
            "file": loaded.file,
            "settings": _values(loaded),
            "origin": loaded.origin,
            "routes_in_force": {"names": [rule.name for rule in loaded.routes], "origin": loaded.routes_origin},
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def as_text(loaded: Loaded) -> str:
    """One line a key: key, value as JSON, origin."""
    rows = [
        (key, json.dumps(value, ensure_ascii=False), loaded.origin[key])
        for key, value in _leaves(_values(loaded), loaded)
    ]
    names = json.dumps([rule.name for rule in loaded.routes])
    rows.append(("(routes in force)", names, loaded.routes_origin))
    wide = max(len(key) for key, _, _ in rows)
    broad = max(len(value) for _, value, _ in rows if len(value) <= 60)
    return "\n".join(f"{key:{wide}}  {value:{broad}}  {origin}" for key, value, origin in rows)


def _values(loaded: Loaded) -> dict[str, Any]:
    values = loaded.settings.model_dump(mode="json")
    for hops in values["routes"].values():
        for hop in hops if isinstance(hops, list) else ():
            for key in [key for key, value in hop.items() if value is None]:
                del hop[key]
    return values


def _leaves(values: dict[str, Any], loaded: Loaded) -> list[tuple[str, Any]]:
    from prober.config.layers import dotted

    found: list[tuple[str, Any]] = []

    def walk(value: Any, path: tuple[str, ...]) -> None:
        if dotted(path) in loaded.origin:
            found.append((dotted(path), value))
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, (*path, key))

    walk(values, ())
    return found
