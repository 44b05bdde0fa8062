"""`check --against RUN`: the option, the words of --fail-on that it brings, and where the differences are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.options import refuse, say
from prober.cli.outcome import FINDINGS, difference_words, fail_on_words

if TYPE_CHECKING:
    from prober.check.against import Against
    from prober.check.findings import FailOn
    from prober.cli.options import Shared
    from prober.diff import DiffDoc, Kind
    from prober.report.junit import Differences

AgainstRun = Annotated[
    Path | None,
    typer.Option(
        "--against",
        metavar="RUN",
        help="A saved run to compare with. What differs is probed once more before it counts, told behind the table "
        "(else on stderr), and --fail-on regression goes without saying.",
    ),
]


def fail_on_both(text: str, *, against: bool, given: bool) -> tuple[tuple[FailOn, ...], frozenset[Kind]]:
    """What of the run itself and what of its differences makes the exit code 1; ends the program with 2 for an unknown
    word, and for one about differences where there is nothing to compare with.

    `given` is whether the user wrote the text: the default has regressions too where there is something to compare.
    """
    from prober.check.findings import FailOn
    from prober.diff.kinds import kinds_of

    words = [word.strip() for word in text.split(",") if word.strip()]
    told = difference_words(text)
    if told and not against:
        refuse([f"--fail-on {','.join(told)}: there is nothing to compare with (--against RUN)"])
    rest = [word for word in words if word not in told]
    found = fail_on_words(",".join(rest)) if rest or not told else ()
    if against and not given:
        told.append(FailOn.REGRESSION)
    return found, frozenset(kind for word in told for kind in kinds_of(word))


def against_or_exit(path: Path, egress: str | None) -> Against:
    """The earlier run, of one egress point or of all; ends the program with exit code 2 if it cannot be read."""
    from prober.check.against import Against
    from prober.check.errors import PlanErrors

    try:
        return Against(path, egress)
    except PlanErrors as error:
        refuse(list(error.errors))


def junit_differences(document: DiffDoc | None, kinds: frozenset[Kind]) -> Differences | None:
    """The differences as a run's JUnit tells them."""
    if document is None:
        return None
    from prober.diff.junit import differences_of

    return differences_of(document, kinds)


def tell_differences(document: DiffDoc, shared: Shared, *, on_stdout: bool) -> None:
    """Tell how a run differs: behind its table, or on stderr where standard output is for programs."""
    from prober.cli.diff import DiffFormat, Told, rendered, write_diff

    told = Told(shared.verbose)
    if on_stdout:
        typer.echo("")
        write_diff(document, DiffFormat.TEXT, None, told)
    elif not shared.quiet:
        for line in rendered(document, DiffFormat.TEXT, told, to_file=True).splitlines():
            say(line)


def exit_by_differences(document: DiffDoc, kinds: frozenset[Kind]) -> None:
    """End the program with exit code 1 if there are differences of these kinds, with 2 if nothing was compared."""
    from prober.cli.diff import NOTHING

    if not document.summary.compared:
        refuse([f"--against: {NOTHING}"])
    if kinds.intersection(document.summary.kinds):
        raise typer.Exit(FINDINGS)
