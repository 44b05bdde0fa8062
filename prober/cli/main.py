"""The `prober` command: its subcommands, and what happens to what they let through. Heavy modules stay in commands."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from typing import Annotated, Final, NoReturn

import typer

from prober import __version__
from prober.cli import (
    agent,
    bench,
    check,
    cluster,
    config,
    demo,
    diff,
    explain,
    init,
    judge,
    lab,
    merge,
    report,
    routes,
    scheduler,
    serve,
    targets,
)
from prober.cli.options import abandon_stdout

INCOMPLETE = 3
"""Exit code of a run that could not be completed."""
_TYPER_INTERRUPTED: Final = 130
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
PANEL_RUN = "Probe"
PANEL_MANY = "Many egress points"
PANEL_KNOW = "Know"
PANEL_TRY = "Try"

app = typer.Typer(
    name="prober",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    help="Does every Microsoft Defender endpoint get through every way out of this network, and who broke it?",
    epilog="Start with: prober demo · prober check --via hq=http://10.0.0.6:8080 --geo EU · prober init",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"prober {__version__}")  # noqa: T201 # what --version is for
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


app.command("check", epilog=check.EXAMPLES, rich_help_panel=PANEL_RUN)(check.check)
app.command("serve", epilog=serve.EXAMPLES, rich_help_panel=PANEL_RUN)(serve.serve)
app.command("bench", epilog=bench.EXAMPLES, rich_help_panel=PANEL_RUN)(bench.bench)
app.command("judge", epilog=judge.EXAMPLES, rich_help_panel=PANEL_RUN)(judge.judge)
app.command("report", epilog=report.EXAMPLES, rich_help_panel=PANEL_RUN)(report.report)
app.command("diff", cls=diff.TwoSides, epilog=diff.EXAMPLES, rich_help_panel=PANEL_RUN)(diff.diff)
app.command("merge", epilog=merge.EXAMPLES, rich_help_panel=PANEL_RUN)(merge.merge)
app.command("scheduler", epilog=scheduler.EXAMPLES, rich_help_panel=PANEL_MANY)(scheduler.scheduler)
app.command("agent", epilog=agent.EXAMPLES, rich_help_panel=PANEL_MANY)(agent.agent)
app.add_typer(cluster.app, name="cluster", rich_help_panel=PANEL_MANY)
app.add_typer(targets.app, name="targets", rich_help_panel=PANEL_KNOW)
app.add_typer(routes.app, name="routes", rich_help_panel=PANEL_KNOW)
app.add_typer(config.app, name="config", rich_help_panel=PANEL_KNOW)
app.command("explain", context_settings=explain.CONTEXT_SETTINGS, rich_help_panel=PANEL_KNOW)(explain.explain)
app.command("init", rich_help_panel=PANEL_TRY)(init.init)
app.add_typer(lab.app, name="lab", rich_help_panel=PANEL_TRY)
app.command("demo", rich_help_panel=PANEL_TRY)(demo.demo)


def run() -> None:
    """Entry of the program. A closed pipe and Ctrl-C end it quietly; a user's mistake never shows a traceback."""
    _open_standard_streams()
    try:
        app()
    except BrokenPipeError:
        abandon_stdout()  # whoever read us has seen enough
        sys.exit(INCOMPLETE)
    except KeyboardInterrupt:
        sys.exit(INCOMPLETE)
    except SystemExit as end:
        # typer has answers of its own to Ctrl-C (a shell's) and to a reader that left (1, which means findings here);
        # the contract knows one code for what could not be completed
        cut = end.code == _TYPER_INTERRUPTED or isinstance(end.__context__, BrokenPipeError)
        raise SystemExit(INCOMPLETE) if cut else end from None
    except OSError as error:
        if error.errno not in _NO_ROOM:
            _confess()
        print(f"error: the output could not be written: {error.strerror}", file=sys.stderr)  # noqa: T201 # as below
        abandon_stdout()
        sys.exit(INCOMPLETE)
    except Exception:  # noqa: BLE001 # the last resort
        _confess()


def _confess() -> NoReturn:
    """Only a bug gets here. It must not look like findings (1) or like the user's mistake (2)."""
    traceback.print_exc()
    print("prober broke; please report the lines above", file=sys.stderr)  # noqa: T201 # there is no log yet
    sys.exit(INCOMPLETE)


def _open_standard_streams() -> None:
    """Give a closed stdin, stdout or stderr (`<&-`, some daemons) to /dev/null.

    A socket that got the number 0, 1 or 2 would be written to by mistake, and uvloop aborts when it closes one.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 # lives as long as the program
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 # as above
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 # as above
    if isinstance(sys.stdout.buffer, io.RawIOBase):
        # PYTHONUNBUFFERED, as containers like it: a raw write may take a part and say so, which nobody here would read
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(sys.stdout.buffer),
            encoding=sys.stdout.encoding,
            errors=sys.stdout.errors,
            line_buffering=True,
        )
