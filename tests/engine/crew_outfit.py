"""What the processes of a crew under test are prepared with. By import: a process must find it by its name."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Any

from prober.engine.probe import Prober
from prober.engine.terms import Terms
from prober.model import Observation, Target


def speak(text: str) -> None:
    """Set up logging in a form of its own, say something, and print what must not come between frames."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=f"<{text}> %(levelname)s %(message)s", force=True)
    logging.getLogger("crew").info("prepared")
    print("printed by a library")  # noqa: T201 # the point


def fail() -> None:
    """Break at the start."""
    raise RuntimeError("cannot be prepared")


def stand_still() -> None:
    """Hang at the start."""
    os.kill(os.getpid(), signal.SIGSTOP)


def die_of_poison() -> None:
    """Die of any host whose name says so, as a fault in a library would have it."""
    probe_on = Prober.probe_on

    async def probe(self: Prober, terms: Terms, target: Target, *others: Any) -> tuple[Observation, str | None]:
        if target.host.startswith("poison"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if target.host.startswith("strange"):
            await probe_on(self, terms, target, *others)
            return Observation(target=target.id, route="\udcff", at=0.0), None
        return await probe_on(self, terms, target, *others)

    Prober.probe_on = probe  # type: ignore[method-assign, assignment] # in this process only
