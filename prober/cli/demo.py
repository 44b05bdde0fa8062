"""`prober demo`: a lab, a check in it, and what it shows."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

START_SECONDS: Final = 30.0
END_SECONDS: Final = 10.0
SURPRISES_SHOWN: Final = 20
_wrapped = partial(textwrap.fill, width=78, initial_indent="  ", subsequent_indent="      ")


def demo(
    geo: Annotated[str, typer.Option(help="Regions to probe, comma-separated; fewer make a shorter table.")] = "EU",
) -> None:
    """Start the lab, check the catalogs in it over eleven routes, and explain the table. Ends by itself."""
    with tempfile.TemporaryDirectory(prefix="prober-demo-") as temporary:
        place = Path(temporary)
        typer.echo("Starting the lab: look-alike origins and nine proxies on 127.0.0.1 …", err=True)
        with _lab_process(place) as config:
            saved = place / "run.json"
            command = [sys.executable, "-m", "prober", "check", "--config", str(config), "--geo", geo]
            status = subprocess.call([*command, "--format", "table", "--save", str(saved)])  # noqa: S603  # ourselves
        if status not in (0, 1) or not saved.exists():
            _fail(f"`prober check` ended with {status}")
        _explain(saved)


def _explain(saved: Path) -> None:
    """Tells what the run shows; exits 1 if the lab did not behave as built."""
    from prober.lab.tour import tour

    told = tour(json.loads(saved.read_text("utf-8")))
    typer.echo("\nWhat the table shows, route by route:\n")
    for line in told.lines:
        typer.echo(_wrapped(line))
    if told.surprises:
        typer.echo("\nNot as the lab was built:")
        for surprise in told.surprises[:SURPRISES_SHOWN]:
            typer.echo(_wrapped(surprise))
        if len(told.surprises) > SURPRISES_SHOWN:
            typer.echo(f"  … and {len(told.surprises) - SURPRISES_SHOWN} more")
        raise typer.Exit(1)
    typer.echo("\nEverything is as the lab was built. Try it yourself: `prober lab` keeps it running.")


@contextmanager
def _lab_process(place: Path) -> Iterator[Path]:
    """A lab in a process of its own, so that it shares nothing with who probes it; yields its prober.yaml."""
    ready, log = place / "ready.json", place / "lab.log"
    command = [sys.executable, "-m", "prober", "lab", "--directory", str(place / "lab"), "--ready-file", str(ready)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603  # ourselves
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                _fail(f"the lab did not start:\n{log.read_text('utf-8', 'replace')}")
            time.sleep(0.02)
        yield Path(json.loads(ready.read_text("utf-8"))["config"])
        process.terminate()
        if process.wait(END_SECONDS) != 0:
            _fail(f"the lab failed:\n{log.read_text('utf-8', 'replace')}")
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the lab if it still runs: gently, so that it cleans up, else for certain."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _fail(text: str) -> NoReturn:
    typer.echo(f"prober: {text}", err=True)
    raise typer.Exit(1)
