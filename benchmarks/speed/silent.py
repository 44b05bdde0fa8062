"""A peer that accepts every connection and never says a word. A process of its own; prints its port."""

from __future__ import annotations

import asyncio
import resource
import sys

from prober.engine.loop import run_loop

_BACKLOG = 16_384


class _Held(asyncio.Protocol):
    """Takes what comes and keeps nothing of it."""


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Held, "127.0.0.1", 0, backlog=_BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # it ends with its input
    server.close()


def main() -> None:
    """Serve until the input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run_loop(_serve())
