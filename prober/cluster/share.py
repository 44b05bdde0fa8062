"""What an agent's worker process does: it holds the site, answers surveys, and probes shares.

A share runs in a thread of dask's with an event loop of its own. dask cannot stop a thread, so the share looks a few
times a second whether anybody still waits for it: a client that cancelled or died, a scheduler that gave this worker
up, all of them show as a task that is not executing any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from distributed import Worker, WorkerPlugin, get_worker

from prober.cluster.cargo import packed
from prober.cluster.load.session import Session
from prober.cluster.site import Site
from prober.cluster.words import Brought, Identity, Question, Share, Surveyed, identity
from prober.config import Loaded
from prober.engine.garbage import set_aside
from prober.engine.loop import run_loop
from prober.engine.nobody import answering
from prober.engine.run import Pair, Run
from prober.model import Observation, Route, Target

PLUGIN: Final = "prober-site"
_LOOK: Final = 0.25
"""Seconds between two looks whether a share is still wanted."""


class SitePlugin(WorkerPlugin):
    """Gives a worker process its site. It travels from the agent to its child over a pipe of their own."""

    name = PLUGIN

    def __init__(self, loaded: Loaded, egress: str) -> None:
        self._loaded = loaded
        self._egress = egress
        self.site: Site | None = None
        self.loading: Session | None = None
        """The benchmark whose load is made here."""

    @property
    def its_site(self) -> Site:
        """Once it is set up."""
        if self.site is None:
            raise RuntimeError("this worker is no agent of prober")
        return self.site

    def setup(self, worker: Worker) -> None:
        """Called once by dask in the worker process."""
        self.site = Site(self._loaded, self._egress)
        set_aside()

    async def teardown(self, worker: Worker) -> None:
        """Called by dask when the worker ends in good order."""
        if self.loading is not None:
            await self.loading.close()


def plugin_of(worker: Worker) -> SitePlugin:
    """The site's part of a worker process."""
    plugin = worker.plugins.get(PLUGIN)
    if not isinstance(plugin, SitePlugin):
        raise RuntimeError("this worker is no agent of prober")
    return plugin


def _site(worker: Worker) -> Site:
    return plugin_of(worker).its_site


def who(dask_scheduler: Any = None) -> Identity:  # the name makes dask hand the scheduler in
    """What runs at the other end."""
    return identity()


async def survey(question: Question, dask_worker: Worker) -> Surveyed:
    """The site's answer. Beside the shares under way, in a thread of its own."""
    return await asyncio.to_thread(_site(dask_worker).survey, question)


async def way(rule: str, target: Target, no_direct: bool, dask_worker: Worker) -> Route | None:
    """`Site.way`, in a thread of its own."""
    return await asyncio.to_thread(_site(dask_worker).way, rule, target, no_direct=no_direct)


async def strangers(dask_worker: Worker) -> tuple[str, ...]:
    """Places at which nobody is that answer here all the same: `prober.engine.nobody`."""
    return await answering()


def probe_share(share: Share) -> Brought:
    """Probe it. Raises `UnlikeError` for a share made for other settings than this site's."""
    worker = get_worker()
    site = _site(worker)
    key = worker.get_current_task()
    pairs = site.pairs(share)

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state in ("executing", "long-running")

    return run_loop(_probe(site, share, pairs, wanted))


async def _probe(site: Site, share: Share, pairs: list[Pair], wanted: Callable[[], bool]) -> Brought:
    places = {id(pair): place for place, pair in enumerate(pairs)}
    seen: list[tuple[int, Observation]] = []

    def keep(pair: Pair, observation: Observation) -> None:
        seen.append((places[id(pair)], observation))

    gate = site.proxies()
    gate.know(hop for pair in pairs for hop in pair.route.every_hop)
    async with Run(site.probe_settings(share.of), gate) as run:
        work = asyncio.get_running_loop().create_task(
            run.probe(pairs, keep, attempts=share.attempts), name=f"share of {share.egress}"
        )
        try:
            while not work.done():
                await asyncio.wait([work], timeout=_LOOK)
                if not wanted():
                    break
            else:
                work.result()
        finally:
            work.cancel()
            await asyncio.wait([work])
    return packed(seen, run.worst_lag, run.cpu_wait)
