"""Values and targets as the text of a catalog. Deterministic, and no more quotes than the format needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from prober.catalog.document import List, Map, Node, Scalar

MAX_LINE: Final = 132
_PLAIN: Final = re.compile(r"[A-Za-z0-9/_](?:[A-Za-z0-9 ._/+@-]*[A-Za-z0-9._/+@-])?")
_NULLS: Final = frozenset({"null", "~"})

Value = str | Sequence[str]


def scalar(text: str) -> str:
    """One value: as it is where YAML takes it for the same text, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NULLS:
        return text
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")


def value(of: Value) -> str:
    """A value, or a list of values in brackets."""
    return scalar(of) if isinstance(of, str) else f"[{', '.join(map(scalar, of))}]"


def mapping(pairs: Mapping[str, Value], *, indent: int, lead: str = "- ") -> list[str]:
    """The lines of a mapping behind `lead`: in braces where they fit a line, else a line for each key."""
    space = " " * indent
    line = f"{space}{lead}{{{', '.join(f'{key}: {value(of)}' for key, of in pairs.items())}}}"
    if len(line) <= MAX_LINE:
        return [line]
    below = " " * (indent + 2)
    if lead == "- ":
        lines = [f"{below}{key}: {value(of)}" for key, of in pairs.items()]
        return [f"{space}- {lines[0].lstrip()}", *lines[1:]]
    return [f"{space}{lead.rstrip()}", *(f"{below}{key}: {value(of)}" for key, of in pairs.items())]


def plain(node: Map) -> dict[str, Value]:
    """A mapping of a document as values. A target has scalars and lists of scalars only."""
    return {key: _plain(item) for key, item in node.items.items()}


def _plain(node: Node) -> Value:
    if isinstance(node, List):
        return [item.text for item in node.items if isinstance(item, Scalar)]
    return node.text if isinstance(node, Scalar) else ""
