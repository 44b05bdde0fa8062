"""A worker process: takes a job on standard input, sends each observation on standard output, ends with its input.

Frames are a length of four bytes, big endian, and a pickle. Both ends are the same program with the same user, and
the pipe is theirs alone. End of input means that the parent is gone or wants no more: the run is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import signal
import struct
import sys
from dataclasses import dataclass

from prober.engine.loop import run_loop
from prober.engine.run import Pair, Run
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.model import Observation


@dataclass(frozen=True, slots=True)
class Job:
    """A share of a run."""

    settings: ProbeSettings
    """With limits that are this worker's share."""
    pairs: tuple[Pair, ...]
    attempts: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The share is done."""

    worst_lag: float
    """Seconds."""


Message = tuple[int, Observation] | Finished
"""An index into the job's pairs with what was observed, or the end."""


def frame(message: object) -> bytes:
    """A message with its length in front."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return struct.pack(">I", len(data)) + data


async def read_frame(reader: asyncio.StreamReader) -> object:
    """The next message. Raises asyncio.IncompleteReadError at the end."""
    (size,) = struct.unpack(">I", await reader.readexactly(4))
    return pickle.loads(await reader.readexactly(size))  # noqa: S301 # from the same program, over an own pipe


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    source, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout.buffer)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    job = await read_frame(reader)
    if not isinstance(job, Job):
        raise TypeError(f"expected a Job, got {type(job).__name__}")
    run = Run(
        job.settings, ProxyCertificates(hop for pair in job.pairs for hop in pair.route.hops), attempts=job.attempts
    )
    places = {(pair.target.id, pair.route.name): index for index, pair in enumerate(job.pairs)}

    def send(pair: Pair, observation: Observation) -> None:
        if not writer.is_closing():  # the parent may be gone: the run is about to be cancelled
            writer.write(frame((places[pair.target.id, pair.route.name], observation)))

    work = loop.create_task(run.run(job.pairs, send), name="share of the run")
    parent = loop.create_task(reader.read(), name="wait for the parent to close our input")
    await asyncio.wait([work, parent], return_when=asyncio.FIRST_COMPLETED)
    for task in (work, parent):
        if not task.done():
            task.cancel()
    outcomes = await asyncio.gather(work, parent, return_exceptions=True)
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]
    with contextlib.suppress(ConnectionError, RuntimeError):  # the parent may be gone (uvloop: RuntimeError)
        writer.write(frame(Finished(run.lag.worst)))
        await writer.drain()
    writer.close()
    source.close()


def main() -> None:
    """Entry of the worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    run_loop(_serve())
