"""Whether the program's parser takes a command line, without doing anything of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import typer.main

from prober.cli.main import app

_PROGRAM: Final[Any] = typer.main.get_command(app)


def refusal(words: Sequence[str]) -> str | None:
    """What the parser says against the words after `prober`; None = it takes them."""
    command, rest, context = _PROGRAM, list(words), None
    try:
        while True:
            if not hasattr(command, "resolve_command"):
                command.make_context(command.name, list(rest), parent=context)
                return None
            context = command.make_context(command.name or "prober", list(rest), parent=context)
            _, command, rest = command.resolve_command(context, list(rest))
    except Exception as error:  # noqa: BLE001 # the parser's own kinds, wherever this version of typer has them
        return f"{type(error).__name__}: {error}"
