"""What is seen while a run goes on and when it is over: progress, lines of JSON, the report, and Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol

from prober.check.conduct import Conduct
from prober.check.findings import DEFAULT, FailOn, finding_test
from prober.engine.garbage import kept_out
from prober.engine.loop import run_loop
from prober.engine.run import Pair
from prober.engine.workers import WorkerError
from prober.model import Observation
from prober.report.document import Result, Run
from prober.report.files import encode_result
from prober.report.output import write_text

if TYPE_CHECKING:
    from prober.report.junit import Differences

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Told of every observation. May raise OSError: then there is nobody left to tell, and the run ends."""

    def observed(self, conduct: Conduct, pair: Pair, observation: Observation) -> None:
        """One more observation is there."""


Tell = Callable[[Conduct, Pair, Observation], None]


def probe_until_done(conduct: Conduct, listeners: Sequence[Listener]) -> bool:
    """Carry the run out. False if a signal or a broken worker cut it short; `conduct` has what was measured.

    Raises the OSError of a listener that could not write; the run ends with it.
    """
    return done(lambda tell: conduct.probe(lambda pair, observation, _: tell(conduct, pair, observation)), listeners)


def done(probing: Callable[[Tell], Coroutine[Any, Any, None]], listeners: Sequence[Listener]) -> bool:
    """The same for whatever probes and tells each observation with its conduct."""
    try:
        with kept_out():
            return run_loop(_probe(probing, listeners))
    except KeyboardInterrupt:
        return False
    except WorkerError as error:
        log.error("%s", error)
        return False


async def _probe(probing: Callable[[Tell], Coroutine[Any, Any, None]], listeners: Sequence[Listener]) -> bool:
    task = asyncio.current_task()
    broken: list[OSError] = []

    def tell(conduct: Conduct, pair: Pair, observation: Observation) -> None:
        # an error raised here would come out of the engine's task groups, or look like a worker's
        try:
            for listener in [] if broken else listeners:
                listener.observed(conduct, pair, observation)
        except OSError as error:
            broken.append(error)
            if task is not None:
                task.cancel()

    if task is not None:
        _cancel_once(task)
    try:
        await probing(tell)
    except asyncio.CancelledError:
        if not broken:
            return False
    if broken:
        raise broken[0]
    return True


def _cancel_once(task: asyncio.Task[Any]) -> None:
    """The first signal ends the run; more of them change nothing: sockets are being closed, the report comes."""
    if sys.platform == "win32":
        return  # the runner's own handling of Ctrl-C is all there is

    told: list[bool] = []

    def cancel() -> None:
        if not told:
            told.append(True)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, cancel)


class JsonLines:
    """One result a line, written as soon as all attempts of a pair are there. Raises OSError, when made too."""

    def __init__(self, path: Path | None) -> None:
        self._stream: IO[bytes] = sys.stdout.buffer if path is None else path.open("wb")
        self.to_stdout = path is None

    def observed(self, conduct: Conduct, pair: Pair, observation: Observation) -> None:  # interface
        """Write the pair's result if this was its last attempt."""
        result = conduct.result_when_done(pair)
        if result is not None:
            self._write(result)

    def rest(self, conduct: Conduct) -> None:
        """Write what could not be told while the run went on: what follow-ups could change, or an interruption cut."""
        for result in conduct.results_left():
            self._write(result)

    def _write(self, result: Result) -> None:
        self._stream.write(encode_result(result))
        self._stream.flush()

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, if it is one."""
        if not self.to_stdout:
            # What is still buffered was refused before: that error has been told.
            with contextlib.suppress(OSError):
                self._stream.close()


class Progress:
    """A bar on stderr while a run lasts; nothing at all where it is not wanted."""

    def __init__(self, text: str, expected: Callable[[], int], *, enabled: bool) -> None:
        """`text` stands before the bar, `expected` says how many observations there will be."""
        self._expected = expected
        self._text = text
        self._enabled = enabled
        self._failed = 0

    def __enter__(self) -> Progress:
        if self._enabled:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[failed]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(self._text, total=self._expected(), failed="")
            self._bar.start()
        return self

    def observed(self, conduct: Conduct, pair: Pair, observation: Observation) -> None:  # interface
        """One more; rich itself repaints at its own pace."""
        if self._enabled:
            self._failed += not observation.reachable
            self._bar.update(
                self._task,
                advance=1,
                total=self._expected(),
                failed=f"{self._failed} not reached" if self._failed else "",
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._enabled:
            self._bar.stop()


def write_report(
    run: Run,
    format_: str,
    path: Path | None,
    *,
    verbose: int = 0,
    fail_on: tuple[FailOn, ...] = DEFAULT,
    differences: Differences | None = None,
) -> None:
    """Write a finished run as `table`, `json`, `csv`, `svg`, `html`, `markdown`, `junit` or `analyzer`, to standard
    output or atomically to a file. `fail_on` and `differences` from an earlier run say what is a failure in JUnit's.

    Raises OSError.
    """
    if path is None and format_ == "table":
        from prober.report.table import write_table

        write_table(run, sys.stdout, verbose=verbose)  # which knows its terminal
        sys.stdout.flush()
        return
    write_text(_rendered(run, format_, verbose, fail_on, differences), path)


def _rendered(
    run: Run, format_: str, verbose: int, fail_on: tuple[FailOn, ...], differences: Differences | None
) -> str:
    if format_ == "json":
        from prober.report.files import encode

        return encode(run, indent=2).decode() + "\n"
    if format_ == "html":
        from prober.report.html.page import render_html

        return render_html(run)
    from prober.report.table import render_svg, write_table

    if format_ == "svg":
        return render_svg(run, verbose=verbose)
    text = io.StringIO()
    if format_ == "csv":
        from prober.report.csv import write_csv

        write_csv(run.results, text)
    elif format_ == "markdown":
        from prober.report.markdown import write_markdown

        write_markdown(run, text)
    elif format_ == "junit":
        from prober.report.junit import write_junit

        write_junit(run, text, finding_test(run, fail_on), differences)
    elif format_ == "analyzer":
        from prober.report.analyzer import write_analyzer

        write_analyzer(run, text)
    else:
        write_table(run, text, verbose=verbose)
    return text.getvalue()
