"""The page for a terminal: a line for each route, then what separates them and what to bear in mind."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prober.bench.added import STAGES
from prober.bench.document import Bench, GeneratorDoc, HealthDoc
from prober.bench.findings import ComparisonDoc, DifferenceDoc
from prober.bench.html.knee import capacity_lines
from prober.bench.html.stages import NAMES, signed
from prober.bench.lateness import Lateness, lateness
from prober.bench.onepage import (
    Line,
    columns_of,
    failure_lines,
    figure,
    lines_of,
    reasons_of,
    remarks_of,
    share,
    summary,
    thousandths,
)
from prober.bench.standing import Standing, State, standings
from prober.load.words import Measure, Span
from prober.report.sanitize import sanitize, takes_unicode

_STYLES: Final = {
    State.VALID: "green",
    State.INVALID: "bold red",
    State.GENERATOR_LIMITED: "yellow",
    State.NOT_RUN: "dim",
}
LEGEND: Final = (
    "Response and service: p50/p95/p99; added: median of the service time more than direct at about the same rate."
)
APART: Final = "not comparable"
WIDE: Final = 132
"""Columns from which on routes stand down the page."""
IN_A_ROW: Final = 3
"""Routes side by side on a narrow terminal."""
_ASCII: Final = str.maketrans({"→": ">", "≥": ">", "−": "-", "–": "-", "·": "-", "✔": "+", "…": "."})


class _Console(Console):
    """rich's own way with a reader that left is to end the program with 1, which means findings here."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 # rich calls this while it handles the BrokenPipeError


def write_table(bench: Bench, stream: TextIO, *, width: int | None = None) -> None:
    """Write the report to a stream: coloured on a terminal unless NO_COLOR is set, ASCII where it is not UTF-8."""
    console = _Console(file=stream, width=width, markup=False, emoji=False, highlight=False, legacy_windows=False)
    _Report(bench, console, ascii_only=not takes_unicode(stream)).print()


def table_text(bench: Bench, *, width: int = 120) -> str:
    """The report as plain text, without colour."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, markup=False, emoji=False, highlight=False)
    _Report(bench, console, ascii_only=False).print()
    return stream.getvalue()


class _Report:
    def __init__(self, bench: Bench, console: Console, *, ascii_only: bool) -> None:
        self._bench = bench
        self._console = console
        self._ascii = ascii_only
        self._found = standings(bench)

    def print(self) -> None:
        self._say(summary(self._bench, self._found), limit=4000)
        self._console.print()
        self._print_figures()
        self._say(LEGEND, "dim")
        self._section("Not valid", reasons_of(self._found), style="bold red")
        self._section("To bear in mind", remarks_of(self._found))
        self._section("TLS interception under load", self._flips(), style="bold magenta")
        self._section("Capacity", capacity_lines(self._bench))
        if self._bench.comparison is not None:
            self._section("What separates them", comparison_lines(self._bench.comparison))
        self._section("Stages, median in ms (more than direct)", map(stage_line, self._found))
        self._section("Failures", self._failures())
        self._section("Generator", (line for each in self._found if each.runs for line in generator_lines(each)))
        self._section("Notes", iter(self._bench.notes))
        self._section("Again", [shlex.join(self._bench.command)])

    def _fit(self, text: str, limit: int = 600) -> str:
        shown = sanitize(text, limit=limit)
        return sanitize(shown.translate(_ASCII), limit=limit, ascii_only=True) if self._ascii else shown

    def _say(self, text: str, style: str = "", indent: str = "", limit: int = 600) -> None:
        self._console.print(Text(indent + self._fit(text, limit), style=style))

    def _section(self, title: str, lines: Iterator[str] | list[str] | map[str], style: str = "bold") -> None:
        told = [line for line in lines if line]
        if told:
            self._console.print()
            self._say(title, style)
            for line in told:
                self._say(line, indent="  ", limit=2000)

    def _print_figures(self) -> None:
        """Routes down where the terminal is wide enough; else across, as many as fit."""
        lines = lines_of(self._found)
        rows = figure_rows(lines, columns_of(self._found), searched=bool(self._bench.capacities))
        if self._console.width >= WIDE:
            self._console.print(self._across([("", [line.route for line in lines]), *rows], lines))
            return
        for first in range(0, len(lines), IN_A_ROW):
            part = slice(first, first + IN_A_ROW)
            self._console.print(self._down([(name, cells[part]) for name, cells in rows], lines[part]))

    def _across(self, rows: list[tuple[str, list[str]]], lines: list[Line]) -> Table:
        table = self._table()
        for name, _ in rows:
            table.add_column(
                Text(self._fit(name)), justify="left" if name in ("", "verdict") else "right", no_wrap=True
            )
        for place, line in enumerate(lines):
            table.add_row(*(Text(self._fit(cells[place], 40), self._style(name, line)) for name, cells in rows))
        return table

    def _down(self, rows: list[tuple[str, list[str]]], lines: list[Line]) -> Table:
        table = self._table()
        table.add_column("")
        for line in lines:
            table.add_column(Text(self._fit(line.route, 24)), justify="right", overflow="fold")
        for name, cells in rows:
            shown = (
                Text(self._fit(cell, 40), self._style(name, line)) for cell, line in zip(cells, lines, strict=True)
            )
            table.add_row(Text(self._fit(name)), *shown)
        return table

    def _table(self) -> Table:
        return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")

    def _style(self, name: str, line: Line) -> str:
        return _STYLES[line.state] if name == "verdict" else ""

    def _flips(self) -> Iterator[str]:
        for flip in self._bench.flips:
            yield f"{flip.route}: {flip.text}"

    def _failures(self) -> Iterator[str]:
        for each in self._found:
            for line in failure_lines(each):
                yield f"{each.route}: {line}"


def figure_rows(lines: list[Line], has: dict[str, bool], *, searched: bool) -> list[tuple[str, list[str]]]:
    """Each figure with its value for every route."""
    rows: list[tuple[str, Callable[[Line], str]]] = [
        ("verdict", lambda line: line.verdict),
        ("highest valid", lambda line: line.capacity),
        ("achieved /s", lambda line: line.rate),
        ("conn /s", lambda line: line.connections),
        ("TLS /s", lambda line: line.handshakes),
        ("trans /s", lambda line: line.transactions),
        ("response ms", lambda line: "/".join(line.response)),
        ("service ms", lambda line: "/".join(line.service)),
        ("added ms", lambda line: line.added),
        ("failed", lambda line: line.failed),
        ("open", lambda line: line.concurrent),
        ("throughput", lambda line: line.throughput),
    ]
    left_out = {"highest valid": searched, "trans /s": has["transactions"], "throughput": has["throughput"]}
    return [(name, [value(line) for line in lines]) for name, value in rows if left_out.get(name, True)]


def stage_line(standing: Standing) -> str:
    """`hq: TCP connection 0.14, CONNECT or SOCKS 1.66 (+1.66), TLS with the target 2.88 (+0.75); direct at 50/s`."""
    stages = []
    for each in standing.added:
        measure = Measure.parse(each.measure)
        if measure.span in STAGES and each.p50 is not None:
            more = "" if each.p50_more is None or standing.null else f" ({signed(each.p50_more)})"
            hop = f" {measure.hop}" if measure.hop > 1 else ""
            stages.append(f"{NAMES[measure.span]}{hop} {thousandths(each.p50)}{more}")
    against = "" if standing.null_rate is None else f"; direct at {figure(standing.null_rate)}/s"
    return f"{standing.route}{' (null run)' if standing.null else ''}: {', '.join(stages)}{against}" if stages else ""


def comparison_lines(comparison: ComparisonDoc) -> Iterator[str]:
    """Tiers, then every difference with its interval."""
    for percentile in dict.fromkeys(tier.percentile for tier in comparison.tiers):
        ordered = sorted(
            (each for each in comparison.tiers if each.percentile == percentile), key=lambda each: each.place
        )
        ranked = " < ".join(" = ".join(tier.routes) for tier in ordered if not tier.word)
        apart = ", ".join(name for tier in ordered if tier.word for name in tier.routes)
        first = [f"fastest first: {ranked}"] if ranked else []
        yield f"{percentile}, {'; '.join([*first, *([f'{APART}: {apart}'] if apart else [])])}"
    for row in comparison.differences:
        yield difference_line(row)
    yield from comparison.remarks


def difference_line(row: DifferenceDoc) -> str:
    """One percentile of one pair."""
    what = f", {verdict_on(row)}" if row.word or not row.distinguishable else ""
    return (
        f"{row.a} → {row.b} {row.percentile}: {signed(row.difference)} ms [{signed(row.low)}, {signed(row.high)}], "
        f"{row.share:+.0%}{what}"
    )


def verdict_on(row: DifferenceDoc) -> str:
    """`different`, `indistinguishable` or `not comparable (failures)`."""
    if row.word:
        return f"{APART} ({row.word})"
    return "different" if row.distinguishable else "indistinguishable"


def _lateness(standing: Standing) -> Iterator[Lateness]:
    for run in standing.runs:
        found = lateness(run.kpis.spans.get(Span.LATENESS.value))
        if found is not None:
            yield found


def generator_lines(standing: Standing) -> Iterator[str]:
    """The generator during the runs of a route, the worst of them; then each machine, where several made the load."""
    healths = [run.health for run in standing.runs]
    late = max(_lateness(standing), key=lambda each: each.seconds, default=None)
    name = standing.route + (" (null run)" if standing.null else "")
    lateness_text = "–" if late is None else f"{late.name} {thousandths(late.seconds)} ms"
    yield f"{name}: {', '.join(_health_figures(healths, lateness_text))}"
    own: dict[str, list[GeneratorDoc]] = {}
    for run in standing.runs:
        for each in run.generators:
            own.setdefault(each.name, []).append(each)
    for machine, parts in own.items():
        yield f"{name}, generator {machine}: {', '.join(_machine_figures(parts))}"


def _machine_figures(parts: Sequence[GeneratorDoc]) -> Iterator[str]:
    yield f"{figure(max(each.achieved for each in parts))} of {figure(max(each.offered for each in parts))}/s"
    slowest = max((each.p99 for each in parts if each.p99 is not None), default=None)
    if slowest is not None:
        yield f"response p99 {thousandths(slowest)} ms"
    late = max((each.health.lateness_p99 for each in parts if each.health.lateness_p99 is not None), default=None)
    yield from _health_figures([each.health for each in parts], "–" if late is None else f"p99 {thousandths(late)} ms")
    yield f"beginning sure to {thousandths(max(each.uncertainty for each in parts))} ms"
    if any(each.late for each in parts):
        yield f"heard of it {thousandths(max(each.late for each in parts))} ms late"
    yield f"clock {max((each.skew for each in parts), key=abs):+.3f} s"


def _health_figures(healths: Sequence[HealthDoc], late: str) -> Iterator[str]:
    yield f"busiest process {share(max(each.cpu for each in healths))} of a core"
    yield f"machine {share(max(each.machine_cpu for each in healths))}"
    yield f"lateness {late}"
    yield f"longest stand-still {thousandths(max(each.lag for each in healths))} ms"
    yield f"descriptors {figure(max(each.descriptors for each in healths))}"
