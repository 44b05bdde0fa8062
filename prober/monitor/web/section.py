"""One mapping of a web configuration file, read key by key; what is wrong with it is collected, nothing is raised.

Lenient where Go's YAML is: a number stands for its text, `yes` and `on` are booleans. No value is ever quoted in an
error: it could be a password that was put into the wrong place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from prober.config.document import Path
from prober.monitor.web.go_names import FALSE, TRUE
from prober.routes.text import did_you_mean

V = TypeVar("V")
Complain = Callable[[Path, str], None]


class Section:
    """A mapping at `path`. Absent, null and empty are the same, as they are to Go."""

    def __init__(self, value: Any, path: Path, known: Iterable[str] | None, complain: Complain) -> None:
        self._path = path
        self._complain = complain
        self._values: dict[str, Any] = {}
        if isinstance(value, dict):
            self._values = value
        elif value is not None:
            complain(path, "expected a mapping: {key: value}")
        names = None if known is None else list(known)
        for key in self._values if names is not None else ():
            if key not in (names or ()):
                complain((*path, key), f"unknown key{did_you_mean(key, names or ())}")

    def __bool__(self) -> bool:
        return bool(self._values)

    def keys(self) -> list[str]:
        """The keys that are there, in the file's order."""
        return list(self._values)

    def wrong(self, key: str, message: str) -> None:
        """Complain about the value of a key."""
        self._complain((*self._path, key), message)

    def section(self, key: str, known: Iterable[str] | None) -> Section:
        """The mapping under a key; `known` None means that every name is a good one."""
        return Section(self._values.get(key), (*self._path, key), known, self._complain)

    def text(self, key: str) -> str:
        """A text, or the text of a number or boolean; empty if there is none."""
        value = self._values.get(key)
        if value is None or isinstance(value, (dict, list)):
            if value is not None:
                self.wrong(key, "expected text")
            return ""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if "\0" in text:
            self.wrong(key, "has a NUL character")
            return ""
        return text

    def texts(self, key: str) -> list[str]:
        """A list of texts, without those that are none."""
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(key, "expected a list: [a, b]")
            return []
        found: list[str] = []
        for number, item in enumerate(value):
            if isinstance(item, (str, int, float)):
                found.append(str(item))
            else:
                self._complain((*self._path, key, number), "expected text")
        return found

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        word = self.text(key).lower()
        if word and word not in TRUE | FALSE:
            self.wrong(key, "expected true or false")
        return word in TRUE if word in TRUE | FALSE else default

    def number(self, key: str) -> int | None:
        """A whole number, not negative; None if there is none."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
            self.wrong(key, "expected a whole number between 0 and 1000000")
            return None
        return value

    def word(self, key: str, words: Mapping[str, V], default: V) -> V:
        """One of several words, as what it stands for."""
        word = self.text(key)
        if not word:
            return default
        if word not in words:
            self.wrong(key, f"not a valid value{_near(word, words)}")
        return words.get(word, default)

    def words(self, key: str, words: Mapping[str, V]) -> list[V]:
        """A list of such words."""
        found: list[V] = []
        for number, word in enumerate(self.texts(key)):
            if word in words:
                found.append(words[word])
            else:
                self._complain((*self._path, key, number), f"not a valid value{_near(word, words)}")
        return found


def _near(word: str, words: Iterable[str]) -> str:
    """As `did_you_mean`, for names whose case matters."""
    names = {each.lower(): each for each in words if each}
    said = did_you_mean(word, names)
    return next((f": did you mean {name}?" for low, name in names.items() if said == f": did you mean {low}?"), "") or (
        f": expected one of {', '.join(names.values())}"
    )
