"""Probes that came to nothing: those lost with their workers are made again, each time later, and after the third time
in a row that is said; those that timed out while a worker stood still are made once more.

The engine makes a probe that was there at several deaths alone (`prober.engine.crew_alone`); here is counted when there
has been nothing to see of a pair for too long.
"""

from __future__ import annotations

from typing import Final

from prober.engine.broken import broken
from prober.engine.run import Pair
from prober.engine.terms import Probed
from prober.model import Observation, Reason
from prober.monitor.state import PairKey

GIVEN_UP: Final = 3
"""Losses in a row after which that is what is known of a pair."""
AGAIN: Final = 1.0
"""Seconds until a probe is made again that was lost for the first time, or not believed."""
_STANDING: Final = 0.2
"""Share of its time that a probe may lose to a worker that stands still."""
_TIMEOUTS: Final = frozenset(
    {Reason.DNS_TIMEOUT, Reason.TCP_TIMEOUT, Reason.PROXY_TIMEOUT, Reason.TLS_TIMEOUT, Reason.HTTP_TIMEOUT}
)


class Losses:
    """What is to be done about them, by pair."""

    def __init__(self) -> None:
        self._counts: dict[PairKey, int] = {}
        self._doubted: set[PairKey] = set()
        """Pairs whose last probe was not believed."""

    def lost(self, key: PairKey, interval: float, place: float) -> float | None:
        """Once more. Seconds until it is made again, twice as many each time, the interval at most; None = it is not,
        but waits for its slot. `place`, in [0, 1), sets those apart that were lost at once."""
        before = self._counts.get(key, 0)
        self._counts[key] = before + 1
        if before + 1 >= GIVEN_UP:
            return None
        return min(interval, AGAIN * (1 << before) * (1 + place / 2))

    def said(self, pair: Pair, at: float) -> Observation:
        """What is known then. `at`: seconds since the epoch."""
        count = self._counts[pair.target.id, pair.route.name]
        return broken(
            pair, f"the worker process ended {count} times in a row while this was probed; the log says how", at
        )

    def doubtful(self, key: PairKey, probed: Probed, timeout: float) -> bool:
        """Whether a probe timed out while its worker stood still for a good part of the time: then nothing is known,
        and it is made again. What comes of that counts in any case."""
        self._counts.pop(key, None)
        failure = probed.observation.failure
        standing = probed.stood_still > _STANDING * timeout
        if standing and failure is not None and failure.reason in _TIMEOUTS and key not in self._doubted:
            self._doubted.add(key)
            return True
        self._doubted.discard(key)
        return False

    def forget(self, key: PairKey) -> None:
        """Nobody wants to know any more."""
        self._counts.pop(key, None)
        self._doubted.discard(key)
