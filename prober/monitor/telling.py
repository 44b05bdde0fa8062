"""What the log is told of the watching: changes that were confirmed, and what somebody should put right."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from pathlib import Path
from typing import Final

from prober.model import Failure
from prober.monitor.inforce import InForce
from prober.monitor.state import Transition
from prober.report.sanitize import sanitize, several

log = logging.getLogger(__name__)
_LONGEST: Final = 500
"""Characters of what somebody else wrote."""
_MOST: Final = 20
"""Lines about routes without a way."""


def tell_transition(transition: Transition) -> None:
    """One line for each."""
    log.warning(
        "%s over %s: %s was %s, is %s%s",
        transition.target,
        transition.route,
        transition.track,
        transition.before,
        transition.after,
        f": {sanitize(transition.detail)}" if transition.detail else "",
    )


def warn_of_hanging(in_force: InForce) -> None:
    """Say beforehand if the schedule could not be kept while nothing answers."""
    for each in in_force.hanging:
        log.warning(
            "if nothing answered, %d probes would be in flight%s, and probe.%s allows %d: "
            "the schedule would slip; raise it, or serve.interval, or lower probe.timeout",
            math.ceil(each.probes),
            f" {sanitize(each.where)}" if each.where else "",
            each.setting,
            each.allowed,
        )


def warn_of_scripts(in_force: InForce) -> None:
    """Say what is odd about PAC scripts, and which routes have no way because of them until the next reload."""
    plan = in_force.plan
    for warning in plan.warnings:
        if warning not in in_force.loaded.warnings:  # those are told by whoever read the configuration
            log.warning("%s", sanitize(warning, limit=_LONGEST))
    lost: dict[tuple[str, Failure], int] = {}
    for pair in in_force.pairs:
        if pair.route.problem is not None:
            key = pair.route.name, pair.route.problem
            lost[key] = lost.get(key, 0) + 1
    for (route, problem), count in list(lost.items())[:_MOST]:
        log.warning(
            "route %s has no way for %s until a reload finds one: %s (%s)",
            route,
            several(count, "target"),
            problem.reason,
            sanitize(problem.detail, limit=_LONGEST),
        )


def warn_of_another_name(in_force: InForce, path: Path | None, known: Collection[str]) -> None:
    """Say if the state file is of other egress points only and this one's name is only the host's: that of a container
    is another one with each start, and its state is found no more. `known` are the egress points in the file."""
    egress = in_force.loaded.settings.egress
    if not known or egress in known or in_force.loaded.origin.get("egress") != "default":
        return
    names = sorted(map(sanitize, known))
    log.warning(
        "%s has no state of egress %s, only of %s: none is configured: it is the host name, and that has changed. "
        "To go on with that state and its time series, set egress to %s (--egress, PROBER_EGRESS or the configuration)",
        path,
        sanitize(egress),
        ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else ""),
        names[0] if len(names) == 1 else "one of them",
    )
