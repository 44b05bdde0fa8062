"""`prober merge`: saved runs of several egress points become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from prober.cli.options import refuse, say
from prober.cli.outcome import INCOMPLETE, check_paths

EXAMPLES: Final = "Examples: prober merge paris.json lyon.json --save all.json.zst · prober judge all.json.zst"

Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="Runs saved with `prober check --save`.", show_default=False),
]
Save = Annotated[
    Path, typer.Option(metavar="OUT", help="The joined run: .json, .json.gz or .json.zst.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only on stderr.")]


def merge(runs: Runs, save: Save, quiet: Quiet = False) -> None:
    """Join saved runs of several egress points into one, to report, judge and compare them as one.

    A pair of egress, target and route may be in several files only with the same result: everything else is an error
    that names both files. Exit codes: 0 done, 2 a file that cannot be read or contradicts another, 3 not written.
    """
    check_paths(save, None)
    from prober.diff.merging import merge as join
    from prober.diff.sides import SidesError
    from prober.report.files import RunFileError, content, write
    from prober.report.sanitize import several

    read: list[tuple[str, bytes]] = []
    errors: list[str] = []
    for path in runs:
        try:
            read.append((str(path), content(path)))
        except RunFileError as error:
            errors.append(str(error))
    try:
        merged = join(read) if read else None
    except SidesError as error:
        refuse([*errors, *error.errors])
    if merged is None or errors:
        refuse(errors)
    import msgspec

    try:
        write(msgspec.json.encode(merged.document), save)
    except RunFileError as error:
        say(f"error: {error}")
        raise typer.Exit(INCOMPLETE) from None
    if not quiet:
        for sentence in merged.said:
            say(f"warning: {sentence}")
        results = merged.document["results"]
        egresses = {result["egress"] for result in results}
        say(f"{save}: {several(len(results), 'result')} from {several(len(egresses), 'egress point')}")
