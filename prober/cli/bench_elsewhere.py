"""`prober bench --scheduler`: the load is made by agents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from prober.cli.cluster_options import needs_the_extra, place_or_exit
from prober.cli.options import refuse

if TYPE_CHECKING:
    from prober.cluster.load.ground import AgentsGround
    from prober.routes.overrides import Overrides

OF_A_SITE: Final = {"resolve": "--resolve", "ipv4": "-4", "ipv6": "-6", "source": "--source"}
"""Options that have no effect at agents, by parameter."""
_OF_AGENTS: Final = {"tls": "--tls", "egress": "--egress"}
"""Options that have no effect without them."""
_TIMEOUT: Final = 10.0
"""Seconds of one operation, where nothing was given."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Whose agents make the load."""

    scheduler: str
    tls: Path | None
    egress: str | None

    def ground(self, workers: int | None, timeout: float | None, overrides: Overrides) -> AgentsGround:
        """To be entered. `overrides` are this machine's own: they may tell what is the vendor's. Ends the program with
        exit code 2 for an address that is none, or without the extra."""
        needs_the_extra()
        from prober.cluster.link import Link
        from prober.cluster.load.ground import AgentsGround

        place = place_or_exit(self.scheduler, "--scheduler")
        wanted = [name.strip() for name in (self.egress or "all").split(",") if name.strip()]
        link, seconds = Link(place, self.tls), timeout or _TIMEOUT
        return AgentsGround(link, wanted, processes=workers, timeout=seconds, overrides=overrides)


def refuse_contradictions(ctx: typer.Context, elsewhere: Elsewhere | None, target: str | None) -> None:
    """End the program with exit code 2 for options that have no effect here or there."""
    none_here = OF_A_SITE if elsewhere is not None else _OF_AGENTS
    given = [option for parameter, option in none_here.items() if _typed(ctx, parameter)]
    if elsewhere is None:
        errors = [f"{option} needs --scheduler" for option in given]
    else:
        errors = [f"{option} with --scheduler: each agent has its own" for option in given]
        if target == "lab":
            errors.append(
                "--target lab with --scheduler: that origin is this machine's own; run `prober lab origin` where the "
                "agents and the proxies reach it, and give its URL"
            )
    if errors:
        refuse(errors)


def _typed(ctx: typer.Context, parameter: str) -> bool:
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"
