"""The file: templates filled, style and script put in, and the policy that allows these two and nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from prober.report.causes import findings_of
from prober.report.document import Run
from prober.report.html.detail import detail_of
from prober.report.html.sheet import environment, paragraph, policy_for, text_of
from prober.report.html.signs import SIGNS
from prober.report.html.view import causes_of, explained_by, groups_of, totals_of, ways_view
from prober.report.paragraph import paragraph_of
from prober.report.unprobed import by_reason
from prober.report.verdict_words import CAVEATS

FOLDER: Final = Path(__file__).parent / "parts"
NAMES_SHOWN: Final = 40
"""Names listed for a cause; the drawers and the filter have all."""


def render_html(run: Run) -> str:
    """The run as one HTML file."""
    findings = findings_of(run)
    causes = causes_of(findings)
    groups = groups_of(run, causes)
    ways = ways_view(run, groups)
    explained = explained_by(causes)
    rows = [row for group in groups for row in group.rows]
    states = {sign.word for row in rows for cell in row.cells if cell is not None for sign in cell.signs}
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run,
            policy=policy(),
            style=part("report.css"),
            script=part("report.js"),
            paragraph=paragraph(paragraph_of(run, findings)),
            causes=causes,
            totals=totals_of(groups),
            groups=groups,
            ways=ways,
            rows=rows,
            details=(detail_of(row, ways, explained) for row in rows),
            caveats=_caveats(run),
            skipped=list(by_reason(run.skipped)),
            states=states,
            used=states | {cause.sign.word for cause in causes},
            width=next((width for width in (2, 4, 6, 9) if len(ways) <= width), "many"),
        )
    )


def _caveats(run: Run) -> list[tuple[str, str]]:
    """What the evidence of this run may be instead, by its ids."""
    verdicts = [result.interception for result in run.results if result.interception is not None]
    seen = {each.id for verdict in verdicts for each in verdict.evidence}
    return [(id_, CAVEATS[id_].meaning) for id_ in sorted(seen & set(CAVEATS), key=lambda id_: (len(id_), id_))]


@cache
def part(name: str) -> Markup:
    """The style sheet or the script."""
    return text_of(FOLDER / name)


def policy() -> str:
    """The Content-Security-Policy of this page."""
    return policy_for(part("report.css"), part("report.js"))


@cache
def _environment() -> Environment:
    made = environment([FOLDER])
    made.globals |= {"SIGNS": SIGNS, "NAMES_SHOWN": NAMES_SHOWN}
    return made
