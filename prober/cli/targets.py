"""`prober targets`: what the catalogs hold, and whether they are sound."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.cli import targets_diff, targets_export, targets_import
from prober.cli.options import SELECTION, Shared, load_or_exit, refuse, say, with_shared

if TYPE_CHECKING:
    from prober.catalog import Catalog, Selection
    from prober.model import Target

app = typer.Typer(no_args_is_help=True, help="List, check and keep up the catalogs of targets.")

PIPED_WIDTH = 200
"""Columns of a table that no terminal bounds: lines stay whole for grep."""


class ListFormat(StrEnum):
    """How `targets list` prints."""

    TABLE = "table"
    JSON = "json"
    FQDN = "fqdn"


@app.command(
    "list",
    epilog="Examples: prober targets list --geo EU · prober targets list --cloud all --required all --format json · "
    "prober targets list --set workspace=contoso --format fqdn > allow-list.txt",
)
@with_shared(only=SELECTION)
def list_targets(
    format_: Annotated[ListFormat, typer.Option("--format", help="table, json or fqdn.")] = ListFormat.TABLE,
    *,
    shared: Shared,
) -> None:
    """List the targets that a selection names, and what of it cannot be probed and why."""
    settings = load_or_exit(shared).settings
    from prober.catalog import CatalogErrors, SelectionErrors
    from prober.check.selection import select

    try:
        loaded, selection = select(settings)
    except (CatalogErrors, SelectionErrors) as error:
        refuse([str(each) for each in error.errors])
    if format_ is ListFormat.JSON:
        _print_json(loaded, selection)
    elif format_ is ListFormat.FQDN:
        _print_fqdn(selection)
    else:
        _print_table(selection)


@app.command(
    epilog="Examples: prober targets validate · prober targets validate mine.yaml && prober check --catalog mine.yaml"
)
def validate(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]…", help="Catalogs to check [default: all bundled]")
    ] = None,
) -> None:
    """Check catalogs and report every mistake with its file, line and place. Exit code 2 if there is one."""
    from prober.catalog import CatalogErrors, load
    from prober.catalog.vocabulary import BUNDLED

    try:
        loaded = load(files or BUNDLED)
    except CatalogErrors as error:
        refuse([str(each) for each in error.errors])
    probeable = sum(not entry.wildcard and not entry.placeholders for entry in loaded.entries)
    typer.echo(
        f"{counted(len(loaded.files), 'catalog')} in order: {counted(len(loaded.entries), 'entry', 'entries')}, "
        f"{probeable} probeable as they stand, services {', '.join(loaded.services)}"
    )


def counted(number: int, one: str, many: str = "") -> str:
    """`1 entry`, `2 entries`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _print_json(catalog: Catalog, selection: Selection) -> None:
    import json

    from prober.catalog import describe

    extra = {entry.target.id: entry for entry in catalog.entries}
    rows: list[dict[str, object]] = [{**describe(target), "probeable": True} for target in selection.targets]
    rows += [
        {**skipped.target, "probeable": False, "why": skipped.why, "option": skipped.option, "kind": skipped.kind}
        for skipped in selection.skipped
    ]
    for row in rows:
        entry = extra[str(row["id"]).partition("@")[0]]
        row.update(note=entry.note, expansion=list(entry.expansion), catalog=f"{entry.file}:{entry.line}")
    typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))


def _print_fqdn(selection: Selection) -> None:
    hosts = {target.host for target in selection.targets}
    hosts.update(str(skipped.target["host"]) for skipped in selection.skipped)
    templates = {host for host in hosts if "{" in host}
    for host in sorted(hosts - templates):
        typer.echo(host)
    if templates:
        options = dict.fromkeys(
            skipped.option for skipped in selection.skipped if skipped.option and skipped.target["host"] in templates
        )
        say(f"left out {counted(len(templates), 'template')}: give {', '.join(options)}")


def _print_table(selection: Selection) -> None:
    import os
    import sys

    from rich.console import Console
    from rich.text import Text

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    console = Console(width=width, highlight=False, emoji=False)
    if selection.targets:
        console.print(_targets_table(selection))
    if selection.skipped:
        console.print(Text("\nNot probeable", style="bold"))
        console.print(_skipped_table(selection))
    console.print()
    summary = f"{counted(len(selection.targets), 'target')}, {len(selection.skipped)} not probeable"
    if selection.services_without_probes:
        summary += f"; no probe at all: {', '.join(selection.services_without_probes)}"
    console.print(Text(summary))


def _targets_table(selection: Selection) -> Any:
    from rich.table import Table
    from rich.text import Text

    from prober.model import Required

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("target", overflow="fold", ratio=4)
    table.add_column("geo", no_wrap=True)
    table.add_column("request", overflow="fold", ratio=5)
    for target in selection.targets:
        request = Text(_request(target))
        if target.required is not Required.YES:
            request.append(f" ({target.required})", style="dim")
        table.add_row(Text(target.id), Text(target.geography), request)
    return table


def _request(target: Target) -> str:
    """What is asked of a target, in short: GET, `https://` and the port of the scheme go without saying."""
    from prober.model import DEFAULT_PORTS, Scheme

    method = "" if target.method == "GET" else f"{target.method} "
    scheme = "" if target.scheme is Scheme.HTTPS else f"{target.scheme}://"
    place = target.host if target.port == DEFAULT_PORTS[target.scheme] else target.address
    return method + scheme + place + ("" if target.scheme is Scheme.TLS else target.path)


def _skipped_table(selection: Selection) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("target", overflow="fold", ratio=4)
    table.add_column("host and reason", overflow="fold", ratio=5)
    for skipped in selection.skipped:
        text = Text(str(skipped.target["host"]))
        if "*" in str(skipped.target["path"]):
            text.append(str(skipped.target["path"]))
        text.append(f"\n{skipped.why}", style="dim")
        if skipped.option:
            text.append(f"\n→ {skipped.option}", style="cyan")
        table.add_row(Text(str(skipped.target["id"])), text)
    return table


app.command("import", epilog=targets_import.EXAMPLES)(targets_import.import_)
app.command("diff", epilog=targets_diff.EXAMPLES)(targets_diff.diff)
app.command("export", epilog=targets_export.EXAMPLES)(targets_export.export)
