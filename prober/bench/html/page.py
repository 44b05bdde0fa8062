"""The page: template filled, style put in, and the policy that allows it and nothing else.

Whatever a template prints is made fit to be shown and escaped, unless it is markup already. There is no script: details
open by themselves. The policy names the style by its digest and allows no attribute, picture, frame, form or request.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from prober.bench.document import Bench, RunDoc
from prober.bench.html.curve import curves
from prober.bench.html.frame import Figure
from prober.bench.html.intervals import intervals
from prober.bench.html.knee import knee, null_sentence
from prober.bench.html.stages import fine, signed, waterfall
from prober.bench.html.timeline import timeline
from prober.bench.onepage import (
    bits,
    columns_of,
    failure_lines,
    figure,
    lines_of,
    octets,
    reasons_of,
    remarks_of,
    share,
    summary,
    thousandths,
    took,
)
from prober.bench.standing import Purpose, Standing, State, standings
from prober.bench.together import histograms
from prober.load.words import Span
from prober.report.paragraph import moment
from prober.report.sanitize import sanitize, several

FOLDER: Final = Path(__file__).parent / "parts"
MAX_SHOWN: Final = 600
"""Characters of one text."""
MAX_PARAGRAPH: Final = 4000
COLOURS: Final = 6
"""Classes of colour for routes; the null run has none."""
MAX_TIMELINES: Final = 40
GLYPHS: Final = {State.VALID: "✔", State.INVALID: "✘", State.GENERATOR_LIMITED: "◐", State.NOT_RUN: "·"}


def render_html(bench: Bench) -> str:
    """The benchmark as one HTML file."""
    found = standings(bench)
    colours = _colours(found)
    return (
        _environment()
        .get_template("bench.html")
        .render(
            bench=bench,
            policy=policy(),
            style=part("bench.css"),
            paragraph=Markup.escape(sanitize(summary(bench, found), limit=MAX_PARAGRAPH)),
            standings=found,
            lines=list(zip(lines_of(found), found, strict=True)),
            has=columns_of(found),
            reasons=reasons_of(found),
            remarks=remarks_of(found),
            failures=[(each, list(failure_lines(each))) for each in found if each.kpis is not None],
            compared=None if bench.comparison is None else intervals(bench.comparison),
            knees=list(_knees(bench)),
            null_capacity=None if bench.null_capacity is None else null_sentence(bench.null_capacity),
            stages=waterfall(found),
            curve=curves(
                [(_name(each), colour, *_spans(each.runs)) for each, colour in zip(found, colours, strict=True)],
                "Percentiles",
            ),
            timelines=list(_timelines(bench, found)),
            command=Markup.escape(sanitize(shlex.join(bench.command), limit=MAX_PARAGRAPH)),
        )
    )


def _name(standing: Standing) -> str:
    return standing.route + (" (null)" if standing.null else "")


def _colours(found: Sequence[Standing]) -> list[int]:
    """The number of each one's colour; 0 is the null run's."""
    places = {id(each): place for place, each in enumerate(each for each in found if not each.null)}
    return [0 if each.null else places[id(each)] % COLOURS + 1 for each in found]


def _spans(runs: Sequence[RunDoc]) -> tuple[Any, Any]:
    found = histograms(runs)
    return found.get(Span.RESPONSE.value), found.get(Span.SERVICE.value)


def _knees(bench: Bench) -> Iterator[Figure]:
    searched = [
        run for run in bench.runs if run.purpose in (Purpose.QUALIFY, Purpose.STEP, Purpose.BISECT, Purpose.CONFIRM)
    ]
    most = max((run.kpis.offered for run in searched), default=1.0)
    for capacity in bench.capacities:
        runs = [run for run in searched if run.route == capacity.route]
        if runs:
            yield knee(capacity.route, runs, capacity, most=most)


def _timelines(bench: Bench, found: Sequence[Standing]) -> Iterator[Figure]:
    """The runs that lines of the table are about, open; the others folded."""
    telling = {id(each.runs[0]) for each in found if each.runs}
    places = {place for flip in bench.flips for place in (flip.run, flip.before) if place is not None}
    telling |= {id(bench.runs[place]) for place in places if place < len(bench.runs)}
    ordered = sorted(enumerate(bench.runs), key=lambda each: id(each[1]) not in telling)
    for place, run in ordered[:MAX_TIMELINES]:
        flips = [flip for flip in bench.flips if flip.run == place]
        title = f"{run.route}: {_PURPOSES.get(run.purpose, run.purpose)} at {figure(run.rate)}/s (run {place + 1})"
        yield timeline(run, title, flips, folded=id(run) not in telling, told=place != ordered[0][0])


_PURPOSES: Final = {
    Purpose.NULL.value: "null run",
    Purpose.RUN.value: "run",
    Purpose.QUALIFY.value: "lowest load",
    Purpose.STEP.value: "step",
    Purpose.BISECT.value: "bisection",
    Purpose.CONFIRM.value: "confirmation",
    Purpose.BLOCK.value: "block",
}


@cache
def part(name: str) -> Markup:
    """The style sheet: ours, put in as it is."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704 # a file of this package


def policy() -> str:
    """The Content-Security-Policy (level 3, section 2.3.1: digest of the very text between the tags)."""
    digest = base64.b64encode(hashlib.sha256(part("bench.css").encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _environment() -> Environment:
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
        "several": several, "moment": moment, "figure": figure, "ms": thousandths, "fine": fine, "signed": signed,
        "share": share, "bits": bits, "octets": octets, "took": took, "shown": sanitize,
    }  # fmt: skip
    made.globals |= {"GLYPHS": GLYPHS}
    return made


def _fit(value: Any) -> Any:
    """Text without control characters, invisible ones and those that turn the direction around; markup as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return sanitize(value, limit=MAX_SHOWN)
    return value
