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
FailOnText = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="WORDS",
        help="What makes the exit code 1: unreachable, untrusted, unexpected-status, intercepted, suspect, "
        "regression; or none.",
    ),
]


def fail_on_words(text: str) -> tuple[FailOn, ...]:
    """The words of --fail-on; ends the program with exit code 2 if one is unknown."""
    from prober.check.findings import parse_fail_on

    try:
        return parse_fail_on(text)
    except ValueError as error:
        refuse([f"--fail-on: {error}"])


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


def report(run: Run, format_: str, output: Path | None, *, verbose: int) -> None:
    """Write the report; ends the program with exit code 3 if it finds no room."""
    from prober.check.live import write_report

    try:
        write_report(run, format_, output, verbose=verbose)
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
