"""The whole of `prober serve`: the service behind its web server, signals, systemd. Put together here, run by the
command line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

from aiohttp import web

from prober import __version__
from prober.check.conduct import program
from prober.check.plan import Plan
from prober.engine.run import Pair
from prober.engine.terms import Probed, Terms
from prober.monitor.blackbox.endpoint import probe_routes
from prober.monitor.blackbox.scope import ProbeScope, probe_scope
from prober.monitor.board import Board
from prober.monitor.inforce import InForce
from prober.monitor.memory.history import Recorded
from prober.monitor.metrics.exposition import Exposition
from prober.monitor.metrics.facts import Build, ProcessFacts
from prober.monitor.page.api import api_routes
from prober.monitor.page.live import Live
from prober.monitor.page.page import page_routes
from prober.monitor.page.source import Status, TransitionQuery
from prober.monitor.service import Service
from prober.monitor.state import PairKey
from prober.monitor.systemd import Notifier
from prober.monitor.web.access import Access
from prober.monitor.web.app import make_app
from prober.monitor.web.metrics import metrics_routes
from prober.monitor.web.server import Server

log = logging.getLogger(__name__)

_QUIET: Final = 3600.0
"""Seconds between two signs of life where systemd wants none."""
_ANSWERS: Final = 1.0
"""Seconds that answers under way get at the end: the grace for probes has passed by then."""


class Source:
    """The service, as the page and the API read it."""

    def __init__(self, service: Service, access: Access) -> None:
        self._service = service
        self._access = access

    @property
    def board(self) -> Board:
        """The state of every pair."""
        return self._service.board

    @property
    def plan(self) -> Plan:
        """What is in force."""
        return self._service.in_force.plan

    def now(self) -> float:
        """The wall clock: seconds since the epoch."""
        return time.time()

    def interval(self, key: PairKey) -> float:
        """Seconds between two probes of a pair in force."""
        return self._service.interval(key)

    def status(self) -> Status:
        """How the prober itself fares."""
        service = self._service
        now = time.monotonic()
        return Status(
            version=__version__,
            started=service.started_at,
            ready=service.ready,
            in_flight=service.in_flight,
            late=service.lateness.high(now),
            lag=service.lag.high(now, 0.0),
            skipped=service.skipped,
            workers=service.in_force.plan.workers,
            restarts=service.worker_restarts,
            lost=service.counters.probes_lost,
            reload_ok=is_newest(service, self._access),
            reload_at=service.reloads.succeeded_at,
            reload_errors=len({*service.reloads.errors, *self._access.trouble}),
            store=None if service.store.path is None else str(service.store.path),
            store_trouble=service.store.trouble,
        )

    async def transitions(self, query: TransitionQuery) -> Sequence[Recorded]:
        """Changes of state, newest first."""
        return await self._service.store.transitions(
            target=query.target,
            route=query.route,
            track=query.track,
            since=query.since,
            until=query.before,
            before=query.cursor,
            limit=query.limit,
        )


def is_newest(service: Service, access: Access) -> bool:
    """Whether the newest of all configuration is in force: the last reload worked, and so did what is read without one
    (the web configuration, certificates and keys)."""
    return service.reloads.successful and not access.trouble


def facts_of(service: Service, access: Access) -> Callable[[], ProcessFacts]:
    """What the program says of itself at a scrape."""
    build = Build(openssl=program().openssl)

    def facts() -> ProcessFacts:
        return ProcessFacts(
            pairs=len(service.board.pairs),
            in_flight=service.in_flight,
            restarts=service.worker_restarts,
            skipped=service.skipped,
            lags=service.lags(),
            usages=service.workers.usages,
            reload_ok=is_newest(service, access),
            reload_at=service.reloads.succeeded_at,
            store_ok=None if service.store.path is None else service.store.trouble is None,
            shard=service.in_force.shard.number,
            shards=service.in_force.shard.count,
            build=build,
        )

    return facts


class Probing:
    """What /probe may do, as of the configuration in force."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._of: InForce | None = None
        self._scope: ProbeScope | None = None

    def __call__(self) -> ProbeScope:
        """The scope in force, made once for each configuration."""
        in_force = self._service.in_force
        if self._scope is None or self._of is not in_force:
            plan = in_force.plan
            self._scope = probe_scope(in_force.loaded, plan.targets, plan.judge, in_force.modules, self._ask)
            self._of = in_force
        return self._scope

    async def _ask(self, pair: Pair, terms: Terms) -> Probed | None:
        return await self._service.crew.ask(pair, terms)


def make_site(service: Service, access: Access, live: Live) -> web.Application:
    """The application with all its pages. `live` is closed by whoever made it."""
    source = Source(service, access)
    exposition = Exposition(service.board, service.counters, facts_of(service, access), service.interval)
    routes = [
        *metrics_routes(exposition),
        *page_routes(source, live),
        *api_routes(source, live),
        *probe_routes(Probing(service)),
    ]

    async def reload() -> Sequence[str]:
        return await service.reload(access.prepare)

    return make_app(routes, access=access, ready=lambda: service.ready, reload=reload)


async def serve(
    service: Service,
    access: Access,
    listen: str | Sequence[socket.socket],
    notifier: Notifier,
    *,
    on_ready: Callable[[Server], None] = lambda _: None,
) -> None:
    """Watch and answer until SIGTERM or SIGINT; SIGHUP reloads. A second SIGINT or SIGTERM does not wait, and one while
    it starts ends it at once: signals are taken from the beginning.

    Raises ListenError, StoreError or MemberError where it cannot begin.
    """
    signals = Signals()
    with signals.taken():
        whole = _begin(_serve(service, access, listen, notifier, signals, on_ready), "serve")
        signals.on_end = whole.cancel
        try:
            await whole
        except asyncio.CancelledError:
            if not signals.ended:
                raise


async def _serve(
    service: Service,
    access: Access,
    listen: str | Sequence[socket.socket],
    notifier: Notifier,
    signals: Signals,
    on_ready: Callable[[Server], None],
) -> None:
    async with service:
        live = Live(Source(service, access))  # of the state that was taken up
        server = Server(make_site(service, access, live), listen, access=access, grace=_ANSWERS)
        watching = _begin(service.watch(), "watch")

        def end() -> None:
            if service.stopping:
                watching.cancel()
            else:
                notifier.stopping()
                service.stop()
                live.close()

        signals.on_end = end
        tasks = [watching]
        try:
            async with server:
                tasks.append(_begin(_reload_on(signals.reload, service, access, notifier), "reload on SIGHUP"))
                tasks.append(_begin(_alive(notifier), "signs of life"))
                if not service.stopping:
                    notifier.ready(_status(service, access))
                    on_ready(server)
                await asyncio.wait([watching])
        finally:
            live.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    if not watching.cancelled():
        watching.result()


def _begin(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work, name=name)


class Signals:
    """What the system asks for: SIGTERM and SIGINT the end, SIGHUP a reload."""

    def __init__(self) -> None:
        self.reload = asyncio.Event()
        self.ended = False
        self.on_end: Callable[[], object] = lambda: None
        """Called for each signal to end."""

    def _end(self) -> None:
        self.ended = True
        self.on_end()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take them, where the system has them."""
        if sys.platform == "win32":
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._end)
        loop.add_signal_handler(signal.SIGTERM, self._end)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)


async def _reload_on(wanted: asyncio.Event, service: Service, access: Access, notifier: Notifier) -> None:
    """Reload each time it is wanted. Whatever comes of it, the next one is heard."""
    while not service.stopping:
        await wanted.wait()
        wanted.clear()
        notifier.reloading()
        try:
            await service.reload(access.prepare)
        except Exception:
            log.exception("the reload broke")
        if not service.stopping:
            notifier.ready(_status(service, access))


async def _alive(notifier: Notifier) -> None:
    """Tell systemd that the loop runs; it restarts a process of which it hears nothing."""
    while True:
        notifier.alive()
        await asyncio.sleep(notifier.watchdog_interval or _QUIET)


def _status(service: Service, access: Access) -> str:
    return f"{len(service.board.pairs)} pairs" + ("" if is_newest(service, access) else "; the last reload failed")
