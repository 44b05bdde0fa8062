"""`prober diff`: saved runs of before against saved runs of after."""

from __future__ import annotations

import contextlib
import gc
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from prober.cli.options import refuse
from prober.cli.outcome import FINDINGS, Output, check_paths, write_out

if TYPE_CHECKING:
    from prober.diff import Comparison, DiffDoc, Kind

EXAMPLES: Final = (
    "Examples: prober diff before.json after.json · prober diff before/*.json -- after/*.json · "
    "prober diff before.json after.json --format markdown --fail-on regression,slower · "
    "prober diff before.json after.json --format html --output change.html · "
    "prober diff before.json.zst after.json.zst --format json | jq .summary.text"
)
SEPARATOR: Final = "--"
BEHIND: Final = "prober.diff.behind"
"""Where the context has what stands behind the separator."""
NOTHING: Final = (
    "nothing was compared: the two sides have no pair of target and route in common (same catalogs? --egress NAME?)"
)
WIDEST: Final = 120
"""Columns beyond which lines get hard to read."""


class DiffFormat(StrEnum):
    """How the comparison looks."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    HTML = "html"


class TwoSides(TyperCommand):
    """Keeps the `--` between two lists of names, which click would swallow.

    Behind it stand names only: an option there would be a name too, as everywhere.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Options and the first list as ever; the second list is handed over beside them."""
        behind: list[str] | None = None
        if SEPARATOR in args:
            place = args.index(SEPARATOR)
            args, behind = args[:place], args[place + 1 :]
        ctx.meta[BEHIND] = behind
        return super().parse_args(ctx, args)


Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="BEFORE... [--] AFTER...",
        help="Runs saved with `prober check --save`, one for each egress point. Two names need no `--`.",
        show_default=False,
    ),
]
Format = Annotated[
    DiffFormat,
    typer.Option(
        "--format",
        help="text, json (schema prober.diff/1), markdown (for tickets), html (one file for a browser), junit (for CI: "
        "a case for each pair that differs).",
    ),
]
FailOnKinds = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="WORDS",
        help="What makes the exit code 1: regression, warning (regressions too), any, none, or kinds by name, such as "
        "newly-intercepted,slower (docs/diff.md).",
    ),
]
SlowerBy = Annotated[
    int,
    typer.Option(
        "--slower-by",
        metavar="PERCENT",
        min=1,
        max=10_000,
        help="What medians must differ by before slower or faster is said, if the attempts bear it out.",
    ),
]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="All names, and details at length.")]


def diff(
    ctx: typer.Context,
    runs: Runs,
    format: Format = DiffFormat.TEXT,  # noqa: A002 # the option's name
    output: Output = None,
    fail_on: FailOnKinds = "regression",
    slower_by: SlowerBy = 25,
    verbose: Verbose = 0,
) -> None:
    """Compare saved runs: what got worse, what got better, what is behind it. Nothing is probed.

    Exit codes: 0 nothing that --fail-on names, 1 a difference that it names, 2 usage error, a file that cannot be read,
    or sides that have nothing in common, 3 the report could not be written.
    """
    kinds = kinds_or_exit(fail_on)
    check_paths(None, output)
    before, after = _sides(runs, ctx.meta.get(BEHIND))
    comparison, document = _compared(before, after, slower_by / 100)
    told = Told(verbose, kinds, comparison)
    write_diff(document, format.value, output, told)
    if not document.summary.compared:
        refuse([NOTHING])
    if kinds.intersection(document.summary.kinds):
        raise typer.Exit(FINDINGS)


def kinds_or_exit(text: str) -> frozenset[Kind]:
    """The kinds that --fail-on names; ends the program with exit code 2 if a word is unknown."""
    from prober.diff import parse_kinds

    try:
        return parse_kinds(text)
    except ValueError as error:
        refuse([f"--fail-on: {error}"])


@dataclass(frozen=True)
class Told:
    """What some of the formats want beside the document."""

    verbose: int = 0
    kinds: frozenset[Kind] = frozenset()
    """What is a failure in JUnit's form."""
    comparison: Comparison | None = None
    """With what each side saw of a pair, for HTML."""


def write_diff(document: DiffDoc, format_: str, output: Path | None, told: Told) -> None:
    """Write a comparison; ends the program with exit code 3 if it finds no room."""
    write_out(rendered(document, format_, told, to_file=output is not None), output)


def rendered(document: DiffDoc, format_: str, told: Told, *, to_file: bool) -> str:
    """A comparison in one of the formats."""
    if format_ == DiffFormat.JSON:
        from prober.diff import encode_diff

        return encode_diff(document).decode()
    if format_ == DiffFormat.JUNIT:
        from prober.diff.junit import diff_junit

        return diff_junit(document, told.kinds)
    if format_ == DiffFormat.HTML and told.comparison is not None:
        from prober.diff.html.page import render_diff

        return render_diff(document, told.comparison)
    from prober.diff.text import diff_markdown, diff_text
    from prober.report.sanitize import takes_unicode

    if format_ == DiffFormat.MARKDOWN:
        return diff_markdown(document)
    if to_file or not sys.stdout.isatty():
        return diff_text(document, verbose=told.verbose, ascii_only=not to_file and not takes_unicode(sys.stdout))
    width = min(shutil.get_terminal_size().columns, WIDEST)
    return diff_text(document, width=width, verbose=told.verbose, ascii_only=not takes_unicode(sys.stdout))


def _sides(runs: list[Path], behind: list[str] | None) -> tuple[list[Path], list[Path]]:
    if behind is not None:
        if not behind:
            refuse(["nothing stands behind --: prober diff BEFORE... -- AFTER..."])
        return runs, [Path(name) for name in behind]
    if len(runs) != 2:
        files = "1 file" if len(runs) == 1 else f"{len(runs)} files"
        refuse([f"{files} and no --: say where AFTER begins (prober diff BEFORE... -- AFTER...)"])
    return runs[:1], runs[1:]


def _compared(before: list[Path], after: list[Path], share: float) -> tuple[Comparison, DiffDoc]:
    from prober.diff import SidesError, compare, diff_document
    from prober.diff.reading import read_sides

    with _without_collector():
        try:
            comparison = compare(read_sides(before, after), share)
        except SidesError as error:
            refuse(error.errors)
        return comparison, diff_document(comparison)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing here refers to itself, and the collector would walk over a million values again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
