"""`prober serve`: targets × routes for ever, with Prometheus, /probe and a page."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from prober.cli.options import Shared, Unusable, hops_of, load_or_exit, read_settings, refuse, say, with_shared
from prober.cli.outcome import INCOMPLETE

if TYPE_CHECKING:
    from prober.config import Loaded
    from prober.monitor.inforce import InForce, Shard

EXAMPLES = (
    "Examples: prober serve --via hq=http://10.0.0.6:8080 --geo EU · "
    "prober serve --config prober.yaml --web.listen-address :9464 --web.config.file web.yml · "
    "prober serve --shard 0/3 · prober serve --dry-run · kill -HUP PID (reads the configuration anew)"
)
_WEB = "Web server"
_MOST_HOPS: Final = 1000
"""Hops of former configurations whose passwords are remembered, to be hidden."""

Interval = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Between two probes of a target on a route; 60.")
]
Confirm = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=100, help="Equal results in a row before a state changes; 2.")
]
State = Annotated[Path | None, typer.Option(metavar="FILE", help="Keeps the state over a restart; prober.db.")]
NoState = Annotated[bool, typer.Option("--no-state", help="Keep nothing: a restart begins anew.")]
ShardText = Annotated[
    str,
    typer.Option(
        "--shard", metavar="I/N", envvar="PROBER_SHARD", help="This replica's share of the targets; I from 0 to N-1."
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        "--web.listen-address", metavar="ADDRESS:PORT", rich_help_panel=_WEB, help="Where to listen; 127.0.0.1:9464."
    ),
]
WebConfig = Annotated[
    str | None,
    typer.Option(
        "--web.config.file", metavar="FILE", rich_help_panel=_WEB,
        help="TLS, client certificates and users, in the exporter-toolkit's format.",
    ),
]  # fmt: skip


@with_shared
def serve(
    interval: Interval = None,
    confirm: Confirm = None,
    state: State = None,
    no_state: NoState = False,
    shard: ShardText = "0/1",
    listen: Listen = None,
    web_config: WebConfig = None,
    *,
    shared: Shared,
) -> None:
    """Probe targets over routes for ever: Prometheus metrics, /probe as blackbox_exporter has it, a live page.

    SIGHUP or POST /-/reload reads the configuration anew; SIGTERM or Ctrl-C ends it in order, exit code 0. Exit codes:
    2 usage or configuration error (the address in use, say), 3 it broke.
    """
    further: dict[str, object] = {
        "serve.interval": interval,
        "serve.confirm": confirm,
        "serve.state": None if state is None else str(state),
        "serve.listen": listen,
        "serve.web_config": web_config,
    }
    if no_state and state is not None:
        refuse(["--state, --no-state: give one of them"])
    with _ended_quietly():
        share = _shard(shard)
        loaded = load_or_exit(shared, further)
        start = _in_force(loaded, shared, share)
        if shared.dry_run:
            _show(start)
        else:
            _run(start, _Reading(loaded, shared, further, share), shared, keep_state=not no_state)


@contextlib.contextmanager
def _ended_quietly() -> Iterator[None]:
    """Until the event loop takes them: SIGTERM and SIGINT end it with exit code 0, and a SIGHUP that is too early to be
    a reload does nothing. (The first process of a container would not be ended by a SIGTERM else.)"""

    def end(*_: object) -> None:
        raise typer.Exit

    def pass_by(*_: object) -> None:
        """Not SIG_IGN, which those it starts would inherit."""

    wanted = {"SIGTERM": end, "SIGINT": end, "SIGHUP": pass_by}
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {
        number: signal.signal(number, do)
        for name, do in wanted.items()
        if (number := getattr(signal, name, None)) is not None
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _shard(text: str) -> Shard:
    from prober.monitor.inforce import parse_shard

    try:
        return parse_shard(text)
    except ValueError as error:
        refuse([f"--shard: {error}"])


class _Reading:
    """Reads the configuration anew, for a reload. Raises ReloadError.

    Passwords of former configurations stay hidden in the log: what was seen with them may still be told. Where there
    was a file at the start, there has to be one: while an editor or a mount replaces it, it may be gone or empty for a
    moment, and that is not to mean the defaults.
    """

    def __init__(self, start: Loaded, shared: Shared, further: dict[str, object], shard: Shard) -> None:
        self._file = start.file
        self._said = _says_something(start)
        self._shared = shared if start.file is None else replace(shared, config=Path(start.file))
        self._further = further
        self._shard = shard
        self._hops = dict.fromkeys(hops_of(start.routes))

    def __call__(self) -> InForce:
        from prober.monitor.reloads import ReloadError

        try:
            loaded = read_settings(self._shared, self._further, hidden=self._hops)
            for hop in hops_of(loaded.routes):
                self._hops.pop(hop, None)
                self._hops[hop] = None
            while len(self._hops) > _MOST_HOPS:
                del self._hops[next(iter(self._hops))]
            if self._said and not _says_something(loaded):
                raise ReloadError([f"{self._file} says nothing any more; to have the defaults, start prober anew"])
            return _planned(loaded, self._shared, self._shard)
        except Unusable as error:
            raise ReloadError(error.lines) from None


def _says_something(loaded: Loaded) -> bool:
    """Whether anything in force comes from the file."""
    return any(place.startswith("file ") for place in (*loaded.origin.values(), loaded.routes_origin))


def _in_force(loaded: Loaded, shared: Shared, shard: Shard) -> InForce:
    try:
        return _planned(loaded, shared, shard)
    except Unusable as error:
        refuse(error.lines)


def _planned(loaded: Loaded, shared: Shared, shard: Shard) -> InForce:
    """Raises Unusable."""
    from prober.check.errors import PlanErrors
    from prober.monitor.inforce import put_in_force

    try:
        return put_in_force(loaded, workers=shared.workers or 1, shard=shard, ask_scripts=not shared.dry_run)
    except PlanErrors as error:
        raise Unusable(list(error.errors)) from None


def _show(start: InForce) -> None:
    """What would be probed and how often, one pair a line."""
    from prober.report.sanitize import several

    for pair in start.pairs:
        hops = pair.route.text
        seconds = start.intervals[pair.target.id, pair.route.name]
        typer.echo(f"{pair.target.id}\t{pair.route.name}\t{hops}\tevery {seconds:g} s")
    rate = sum(1 / seconds for seconds in start.intervals.values())
    say(f"{several(len(start.pairs), 'pair')} (shard {start.shard}), {rate:.1f} probes a second")


def _run(start: InForce, read: Callable[[], InForce], shared: Shared, *, keep_state: bool) -> None:
    """Serve until a signal ends it."""
    from prober.engine.crew import MemberError
    from prober.engine.loop import run_loop
    from prober.monitor.memory.store import StoreError
    from prober.monitor.web.listening import ListenError

    try:
        run_loop(_serve(start, read, shared, keep_state=keep_state))
    except (ListenError, StoreError) as error:
        refuse([str(error)])
    except MemberError as error:
        say(f"error: {error}")
        raise typer.Exit(INCOMPLETE) from None


async def _serve(start: InForce, read: Callable[[], InForce], shared: Shared, *, keep_state: bool) -> None:
    from functools import partial

    from prober.cli import logging as cli_logging
    from prober.engine.crew import Crew
    from prober.engine.garbage import set_aside
    from prober.monitor.memory.store import Store
    from prober.monitor.service import Service
    from prober.monitor.site import serve as serve_site
    from prober.monitor.systemd import Notifier
    from prober.monitor.web.access import Access
    from prober.monitor.web.listening import inherited
    from prober.monitor.web.server import Server

    def crew(in_force: InForce) -> Crew:
        hops = hops_of(in_force.plan.rules)
        prepare = partial(
            cli_logging.set_up, shared.log_format.value, verbose=shared.verbose, quiet=shared.quiet, hops=hops
        )
        return Crew(in_force.plan.probe, in_force.plan.workers, prepare=prepare)

    def listening(server: Server) -> None:
        set_aside()
        if not shared.quiet:
            pairs = several(len(start.pairs), "pair")
            say(f"watching {pairs}; listening on {', '.join(server.addresses)}")

    from prober.report.sanitize import several

    settings = start.loaded.settings.serve
    path = Path(settings.state) if settings.state is not None and keep_state else None
    file = None if settings.web_config is None else Path(settings.web_config)
    access = Access(file, names=settings.host_names)
    errors = await access.reload()
    if errors:
        refuse(errors)
    service = Service(start, read, Store(path, history_days=settings.history), make_crew=crew)
    service.after_reload(set_aside)
    await serve_site(
        service,
        access,
        inherited(os.environ) or settings.listen,
        Notifier(os.environ),
        on_ready=listening,
    )
