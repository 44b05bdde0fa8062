"""`prober report`: a saved run, shown in another form."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from prober.cli import outcome
from prober.cli.outcome import DEFAULT_FAIL_ON, Output

EXAMPLES = (
    "Examples: prober report run.json.zst --format html --output run.html · prober report run.json --format junit "
    "--fail-on unreachable,untrusted --output run.xml · prober report run.json --format markdown"
)


class ReportFormat(StrEnum):
    """How the report looks."""

    TABLE = "table"
    HTML = "html"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    CSV = "csv"
    JSON = "json"
    SVG = "svg"
    ANALYZER = "analyzer"


SavedRun = Annotated[Path, typer.Argument(metavar="RUN", help="A run saved with `prober check --save`.")]
Format = Annotated[
    ReportFormat,
    typer.Option("--format", help="As of `check`: html is one file for a browser, markdown for tickets, junit for CI."),
]
Failing = Annotated[
    str,
    typer.Option(
        "--fail-on", metavar="WORDS", help="What is a failure in JUnit's form: the words of `check`, or none."
    ),
]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, help="Everything, in the table and the picture.")]


def report(
    run: SavedRun,
    format: Format = ReportFormat.TABLE,  # noqa: A002 # the option's name
    output: Output = None,
    fail_on: Failing = DEFAULT_FAIL_ON,
    verbose: Verbose = 0,
) -> None:
    """Show a saved run in another form. Nothing is probed and nothing judged anew (`prober judge` does that).

    Exit codes: 0 whatever the run found, 2 for a file that is no run, 3 if the report could not be written.
    """
    words = outcome.fail_on_words(fail_on)
    outcome.check_paths(None, output)
    outcome.report(outcome.load_run(run), format.value, output, verbose=verbose, fail_on=words)
