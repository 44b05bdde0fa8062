"""What is seen while a benchmark runs: a panel on a terminal, a line a second elsewhere, nothing with -q."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from prober.bench.document import RunDoc
from prober.bench.kpis import figures
from prober.bench.lateness import Lateness, lateness
from prober.bench.onepage import figure, thousandths
from prober.bench.progress import Progress, Unfinished
from prober.bench.watching import Beginning
from prober.load.slices import HealthSample, Slice
from prober.load.words import Measure, Span
from prober.report.sanitize import sanitize, takes_unicode

SHOWN: Final = 12
"""Seconds in the panel."""
KEPT: Final = 60
"""Seconds in its sparkline."""
_RESPONSE: Final = Measure(Span.RESPONSE)
_LATENESS: Final = Measure(Span.LATENESS)
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"


def second_line(one: Slice) -> str:
    """`  12 s  offered 200  achieved 198  failed 2  skipped 0  p50 4.82 ms  p99 9.10 ms`."""
    p50, p99 = latencies(one)
    return (
        f"{one.second:4d} s  offered {one.offered}  achieved {one.ended_well}  failed {one.failed.total()}  "
        f"skipped {one.skipped.total()}  p50 {p50} ms  p99 {p99} ms"
    )


def unfinished_line(one: Unfinished) -> str:
    """As `second_line`, with `started`, `open`, and `latency not known yet: 20 under way, since second 12`."""
    return (
        f"{one.second:4d} s  offered {one.offered}  started {one.started}  achieved {one.achieved}  "
        f"failed {one.failed}  skipped {one.skipped}  open {one.open}  "
        f"latency not known yet: {one.under_way:,} under way, since second {one.since}"
    )


def latencies(one: Slice) -> tuple[str, str]:
    """p50 and p99 of the response time, in ms; `–` without any."""
    histogram = one.spans.get(_RESPONSE)
    if histogram is None or not histogram.count:
        return "–", "–"
    return thousandths(histogram.percentile(50)), thousandths(histogram.percentile(99))


def run_line(run: RunDoc) -> str:
    """One line when a run is over."""
    verdict = "valid" if run.validity.valid else "not valid"
    if run.validity.generator_limited:
        verdict = "generator-limited"
    span = run.kpis.spans.get(Span.RESPONSE.value)
    why = "" if run.validity.valid or not run.validity.reasons else f": {run.validity.reasons[0].text}"
    p99 = "–" if span is None else thousandths(span.p99)
    return (
        f"{run.route} at {figure(run.rate)}/s: achieved {figure(run.kpis.achieved)}/s, failed {run.kpis.failed:,}, "
        f"p99 {p99} ms; {verdict}{why}"
    )


@dataclass(frozen=True, slots=True)
class _Second:
    """What the panel keeps of a second: histograms would be too much of it."""

    second: int
    offered: int
    achieved: int
    failed: int
    skipped: int
    open: int
    p50: str
    p99: str
    late: Lateness | None = None


class Lines:
    """A line a second, for logs and pipes; in a stall one without latency, and the whole one when it is over."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._progress = Progress()
        self._pending: Unfinished | None = None
        """The last second: its end is told before what was under way at its end has ended."""

    def begins(self, beginning: Beginning) -> None:
        """A run begins."""
        self._progress, self._pending = Progress(), None
        self._say(beginning_line(beginning))

    def second(self, one: Slice) -> None:
        """A second of it is whole."""
        self._progress.whole(one)
        if self._pending is not None and self._pending.second <= one.second:
            self._pending = None
        self._say(second_line(one))

    def health(self, sample: HealthSample) -> None:
        """How the generator was is told when the run is over; how far the run is, now."""
        if sample.so_far is None:
            return
        if self._pending is not None:
            self._say(unfinished_line(self._pending))
        self._pending = self._progress.heard(sample.so_far)

    def ended(self, run: RunDoc) -> None:
        """It is over."""
        self._say(run_line(run))

    def note(self, text: str) -> None:
        """Something worth a line."""
        self._say(text)


def beginning_line(beginning: Beginning) -> str:
    """`run 2 of 4: hq at 200/s (run), 37 s`."""
    of = "" if beginning.of is None else f" of {beginning.of}"
    length = sum(phase.seconds for phase in beginning.phases)
    what = f"{beginning.route} at {figure(beginning.rate)}/s ({beginning.purpose})"
    return f"run {beginning.number}{of}: {what}, {length:.0f} s"


class Live:
    """A panel that follows the run: the last seconds as a table, rates as a sparkline, the generator's own health."""

    def __init__(self, stream: TextIO) -> None:
        self._beginning: Beginning | None = None
        self._seconds: dict[int, _Second] = {}
        self._progress = Progress()
        self._unfinished: Unfinished | None = None
        self._health: dict[int, HealthSample] = {}
        self._console = Console(file=stream, markup=False, emoji=False, highlight=False)
        self._unicode = takes_unicode(stream)
        self._live = RichLive(
            console=self._console,
            transient=True,
            refresh_per_second=4,
            get_renderable=self._panel,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the panel."""
        self._live.stop()

    def begins(self, beginning: Beginning) -> None:
        """A run begins."""
        self._beginning = beginning
        self._progress, self._unfinished = Progress(), None
        self._seconds.clear()
        self._health.clear()

    def second(self, one: Slice) -> None:
        """A second of it is whole."""
        self._progress.whole(one)
        if self._unfinished is not None and self._unfinished.second <= one.second:
            self._unfinished = None
        starts = one.spans.get(_LATENESS)
        self._keep(
            _Second(
                one.second, one.offered, one.ended_well, one.failed.total(), one.skipped.total(), one.open,
                *latencies(one), None if starts is None else lateness(figures(starts)),
            )
        )  # fmt: skip

    def health(self, sample: HealthSample) -> None:
        """A generator process's second; and how far the run is."""
        self._health[sample.worker] = sample
        one = self._progress.heard(sample.so_far)
        if one is not None:
            self._unfinished = one
            self._keep(
                _Second(one.second, one.offered, one.achieved, one.failed, one.skipped, one.open, "not yet", "not yet")
            )

    def _keep(self, one: _Second) -> None:
        self._seconds[one.second] = one
        if len(self._seconds) > KEPT:
            del self._seconds[min(self._seconds)]

    def ended(self, run: RunDoc) -> None:
        """It is over: a line stays above the panel."""
        self.note(run_line(run))

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(Text(sanitize(text, limit=300, ascii_only=not self._unicode)))

    def text(self) -> str:
        """What the panel shows now, without colour."""
        stream = io.StringIO()
        Console(file=stream, width=self._console.width, color_system=None).print(self._panel())
        return stream.getvalue()

    def _panel(self) -> RenderableType:
        if self._beginning is None:
            return Text("")
        parts: list[RenderableType] = [Text(beginning_line(self._beginning), style="bold"), self._table()]
        if self._seconds:
            parts.append(Text(f"achieved {self._spark()}"))
        if (one := self._unfinished) is not None and one.since < one.second:
            parts.append(Text(f"{one.under_way:,} under way, since second {one.since}", style="yellow"))
        parts.append(Text(self._generator(), style="dim"))
        return Group(*parts)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("second", "offered", "achieved", "failed", "skipped", "open", "p50 ms", "p99 ms"):
            table.add_column(name, justify="right")
        for one in self._latest()[-SHOWN:]:
            table.add_row(
                str(one.second), str(one.offered), str(one.achieved),
                Text(str(one.failed), "bold red" if one.failed else ""),
                Text(str(one.skipped), "yellow" if one.skipped else ""), str(one.open), self._fit(one.p50),
                self._fit(one.p99),
            )  # fmt: skip
        return table

    def _latest(self) -> list[_Second]:
        return [self._seconds[number] for number in sorted(self._seconds)]

    def _fit(self, text: str) -> str:
        return text if self._unicode else text.replace("–", "-")

    def _spark(self) -> str:
        values = [one.achieved for one in self._latest()]
        most = max(*values, 1)
        if not self._unicode:
            return " ".join(map(str, values[-10:]))
        return "".join(_BLOCKS[round(value / most * (len(_BLOCKS) - 1))] for value in values)

    def _generator(self) -> str:
        samples = self._health.values()
        late = [one.late for one in self._latest()[-5:] if one.late is not None]
        worst = max(late, key=lambda each: each.seconds, default=None)
        starts = "–" if worst is None else f"{worst.name} {thousandths(worst.seconds)} ms"
        if not samples:
            return "generator: –" if self._unicode else "generator: -"
        busiest = max(each.cpu for each in samples)
        machine = max(each.machine_cpu for each in samples)
        lag = max(each.lag for each in samples)
        return self._fit(
            f"generator: busiest process {busiest:.0%} of a core, machine {machine:.0%}, starts late by {starts}, "
            f"stood still {thousandths(lag)} ms at most"
        )
