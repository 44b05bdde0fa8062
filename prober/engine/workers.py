"""A run over several processes: hosts are dealt out whole, so that all routes of one target stay together in time."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from prober.engine.cpu_wait import worse
from prober.engine.frames import frame, read_frame
from prober.engine.processes import command, ending
from prober.engine.run import OnObservation, Pair
from prober.engine.settings import ProbeSettings
from prober.engine.tasks import to_the_end
from prober.engine.worker import Finished, Job
from prober.model import Observation

_GRACE_SECONDS = 5.0
"""What a worker gets to close its sockets before it is killed."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from prober.engine.worker import main; main()"
"""Not `-m`: run as `__main__`, the module's own messages would be of another type than the parent's."""


class WorkerError(Exception):
    """A worker process ended before its share was done."""


class WorkerPool:
    """Probes batches, as `Run` does, in up to `workers` processes. An asynchronous context, which ends them.

    A process is started when the first pair of its own comes and lives as long as the context. A host stays with its
    process, so that it is resolved once in a run and its limit is kept by one.
    """

    def __init__(self, settings: ProbeSettings, *, workers: int) -> None:
        self._settings = settings
        self._workers = workers
        self._places: dict[str, int] = {}
        self._processes: dict[int, Process] = {}
        self.worst_lag = 0.0
        """How late the event loops were at worst, in seconds, over all processes."""
        self.cpu_wait: float | None = None
        """`Run.cpu_wait` of the process that waited most."""

    @property
    def shortfall(self) -> None:
        """Nothing is left out here: a batch is probed, or an error is raised."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await to_the_end(self._close(), "end of the workers")

    async def _close(self) -> None:
        await asyncio.gather(*(_end(process) for process in self._processes.values()))

    async def probe(self, pairs: Sequence[Pair], on_observation: OnObservation, *, attempts: int = 1) -> None:
        """Probe a batch; as `Run.probe`. Raises WorkerError if a process breaks; then leave the context."""
        if pairs and not self._places:  # the first batch says how many processes share the limits
            self._workers = min(self._workers, len({pair.target.host for pair in pairs}))
        shares = _deal(pairs, self._workers, self._places)
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, share in enumerate(shares):
                    if share:
                        job = Job(share, attempts)
                        tasks.create_task(self._drive(number, job, on_observation), name=f"worker {number + 1}")
        except BaseExceptionGroup as group:
            broken, other = group.split(WorkerError)
            if broken is None or other is not None:
                raise
            raise WorkerError(str(broken.exceptions[0])) from group

    async def _drive(self, number: int, job: Job, on_observation: OnObservation) -> None:
        process = self._processes.get(number)
        messages: list[ProbeSettings | Job] = [job]
        if process is None:
            process = self._processes[number] = await _start()
            messages.insert(0, fair_share(self._settings, self._workers))
        if process.stdin is None or process.stdout is None:
            raise WorkerError("a worker process has no pipes")
        try:
            for each in messages:
                await _send(process.stdin, each)
            while True:
                message = await _next(process.stdout)
                if isinstance(message, Finished):
                    self.worst_lag = max(self.worst_lag, message.worst_lag)
                    self.cpu_wait = worse(self.cpu_wait, message.cpu_wait)
                    break
                index, observation = _observed(message)
                on_observation(job.pairs[index], observation)
        except _Ended as ended:
            await to_the_end(_end(process), "end of a worker")
            raise WorkerError(f"a worker process {ending(process.returncode)} before its share was done") from ended


async def _start() -> Process:
    return await asyncio.create_subprocess_exec(
        *command(_PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


class _Ended(Exception):
    """The other end of the pipes is gone."""


async def _send(stdin: asyncio.StreamWriter, message: ProbeSettings | Job) -> None:
    try:
        stdin.write(frame(message))
        await stdin.drain()
    except (ConnectionError, RuntimeError) as error:  # uvloop says RuntimeError to a pipe that is closed already
        raise _Ended from error


async def _next(stdout: asyncio.StreamReader) -> object:
    try:
        return await read_frame(stdout)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise _Ended from error


def _observed(message: object) -> tuple[int, Observation]:
    match message:
        case (int() as index, Observation() as observation):
            return index, observation
    raise WorkerError(f"a worker process sent a {type(message).__name__}")


async def _end(process: Process) -> None:
    """Close the worker's input, which ends it; else kill it. What it still says is read, so that the pipes close."""
    if process.stdin is not None:
        process.stdin.close()  # communicate() does so from Python 3.12 on
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()


def _deal(pairs: Sequence[Pair], workers: int, places: dict[str, int]) -> list[tuple[Pair, ...]]:
    """Hosts in turn to each worker, whole: the limit of probes per host is kept by one process.

    `places` says whose a host is, and learns it of new ones.
    """
    shares: list[list[Pair]] = [[] for _ in range(workers)]
    for pair in pairs:
        shares[places.setdefault(pair.target.host, len(places) % workers)].append(pair)
    return [tuple(share) for share in shares]


def fair_share(settings: ProbeSettings, workers: int) -> ProbeSettings:
    """Each process's part of the limits, rounded up; the limit per host stays, since no host is dealt to two."""
    return replace(
        settings,
        concurrency=-(-settings.concurrency // workers),
        per_route=-(-settings.per_route // workers),
        rate=None if settings.rate is None else settings.rate / workers,
    )
