"""The log of one probe, for `debug=true`: lines in logfmt, without secrets, fit for a terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from prober.report.sanitize import sanitize

_MOST: Final = 200
"""Lines kept; ten redirects with everything about them stay below."""


class Logbook:
    """Collects lines; `wall` gives seconds since the epoch."""

    def __init__(self, wall: Callable[[], float], **always: str) -> None:
        self._wall = wall
        self._always = always
        self._lines: list[str] = []

    def info(self, message: str, **fields: object) -> None:
        """Something happened."""
        self._add("info", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Something went wrong."""
        self._add("error", message, fields)

    def _add(self, level: str, message: str, fields: dict[str, object]) -> None:
        if len(self._lines) >= _MOST:
            return
        at = dt.datetime.fromtimestamp(self._wall(), dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        pairs = {"ts": at, **self._always, "level": level, "msg": message, **fields}
        self._lines.append(" ".join(f"{key}={_shown(value)}" for key, value in pairs.items() if value is not None))

    def text(self) -> str:
        """All lines."""
        return "".join(f"{line}\n" for line in self._lines)


def _shown(value: object) -> str:
    text = f"{value:.6f}" if isinstance(value, float) else sanitize(str(value), ascii_only=True)
    if text and not any(char in ' ="\\' for char in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
