"""A PAC script with its world: evaluated for many URLs, within limits, the same each time.

What a script can learn of its surroundings is handed to it: names, own addresses, the time. What it can do is return a
text. Globals survive from one URL to the next, as they do in browsers, until a limit is broken: then the rest of the
URLs go on in a fresh process.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import threading
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from prober.engine.errors import os_reason, os_text, stage_of
from prober.engine.pac import framing
from prober.engine.pac.answers import PacAnswer, Trace
from prober.engine.pac.limits import Limits
from prober.engine.pac.names import Names, Resolve
from prober.engine.pac.process import INTERRUPTED, Ended, ScriptProcess
from prober.engine.pac.report import Report, call_fault, load_fault, read_report, script_error
from prober.model import Failure, Stage
from prober.routes.pac.library import library
from prober.routes.pac.reading import Reading
from prober.routes.pac.urls import PacUrl, pac_url

_BATCH: Final = 64
"""URLs in one message."""


class PacSandbox:
    """Evaluates one script. Use it as a context, or `close` it; calls from several threads wait for one another.

    `now` is an aware datetime, whose offset is the script's time zone; time stands still during a run. `my_addresses`
    are the device's, the preferred one first. With `trace` calls are recorded, which takes two or three times as
    long. `seed` feeds Math.random.
    """

    def __init__(
        self,
        script: str,
        *,
        now: datetime,
        resolve: Resolve,
        my_addresses: Sequence[str] = (),
        reading: Reading = Reading.CHROMIUM,
        limits: Limits | None = None,
        trace: bool = False,
        seed: int = 0,
    ) -> None:
        self._script = script
        self._now = now
        self._reading = reading
        self._limits = limits or Limits()
        self._trace = trace
        self._seed = seed
        self._addresses = [str(ipaddress.ip_address(address)) for address in my_addresses]
        self._names = Names(resolve, self._limits)
        self._lock = threading.Lock()
        self._process: ScriptProcess | None = None
        self._unusable = self._cannot_start()
        self.loading = Trace()
        """What the script did when it was loaded, before the first URL."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def evaluate(self, urls: Sequence[str], *, now: datetime | None = None) -> list[PacAnswer]:
        """An answer for each URL, in order. `now` moves the clock first.

        Raises ValueError for a text that is no URL (see `prober.routes.pac.urls.pac_url`), and what `resolve` raises
        beside OSError.
        """
        asked = [pac_url(url) for url in urls]
        with self._lock:
            self._now = now or self._now
            self._names.begin_run()
            if self._process is not None and not self._process.alive:
                self._end()  # something ended it since the last run
            if self._process is not None:
                self._process.waited = 0.0
            run = _Run(self._limits)
            try:
                outcomes = self._outcomes(asked, run)
            except BaseException:
                self._end()
                raise
        return [
            PacAnswer(url, each.url, each.host, *outcome)
            for url, each, outcome in zip(urls, asked, outcomes, strict=True)
        ]

    def _outcomes(self, asked: list[PacUrl], run: _Run) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        moment = self._moment() if self._process is not None else None  # a fresh process gets it with the script
        while len(outcomes) < len(asked):
            stopped = self._unusable or run.stopped
            if stopped is None:
                stopped = self._ready(run)
            if stopped is not None:
                outcomes += [_failed(stopped)] * (len(asked) - len(outcomes))
                break
            self._batch(asked[len(outcomes) : len(outcomes) + _BATCH], moment, outcomes, run)
            moment = None
        return outcomes

    def _ready(self, run: _Run) -> Failure | None:
        """See that there is a process with the script; why it cannot be had."""
        if self._process is not None:
            return None
        try:
            self._process = ScriptProcess(self._limits.answer_seconds)
        except OSError as error:
            reason = os_reason(error)
            detail = f"no process for the PAC script could be started: {os_text(error)}"
            return Failure(stage_of(reason, Stage.LOCAL), 0, reason, detail)
        self._names.begin_call()
        try:
            self._process.send(framing.SETUP, json.dumps(self._setup()).encode())
            report = self._answer(self._process, framing.LOADED, run)
            fault = load_fault(report, self._limits)
            if fault is None and self._names.refused is not None:
                fault = f"the script wanted {self._names.refused} while it was loaded"
            self.loading = report.trace
        except Ended as ended:
            fault = f"{self._words(ended, self._limits.load_seconds)}, while the script was loaded"
        if fault is not None:
            self._unusable = script_error(fault)
            self._end()
        return self._unusable

    def _batch(self, urls: list[PacUrl], moment: dict[str, object] | None, outcomes: list[_Outcome], run: _Run) -> None:
        """Answers for these, fewer if the process has to end."""
        process = self._process
        if process is None:
            return
        pairs = [(each.url, each.host) for each in urls]
        try:
            self._names.begin_call()
            process.send(framing.BATCH, json.dumps({"run": moment, "urls": pairs}).encode())
            for _ in urls:
                report = self._answer(process, framing.ANSWER, run)
                outcomes.append(self._outcome(report))
                if report.out_of_memory:
                    raise Ended("", limit=True)
                run.spend(process)
                if run.stopped is not None:
                    self._end()
                    return
                self._names.begin_call()
        except Ended as ended:
            if str(ended):
                outcomes.append(_failed(script_error(self._words(ended, self._limits.call_seconds))))
            run.breached(process)
            self._end()

    def _answer(self, process: ScriptProcess, wanted: bytes, run: _Run) -> Report:
        """The next report; names are resolved meanwhile. Raises Ended."""
        while True:
            kind, payload = process.receive()
            if kind == framing.QUESTION:
                told = self._names.ask(_text(payload))
                process.send(framing.TOLD, json.dumps(told).encode())
                continue
            if kind == framing.BROKEN:
                raise Ended(f"the script's process broke: {_text(payload)}", limit=False)
            report = read_report(payload) if kind == wanted else None
            if report is None:
                raise Ended("the script's process sent something else than a report", limit=False)
            return report

    def _outcome(self, report: Report) -> _Outcome:
        fault = call_fault(report, self._limits)
        if self._names.refused is not None:
            fault = f"the script wanted {self._names.refused}"
        if fault is not None:
            return None, script_error(fault), report.entry or None, report.trace
        return report.result, None, report.entry, report.trace

    def _words(self, ended: Ended, seconds: float) -> str:
        if str(ended) == INTERRUPTED:
            return f"interrupted after {seconds:g} s of processor time (an endless loop, or far too much work)"
        return str(ended)

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _cannot_start(self) -> Failure | None:
        size = len(self._script.encode("utf-8", "replace"))
        if size > self._limits.script:
            return script_error(f"the script has {size:,} octets, at most {self._limits.script:,} are taken")
        if importlib.util.find_spec("quickjs") is None:
            return script_error(
                "PAC was not evaluated: the package quickjs-ng is not installed (pip install quickjs-ng)"
            )
        return None

    def _moment(self) -> dict[str, object]:
        offset = self._now.utcoffset()
        if offset is None:
            raise ValueError("the clock of a PAC script needs a time with its offset from UTC")
        return {
            "now": round(self._now.timestamp() * 1000),
            "offset": round(offset.total_seconds() / 60),
        }

    def _setup(self) -> dict[str, object]:
        limits = self._limits
        quads = [address for address in self._addresses if ":" not in address]
        settings = {
            "reading": self._reading.value,
            "address": quads[0] if quads else "127.0.0.1",
            "addresses": ";".join(self._addresses),
            "seed": self._seed,
            "trace": self._trace,
            "longest": limits.result,
            "calls": limits.calls,
            "traced": limits.traced,
            "alerts": limits.alerts,
            "alert": limits.alert,
        }
        return {
            "library": library(),
            "script": self._script.encode("utf-8", "replace").decode(),
            "settings": settings,
            "run": self._moment(),
            "memory": limits.memory,
            "address_space": limits.address_space,
            "process_seconds": limits.process_seconds,
            "load_seconds": limits.load_seconds,
            "call_seconds": limits.call_seconds,
        }


_Outcome = tuple[str | None, Failure | None, str | None, Trace]


def _failed(failure: Failure) -> _Outcome:
    return None, failure, None, Trace()


def _text(payload: bytes) -> str:
    try:
        text = json.loads(payload)
    except ValueError:
        return ""
    return text if isinstance(text, str) else ""


class _Run:
    """What one `evaluate` has used up."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._before = 0.0
        """Seconds in processes that are gone."""
        self._breaches = 0
        self.stopped: Failure | None = None
        """Why the rest is not evaluated."""

    def spend(self, process: ScriptProcess) -> None:
        """Look at the clock of a process that serves this run only."""
        if self._before + process.waited > self._limits.run_seconds:
            self.stopped = script_error(
                f"not evaluated: the script had used up the {self._limits.run_seconds:g} s of a run"
            )

    def breached(self, process: ScriptProcess) -> None:
        """This process has to end."""
        self.spend(process)
        self._before += process.waited
        self._breaches += 1
        if self._breaches >= self._limits.breaches:
            self.stopped = script_error(
                f"not evaluated: the script had to be ended {self._breaches} times in this run before its turn came"
            )
