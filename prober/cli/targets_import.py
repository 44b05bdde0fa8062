"""`prober targets import`: catalogs from the vendor's lists."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from prober.cli.lists import FINDINGS, READABLE, Quiet, Verbose, names, tell_remarks
from prober.cli.options import refuse, say
from prober.cli.outcome import Output, check_paths, write_out

EXAMPLES = (
    "Examples: prober targets import mde-urls-commercial.xlsx --output mine.yaml · "
    "prober targets import mde-urls-commercial.xlsx --onto mde --beside mdav,mma,common --output mde.yaml · "
    "prober targets import cloud-test.txt --date 2026-11-20"
)


class Vanished(StrEnum):
    """What becomes of entries that a list no longer has."""

    KEEP = "keep"
    LEGACY = "legacy"
    DROP = "drop"


class Bypass(StrEnum):
    """What holds for inspection where a list does not say."""

    YES = "yes"
    NO = "no"
    UNSTATED = "unstated"


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Spreadsheet (.xlsx), Microsoft 365 JSON, TestCloudConnection's output, CSV."
        ),
    ],
    output: Output = None,
    onto: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_FILE", help="A catalog that keeps its ids, comments and attributes; new entries are added."
        ),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(metavar="NAME_OR_FILE[,…]", help="Catalogs whose endpoints are known and are not added."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="With --onto: take requirement and geography from the list where they differ."),
    ] = False,
    vanished: Annotated[
        Vanished, typer.Option(help="With --onto: what becomes of entries that the list does not have; they are named.")
    ] = Vanished.KEEP,
    service: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One service for the whole new catalog; else each row has its own."),
    ] = None,
    cloud: Annotated[
        str | None, typer.Option(metavar="NAME[,NAME]", help="Clouds of entries for which the list names none.")
    ] = None,
    inspection_bypass: Annotated[
        Bypass, typer.Option(help="Whether the vendor wants the list left out of TLS inspection.")
    ] = Bypass.UNSTATED,
    date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Of the list; else its own, else the file's.")
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the vendor's lists as a catalog. Exit code 1 if a place in them was not understood; each is named."""
    check_paths(None, output)
    from prober.catalog.importing import Request, Unusable, import_lists

    if onto is None and (update or beside or vanished is not Vanished.KEEP):
        refuse(["--update, --beside and --vanished have an effect with --onto only"])
    request = Request(
        files=files,
        onto=onto,
        beside=names(beside),
        update=update,
        vanished=vanished.value,
        service=service,
        clouds=names((cloud or "").lower()),
        inspection_bypass={"yes": True, "no": False, "unstated": None}[inspection_bypass.value],
        date=date,
    )
    try:
        outcome = import_lists(request)
    except Unusable as error:
        refuse(error.lines)
    write_out(outcome.text, output, mode=READABLE)
    for line in () if quiet else outcome.told:
        say(line)
    if sum([tell_remarks(intake, verbose=verbose, quiet=quiet) for intake in outcome.intakes]):
        raise typer.Exit(FINDINGS)
