"""An observation's stages as a waterfall. Pure."""

from __future__ import annotations

from prober.model import Observation, Route
from prober.report.waterfall import Bar, Waterfall, waterfall

__all__ = ["Bar", "Waterfall", "waterfall_of"]


def waterfall_of(observation: Observation, route: Route) -> Waterfall | None:
    """The stages that were measured; None if nothing was."""
    failure = observation.failure
    return waterfall(
        observation.timings,
        own_name_at=next((n for n, hop in enumerate(route.hops, 1) if hop.scheme.resolves_here), 0),
        failed=None if failure is None else (failure.stage, failure.hop),
    )
