"""What is told of a probe that came to nothing through a fault of the prober's own: it is seen, and says so itself."""

from __future__ import annotations

import time

from prober.engine.run import Pair
from prober.model import Failure, Observation, Reason, Stage


def broken(pair: Pair, detail: str, at: float | None = None) -> Observation:
    """An observation of stage local, reason internal, which says nothing about the network. `at` is when it began:
    seconds since the epoch, None = now."""
    return Observation(
        target=pair.target.id,
        route=pair.route.name,
        at=time.time() if at is None else at,
        failure=Failure(Stage.LOCAL, 0, Reason.INTERNAL, detail),
        purpose=pair.purpose,
    )
