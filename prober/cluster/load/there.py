"""What an agent's worker does for a benchmark when it is asked: dask calls these on the worker's loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from distributed import Worker

from prober import catalog
from prober.bench.ground import looked_from
from prober.bench.machine import machine
from prober.bench.preflight import Preflight, preflight
from prober.bench.safety import Vendor
from prober.cluster.load.loopback import loopback
from prober.cluster.load.session import Numbered, Said, Session
from prober.cluster.load.words import About, Clock, LookedThere, Prepared, Unable, Wanted
from prober.cluster.share import plugin_of
from prober.cluster.words import identity
from prober.engine.load.generators import sources_of
from prober.engine.load.sources import local_ports
from prober.engine.load.way import CannotBeginError, Way, find_way
from prober.engine.loop import run_loop
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.model import Reason, Route, Stage, Target
from prober.routes.overrides import Overrides

T = TypeVar("T")


def _settings(worker: Worker, timeout: float) -> ProbeSettings:
    """This site's own resolver, family and overrides."""
    return replace(plugin_of(worker).its_site.probe_settings(1), timeout=timeout, retries=1)


async def _aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """On a loop of its own in a thread: probes want the loop that all of prober runs on."""
    return await asyncio.to_thread(lambda: run_loop(work()))


async def about(dask_worker: Worker) -> About:
    """What this machine is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    no_direct = plugin_of(dask_worker).its_site.no_direct
    return About(identity(), cores, await asyncio.to_thread(machine), no_direct, loopback())


async def look_there(target: Target, routes: Sequence[Route], seconds: float, dask_worker: Worker) -> LookedThere:
    """Where everything is from here. `seconds` is the limit of one operation."""

    async def looking() -> LookedThere:
        vendor = Vendor(catalog.load().entries)
        looked, theirs = await looked_from(_settings(dask_worker, seconds), target, routes, vendor)
        return LookedThere(looked, tuple(theirs))

    return await _aside(looking)


async def try_there(
    target: Target, routes: Sequence[Route], overrides: Overrides, seconds: float, dask_worker: Worker
) -> Preflight:
    """One probe over each route from here, of so many `seconds` at most."""

    async def trying() -> Preflight:
        settings = replace(_settings(dask_worker, seconds), overrides=overrides)
        hops = [hop for route in routes for hop in route.every_hop]
        return await preflight(target, routes, settings, ProxyCertificates(hops), Vendor(catalog.load().entries))

    return await _aside(trying)


async def prepare(wanted: Wanted, dask_worker: Worker) -> Prepared | Unable:
    """Start what processes are missing, and find the way."""
    plugin = plugin_of(dask_worker)
    session = plugin.loading
    if session is not None and session.token != wanted.token and not session.is_over:
        return Unable(Stage.CONFIG, 0, Reason.INTERNAL, "it makes the load of another benchmark")
    if session is None or session.token != wanted.token or session.is_over:
        session = plugin.loading = Session(wanted.token)
    session.get_ready()

    async def finding() -> Way | Unable:
        settings = replace(_settings(dask_worker, wanted.load.timeout), overrides=wanted.overrides)
        try:
            return await find_way(wanted.target, wanted.route, settings)
        except CannotBeginError as error:
            return error.failure

    way = await _aside(finding)
    if isinstance(way, Unable):
        return way
    await session.start(wanted.processes)
    return Prepared(way, sources_of(wanted.load, way), local_ports(), session.said)


def _session(worker: Worker, token: str) -> Session:
    session = plugin_of(worker).loading
    if session is None or session.token != token or session.is_over:
        raise RuntimeError("this benchmark has ended here: nobody asked for it any more")
    return session


async def clock(token: str, dask_worker: Worker) -> Clock:
    """What time it is here."""
    _session(dask_worker, token).get_ready()
    return Clock(time.perf_counter(), time.time())


async def tell(token: str, messages: Sequence[Numbered], dask_worker: Worker) -> float:
    """`Session.tell`."""
    return _session(dask_worker, token).tell(messages)


async def hear(token: str, known: int, dask_worker: Worker) -> list[Said]:
    """`Session.hear`."""
    return await _session(dask_worker, token).hear(known)


async def leave(token: str, dask_worker: Worker) -> None:
    """End the benchmark here."""
    session = plugin_of(dask_worker).loading
    if session is not None and session.token == token:
        await session.close()
