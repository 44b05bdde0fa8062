"""The text of the functions that a PAC script may call (library.js), to be evaluated before the script."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def library() -> str:
    """JavaScript: one expression, a factory that takes settings as JSON and gives the function `run`."""
    return resources.files("prober.routes.pac").joinpath("library.js").read_text("utf-8")
