"""JSON files read with bounds: what is no JSON is a sentence with its line, never a traceback."""

from __future__ import annotations

import json


def json_object(text: str) -> dict[str, object] | tuple[int, str]:
    """The object that a file holds, or the line and the reason why it holds none. No part of the text is quoted."""
    try:
        value = json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        return error.lineno, f"none: {error.msg}"
    except (ValueError, RecursionError):
        return 1, "not readable: a number or the nesting is beyond measure"
    if not isinstance(value, dict):
        return 1, "no object"
    return value


def has(value: dict[str, object], *names: str) -> bool:
    """Whether one of these entries is there, be it null; letter case does not matter."""
    return not {key.lower() for key in value}.isdisjoint(name.lower() for name in names)


def entry(value: dict[str, object], name: str) -> object:
    """An entry by its name, the exact one before one in another letter case; None where there is none."""
    if name in value:
        return value[name]
    return next((each for key, each in value.items() if key.lower() == name.lower()), None)
