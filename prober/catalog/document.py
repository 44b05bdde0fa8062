"""YAML text into nodes that know their line: bounded, without aliases, tags or duplicate keys.

A catalog may come from anywhere, so nothing here can be made to grow: the file's size and its depth are limited, the
tree is built without recursion, and anchors, aliases and tags are refused. Scalars stay text as written (`yes` is not
a boolean, `2026-10-18` is not a date): what they mean is the reader's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from prober.catalog.errors import CatalogError, shown

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 16
MAX_ERRORS: Final = 1000
"""Beyond this a file is something else than a catalog."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf, as text."""

    line: int
    text: str
    plain: bool
    """Written without quotes."""

    @property
    def is_null(self) -> bool:
        """Nothing written, `~` or `null`."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class List:
    """A sequence."""

    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping; its keys are text and unique."""

    line: int
    items: dict[str, Node] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    """The line of each key."""


Node = Scalar | List | Map


@dataclass(frozen=True, slots=True)
class Document:
    """What could be read."""

    root: Node | None
    """None if the text is no YAML at all, or too large."""
    errors: list[CatalogError]
    """Everything wrong with the text as YAML; with a root beside them, its content can be checked all the same."""


def read_document(data: bytes, file: str) -> Document:
    """The one document in `data`; `file` is its name in messages.

    Errors are text that is too large, not UTF-8, not YAML, empty, more than one document or too deep, and anchors,
    aliases, tags, and keys that stand twice in one mapping.
    """
    if len(data) > MAX_BYTES:
        return Document(None, [CatalogError(file, "", f"larger than {MAX_BYTES // 1024 // 1024} MiB: not a catalog")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Document(None, [CatalogError(file, "", "not UTF-8 text", line)])
    composer = _Composer(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.YAMLError as error:
        return Document(None, [*composer.errors, _syntax_error(error, text, file)])
    except _TooDeepError as error:
        deep = CatalogError(file, error.path, f"nested deeper than {MAX_DEPTH} levels", error.line)
        return Document(None, [*composer.errors, deep])
    if composer.root is None:
        return Document(None, [CatalogError(file, "", "empty: expected the keys of a catalog")])
    return Document(composer.root, composer.errors)


def _syntax_error(error: yaml.YAMLError, text: str, file: str) -> CatalogError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        return CatalogError(file, "", f"not valid YAML: {message}", mark.line + 1 if mark else None)
    # A character YAML does not allow: the reader tells its offset only.
    position = getattr(error, "position", None)
    line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
    return CatalogError(file, "", "not valid YAML: a character that YAML does not allow", line)


class _TooDeepError(Exception):
    def __init__(self, path: str, line: int) -> None:
        super().__init__(path)
        self.path = path
        self.line = line


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    node: List | Map
    path: str
    key: str | None = None
    """In a mapping: the key whose value comes next."""
    skip: bool = False
    """The value that comes next belongs to a key that was refused."""


class _Composer:
    """Takes the parser's events and builds the tree on an explicit stack."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[CatalogError] = []
        self.root: Node | None = None
        self._documents = 0
        self._stack: list[_Open] = []

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            self._check(event, line)
            self._put(Scalar(line, event.value, not event.style), line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._check(event, line)
            node: List | Map = Map(line) if isinstance(event, yaml.MappingStartEvent) else List(line)
            path = self._path()
            if len(self._stack) >= MAX_DEPTH:
                raise _TooDeepError(path, line)
            self._put(node, line)
            self._stack.append(_Open(node, path))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._stack.pop()
        elif isinstance(event, yaml.AliasEvent):
            self._error(line, "anchors and aliases are not allowed: write the value out, or use `defaults`")
            self._put(Scalar(line, "", True), line)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents == 2:
                self._error(line, "a second document: expected one catalog a file")

    def _check(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            self._error(line, "anchors and aliases are not allowed: write the value out, or use `defaults`")
        if event.tag is not None:
            self._error(line, f"tags are not allowed: leave out {shown(str(event.tag))}")

    def _put(self, node: Node, line: int) -> None:
        if not self._stack:
            self.root = node if self.root is None else self.root
            return
        top = self._stack[-1]
        if isinstance(top.node, List):
            top.node.items.append(node)
        elif top.skip:
            top.skip = False
        elif top.key is None:
            self._key(top, node, line)
        else:
            top.node.items[top.key] = node
            top.key = None

    def _key(self, top: _Open, node: Node, line: int) -> None:
        assert isinstance(top.node, Map)  # noqa: S101 - only a mapping has keys; for the type checker
        if not isinstance(node, Scalar):
            self._error(line, "a key must be text")
            top.skip = True
        elif node.text in top.node.lines:
            before = top.node.lines[node.text]
            place = f"{top.path}.{node.text}" if top.path else node.text
            self._error(line, f"the key stands on line {before} already", place)
            top.skip = True
        else:
            top.key = node.text
            top.node.lines[node.text] = line

    def _error(self, line: int, message: str, path: str | None = None) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(CatalogError(self.file, self._path() if path is None else path, message, line))

    def _path(self) -> str:
        """The path of the value that comes next."""
        if not self._stack:
            return ""
        top = self._stack[-1]
        if isinstance(top.node, List):
            return f"{top.path}[{len(top.node.items)}]"
        return ".".join(part for part in (top.path, top.key) if part)
