"""The ways of one route, taken in turn: the next one where a way's first stop could not be connected.

A list of ways is what a PAC script returns, and what a device's settings come to. Browsers and Windows go on to the
next entry when the connection to a proxy cannot be made, and only then: a proxy that answers, be it with 403 or 407,
has answered. All ways share one deadline. To be connected each but the last has its even share of what is left, so that
a proxy which drops packets leaves time for the others; one that is connected has all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from prober.model import Failure, Observation, Route, Stage

_CONNECTING: Final = frozenset({Stage.DNS, Stage.CONNECT, Stage.PROXY_TLS})


class Ways:
    """Goes through the ways of `route` within `timeout` seconds."""

    def __init__(self, route: Route, timeout: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._route = route
        self._timeout = timeout
        self._monotonic = monotonic
        self._begun = monotonic()
        self._passed: list[Failure] = []
        self._attempts = 0

    def next(self) -> tuple[Route, float, float]:
        """The way to take now, the seconds it has, and those of them in which its first stop is to be connected."""
        failed = len(self._passed)
        left = max(0.0, self._timeout - (self._monotonic() - self._begun)) if failed else self._timeout
        return self._route.after(failed), left, left / (self._route.choices - failed)

    def told(self, observation: Observation) -> Observation | None:
        """What a way came to: the observation that stands, or None if the next way is to be taken."""
        failed = len(self._passed)
        last = failed + 1 == self._route.choices
        failure = observation.failure
        if failure is not None and not last and cannot_connect(failure, self._route.after(failed)):
            self._passed.append(failure)
            self._attempts += observation.attempts
            return None
        if not failed:
            return observation
        return replace(observation, attempts=observation.attempts + self._attempts, passed_over=tuple(self._passed))


def cannot_connect(failure: Failure, way: Route) -> bool:
    """Whether the first stop of a way, its proxy or the target itself, could not be connected."""
    return is_connecting(failure.stage, failure.hop, way)


def is_connecting(stage: Stage, hop: int, way: Route) -> bool:
    """Whether this step is one of connecting the first stop of a way."""
    return stage in _CONNECTING and hop == (1 if way.hops else 0)
