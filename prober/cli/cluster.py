"""`prober cluster`: what several egress points need once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prober.cli.options import refuse

app = typer.Typer(no_args_is_help=True, help="Prepare runs over several egress points (docs/many-egress.md).")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder to make them in.", show_default=False)]
Days = Annotated[int, typer.Option(metavar="N", min=1, max=3650, help="Days for which they are valid.")]


@app.command(epilog="Examples: prober cluster certs certs · prober cluster certs certs --days 365")
def certs(folder: Folder, days: Days = 825) -> None:
    """Make an authority for one cluster, and certificates for its scheduler, its agents and its clients.

    Copy ca.pem with scheduler.pem to the scheduler, with agent.pem to agents, with client.pem to those who start runs;
    keep ca-key.pem elsewhere. Nothing is written over. Exit codes: 0 made, 2 a file that is there or cannot be written.
    """
    from prober.cluster.authority import make_certificates
    from prober.cluster.errors import ClusterError

    try:
        for path in make_certificates(folder, days=days):
            typer.echo(str(path))
    except ClusterError as error:
        refuse(error.errors)
