"""`prober judge`: a saved run judged again on what it saw."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from prober.cli.options import Shared, load_or_exit, refuse, say, with_shared
from prober.cli.outcome import (
    DEFAULT_FAIL_ON,
    INCOMPLETE,
    BaselineRun,
    FailOnAlone,
    Output,
    Save,
    check_paths,
    exit_by,
    fail_on_words,
    load_run,
    report,
    save_run,
)

EXAMPLES = (
    "Examples: prober judge run.json · prober judge run.json.zst --known-interceptor corp-inspection.pem -v · "
    "prober judge today.json --baseline last-month.json --save judged.json"
)
TRUST = frozenset({"trust_roots", "pin", "known_interceptor"})
"""Shared options that have an effect here."""


class JudgeFormat(StrEnum):
    """How the report looks."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    SVG = "svg"
    HTML = "html"
    MARKDOWN = "markdown"
    JUNIT = "junit"


SavedRun = Annotated[Path, typer.Argument(metavar="RUN", help="A run saved with `prober check --save`.")]
Format = Annotated[
    JudgeFormat,
    typer.Option("--format", help="table, json, csv, svg (a picture of the table), html, markdown, junit."),
]


@with_shared(only=TRUST)
def judge(
    run: SavedRun,
    format: Format = JudgeFormat.TABLE,  # noqa: A002 # the option's name
    output: Output = None,
    save: Save = None,
    baseline: BaselineRun = None,
    fail_on: FailOnAlone = DEFAULT_FAIL_ON,
    *,
    shared: Shared,
) -> None:
    """Judge a saved run again: trust and interception, from the certificates and handshakes it kept.

    The trust stores are those it was made with. Roots and known interceptors given here, or in the configuration, are
    added; pins take the place of saved ones for the same host. Nothing is probed. Exit codes as of `check`.
    """
    words = fail_on_words(fail_on)
    check_paths(save, output)
    loaded = load_or_exit(shared)
    saved = load_run(run)
    references = load_run(baseline, "--baseline") if baseline is not None else None
    from prober.check.errors import PlanErrors
    from prober.check.rejudge import judge_again

    try:
        again = judge_again(saved, loaded, references)
    except PlanErrors as error:
        refuse(list(error.errors))
    except ValueError as error:
        refuse([f"{run}: {error}"])
    if not shared.quiet:
        for lack in again.missing[:10]:
            say(f"warning: {lack.target} over {lack.route}: {lack.why}")
    written = save is None or save_run(again.run, save)
    report(again.run, format.value, output, verbose=shared.verbose, fail_on=words)
    if not written:
        raise typer.Exit(INCOMPLETE)
    exit_by(again.run, words)
