"""The page of commands says what the program does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prober.cli.main import app
from prober.cli.reference import commands, entries, page

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
CALLBACKS = dict(commands(app, "prober"))


def test_the_page_is_the_program_s() -> None:
    assert PAGE.read_text() == page(), "run: python -m prober.cli.reference > docs/commands.md"


@pytest.mark.parametrize("name", CALLBACKS)
def test_help_knows_every_option_of_the_page(prober: Any, name: str) -> None:
    """The page is made from signatures; what typer makes of them is another matter."""
    done = prober(*name.split()[1:], "--help", env={"COLUMNS": "200"})
    assert done.code == 0
    for entry in entries(CALLBACKS[name]):
        assert entry.typed.split(",")[0].split(" ")[0] in done.out
