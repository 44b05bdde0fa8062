"""A YAML text as plain values, with the line of every one of them.

YAML 1.2's core schema decides what a bare word is, so `yes`, `no` and `12:30` stay text. Refused: duplicate keys, keys
that are not text, tags, more than one document, more nodes or levels than a configuration ever has (aliases can
multiply both).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]
"""Where a value is: keys, and numbers within lists."""

MOST_NODES: Final = 50_000
MOST_LEVELS: Final = 32
_COLLECTIONS: Final = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in the text; `line` counts from 1, None where it is not known."""

    path: Path
    line: int | None
    message: str


@dataclass(slots=True)
class Document:
    """What was read: `value` is None for an empty text."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    """For a mapping's entry the line of its key, for a list's item the line it begins on."""
    faults: list[Fault] = field(default_factory=list)


class _Words(yaml.SafeLoader):
    """Resolves bare words as YAML 1.2 does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Words.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)


def parse(text: str) -> Document:
    """The values of a YAML text; what is wrong with it is in `faults`, nothing is raised."""
    document = Document()
    try:
        node = yaml.compose(text, Loader=_Words)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.faults.append(Fault((), mark.line + 1 if mark else None, _sentence(error)))
        return document
    except (yaml.YAMLError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        document.faults.append(Fault((), None, "nested too deeply" if deep else "has a character that YAML forbids"))
        return document
    if node is not None:
        document.value = _Walk(document).value(node, ())
    return document


def scalar(text: str) -> Any:
    """One bare word as its value: `10` is a number, `null` is None, all else is text."""
    found = parse(text)
    return text if found.faults or isinstance(found.value, (dict, list)) else found.value


def _sentence(error: yaml.MarkedYAMLError) -> str:
    said = error.problem or "not understood"
    if "alias" in f"{error.context} {said}":
        return f'not YAML: {said} (a key that begins with * needs quotes: "*": 127.0.0.1)'
    return f"not YAML: {said}"


class _Walk:
    """From nodes to values, once through the tree."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if self._nodes > MOST_NODES or len(path) > MOST_LEVELS:
            if self._nodes <= MOST_NODES + 1 or len(path) == MOST_LEVELS + 1:
                self._fault(node, path, "too many values or levels for a configuration")
            self._nodes = MOST_NODES + 2
            return None
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
            self._fault(node, path, f"the tag {node.tag} is not used here")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fault(key, path, "a key must be text")
                continue
            here = (*path, key.value)
            if key.value in values:
                self._fault(key, here, f"duplicate key: it stands already in line {self._document.lines[here]}")
                continue
            self._document.lines[here] = key.start_mark.line + 1
            values[key.value] = self.value(item, here)
        return values

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        match node.tag.rpartition(":")[2]:
            case "str":
                return node.value
            case "null":
                return None
            case "bool":
                return node.value.lower() == "true"
            case "int" if len(node.value) <= 40:
                return int(node.value)
            case "int" | "float":
                return float(node.value)
        self._fault(node, path, f"the tag {node.tag} is not used here")
        return None

    def _fault(self, node: yaml.Node, path: Path, message: str) -> None:
        self._document.faults.append(Fault(path, node.start_mark.line + 1, message))
