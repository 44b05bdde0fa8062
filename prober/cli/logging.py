"""Logging to stderr, as text or JSON lines. No password gets out: known ones and those in URLs become `***`."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, TextIO

from prober.model import Hop, Secret
from prober.routes.passwords import spellings

_IN_URL: Final = re.compile(r"(?<=://)[^\s/@]*@")
_BASIC: Final = re.compile(r"(?i)\b(basic|bearer|negotiate|ntlm) +[a-z0-9+/=_.-]{4,}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_SHORTEST: Final = 4


class _Masked(logging.Formatter):
    """Formats a record, then hides what must not be read."""

    def __init__(self, secrets: Iterable[str], *, as_json: bool) -> None:
        super().__init__()
        # Longer ones first: one password may be part of another.
        texts = sorted({text for text in secrets if len(text) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, texts))) if texts else None
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = self._hidden(record.getMessage())
        trace = self._hidden(self.formatException(record.exc_info)) if record.exc_info else ""
        if self._as_json:
            fields = {"time": when, "level": record.levelname.lower(), "logger": record.name, "message": message}
            return json.dumps(fields | ({"exception": trace} if trace else {}), ensure_ascii=False)
        # What a proxy sent may try to forge a line or drive the terminal.
        message = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", message).replace("\n", "\\n")
        return f"{when} {record.levelname.lower()} {record.name}: {message}" + (f"\n{trace}" if trace else "")

    def _hidden(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub("***", text)
        return _BASIC.sub(r"\1 ***", _IN_URL.sub("***@", text))


def set_up(
    log_format: str = "text",
    *,
    verbose: int = 0,
    quiet: bool = False,
    hops: Iterable[Hop] = (),
    secrets: Iterable[Secret] = (),
    stream: TextIO | None = None,
) -> None:
    """Log to stderr (or `stream`) from now on; call again once passwords are known, with the hops that have them.

    Shown are warnings; with `quiet` errors only; with `verbose` 1 also information, with 2 everything.
    """
    level = logging.ERROR if quiet else {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    known = {text for hop in hops for text in spellings(hop)} | {secret.reveal() for secret in secrets}
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Masked(known, as_json=log_format == "json"))
    root = logging.getLogger()
    former = root.handlers[:]
    root.addHandler(handler)  # before the former one goes: other threads log meanwhile, and nothing may go out unmasked
    for each in former:
        root.removeHandler(each)
        each.close()
    root.setLevel(level)
    logging.captureWarnings(True)
