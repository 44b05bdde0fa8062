"""Templates become HTML. Whatever they print is made fit to be shown and escaped, unless it is markup already.

The policy sent with every page allows no inline script or style and nothing from another host, so that even a hole in
the escaping would run nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from prober.monitor.page import marks, overview, times
from prober.monitor.page.static_files import address
from prober.monitor.web.headers import SECURITY
from prober.monitor.web.shared import Body, body_of
from prober.report.sanitize import duration, sanitize, several

FOLDER: Final = Path(__file__).parent / "templates"
MAX_SHOWN: Final = 2000
"""Characters of one text."""
HEADERS: Final[Mapping[str, str]] = {**SECURITY, "Cache-Control": "no-cache"}


def rendered(name: str, /, **values: Any) -> Markup:
    """The template with these values. Names from outside never choose a template."""
    return Markup(environment().get_template(name).render(**values))  # noqa: S704 # the environment escapes


def page(html: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Body:
    """An answer with a page, its policy and its headers."""
    return body_of([html], "text/html; charset=utf-8", status=status, headers={**HEADERS, **(headers or {})})


@cache
def environment() -> Environment:
    """The templates with their filters."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_fit,
        auto_reload=False,
    )
    made.filters |= {
        "age": times.age,
        "exact": times.exact,
        "machine": times.machine,
        "duration": duration,
        "several": several,
        "query": query,
        "segment": segment,
    }
    made.globals |= {
        "static": address,
        "GLYPHS": marks.GLYPHS,
        "LABELS": marks.LABELS,
        "MEANINGS": marks.MEANINGS,
        "MARKS": tuple(marks.Mark),
        "CAN_GLYPHS": overview.CAN_GLYPHS,
    }
    return made


def segment(text: str) -> str:
    """Text as one segment of a path."""
    return quote(text, safe="", errors="surrogatepass")


def prepare() -> None:
    """Compile every template now: it takes some tenths of a second that no request should."""
    for name in environment().list_templates():
        environment().get_template(name)


def _fit(value: object) -> object:
    """Text without control characters, invisible ones and those that turn the direction around; markup as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return sanitize(value, limit=MAX_SHOWN)
    return value


def query(values: Mapping[str, str]) -> str:
    """A query string with its question mark, of what is not empty."""
    given = {name: value for name, value in values.items() if value}
    return f"?{urlencode(given, errors='surrogatepass')}" if given else ""
