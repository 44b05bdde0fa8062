"""An entry of a catalog: a target whose host may still be a wildcard or a template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prober.model import Target

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
PATH: Final = re.compile(r"/[!-~]*")
"""Origin form: printable ASCII without spaces."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a catalog, with its place."""

    target: Target
    """Its host may be `*.example.com` or hold `{placeholder}`s, its path may hold `*`: then it is no target yet."""
    note: str = ""
    expansion: tuple[str, ...] = ()
    """Known hosts (or paths) that a wildcard stands for."""
    file: str = ""
    path: str = ""
    """`groups[3].targets[2]`"""
    line: int = 0
    placeholders: tuple[str, ...] = ()
    """Names in host and path, in order of appearance."""

    @property
    def wildcard(self) -> bool:
        """Whether it names a family of hosts or paths instead of one."""
        return "*" in self.target.host or "*" in self.target.path


@dataclass(frozen=True, slots=True)
class Catalog:
    """All loaded catalogs as one, in the order they were named."""

    entries: tuple[Entry, ...]
    files: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    placeholders: Mapping[str, str] = field(default_factory=dict)
    """Declared names with what each means."""


def describe(target: Target) -> dict[str, object]:
    """The `target` object of the run document, followed by the other attributes of the catalog."""
    return {
        "id": target.id,
        "service": target.service,
        "group": target.group,
        "host": target.host,
        "port": target.port,
        "scheme": target.scheme.value,
        "path": target.path,
        "geography": target.geography,
        "cloud": list(target.cloud),
        "required": target.required.value,
        "method": target.method,
        "os": list(target.os),
        "os_note": target.os_note,
        "expected": list(target.expected),
        "inspection_bypass": target.inspection_bypass,
        "trust": target.trust.value if target.trust else None,
        "client_certificate": target.client_certificate,
        "proxy_login": target.proxy_login,
        "source": target.source,
        "dated": target.dated,
    }


def placeholders_in(*texts: str) -> tuple[str, ...]:
    """The names in braces, each once, in order of appearance."""
    return tuple(dict.fromkeys(name for text in texts for name in PLACEHOLDER.findall(text)))


def is_host(text: str) -> bool:
    """Whether `text` is a DNS name in lower case (A-labels; underscores pass, service names have them)."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None and not text.rsplit(".", 1)[-1].isdigit()


def is_host_pattern(text: str) -> bool:
    """A DNS name, one with a leading `*.`, or one with `{placeholder}`s."""
    bare = text.removeprefix("*.")
    return is_host(PLACEHOLDER.sub("x", bare)) and not (bare != text and PLACEHOLDER.search(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with each `{name}` replaced by its value."""
    return PLACEHOLDER.sub(lambda match: values[match.group(1)], text)


def listed(names: Sequence[str], limit: int = 3) -> str:
    """The first names, and how many more there are."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")
