"""Processes that probe: how they end."""

from __future__ import annotations

import asyncio
import sys

from prober.engine.workers import _end


async def test_a_worker_is_told_to_end_before_it_is_killed() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; sys.stdin.read()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await _end(process)
    assert process.returncode == 0
