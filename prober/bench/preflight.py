"""One probe over each route before any load: does it work at all, and whose certificate is at the other end?

Whatever name or address was given, a target that shows a certificate with one of the vendor's names is not loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prober.bench.safety import Vendor
from prober.engine.run import Pair, Run
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.failures import hint
from prober.model import Observation, Route, Target


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the first probes showed."""

    works: tuple[Route, ...]
    broken: tuple[str, ...]
    """A sentence for each route that does not get through, with what to do."""
    theirs: tuple[str, ...]
    """A sentence for each route at whose end the vendor is."""


async def preflight(
    target: Target, routes: Sequence[Route], settings: ProbeSettings, proxies: ProxyCertificates, vendor: Vendor
) -> Preflight:
    """Probe the target over each route once, with the settings' retries."""
    seen: dict[str, Observation] = {}

    def keep(pair: Pair, observation: Observation) -> None:
        seen[pair.route.name] = observation

    async with Run(settings, proxies) as engine:
        await engine.probe([Pair(target, route) for route in routes], keep)
    works: list[Route] = []
    broken: list[str] = []
    theirs: list[str] = []
    for route in routes:
        observation = seen[route.name]
        name = _vendors(observation, vendor)
        if name is not None:
            theirs.append(
                f"{target.address} over {route.name} shows a certificate for {name}, which is the vendor's and is "
                "never loaded; load an origin of your own, or --target lab"
            )
        elif observation.failure is not None:
            failure = observation.failure
            place = f"{failure.stage.value}, hop {failure.hop}" if failure.hop else failure.stage.value
            broken.append(
                f"{route.name} is not loaded, a single probe over it fails: {failure.reason.value} ({place}): "
                f"{failure.detail}. {hint(failure, route=route, target=target)}"
            )
        else:
            works.append(route)
    return Preflight(tuple(works), tuple(broken), tuple(theirs))


def _vendors(observation: Observation, vendor: Vendor) -> str | None:
    if observation.tls is None or not observation.tls.chain:
        return None
    return vendor.claims_certificate(observation.tls.chain[0])
