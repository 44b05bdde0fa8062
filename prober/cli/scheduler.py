"""`prober scheduler`: where agents and clients meet."""

from __future__ import annotations

from typing import Annotated

import typer

from prober.cli.cluster_options import TlsFolder, needs_the_extra, place_or_exit
from prober.cli.options import refuse, say

EXAMPLES = "Examples: prober scheduler --listen tls://0.0.0.0:8786 --tls certs · prober scheduler"
Listen = Annotated[
    str, typer.Option(metavar="URL", help="tls://ADDRESS[:PORT], or tcp:// on loopback; port 0 = any free one.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only on stderr.")]


def scheduler(listen: Listen = "tcp://127.0.0.1:8786", tls: TlsFolder = None, quiet: Quiet = False) -> None:
    """Run dask's scheduler for agents and clients of this cluster, until Ctrl-C or SIGTERM.

    It holds no results longer than a client needs to fetch them, and no configuration. Exit codes: 0 ended by a
    signal, 2 usage, certificates, or an address that cannot be had.
    """
    needs_the_extra()
    place = place_or_exit(listen, "--listen")
    import asyncio

    from prober.cluster.errors import ClusterError
    from prober.cluster.scheduler import serve_scheduler

    def told(address: str) -> None:
        if not quiet:
            say(f"scheduler at {address}")

    try:
        asyncio.run(serve_scheduler(place, tls, told))
    except ClusterError as error:
        refuse(error.errors)
    raise typer.Exit(0)
