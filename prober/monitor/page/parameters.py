"""Parameters of a query, checked strictly: every error at once, each a sentence with the nearest valid name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from multidict import MultiMapping

from prober.monitor.page.times import parsed
from prober.routes.text import did_you_mean

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

MAX_TEXT: Final = 2048


@dataclass(frozen=True, slots=True)
class BadParameter:
    """What is wrong with one."""

    parameter: str
    message: str


class BadParameters(Exception):
    """Everything that is wrong with a query."""

    def __init__(self, errors: Iterable[BadParameter]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{each.parameter}: {each.message}" for each in self.errors))


class Parameters:
    """Reads a query; `check` tells what was wrong with it."""

    def __init__(self, query: Mapping[str, str] | MultiMapping[str], *, allowed: tuple[str, ...]) -> None:
        self._query = query
        self._errors: list[BadParameter] = []
        for name in dict.fromkeys(query):
            if name not in allowed:
                self._wrong(name, f"is not known here{did_you_mean(name, allowed)}")
            elif isinstance(query, MultiMapping) and len(query.getall(name)) > 1:
                self._wrong(name, "is given more than once")

    def check(self) -> None:
        """Raises BadParameters if anything was wrong."""
        if self._errors:
            raise BadParameters(self._errors)

    def text(self, name: str, known: Iterable[str] | None = None) -> str | None:
        """A text; where `known` is given, one of these."""
        value = self._query.get(name)
        if value is None:
            return None
        if len(value) > MAX_TEXT:
            self._wrong(name, f"is longer than {MAX_TEXT} characters")
        elif known is not None and value not in (names := list(known)):
            self._wrong(name, f"{value[:80]!r} is none{did_you_mean(value[:200], names)}")
        else:
            return value
        return None

    def choice(self, name: str, words: type[E]) -> E | None:
        """One of the words of an enumeration."""
        value = self.text(name, [word.value for word in words])
        return None if value is None else words(value)

    def moment(self, name: str) -> float | None:
        """An RFC 3339 instant, as seconds since the epoch."""
        return self._read(name, parsed)

    def number(self, name: str) -> int | None:
        """A whole number, 0 or more."""
        return self._read(name, _whole)

    def count(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`."""

        def read(text: str) -> int:
            found = _whole(text)
            if not 1 <= found <= most:
                raise ValueError(f"expected a whole number from 1 to {most}")
            return found

        found = self._read(name, read)
        return default if found is None else found

    def _read(self, name: str, read: Callable[[str], T]) -> T | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            return read(value)
        except ValueError as error:
            self._wrong(name, str(error))
            return None

    def _wrong(self, name: str, message: str) -> None:
        self._errors.append(BadParameter(name[:80], message))


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError("expected a whole number")
    return int(text)
