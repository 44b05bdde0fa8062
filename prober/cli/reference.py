"""docs/commands.md, written from the commands themselves: `python -m prober.cli.reference > docs/commands.md`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_origin

import typer
from typer.models import ArgumentInfo, OptionInfo

from prober.cli.main import app

_HEAD = """\
# Commands

Made from the program (`python -m prober.cli.reference`); a test keeps it equal. `prober COMMAND --help` shows the same
with examples. What `prober.yaml` and the environment say instead of options: [configuration.md](configuration.md).

Exit codes: **0** nothing to report · **1** findings, as asked by `--fail-on` · **2** usage or configuration error ·
**3** the run could not be completed (interrupted, output gone); what was measured is still reported and saved.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One option or argument of a command."""

    typed: str
    """As it is typed: `--format table|json`."""
    about: str


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for name, callback in commands(app, "prober"):
        parts.append(f"## `{name}`\n\n{_first_paragraph(callback)}\n")
        rows = [f"| `{_cell(entry.typed)}` | {_cell(entry.about)} |" for entry in entries(callback)]
        if rows:
            parts.append("\n".join(["| | |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def commands(group: typer.Typer, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every command that does something, as it is typed, with its function."""
    callback = group.registered_callback
    if callback is not None and callback.callback is not None:
        yield name, callback.callback
    for command in group.registered_commands:
        if command.callback is not None:
            yield f"{name} {command.name or command.callback.__name__.replace('_', '-')}", command.callback
    for below in group.registered_groups:
        if below.typer_instance is not None:
            yield from commands(below.typer_instance, f"{name} {below.name}")


def entries(callback: Callable[..., Any]) -> list[Entry]:
    """The command's arguments and options, in order."""
    found: list[Entry] = []
    for parameter in inspect.signature(callback, eval_str=True).parameters.values():
        annotation = parameter.annotation
        infos = [
            each for each in getattr(annotation, "__metadata__", ()) if isinstance(each, (OptionInfo, ArgumentInfo))
        ]
        if infos:
            found.append(_entry(parameter.name, get_args(annotation)[0], infos[0], parameter.default))
    return found


def _entry(name: str, kind: Any, info: OptionInfo | ArgumentInfo, default: object) -> Entry:
    shown = getattr(default, "value", default)
    about = " ".join((info.help or "").split())
    if shown not in (None, False, 0, inspect.Parameter.empty, ""):
        about += f" Default: `{shown}`."
    if isinstance(info, ArgumentInfo):
        return Entry(str(info.metavar or name.upper()), about)
    # in an Annotated, typer.Option's first name stands where its default would
    declared = [each for each in (info.default, *(info.param_decls or ())) if isinstance(each, str) and each[:1] == "-"]
    names = ", ".join(declared) or f"--{name.strip('_').replace('_', '-')}"
    if kind is bool or getattr(info, "count", False):
        return Entry(names, about)
    return Entry(f"{names} {_value(kind, info, name)}", about)


def _value(kind: Any, info: OptionInfo, name: str) -> str:
    plain = next((each for each in (kind, *get_args(kind)) if get_origin(each) is None and inspect.isclass(each)), str)
    if issubclass(plain, Enum):
        return "|".join(str(each.value) for each in plain)
    return str(info.metavar or name.upper())


def _first_paragraph(callback: Callable[..., Any]) -> str:
    text = inspect.getdoc(callback) or "Options of the program itself."
    return " ".join(text.partition("\n\n")[0].split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 # what it is run for
