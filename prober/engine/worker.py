"""A worker process: takes jobs on standard input, sends observations on standard output, ends with its input.

First come the settings, then one job after another, each when the one before is finished.
End of input means that the parent is gone or wants no more: what is under way is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from dataclasses import dataclass

from prober.engine.frames import frame, read_frame
from prober.engine.garbage import set_aside
from prober.engine.loop import run_loop
from prober.engine.run import Pair, Run
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.model import Observation


@dataclass(frozen=True, slots=True)
class Job:
    """A share of a batch."""

    pairs: tuple[Pair, ...]
    attempts: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The share is done."""

    worst_lag: float
    """Seconds."""
    cpu_wait: float | None
    """`Run.cpu_wait`."""


Message = tuple[int, Observation] | Finished
"""An index into the job's pairs with what was observed, or the end."""


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    source, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout.buffer)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    settings = await read_frame(reader)  # with limits that are this worker's share
    if not isinstance(settings, ProbeSettings):
        raise TypeError(f"expected ProbeSettings, got {type(settings).__name__}")
    proxies = ProxyCertificates(())
    async with Run(settings, proxies) as run:
        job = await _next_job(reader)
        while job is not None:
            proxies.know(hop for pair in job.pairs for hop in pair.route.every_hop)
            job = await _work(run, job, reader, writer)
    writer.close()
    source.close()


async def _next_job(reader: asyncio.StreamReader) -> Job | None:
    """None at the end of input."""
    try:
        job = await read_frame(reader)
    except asyncio.IncompleteReadError:
        return None
    if not isinstance(job, Job):
        raise TypeError(f"expected a Job, got {type(job).__name__}")
    return job


async def _work(run: Run, job: Job, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Job | None:
    """Do a job and tell its end; returns the next one, or None if there is none or the parent does not wait for it."""
    loop = asyncio.get_running_loop()
    places = {pair.key: index for index, pair in enumerate(job.pairs)}

    def send(pair: Pair, observation: Observation) -> None:
        if not writer.is_closing():  # the parent may be gone: the job is about to be cancelled
            writer.write(frame((places[pair.key], observation)))

    work = loop.create_task(run.probe(job.pairs, send, attempts=job.attempts), name="share of a batch")
    following = loop.create_task(_next_job(reader), name="wait for the next job, or for the end of our input")
    await asyncio.wait([work, following], return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        work.cancel()
        await asyncio.wait([work])
    if work.cancelled() or work.exception() is not None:
        following.cancel()
        await asyncio.wait([following])
    if work.cancelled():
        return None
    work.result()
    with contextlib.suppress(ConnectionError, RuntimeError):  # the parent may be gone (uvloop: RuntimeError)
        writer.write(frame(Finished(run.worst_lag, run.cpu_wait)))
        await writer.drain()
    return await following


def main() -> None:
    """Entry of the worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    set_aside()
    run_loop(_serve())
