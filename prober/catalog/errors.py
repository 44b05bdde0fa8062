"""What is wrong with a catalog, a selection or a list of targets: always everything at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class CatalogError:
    """One mistake in a file."""

    file: str
    path: str
    """Place inside the file, such as `groups[3].targets[2].port`; empty for the file as a whole."""
    message: str
    """What is wrong and what was expected."""
    line: int | None = None
    """Counted from 1."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class CatalogErrors(Exception):
    """Catalogs or target files that cannot be used, with every mistake found in them."""

    def __init__(self, errors: Sequence[CatalogError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class SelectionError:
    """One mistake in what was asked for."""

    path: str
    """The setting it stands in, as in prober.yaml: `select.geography`, `set.workspace`."""
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SelectionErrors(ValueError):
    """A selection that names things which do not exist, with every mistake in it."""

    def __init__(self, errors: Sequence[SelectionError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


def unknown(kind: str, name: str, valid: Iterable[str]) -> str:
    """The sentence about a name that is not one of `valid`: with the nearest one, or all of them if none is near."""
    names = list(valid)
    folded = {each.casefold(): each for each in names}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f"unknown {kind} {shown(name)}: did you mean {shown(folded[near[0]])}?"
    return f"unknown {kind} {shown(name)}: expected {one_of(names)}"


def one_of(names: Sequence[str]) -> str:
    """`a`, `a or b`, `one of a, b, c`; `nothing` when there are none."""
    if len(names) <= 2:
        return " or ".join(names) or "nothing"
    return "one of " + ", ".join(names)


def shown(text: str, limit: int = 80) -> str:
    """A value quoted for a message: control characters escaped, cut at `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut) + '"'
