"""What commands that end with a run share: where the report goes, what is saved, what the exit code says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from prober.cli.options import abandon_stdout, refuse, say

if TYPE_CHECKING:
    from prober.check.findings import FailOn
    from prober.report.document import Run
    from prober.report.junit import Differences

FINDINGS: Final = 1
"""Exit code: something that was asked for with --fail-on."""
INCOMPLETE: Final = 3
"""Exit code: the run could not be completed."""
DEFAULT_FAIL_ON: Final = "unreachable,intercepted"

Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there instead of standard output.")]
Save = Annotated[Path | None, typer.Option(metavar="RUN", help="Save the run: .json, .json.gz or .json.zst.")]
BaselineRun = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="RUN", help="A saved run whose clean certificates are references here."),
]
_FAIL_ON: Final = (
    "What makes the exit code 1: unreachable, untrusted, unexpected-status, intercepted, suspect, revocation "
)
FailOnText = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="WORDS",
        help=f"{_FAIL_ON}(with --revocation); with --against regression, warning or kinds of difference; or none.",
    ),
]
FailOnAlone = Annotated[
    str,
    typer.Option("--fail-on", metavar="WORDS", help=f"{_FAIL_ON}(of a run made with --revocation); or none."),
]


def fail_on_words(text: str) -> tuple[FailOn, ...]:
    """The words of --fail-on; ends the program with exit code 2 if one is unknown, or about differences from an earlier
    run, which a run alone does not have."""
    from prober.check.findings import parse_fail_on

    if told := difference_words(text):
        refuse(
            [
                f"--fail-on {','.join(told)}: there is nothing to compare with; differences are told by `prober check "
                "--against RUN` and `prober diff BEFORE AFTER`"
            ]
        )
    try:
        return parse_fail_on(text)
    except ValueError as error:
        refuse([f"--fail-on: {error}"])


def difference_words(text: str) -> list[str]:
    """Those words of --fail-on that are about differences between runs."""
    from prober.diff.kinds import ANY, Kind, Severity

    known = {*map(str, Kind), *map(str, Severity), ANY}
    return [word for each in text.split(",") if (word := each.strip()) in known]


def check_paths(save: Path | None, output: Path | None) -> None:
    """What cannot be written is found before an hour of probing, not after it."""
    from prober.report.files import SUFFIXES

    errors: list[str] = []
    if save is not None and not save.name.endswith(SUFFIXES):
        errors.append(f"--save {save}: expected a name that ends in {', '.join(SUFFIXES)}")
    for option, path in (("--save", save), ("--output", output)):
        if path is not None and not path.absolute().parent.is_dir():
            errors.append(f"{option} {path}: no directory {path.absolute().parent}")
        elif path is not None and path.is_dir():
            errors.append(f"{option} {path}: is a directory")
        elif path is not None and not path.exists() and not os.access(path.absolute().parent, os.W_OK):
            errors.append(f"{option} {path}: no permission to write in {path.absolute().parent}")
    if errors:
        refuse(errors)


def load_run(path: Path, option: str = "") -> Run:
    """A saved run; ends the program with exit code 2 if it cannot be read."""
    from prober.report.files import RunFileError, load

    try:
        return load(path)
    except RunFileError as error:
        refuse([f"{option}: {error}" if option else str(error)])


def report(
    run: Run,
    format_: str,
    output: Path | None,
    *,
    verbose: int,
    fail_on: tuple[FailOn, ...] | None = None,
    differences: Differences | None = None,
) -> None:
    """Write the report; ends the program with exit code 3 if it finds no room.

    `fail_on` says what is a failure in JUnit's; None: as by default. `differences` are those from an earlier run.
    """
    from prober.check.findings import DEFAULT
    from prober.check.live import write_report

    try:
        words = DEFAULT if fail_on is None else fail_on
        write_report(run, format_, output, verbose=verbose, fail_on=words, differences=differences)
    except OSError as error:
        unwritten(error)
        raise typer.Exit(INCOMPLETE) from None


def write_out(text: str, output: Path | None, *, mode: int = 0o600) -> None:
    """Write a text to standard output, or atomically to a file, of this mode if it is new.

    Ends the program with exit code 3 if it finds no room.
    """
    from prober.report.output import write_text

    try:
        write_text(text, output, mode=mode)
    except OSError as error:
        unwritten(error)
        raise typer.Exit(INCOMPLETE) from None


def unwritten(error: OSError) -> None:
    """Says that the report found no room. A reader that left has seen enough and is told nothing."""
    if not isinstance(error, BrokenPipeError):
        say(f"error: the report could not be written: {error.strerror or error}")
    abandon_stdout()


def save_run(run: Run, path: Path) -> bool:
    """Save a run; False, and said on stderr, if it could not be."""
    from prober.report.files import RunFileError, save

    try:
        save(run, path)
    except RunFileError as error:
        say(f"error: {error}")
        return False
    return True


def exit_by(run: Run, words: tuple[FailOn, ...]) -> None:
    """End the program with exit code 1 if the run has what was asked for."""
    from prober.check.findings import has_findings

    if has_findings(run, words):
        raise typer.Exit(FINDINGS)
