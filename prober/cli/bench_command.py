"""What to type to have a benchmark again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from prober.config import Loaded

_APART: Final = frozenset(
    {"via", "no_direct", "workers", "seed", "quiet", "verbose", "log_format", "output", "save", "listen", "from_"}
)
"""Parameters that the command for having it again does not take as typed, or not at all."""


def typed(ctx: typer.Context) -> set[str]:
    """The options that were given on the command line, by their long names."""
    return {_name(parameter) for parameter, source in _given(ctx) if source == "COMMANDLINE"}


def command_again(ctx: typer.Context, loaded: Loaded, workers: int | None) -> tuple[str, ...]:
    """What to type to have it again: the options given, routes without logins. `workers` None = they were not given."""
    found = ["prober", "bench"]
    for parameter, _ in _given(ctx):
        if parameter.name not in _APART:
            found += _typed(_name(parameter), ctx.params[parameter.name or ""])
    found += [part for text in _vias(loaded) for part in ("--via", text)]
    if not _has_direct(loaded):
        found.append("--no-direct")
    if workers is not None:
        found += ["--workers", str(workers)]
    return (*found, "--seed", str(ctx.params["seed"]))


def _given(ctx: typer.Context) -> Iterator[tuple[Any, str]]:
    """Parameters that are not as by default, and where they come from."""
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP"):
            yield parameter, source.name


def _name(parameter: Any) -> str:
    return str(max(parameter.opts, key=len))


def _typed(name: str, value: Any) -> list[str]:
    if value is True:
        return [name]
    values = value if isinstance(value, (list, tuple)) else [value]
    return [part for each in values for part in (name, str(getattr(each, "value", each)))]


def _has_direct(loaded: Loaded) -> bool:
    from prober.model import Route

    return any(isinstance(rule, Route) and not rule.hops for rule in loaded.routes)


def _vias(loaded: Loaded) -> Iterator[str]:
    from prober.routes.rules import fixed_routes, rule_text

    for rule in loaded.routes:
        fixed = list(fixed_routes(rule))
        if fixed and fixed[0].hops:
            yield f"{rule.name}={','.join(fixed[0].way)}"
        elif not fixed:
            yield f"{rule.name}={rule_text(rule) or ''}"
