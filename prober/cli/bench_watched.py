"""What `prober bench` does while it runs: watchers, signals, refusals."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

import typer

from prober.cli.options import refuse, say
from prober.cli.outcome import INCOMPLETE

if TYPE_CHECKING:
    from collections.abc import Callable

    from prober.bench.document import Bench
    from prober.bench.undertaking import Undertaking
    from prober.bench.watching import Watcher
    from prober.cluster.load.ground import AgentsGround


def carry_out(
    undertaking: Undertaking, listen: str | None, *, quiet: bool, elsewhere: AgentsGround | None = None
) -> Bench:
    """Carry it out, watched; `elsewhere` None = from this machine. Ends the program with exit code 2 or 3 where it is
    refused or nothing gets through."""
    import asyncio

    from prober.bench.undertaking import Hindered, Refused, undertake
    from prober.cluster.errors import ClusterError
    from prober.engine.loop import run_loop

    async def undertaken() -> Bench:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 # a coroutine runs in one
        _on_signals(task.cancel)
        async with contextlib.AsyncExitStack() as entered:
            ground = None if elsewhere is None else await entered.enter_async_context(elsewhere)
            return await undertake(undertaking, watchers, lambda conduct: _on_signals(conduct.stop), tell, ground)

    with contextlib.ExitStack() as stack:
        watchers, tell = _watchers(stack, listen, quiet=quiet)
        try:
            return run_loop(undertaken())
        except Refused as error:
            refuse(error.lines)
        except ClusterError as error:
            refuse(error.errors)
        except Hindered as error:
            for line in error.lines:
                say(f"error: {line}")
            raise typer.Exit(INCOMPLETE) from None
        except asyncio.CancelledError:
            say("error: interrupted before anything was loaded")
            raise typer.Exit(INCOMPLETE) from None


def _watchers(
    stack: contextlib.ExitStack, listen: str | None, *, quiet: bool
) -> tuple[list[Watcher], Callable[[str], None]]:
    from prober.bench.live import Lines, Live

    watchers: list[Watcher] = []
    tell: Callable[[str], None] = say
    if not quiet and sys.stderr.isatty():
        live = stack.enter_context(Live(sys.stderr))
        watchers.append(live)
        tell = live.note
    elif not quiet:
        watchers.append(Lines(say))
    if listen is not None:
        watchers.append(_listening(stack, listen, tell))
    return watchers, tell


def _listening(stack: contextlib.ExitStack, listen: str, tell: Callable[[str], None]) -> Watcher:
    from prober.bench.metrics import BenchMetrics, Listening
    from prober.bench.watching import MetricsWatcher
    from prober.config.texts import listen_address

    metrics = BenchMetrics()
    try:
        host, port = listen_address(listen)
        listening = stack.enter_context(Listening(metrics, host, port))
    except ValueError as error:
        refuse([f"--listen {listen}: {error}"])
    except OSError as error:
        refuse([f"--listen {listen}: {error.strerror or error}"])
    tell(f"metrics: http://{listening.host}:{listening.port}/metrics")
    return MetricsWatcher(metrics)


def _on_signals(act: Callable[[], object]) -> None:
    """What Ctrl-C and its like do from now on. Once there are runs they end the one under way: everything is released,
    and what was measured is reported."""
    import asyncio

    if sys.platform == "win32":
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, act)
