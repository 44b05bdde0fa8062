"""`prober targets export`: lists for proxies and firewalls."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from prober.cli.lists import READABLE
from prober.cli.options import SELECTION, Shared, load_or_exit, refuse, say, with_shared
from prober.cli.outcome import Output, check_paths, write_out

EXAMPLES = (
    "Examples: prober targets export --format squid --geo EU > defender.txt · prober targets export --format "
    "paloalto-edl --inspection-bypass · prober targets export --format pac --others 'PROXY proxy.corp:8080'"
)


class ExportFormat(StrEnum):
    """Whose words a list is in."""

    FQDN = "fqdn"
    SQUID = "squid"
    PAC = "pac"
    CSV = "csv"
    PALOALTO_EDL = "paloalto-edl"


@with_shared(only=SELECTION)
def export(
    format_: Annotated[ExportFormat, typer.Option("--format", help="fqdn, squid, pac, csv or paloalto-edl.")],
    inspection_bypass: Annotated[
        bool, typer.Option("--inspection-bypass", help="Only what the vendor wants left out of TLS inspection.")
    ] = False,
    listed: Annotated[str, typer.Option(metavar="RESULT", help="pac: the answer for hosts on the list.")] = "DIRECT",
    others: Annotated[str | None, typer.Option(metavar="RESULT", help="pac: the answer for all other hosts.")] = None,
    output: Output = None,
    *,
    shared: Shared,
) -> None:
    """Write what a selection needs let through, wildcards included, as a proxy or a firewall reads it."""
    check_paths(None, output)
    settings = load_or_exit(shared).settings
    from prober.catalog import CatalogErrors, SelectionErrors
    from prober.catalog import export as lists
    from prober.catalog.allow_list import allowed, templates, unusual_ports
    from prober.check.selection import select
    from prober.report.sanitize import several

    wanted = lists.ExportFormat(format_.value)
    if wanted is lists.ExportFormat.PAC:
        _check_results(listed, others)
    try:
        _, selection = select(settings)
    except (CatalogErrors, SelectionErrors) as error:
        refuse([str(each) for each in error.errors])
    rows = allowed(selection, inspection_bypass=inspection_bypass)
    write_out(lists.export(wanted, rows, listed=listed, others=others or ""), output, mode=READABLE)
    left_out = templates(selection, inspection_bypass=inspection_bypass)
    if left_out and not shared.quiet:
        options = ", ".join(dict.fromkeys(option for _, option in left_out if option))
        say(f"left out {several(len(left_out), 'template')}: give {options}")
    others_than_web = unusual_ports(rows)
    if others_than_web and wanted is not lists.ExportFormat.CSV:
        say(f"warning: a list in this format has no ports; open these as well: {', '.join(others_than_web)}")
    if not rows:
        say(
            "warning: the list is empty: nothing that is selected "
            + ("is to be left out of inspection" if inspection_bypass else "has a host")
        )


def _check_results(listed: str, others: str | None) -> None:
    """What a PAC script is to answer must be something that programs understand."""
    from prober.routes.pac.reading import Reading
    from prober.routes.pac.results import parse_result

    if others is None:
        refuse(
            ["--format pac needs --others, the answer for all other hosts, such as --others 'PROXY proxy.corp:8080'"]
        )
    errors: list[str] = []
    for option, text in (("--listed", listed), ("--others", others)):
        result = parse_result(text, Reading.CHROMIUM)
        errors += [f"{option} {text!r}: {remark}" for remark in result.remarks]
    if errors:
        refuse(errors)
