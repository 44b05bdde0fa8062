"""`prober check --scheduler`: the same run at the agents of several egress points."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import typer

from prober.cli.against import against_or_exit
from prober.cli.cluster_options import needs_the_extra, place_or_exit
from prober.cli.options import USAGE, Shared, refuse, say
from prober.cli.outcome import INCOMPLETE, unwritten

if TYPE_CHECKING:
    from prober.check.against import Against
    from prober.check.conduct import Recheck
    from prober.check.live import JsonLines, Listener, Tell
    from prober.check.plan import Chosen, Plan
    from prober.cluster.everywhere import Everywhere
    from prober.cluster.link import AgentThere, Link
    from prober.cluster.planning import Revoking
    from prober.config import Loaded
    from prober.report.document import Run

OF_A_SITE: Final = {
    "via": "--via",
    "resolve": "--resolve",
    "trust_roots": "--trust-roots",
    "pin": "--pin",
    "known_interceptor": "--known-interceptor",
    "client_cert": "--client-cert",
    "ipv4": "-4",
    "ipv6": "-6",
    "concurrency": "--concurrency",
    "timeout": "--timeout",
    "workers": "--workers",
    "retries": "--retries",
    "device": "--device",
    "component": "--component",
    "device_domain": "--device-domain",
}
"""Options that have no effect at agents, by parameter."""
_NOT_THERE: Final = frozenset({"device", "component", "device_domain"})


class Probed(NamedTuple):
    """What a run came to."""

    run: Run
    whole: bool
    """Whether it was carried out to its end, every pair of it."""
    earlier: Against | None
    """What it is compared with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line, beside the shared options."""

    scheduler: str
    tls: Path | None
    targets: list[str]
    attempts: int
    locate: bool
    references: Run | None
    against: Path | None
    revocation: bool
    revocation_route: str | None


def refuse_site_options(ctx: typer.Context) -> None:
    """End the program with exit code 2 for options that are a site's own."""
    errors = []
    for parameter, option in OF_A_SITE.items():
        source = ctx.get_parameter_source(parameter)
        if source is not None and source.name == "COMMANDLINE":
            why = "not for agents yet" if parameter in _NOT_THERE else "each agent has its own (its configuration)"
            errors.append(f"{option} with --scheduler: {why}")
    if errors:
        refuse(errors)


def probe_everywhere(asked: Asked, loaded: Loaded, shared: Shared, lines: JsonLines | None) -> Probed | None:
    """Carry it out; None where it was only to be shown (--dry-run). Ends the program where nothing can begin."""
    needs_the_extra()
    from prober.check.errors import PlanErrors
    from prober.check.plan import choose
    from prober.cluster.errors import ClusterError

    place = place_or_exit(asked.scheduler, "--scheduler")
    try:
        chosen = choose(loaded, asked.targets)
    except PlanErrors as error:
        refuse(list(error.errors))
    if not chosen.targets:
        say("error: nothing to probe: the selection holds no target (prober targets list)")
        raise typer.Exit(USAGE)
    if loaded.routes_given and not shared.quiet:
        say("warning: PROBER_VIA has no effect with --scheduler: each agent has its own routes")
    run = _Everywhere(asked, chosen, shared, loaded.no_direct, lines)
    from prober.cluster.link import Link

    try:
        return run.carried_out(Link(place, asked.tls))
    except ClusterError as error:
        refuse(error.errors)


class _Everywhere:
    def __init__(self, asked: Asked, chosen: Chosen, shared: Shared, no_direct: bool, lines: JsonLines | None) -> None:
        self._asked = asked
        self._chosen = chosen
        self._shared = shared
        self._no_direct = no_direct
        self._lines = lines
        self._everywhere: Everywhere | None = None
        self._earlier: Against | None = None

    def carried_out(self, link: Link) -> Probed | None:
        from prober.check.live import Progress, done
        from prober.report.sanitize import several

        quiet = self._shared.quiet or not sys.stderr.isatty()
        enabled = not quiet and (self._lines is None or not self._lines.to_stdout)
        heading = f"{several(len(self._chosen.targets), 'target')} everywhere"
        with Progress(heading, self._expected, enabled=enabled and not self._shared.dry_run) as progress:
            listeners: list[Listener] = [progress] if self._lines is None else [progress, self._lines]
            try:
                whole = done(lambda tell: self._probe(link, tell), listeners)
            except OSError as error:
                if self._lines is None:
                    raise
                unwritten(error)
                whole = False
        everywhere = self._everywhere
        if everywhere is None:
            if whole:
                return None
            say("error: interrupted before anything was probed")
            raise typer.Exit(INCOMPLETE)
        if not whole:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not cost what was measured
        if self._lines is not None:
            with self._lines as lines:
                for conduct in everywhere.conducts.values():
                    lines.rest(conduct)
        whole = whole and everywhere.complete
        return Probed(everywhere.document(), whole, self._earlier)

    def _expected(self) -> int:
        return 1 if self._everywhere is None else self._everywhere.expected

    async def _probe(self, link: Link, tell: Tell) -> None:
        from prober.cluster.everywhere import Everywhere
        from prober.cluster.planning import plans, sites, survey
        from prober.cluster.words import Question

        asked = self._asked
        wanted = [name.strip() for name in (self._shared.egress or "all").split(",") if name.strip()]
        async with link:
            agents = await sites(link, wanted)
            question = Question(self._chosen.targets, self._no_direct, ask_scripts=not self._shared.dry_run)
            found = await survey(link, agents, question)
            made = plans(
                found,
                self._chosen,
                attempts=asked.attempts,
                locate=asked.locate,
                direct=not self._no_direct,
                baseline=asked.references,
                revocation=self._revoking(link, agents) if asked.revocation else None,
            )
            for name, plan in made.items():
                if not self._shared.quiet:
                    for warning in plan.warnings:
                        say(f"warning: egress {name}: {warning}")
            if self._shared.dry_run:
                _show(made)
                return
            self._everywhere = Everywhere(made, no_direct=self._no_direct, rechecks=self._rechecks(made))
            await self._everywhere.probe(link, agents, tell)

    def _revoking(self, link: Link, agents: Mapping[str, AgentThere]) -> Revoking:
        from prober.cluster.planning import Revoking
        from prober.cluster.ways import ways_of

        return Revoking(
            self._asked.revocation_route,
            {name: ways_of(link, agent.address, no_direct=self._no_direct) for name, agent in agents.items()},
        )

    def _rechecks(self, made: Mapping[str, Plan]) -> dict[str, Recheck]:
        """What to probe once more at each site that the earlier run knows."""
        if self._asked.against is None:
            return {}
        from prober.check.against import Against
        from prober.check.errors import PlanErrors

        self._earlier = against_or_exit(self._asked.against, None)
        found: dict[str, Recheck] = {}
        for name in made:
            try:
                found[name] = Against(self._asked.against, name).doubtful
            except PlanErrors as error:
                say(f"warning: {'; '.join(error.errors)}")
        return found


def _show(made: Mapping[str, Plan]) -> None:
    """What would be probed, one pair a line."""
    from prober.report.sanitize import several

    for name, plan in made.items():
        for pair in plan.pairs:
            typer.echo(f"{name}\t{pair.target.id}\t{pair.route.name}\t{pair.route.text}")
    pairs = sum(len(plan.pairs) * plan.attempts for plan in made.values())
    say(f"{several(pairs, 'probe')} at {several(len(made), 'egress point')}: {', '.join(made)}")
