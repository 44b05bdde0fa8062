"""One value of a catalog at a time: what each key takes, and the sentence when it is something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prober.catalog import vocabulary as words
from prober.catalog.document import MAX_ERRORS, List, Map, Node, Scalar
from prober.catalog.entry import PATH, PLACEHOLDER, is_host_pattern
from prober.catalog.errors import CatalogError, shown, unknown
from prober.model import Required, Scheme, TrustClass

INVALID: Final[Any] = object()
"""What a field returns after it has reported: the value is there but cannot be used."""

_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*")
_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SERVICE: Final = re.compile(r"[A-Z][A-Z0-9_-]*")


@dataclass(slots=True)
class Report:
    """Collects the mistakes of one file."""

    file: str
    errors: list[CatalogError] = field(default_factory=list)
    count: int = 0
    """Mistakes found, those that are no longer listed included."""

    def add(self, node: Node | int, path: str, message: str) -> Any:
        """Note a mistake; returns `INVALID`, so that a field can end with it."""
        line = node if isinstance(node, int) else node.line
        self.count += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(CatalogError(self.file, path, message, line))
        return INVALID


Field = Callable[[Node, str, Report], Any]


def text(node: Node, path: str, report: Report) -> Any:
    """Any printable text."""
    if not isinstance(node, Scalar) or node.is_null:
        return report.add(node, path, f"expected text, got {kind(node)}")
    if not all(c.isprintable() for c in node.text):
        return report.add(node, path, "expected one line of printable text")
    return node.text


def pattern(expression: re.Pattern[str], expected: str) -> Field:
    """Text of one shape."""

    def parse(node: Node, path: str, report: Report) -> Any:
        value = text(node, path, report)
        if value is not INVALID and not expression.fullmatch(value):
            return report.add(node, path, f"expected {expected}, got {shown(value)}")
        return value

    return parse


def choice(what: str, valid: Sequence[str], make: Callable[[str], Any] = str) -> Field:
    """One of the words in `valid`, exactly as spelled there."""

    def parse(node: Node, path: str, report: Report) -> Any:
        value = text(node, path, report)
        if value is INVALID:
            return value
        return make(value) if value in valid else report.add(node, path, unknown(what, value, valid))

    return parse


def flag(words_: dict[str, bool | None]) -> Field:
    """`yes` or `no` (also `true`, `false`), and whatever else `words_` names."""

    def parse(node: Node, path: str, report: Report) -> Any:
        if isinstance(node, Scalar) and node.text.lower() in words_:
            return words_[node.text.lower()]
        names = [name for name in words_ if name not in ("true", "false")]
        got = shown(node.text) if isinstance(node, Scalar) else kind(node)
        return report.add(node, path, f"expected {', '.join(names[:-1])} or {names[-1]}, got {got}")

    return parse


def whole(low: int, high: int) -> Field:
    """A whole number from `low` to `high`."""

    def parse(node: Node, path: str, report: Report) -> Any:
        raw = node.text if isinstance(node, Scalar) else ""
        if raw.isascii() and raw.isdigit() and len(raw) <= 9 and low <= int(raw) <= high:
            return int(raw)
        got = shown(raw) if isinstance(node, Scalar) else kind(node)
        return report.add(node, path, f"expected a whole number from {low} to {high}, got {got}")

    return parse


def several(each: Field, *, at_least: int = 0) -> Field:
    """A list; a repeated value is a mistake. A single value without brackets is taken as a list of one."""

    def parse(node: Node, path: str, report: Report) -> Any:
        if isinstance(node, Scalar) and not node.is_null:
            value = each(node, path, report)
            return value if value is INVALID else (value,)
        if not isinstance(node, List):
            return report.add(node, path, f"expected a list, got {kind(node)}")
        if len(node.items) < at_least:
            return report.add(node, path, "expected at least one value, got an empty list")
        values: list[Any] = []
        for index, item in enumerate(node.items):
            value = each(item, f"{path}[{index}]", report)
            if value is not INVALID and value in values:
                value = report.add(item, f"{path}[{index}]", f"{shown(str(value))} is in the list already")
            values.append(value)
        return INVALID if INVALID in values else tuple(values)

    return parse


def host(node: Node, path: str, report: Report) -> Any:
    """A DNS name, `*.name`, or a name with `{placeholder}`s."""
    value = text(node, path, report)
    if value is INVALID or is_host_pattern(value):
        return value
    expected = "a host name in lower case, *.name or a name with {placeholder}s, without scheme, port and path"
    return report.add(node, path, f"expected {expected}, got {shown(value)}")


def request_path(node: Node, path: str, report: Report) -> Any:
    """Path and query in origin form; `*` makes it a pattern."""
    value = text(node, path, report)
    if value is INVALID or (PATH.fullmatch(value) and "#" not in value):
        return value
    return report.add(node, path, f"expected a path that begins with / and has no spaces, got {shown(value)}")


def expansion(node: Node, path: str, report: Report) -> Any:
    """A host, a host template, or a path: something a wildcard is known to stand for."""
    value = text(node, path, report)
    if value is INVALID or is_host_pattern(value) or (PATH.fullmatch(value) and "*" not in value):
        return value
    return report.add(node, path, f"expected a host name or a path, got {shown(value)}")


def source(node: Node, path: str, report: Report) -> Any:
    """`ID` or `ROLE ID`; whether the id is declared is checked by the reader, which knows the file."""
    value = text(node, path, report)
    if value is INVALID:
        return value
    role, _, name = value.rpartition(" ")
    if role and role not in words.SOURCE_ROLES:
        return report.add(node, path, unknown("role", role, words.SOURCE_ROLES))
    return (role, name)


def kind(node: Node) -> str:
    """What a node is, for a message."""
    if isinstance(node, Map):
        return "a mapping"
    if isinstance(node, List):
        return "a list"
    return "nothing" if node.is_null else shown(node.text)


YES_NO: Final = flag({"yes": True, "true": True, "no": False, "false": False})
YES_NO_UNSTATED: Final = flag({"yes": True, "true": True, "no": False, "false": False, "unstated": None})

SETTINGS: Final[dict[str, Field]] = {
    "scheme": choice("scheme", tuple(Scheme), Scheme),
    "port": whole(1, 65535),
    "method": choice("method", words.METHODS),
    "path": request_path,
    "geography": choice("geography", words.GEOGRAPHIES),
    "cloud": several(choice("cloud", words.CLOUDS), at_least=1),
    "os": several(choice("operating system", words.OS_FAMILIES)),
    "os_note": text,
    "required": choice("level", words.REQUIRED, Required),
    "expected": several(whole(100, 599)),
    "inspection_bypass": YES_NO_UNSTATED,
    "trust": choice(
        "trust class", (*TrustClass, "unknown"), lambda word: None if word == "unknown" else TrustClass(word)
    ),
    "client_certificate": YES_NO,
    "proxy_login": YES_NO,
    "source": several(source),
    "note": text,
}
"""Keys of a target that `defaults` of its group may set."""

OWN: Final[dict[str, Field]] = {
    "id": pattern(_ID, "an id of lower-case words, joined by hyphens and dots"),
    "host": host,
    "expansion": several(expansion),
}
"""Keys that only a target itself has."""

GROUP_NAME: Final = pattern(_NAME, "a name of lower-case words joined by hyphens")
SERVICE_NAME: Final = pattern(_SERVICE, "a name in upper case, such as MDE")
SOURCE_ID: Final = _NAME
PLACEHOLDER_NAME: Final = re.compile(PLACEHOLDER.pattern[2:-2].strip("()"))

FILE_KEYS: Final = ("service", "about", "proxy_login", "placeholders", "sources", "groups")
GROUP_KEYS: Final = ("name", "service", "about", "defaults", "targets")
SOURCE_KEYS: Final = ("name", "date")
TARGET_KEYS: Final = (*OWN, *SETTINGS)
