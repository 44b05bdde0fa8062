"""`prober targets`: what the catalogs hold, and whether they are sound."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from prober.catalog import Catalog, Selection
    from prober.model import Target

app = typer.Typer(no_args_is_help=True, help="List and check the catalogs of targets.")

PIPED_WIDTH = 200
"""Columns of a table that no terminal bounds: lines stay whole for grep."""


class ListFormat(StrEnum):
    """How `targets list` prints."""

    TABLE = "table"
    JSON = "json"
    FQDN = "fqdn"


CatalogOption = Annotated[
    list[str] | None,
    typer.Option(
        "--catalog", metavar="NAME_OR_FILE", help="Catalog to use, bundled or your own [default: all bundled]"
    ),
]
ServiceOption = Annotated[list[str] | None, typer.Option("--service", metavar="NAME,…", help="Only these services")]
GeoOption = Annotated[
    list[str] | None,
    typer.Option("--geo", metavar="GEO,…", help="Only these geographies, as in EU,US; worldwide is in"),
]
CloudOption = Annotated[
    str, typer.Option("--cloud", metavar="CLOUD", help="commercial, gcc, gcc-high, dod, china, all")
]
OsOption = Annotated[
    list[str] | None, typer.Option("--os", metavar="OS,…", help="windows, macos, linux, admin-workstation")
]
RequiredOption = Annotated[
    str, typer.Option("--required", metavar="LEVEL", help="yes, optional, legacy or all; each includes the ones before")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE,…", help="Fill a placeholder, as in workspace=contoso")
]


@app.command(
    "list",
    epilog="Examples: prober targets list --geo EU · prober targets list --cloud all --required all --format json · "
    "prober targets list --set workspace=contoso --format fqdn > allow-list.txt",
)
def list_targets(
    catalog: CatalogOption = None,
    service: ServiceOption = None,
    geo: GeoOption = None,
    cloud: CloudOption = "commercial",
    os: OsOption = None,
    required: RequiredOption = "yes",
    set_: SetOption = None,
    format_: Annotated[ListFormat, typer.Option("--format", help="How to print")] = ListFormat.TABLE,
) -> None:
    """List the targets that a selection names, and what of it cannot be probed and why."""
    from prober.catalog import CatalogErrors, SelectionErrors, load, select

    try:
        loaded = load(catalog_names(catalog))
        selection = select(
            loaded,
            cloud=cloud,
            geography=words(geo),
            required=required,
            service=words(service),
            os=words(os),
            placeholders=assignments(set_),
        )
    except (CatalogErrors, SelectionErrors) as error:
        raise fail(error.errors) from None
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
        raise fail(error.errors) from None
    probeable = sum(not entry.wildcard and not entry.placeholders for entry in loaded.entries)
    typer.echo(
        f"{counted(len(loaded.files), 'catalog')} in order: {counted(len(loaded.entries), 'entry', 'entries')}, "
        f"{probeable} probeable as they stand, services {', '.join(loaded.services)}"
    )


def catalog_names(given: list[str] | None) -> list[str]:
    """Catalogs from repeated or comma-separated options; a file whose name holds a comma is one file."""
    from prober.catalog.vocabulary import BUNDLED

    if not given:
        return list(BUNDLED)
    return [name for value in given for name in ([value] if Path(value).is_file() else words([value]))]


def words(given: list[str] | None) -> list[str]:
    """The words of a repeatable option that takes several, comma-separated."""
    return [word.strip() for value in given or () for word in value.split(",") if word.strip()]


def assignments(given: list[str] | None) -> dict[str, list[str]]:
    """`--set name=value[,value]`, repeatable. Raises `typer.BadParameter` where there is no `=` or no value."""
    values: dict[str, list[str]] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not words([value]):
            raise typer.BadParameter(f"expected NAME=VALUE[,VALUE], got {text!r}", param_hint="--set")
        values.setdefault(name.strip(), []).extend(words([value]))
    return values


def fail(errors: Any) -> typer.Exit:
    """Print every mistake on stderr; the caller raises what is returned (usage or configuration error: exit code 2)."""
    for error in errors:
        typer.echo(f"prober: {error}", err=True)
    return typer.Exit(2)


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
        typer.echo(f"prober: left out {counted(len(templates), 'template')}; give {', '.join(options)}", err=True)


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
