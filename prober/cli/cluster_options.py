"""Options of commands that talk to a scheduler, and what every one of them refuses first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.options import refuse

if TYPE_CHECKING:
    from prober.cluster.security import Place

SchedulerUrl = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="URL",
        envvar="PROBER_SCHEDULER",
        help="Probe from the agents of this scheduler, tls://HOST[:PORT], in place of this machine. Routes, resolver, "
        "trust and limits are each site's own; --egress NAME[,NAME] chooses sites, all if not given.",
    ),
]
TlsFolder = Annotated[
    Path | None,
    typer.Option(
        "--tls", metavar="DIR", envvar="PROBER_TLS", help="Certificates made with `prober cluster certs DIR`."
    ),
]


def needs_the_extra() -> None:
    """End the program with exit code 2 where dask is not installed."""
    from prober.cluster.errors import MISSING, is_installed

    if not is_installed():
        refuse([MISSING])


def place_or_exit(text: str, option: str) -> Place:
    """An address; ends the program with exit code 2 for what is none."""
    from prober.cluster.errors import ClusterError
    from prober.cluster.security import parse_place

    try:
        return parse_place(text, option)
    except ClusterError as error:
        refuse(error.errors)
