"""How a reload ends: with a new configuration in force, or with every reason why not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from prober.monitor.aside import aside
from prober.monitor.inforce import InForce

log = logging.getLogger(__name__)

PATIENCE: Final = 60.0
"""Seconds that reading a configuration may take, PAC scripts that are fetched for it included."""


class ReloadError(Exception):
    """The new configuration cannot be used; `lines` has every reason."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Another file that is read in the same reload: it comes into force with the configuration or not at all."""

    errors: tuple[str, ...] = ()
    """What is wrong with it."""
    commit: Callable[[], None] = lambda: None
    """Puts it in force; called if nothing is wrong with anything."""


@dataclass(frozen=True, slots=True)
class Reloads:
    """How the last reload went."""

    successful: bool
    succeeded_at: float
    """Seconds since the epoch."""
    errors: tuple[str, ...] = ()
    """Of the last one, if it failed."""


class Reading:
    """Reads a configuration in a thread, one at a time. Raises ReloadError; `patience` is in seconds."""

    def __init__(self, read: Callable[[], InForce], patience: float = PATIENCE) -> None:
        self._read = read
        self._patience = patience
        self._under_way: asyncio.Task[InForce] | None = None

    async def __call__(self) -> InForce:
        """What is in the files now."""
        if self._under_way is None or self._under_way.done():
            reading = asyncio.get_running_loop().create_task(aside(self._read), name="read the configuration")
            reading.add_done_callback(_noted)
            self._under_way = reading
            await asyncio.wait([reading], timeout=self._patience)
            if reading.done():
                return reading.result()
        raise ReloadError(
            [f"it cannot be read within {self._patience:g} s: a disk or the server of a PAC script does not answer"]
        )

    async def beside(self, errors: Sequence[str]) -> InForce:
        """The same; these errors, of another file, count as its own, so that all are told at once."""
        try:
            found = await self()
        except ReloadError as error:
            raise ReloadError([*errors, *error.lines]) from None
        if errors:
            raise ReloadError(errors)
        return found


def _noted(reading: asyncio.Task[InForce]) -> None:
    """Nobody may be left to hear how it went."""
    if not reading.cancelled():
        reading.exception()


def tell_what_stays(before: InForce, fresh: InForce) -> None:
    """Keys that a reload cannot change."""
    old, new = before.loaded.settings.serve, fresh.loaded.settings.serve
    for name in ("listen", "host_names", "web_config", "state", "history"):
        if getattr(old, name) != getattr(new, name):
            log.warning("serve.%s takes effect at the next start, not at a reload", name)
