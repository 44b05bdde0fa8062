"""File, environment and command line laid over one another, with where each value comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from prober.config.document import Document, Path

PER_ENTRY: Final = (("set",), ("resolve",), ("trust", "pins"), ("trust", "client_certificates"))
"""Mappings that a higher layer overrides entry by entry; everything else it replaces whole."""


def dotted(path: Path) -> str:
    """A path as people write it: `routes.two[1].url`, `resolve["a.example:443"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from."""

    text: str
    """`default`, `file prober.yaml:12`, `environment PROBER_X` or `command line`."""
    file: str | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """What stands before an error message."""
        return self.text.removeprefix("file ")


DEFAULT: Final = Origin("default")


@dataclass(slots=True)
class Layers:
    """The values in force so far. Begin with the file, then put the rest, the weakest first."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, Origin] = field(default_factory=dict)

    def add_file(self, document: Document, name: str) -> None:
        """The file's values; a key with nothing after it counts as not there."""
        if isinstance(document.value, dict):
            self.values = {key: value for key, value in document.value.items() if value is not None}
        self.origins = {path: Origin(f"file {name}:{line}", name, line) for path, line in document.lines.items()}

    def put(self, path: Path, value: Any, origin: Origin) -> None:
        """A value of a higher layer."""
        if path in PER_ENTRY and isinstance(value, dict):
            for key, item in value.items():
                self._put((*path, key), item, origin)
            return
        self._put(path, value, origin)

    def _put(self, path: Path, value: Any, origin: Origin) -> None:
        inner: Any = self.values
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                return  # the file has something else in the section's place: that is the error to show
        inner[path[-1]] = value
        self.origins = {known: at for known, at in self.origins.items() if known[: len(path)] != path}
        self.origins[path] = origin

    def origin(self, path: Path) -> Origin:
        """Where the value at `path` comes from: its own place, or that of what it is part of."""
        for length in range(len(path), 0, -1):
            found = self.origins.get(path[:length])
            if found is not None and (length == len(path) or not self._is_section(path[:length])):
                return found
        return DEFAULT

    def place(self, path: Path) -> Origin:
        """Where to point to for an error at `path`: the nearest thing around it that has a line or a layer."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return DEFAULT

    def _is_section(self, path: Path) -> bool:
        value: Any = self.values
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return isinstance(value, dict)


def entries(values: Any, *path: str) -> Iterable[tuple[Path, Any]]:
    """The entries of the mapping at `path`, each with its own path; none if there is no mapping there."""
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return [((*path, key), value) for key, value in values.items()] if isinstance(values, dict) else []
