"""`prober targets diff`: what changed between two lists of targets."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.lists import FINDINGS, Quiet, Verbose, names, tell_remarks
from prober.cli.options import refuse

if TYPE_CHECKING:
    from prober.catalog.changes import Changes, Endpoint
    from prober.catalog.entry import Entry

EXAMPLES = (
    "Examples: prober targets diff june.xlsx july.xlsx · prober targets diff mde,mdav,mma,common july.xlsx --cloud "
    "commercial · prober targets diff old.yaml new.yaml --format json"
)


class DiffFormat(StrEnum):
    """How differences are printed."""

    TEXT = "text"
    JSON = "json"


def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="Catalogs (bundled or files, by comma), or a list of the vendor's.")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same, newer.")],
    format_: Annotated[DiffFormat, typer.Option("--format", help="text or json.")] = DiffFormat.TEXT,
    cloud: Annotated[str, typer.Option(metavar="NAME", help="Only this cloud.")] = "all",
    geo: Annotated[
        str | None, typer.Option(metavar="NAME[,NAME]", help="Only these geographies; worldwide is always in.")
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what to open and what to close, what moved and what is wanted otherwise. Exit code 1 if anything differs."""
    import json

    from prober.catalog.changes import compare, within
    from prober.catalog.importing import Unusable, read_side
    from prober.catalog.vocabulary import CLOUDS, GEOGRAPHIES

    errors: list[str] = []
    clouds = _known("--cloud", [cloud], (*CLOUDS, "all"), errors)
    geographies = _known("--geo", names(geo), GEOGRAPHIES, errors)
    sides: list[list[Entry]] = []
    for name in (old, new):
        try:
            entries, intakes = read_side(names(name))
        except Unusable as error:
            errors += error.lines
            continue
        sides.append(within(entries, clouds[0] if clouds else "all", geographies))
        for intake in intakes:
            tell_remarks(intake, verbose=verbose, quiet=quiet)
    if errors:
        refuse(errors)
    changes = compare(*sides)
    if format_ is DiffFormat.JSON:
        typer.echo(json.dumps(changes.described(old, new), indent=2, ensure_ascii=False))
    else:
        _print_changes(changes)
    if changes:
        raise typer.Exit(FINDINGS)


def _known(option: str, given: list[str], valid: tuple[str, ...], errors: list[str]) -> list[str]:
    """The words as they are spelled in `valid`, whatever their case; a sentence in `errors` for each other."""
    from prober.catalog.errors import unknown
    from prober.catalog.selection import fold_name

    found = [fold_name(name, valid) for name in given]
    for name, each in zip(given, found, strict=True):
        if each is None:
            errors.append(f"{option}: {unknown('name', name, valid)}")
    return [each for each in found if each is not None]


def _print_changes(changes: Changes) -> None:
    sections = (("To open", changes.to_open), ("To close", changes.to_close))
    for title, endpoints in sections:
        if endpoints:
            typer.echo(f"{title}: {len(endpoints)}")
            for endpoint in endpoints:
                typer.echo(f"  {_endpoint(endpoint)}")
    titles = {
        "geography": "Moved",
        "cloud": "Cloud",
        "required": "Requirement",
        "inspection_bypass": "Inspection bypass",
    }
    for what, title in titles.items():
        some = [change for change in changes.changed if change.what == what]
        if some:
            typer.echo(f"{title}: {len(some)}")
            for change in some:
                typer.echo(f"  {change.host}:{change.port}  {change.old} -> {change.new}")
    if not changes:
        typer.echo("no difference")


def _endpoint(endpoint: Endpoint) -> str:
    told = endpoint.described()
    geographies = told["geography"]
    parts = [f"{endpoint.host}:{endpoint.port}", ", ".join(geographies if isinstance(geographies, list) else [])]
    parts += [endpoint.required] if endpoint.required != "yes" else []
    parts += [f"covered by {endpoint.covered_by} of the other list"] if endpoint.covered_by else []
    return "  ".join(parts)
