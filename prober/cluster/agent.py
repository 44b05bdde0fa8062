"""`prober agent`: a dask worker with its nanny, which probes with this site's settings.

It stays: where the scheduler is not there, or goes, it tries again. The worker process is started anew by the nanny
when it dies; it gets the settings that the agent read when it began, over a pipe of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prober.cluster.authority import Role
from prober.cluster.errors import ClusterError, UnreachableError, behind
from prober.cluster.quiet import settle
from prober.cluster.reach import reach
from prober.cluster.security import Place, own_address, security_for
from prober.cluster.signals import until_signal
from prober.cluster.site import Site
from prober.cluster.words import MARK, PREFIX, SLOTS
from prober.config import Loaded
from prober.engine.tasks import CutShortError, until

_FIRST: Final = 0.5
_LONGEST: Final = 15.0
"""Seconds between two tries to reach a scheduler that is not there."""
_START: Final = 60.0
"""Seconds for the worker to come up and to be known to the scheduler."""
_GOODBYE: Final = 5.0
"""Seconds for the worker to end in good order."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What an agent is started with."""

    place: Place
    """Of the scheduler."""
    folder: Path | None
    """With certificates."""
    loaded: Loaded
    egress: str
    listen: str | None = None
    """An address of this machine at which the scheduler reaches it; None = the one that leads there."""

    async def serve(self, told: Callable[[str], None]) -> None:
        """Offer this egress until a signal; `told` gets sentences. Raises ClusterError."""
        settle()
        security = security_for(self.place, self.folder, Role.AGENT, "--scheduler")
        ending = asyncio.get_running_loop().create_task(
            until_signal(asyncio.get_running_loop()), name="until a signal ends the agent"
        )
        try:
            with contextlib.suppress(CutShortError):
                await until(ending, self._try_first(), "first look at the scheduler")
            wait = _FIRST
            while not ending.done():
                try:
                    await until(ending, reach(self.place, self.folder, Role.AGENT), "look at the scheduler")
                    stayed = await self._offer(security, told, ending)
                    wait = _FIRST if stayed else min(wait * 2, _LONGEST)
                except CutShortError:
                    break
                except ClusterError as error:  # one that ends while it says hello seems to refuse us, too
                    told(f"{error}; trying again")
                    wait = min(wait * 2, _LONGEST)
                if not ending.done():
                    await asyncio.wait([ending], timeout=wait)
        finally:
            ending.cancel()
            await asyncio.wait([ending])

    async def _try_first(self) -> None:
        """Certificates that do not fit end it at once, and an address that is not this machine's; a scheduler that is
        not there yet does not."""
        with contextlib.suppress(UnreachableError):
            address = own_address(self.place, self.listen)
            if self.listen is not None:
                _try_listening(address)
            await reach(self.place, self.folder, Role.AGENT)

    async def _offer(self, security: Any, told: Callable[[str], None], ending: asyncio.Task[None]) -> bool:
        """Work until the scheduler is gone or `ending` is done; whether it came as far as working."""
        with tempfile.TemporaryDirectory(prefix="prober-agent-") as room:
            nanny = self._nanny(security, room)
            try:
                async with asyncio.timeout(_START):
                    await until(ending, _started(nanny), "start of the worker")
            except CutShortError:
                await _close(nanny)
                return False
            except Exception as error:  # noqa: BLE001 # a connection that ends has many types in dask and tornado
                why = f"no answer within {_START:.0f} s" if isinstance(error, TimeoutError) else behind(error)
                told(f"no worker for {self.place.url}: {why}; trying again")
                await _close(nanny)
                return False
            told(f"offering {PREFIX}{self.egress} to {self.place.url}")
            gone = asyncio.get_running_loop().create_task(nanny.finished(), name="until the scheduler is gone")
            try:
                await asyncio.wait([gone, ending], return_when=asyncio.FIRST_COMPLETED)
                if not ending.done():
                    told(f"the scheduler at {self.place.url} is gone; trying again")
            finally:
                await _close(nanny)
                gone.cancel()
                await asyncio.wait([gone])
        return True

    def _nanny(self, security: Any, room: str) -> Any:
        """Not begun yet. Containers may have the same host name, and process number 1: a name is made up for each."""
        from distributed import Nanny

        from prober.cluster.share import SitePlugin

        return Nanny(
            self.place.url,
            nthreads=SLOTS,
            name=f"{self.egress} {socket.gethostname()} {os.getpid()}-{secrets.token_hex(2)}",
            resources={f"{PREFIX}{self.egress}": SLOTS, f"{MARK}{Site(self.loaded, self.egress).mark}": SLOTS},
            security=security,
            host=own_address(self.place, self.listen),
            protocol=self.place.scheme,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
            local_directory=room,
            dashboard=False,
            dashboard_address="127.0.0.1:0",
            plugins=(SitePlugin(self.loaded, self.egress),),
        )


async def _started(nanny: Any) -> None:
    await nanny


def _try_listening(address: str) -> None:
    try:
        socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET).close()
    except OSError as error:
        raise ClusterError([f"--listen {address}: {error.strerror or error}"]) from None


async def _close(nanny: Any) -> None:
    """In good order, else by force."""
    with contextlib.suppress(Exception):  # its worker is gone, or the scheduler: it ends all the same
        async with asyncio.timeout(_GOODBYE + 1):
            await nanny.close(timeout=_GOODBYE)
