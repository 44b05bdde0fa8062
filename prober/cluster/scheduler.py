"""`prober scheduler`: dask's scheduler with our certificates and without its web pages, until a signal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from prober.cluster.authority import Role
from prober.cluster.errors import ClusterError, behind
from prober.cluster.quiet import settle
from prober.cluster.security import Place, security_for
from prober.cluster.signals import until_signal


async def serve_scheduler(place: Place, folder: Path | None, told: Callable[[str], None]) -> None:
    """Serve at a place until a signal; `told` gets the address once it is in use. Raises ClusterError."""
    settle()
    security = security_for(place, folder, Role.SCHEDULER, "--listen")
    from distributed import Scheduler

    scheduler = Scheduler(
        host=place.host,
        port=place.port,
        protocol=place.scheme,
        security=security,
        dashboard=False,
        dashboard_address="127.0.0.1:0",  # dask opens a web server, whose pages `settle` takes away
    )
    try:
        await scheduler
    except (OSError, RuntimeError) as error:
        await scheduler.close()
        why = behind(error)
        if not isinstance(why, OSError):
            raise
        raise ClusterError([f"--listen {place.url}: {why.strerror or why}"]) from None
    try:
        told(str(scheduler.address))
        await until_signal(asyncio.get_running_loop())
    finally:
        await scheduler.close()
