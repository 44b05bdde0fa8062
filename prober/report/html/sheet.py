"""One file with one style sheet and one script: the policy that allows these two and nothing else, and templates.

Whatever a template prints is made fit to be shown and escaped, unless it is markup already. Should that have a hole,
nothing that comes through it runs: the policy names the script and the style by their digests, and allows no attribute
of either kind, no picture, no frame, no form and no request to anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from prober.report.paragraph import moment
from prober.report.sanitize import duration, sanitize, several

MAX_SHOWN: Final = 600
"""Characters of one text."""
MAX_PARAGRAPH: Final = 6000


@cache
def text_of(path: Path) -> Markup:
    """A style sheet or a script: ours, put in as it is."""
    return Markup(path.read_text(encoding="utf-8"))  # noqa: S704 # a file of this package


def policy_for(style: str, script: str) -> str:
    """The Content-Security-Policy (level 3, section 2.3.1: digests of the very text between the tags)."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )


def paragraph(text: str) -> Markup:
    """A text that may be longer than others, escaped."""
    return Markup.escape(sanitize(text, limit=MAX_PARAGRAPH))


def environment(folders: Sequence[Path]) -> Environment:
    """Templates of these folders, with everything that they print made fit."""
    made = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_fit,
        auto_reload=False,
    )
    made.filters |= {"duration": duration, "several": several, "moment": moment}
    return made


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _fit(value: Any) -> Any:
    """Text without control characters, invisible ones and those that turn the direction around; markup as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return sanitize(value, limit=MAX_SHOWN)
    return value
