"""aiohttp's client in the client process: the way most Python programs would ask."""

from __future__ import annotations

import asyncio

import aiohttp

from benchmarks.speed.client import Meter
from benchmarks.speed.jobs import Spent, StreamsJob


async def ask(job: StreamsJob, meter: Meter) -> Spent:
    """Make the requests: each a new connection and a full handshake, nothing verified, the body read."""
    url = f"https://127.0.0.1:{job.port}/"
    connector = aiohttp.TCPConnector(limit=job.in_flight, force_close=True, ssl=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        await _round(session, url, job.warm, job.in_flight)
        meter.start()
        await _round(session, url, job.probes, job.in_flight)
        return meter.spent(job.probes)


async def _round(session: aiohttp.ClientSession, url: str, count: int, in_flight: int) -> None:
    left = iter(range(count))

    async def go_on() -> None:
        for _ in left:
            async with session.get(url) as answer:
                await answer.read()
                if answer.status != 200:
                    raise SystemExit(f"the origin answered {answer.status}")

    async with asyncio.TaskGroup() as group:
        for number in range(in_flight):
            group.create_task(go_on(), name=f"requests {number}")
