"""`prober agent`: offer this egress point to a scheduler."""

from __future__ import annotations

from typing import Annotated

import typer

from prober.cli.cluster_options import TlsFolder, needs_the_extra, place_or_exit
from prober.cli.options import SETTINGS, Shared, load_or_exit, refuse, say, with_shared

EXAMPLES = (
    "Examples: prober agent --scheduler tls://prober.corp:8786 --tls certs --egress paris --config paris.yaml · "
    "prober agent --scheduler tcp://127.0.0.1:8786 --egress lab --via hq=http://10.0.0.6:8080"
)
SchedulerPlace = Annotated[
    str,
    typer.Option(
        "--scheduler", metavar="URL", envvar="PROBER_SCHEDULER", help="tls://HOST[:PORT], or tcp:// on loopback."
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="An address of this machine at which the scheduler reaches it; the one on the way to it if not given.",
    ),
]
_OWN = SETTINGS - {"catalog", "service", "geo", "cloud", "os", "required", "set_"}


@with_shared(only=_OWN)
def agent(scheduler: SchedulerPlace, tls: TlsFolder = None, listen: Listen = None, *, shared: Shared) -> None:
    """Offer this egress point: probe what `check --scheduler` asks for with this site's own routes, names and trust.

    Runs until Ctrl-C or SIGTERM, and waits for a scheduler that is not there. Whoever holds a certificate of the
    cluster can run code here (THREAT_MODEL.md). Exit codes: 0 ended by a signal, 2 usage, configuration or
    certificates.
    """
    needs_the_extra()
    place = place_or_exit(scheduler, "--scheduler")
    loaded = load_or_exit(shared)
    import asyncio

    from prober.check.errors import PlanErrors
    from prober.check.plan import Chosen, make_plan
    from prober.cluster.agent import Agent
    from prober.cluster.errors import ClusterError

    def told(sentence: str) -> None:
        if not shared.quiet:
            say(sentence)

    try:
        make_plan(loaded, Chosen(()), ask_scripts=False)  # what every run would fail of is said now
        asyncio.run(Agent(place, tls, loaded, loaded.settings.egress, listen).serve(told))
    except PlanErrors as error:
        refuse(list(error.errors))
    except ClusterError as error:
        refuse(error.errors)
    raise typer.Exit(0)
