"""What `targets import`, `targets diff` and `targets export` share: options, file modes, what is said of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.options import say

if TYPE_CHECKING:
    from prober.catalog.intake.findings import Intake

FINDINGS = 1
"""Exit code: lists differ, or something in a list was not understood."""

READABLE = 0o644
"""Mode of a new list: other accounts' programs read it, a proxy for one."""

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Name headings and other texts without endpoints too.")]

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="On stderr only errors and what was not understood.")]


def names(text: str | None) -> list[str]:
    """The words between commas."""
    return [each.strip() for each in (text or "").split(",") if each.strip()]


def tell_remarks(intake: Intake, *, verbose: bool, quiet: bool = False) -> int:
    """Say on stderr what was not taken as it stands; the number of places that were not understood."""
    from prober.catalog.intake.findings import Weight
    from prober.report.sanitize import several

    asides = 0
    for remark in intake.remarks:
        if remark.weight is Weight.ASIDE and not verbose:
            asides += 1
        elif remark.weight is Weight.UNCLEAR or not quiet:
            say(f"{_SPOKEN[remark.weight]}: {remark}")
    if asides and not quiet:
        say(f"{intake.file}: {several(asides, 'place')} without endpoints (-v names them)")
    return intake.count(Weight.UNCLEAR)


_SPOKEN = {"unclear": "not understood", "adapted": "adapted", "aside": "aside"}
