"""PAC scripts are asked again every so often: what they say changes with their text, with names and with the hour."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from prober.check.errors import PlanErrors
from prober.monitor.aside import aside
from prober.monitor.inforce import InForce, put_in_force
from prober.routes.rules import is_fixed

log = logging.getLogger(__name__)

_NAME: Final = "asking PAC scripts again"


def planned_again(in_force: InForce) -> InForce:
    """The same settings, planned anew. Blocks. Raises PlanErrors."""
    return put_in_force(in_force.loaded, workers=in_force.plan.workers, shard=in_force.shard)


class AskingAgain:
    """Has the configuration in force planned again in a thread, and put in force where that gives other ways.

    `put` puts it in force; `plan` is `planned_again`, but for tests.
    """

    def __init__(
        self,
        put: Callable[[InForce, InForce], Awaitable[None]],
        now: float,
        plan: Callable[[InForce], InForce] = planned_again,
    ) -> None:
        self._put = put
        self._plan = plan
        self._asked_at = now
        self._under_way: asyncio.Task[None] | None = None

    def look(self, in_force: InForce, now: float) -> None:
        """Begin if it is time. `now` is on the monotonic clock."""
        every = in_force.loaded.settings.serve.ask_scripts
        if not every or now - self._asked_at < every or all(map(is_fixed, in_force.plan.rules)):
            return
        if self._under_way is None or self._under_way.done():
            self._asked_at = now
            self._under_way = asyncio.get_running_loop().create_task(self._ask(in_force), name=_NAME)

    async def wait(self) -> None:
        """Until what is under way is over."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way])

    async def close(self) -> None:
        """Wait for nobody any more."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.wait([self._under_way])

    async def _ask(self, before: InForce) -> None:
        try:
            fresh = await aside(lambda: self._plan(before))
        except PlanErrors as error:
            for line in error.errors:
                log.warning("PAC scripts could not be asked again, the ways stay as they were: %s", line)
        except Exception:  # a bug of ours must not end the watching
            log.exception("asking PAC scripts again broke")
        else:
            if fresh.pairs != before.pairs:
                await self._put(before, fresh)
