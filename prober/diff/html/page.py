"""The file: what was compared, the table of egress points and services, every cause with its pairs side by side."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from prober.diff.compare import Comparison
from prober.diff.document import DiffDoc
from prober.diff.html.view import MARKS, SAME, causes_of, table_of, totals_of
from prober.diff.kinds import Severity
from prober.report.html.page import FOLDER as REPORT
from prober.report.html.page import part as report_part
from prober.report.html.sheet import environment, paragraph, policy_for, text_of

FOLDER: Final = Path(__file__).parent / "parts"


def render_diff(document: DiffDoc, comparison: Comparison) -> str:
    """The comparison as one HTML file; `document` is made of the very `comparison`."""
    causes = causes_of(document, comparison)
    sources = [(side, source) for side in ("before", "after") for source in getattr(document, side)]
    table = table_of(document.table)
    egresses = sorted({row.egress for row in document.table})
    grave = [change for change in comparison.changes if change.kind.severity is Severity.REGRESSION]
    worse = {change.key for change in grave if change.before is not None and change.after is not None}
    return (
        _environment()
        .get_template("diff.html")
        .render(
            diff=document,
            policy=policy(),
            style=style(),
            script=script(),
            paragraph=paragraph(document.summary.text),
            totals=totals_of(document),
            table=table,
            worse=len(worse),
            causes=causes,
            unlisted=len(document.differences) - len(causes),
            sources=sources,
            egresses=egresses,
            services=[service for service in table.services if service is not None],
            kinds=list(dict.fromkeys((cause.difference.kind, cause.heading) for cause in causes)),
            marks=list(dict.fromkeys(cause.mark for cause in causes)),
            lacking=_lacking(document),
        )
    )


def _lacking(document: DiffDoc) -> bool:
    """Whether one side did not measure all that the other one did."""
    whole = all(source.complete for source in (*document.before, *document.after))
    return not whole or any(kind.endswith("-gone") for kind in document.summary.kinds)


@cache
def style() -> Markup:
    """The style sheet: the report's, and what is different here."""
    return report_part("report.css") + text_of(FOLDER / "diff.css")


def script() -> Markup:
    """The script."""
    return text_of(FOLDER / "diff.js")


def policy() -> str:
    """The Content-Security-Policy of this page."""
    return policy_for(style(), script())


@cache
def _environment() -> Environment:
    made = environment([FOLDER, REPORT])
    made.globals |= {"MARKS": MARKS, "SAME": SAME}
    return made
