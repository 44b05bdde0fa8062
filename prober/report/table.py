"""The table an operator reads at three in the morning, and its picture.

Service and geography down, ways out across, one glyph and colour a cell; below it what is behind every cell that is not
green, grouped by cause, with what to do. Everything from the wire goes through `sanitize` and into `rich.Text`, which
knows no markup.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from prober.report.causes import findings_of
from prober.report.document import Run
from prober.report.finding import Finding, Kind
from prober.report.matrix import Cell, Row, Way, duration_of, rows_of, way_name, ways_of
from prober.report.picture import SVG_FORMAT, SVG_THEME
from prober.report.revocation import revocation_line
from prober.report.sanitize import sanitize, seconds, several, takes_unicode
from prober.report.unprobed import by_kind, by_reason
from prober.report.verdict_counts import verdict_line

NAMES_SHOWN: Final = 5
"""Names listed for a finding unless all are asked for."""
ROUTE_WIDTH: Final = 16
"""Columns that a route's name may take."""
_GAP: Final = 2
_LABEL_LEAST: Final = 6
_LEGEND_GAP: Final = "   "
_GRAVE: Final = frozenset({Kind.UNREACHABLE, Kind.INTERCEPTED, Kind.CLIENT_CERTIFICATE, Kind.BLOCKED, Kind.REVOKED})


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The marks of the table, for one kind of terminal."""

    reached: str
    partly: str
    failed: str
    absent: str
    untrusted: str
    odd: str
    intercepted: str
    mixed: str
    suspect: str
    blocked: str
    revoked: str
    revocation: str
    more: str
    dot: str
    do: str


UNICODE: Final = Glyphs("✔", "◐", "✘", "·", "!", "≠", "▲", "◭", "△", "⊘", "⊗", "◌", "…", " · ", "→")
ASCII: Final = Glyphs("ok", "~", "X", ".", "!", "?", "#", "%", "*", "@", "R", "r", "...", " - ", "->")

_HEADINGS: Final = {
    Kind.UNREACHABLE: ("Not reached", "bold red"),
    Kind.INTERCEPTED: ("TLS intercepted", "bold red"),
    Kind.CLIENT_CERTIFICATE: ("Client certificates lost on the way", "bold red"),
    Kind.BLOCKED: ("Answered by somebody else", "bold red"),
    Kind.REVOKED: ("Certificate revoked", "bold red"),
    Kind.REVOCATION: ("Revocation cannot be looked up, which Windows does", "bold yellow"),
    Kind.DIRECT: ("Direct is not direct", "bold yellow"),
    Kind.SUSPECT: ("Perhaps intercepted", "bold yellow"),
    Kind.UNTRUSTED: ("Certificate not trusted", "bold yellow"),
    Kind.STATUS: ("Reached, but with another HTTP status than documented", "bold yellow"),
    Kind.FALLBACK: ("Not over the first way listed", "bold yellow"),
    Kind.LOGIN: ("Reached only with a login to the proxy", "bold yellow"),
}


class _Console(Console):
    """rich's own way with a reader that left is to end the program with 1, which means findings here."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 # rich calls this while it handles the BrokenPipeError


def write_table(run: Run, stream: TextIO, *, verbose: int = 0, width: int | None = None) -> None:
    """Write the report to a stream: coloured on a terminal unless NO_COLOR is set, ASCII where it is not UTF-8."""
    console = _Console(
        file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False, legacy_windows=False
    )
    _Report(run, console, verbose=verbose, ascii_only=not takes_unicode(stream)).print()


def table_text(run: Run, *, width: int = 80, verbose: int = 0, ascii_only: bool = False) -> str:
    """The report as plain text, without colour."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, markup=False, emoji=False, highlight=False)
    _Report(run, console, verbose=verbose, ascii_only=ascii_only).print()
    return stream.getvalue()


def render_svg(run: Run, *, width: int = 100, verbose: int = 0, title: str = "prober check") -> str:
    """The report as a picture that needs nothing from elsewhere: no web font, no link."""
    console = Console(
        file=io.StringIO(),
        width=width,
        record=True,
        force_terminal=True,
        color_system="truecolor",
        markup=False,
        emoji=False,
        highlight=False,
        no_color=False,
    )
    _Report(run, console, verbose=verbose, ascii_only=False).print()
    return console.export_svg(title=title, theme=SVG_THEME, code_format=SVG_FORMAT, unique_id="prober")


@dataclass(frozen=True, slots=True)
class _Mark:
    """A count in a cell, with its sign."""

    glyph: str
    count: int
    style: str
    meaning: str


class _Report:
    """One report on its way to one console."""

    def __init__(self, run: Run, console: Console, *, verbose: int, ascii_only: bool) -> None:
        self.run = run
        self.console = console
        self.verbose = verbose
        self.ascii_only = ascii_only
        self.glyphs = ASCII if ascii_only else UNICODE

    def print(self) -> None:
        """Matrix, findings, what was left out, notes, summary."""
        rows, ways = rows_of(self.run), ways_of(self.run)
        if rows and ways:
            self._matrix(rows, ways)
        self._findings()
        self._skipped()
        self._notes()
        self.console.print()
        if line := verdict_line(self.run):
            self._print(self._text(line, self._verdict_style()))
        if line := revocation_line(self.run):
            counts = self.run.summary
            grave = "bold yellow" if counts.revocation_unreachable else "green"
            self._print(self._text(line, "bold red" if counts.revoked else grave))
        self._print(self._summary())

    def _text(self, text: str, style: str = "", *, limit: int = 4000) -> Text:
        return Text(sanitize(text, limit=limit, ascii_only=self.ascii_only), style=style)

    def _print(self, text: Text, *, indent: int = 0, mark: Text | None = None) -> None:
        """One paragraph, wrapped below itself; `mark` stands before its first line."""
        width = max(self.console.width - indent, 20)
        for number, line in enumerate(text.wrap(self.console, width)):
            line.rstrip()
            start = mark if mark is not None and not number else Text(" " * indent)
            self.console.print(Text.assemble(start, line), soft_wrap=True)

    # the matrix

    def _matrix(self, rows: Sequence[Row], ways: Sequence[Way]) -> None:
        columns = {way: self._column(way, rows, ways) for way in ways}
        labels = [Text(), *map(self._label, rows)]
        widest = max(map(_width, columns.values()))
        for label in labels:  # on a narrow terminal the counts matter more than the end of a name
            label.truncate(max(self.console.width - widest - _GAP, _LABEL_LEAST), overflow="crop")
        room_for_label = _width(labels) + _GAP
        room = self.console.width + _GAP - room_for_label
        for block in _blocks(ways, {way: _width(column) + _GAP for way, column in columns.items()}, room):
            for number, label in enumerate(labels):
                line = _padded(label, room_for_label)
                for way in block:
                    line.append_text(_padded(columns[way][number], _width(columns[way]) + _GAP))
                line.rstrip()
                self.console.print(line, soft_wrap=True)
            self.console.print()
        self._legend(rows)

    def _label(self, row: Row) -> Text:
        return self._text(row.service, "bold", limit=20) if row.geography is None else self._geography(row.geography)

    def _geography(self, name: str) -> Text:
        return Text("  ").append_text(self._text(name, limit=18))

    def _column(self, way: Way, rows: Sequence[Row], ways: Sequence[Way]) -> list[Text]:
        """Heading and cells of one way out."""
        return [
            self._text(way_name(way, ways), "bold", limit=ROUTE_WIDTH),
            *(self._cell(row.cells.get(way)) for row in rows),
        ]

    def _cell(self, cell: Cell | None) -> Text:
        glyphs = self.glyphs
        if cell is None or not cell.total:
            return Text(glyphs.absent, "dim")
        marks = [mark for mark in self._marks(cell) if mark.count]
        if cell.reached == cell.total:
            text = Text(f"{glyphs.reached} {cell.total}", "yellow" if marks else "green")
        elif cell.reached:
            text = Text(f"{glyphs.partly} {cell.reached}/{cell.total}", "yellow")
        else:
            text = Text(f"{glyphs.failed} 0/{cell.total}", "bold red")
        for mark in marks:
            text.append(f" {mark.glyph}{mark.count}", mark.style)
        return text

    def _marks(self, cell: Cell) -> tuple[_Mark, ...]:
        """What a cell says beside the number reached, gravest first."""
        glyphs = self.glyphs
        return (
            _Mark(glyphs.intercepted, cell.intercepted, "bold red", "intercepted"),
            _Mark(glyphs.mixed, cell.mixed, "bold red", "intercepted at times"),
            _Mark(glyphs.blocked, cell.blocked, "bold magenta", "blocked"),
            _Mark(glyphs.revoked, cell.revoked, "bold red", "revoked"),
            _Mark(glyphs.revocation, cell.revocation, "bold yellow", "revocation out of reach"),
            _Mark(glyphs.suspect, cell.suspect, "bold yellow", "suspect"),
            _Mark(glyphs.untrusted, cell.untrusted, "bold magenta", "untrusted"),
            _Mark(glyphs.odd, cell.odd_status, "cyan", "other status"),
        )

    def _legend(self, rows: Iterable[Row]) -> None:
        """Only the marks that the table shows, as many on a line as fit."""
        glyphs = self.glyphs
        cells = [cell for row in rows for cell in row.cells.values()]
        marks = {mark.glyph: mark for cell in cells for mark in self._marks(cell) if mark.count}
        shown = [
            (glyphs.reached, "all reached", "green", any(cell.reached == cell.total for cell in cells)),
            (glyphs.partly, "some", "yellow", any(0 < cell.reached < cell.total for cell in cells)),
            (glyphs.failed, "none", "bold red", any(not cell.reached for cell in cells)),
            *((f"{each.glyph}n", each.meaning, each.style, each.glyph in marks) for each in self._marks(Cell())),
            (glyphs.absent, "not probed", "dim", any(not row.cells for row in rows)),
        ]
        items = [
            Text.assemble((mark, style), (f" {meaning}", "dim")) for mark, meaning, style, present in shown if present
        ]
        line = Text()
        for item in items:
            if line and line.cell_len + len(_LEGEND_GAP) + item.cell_len > self.console.width:
                self.console.print(line, soft_wrap=True)
                line = Text()
            line.append(_LEGEND_GAP if line else "").append_text(item)
        self.console.print(line, soft_wrap=True)

    # what is behind it

    def _findings(self) -> None:
        kind: Kind | None = None
        for finding in findings_of(self.run):
            if finding.kind is not kind:
                kind = finding.kind
                heading, style = _HEADINGS[kind]
                self.console.print()
                self.console.print(Text(heading, style))
            self._finding(finding)

    def _finding(self, finding: Finding) -> None:
        grave = finding.kind in _GRAVE
        sign, style = (self.glyphs.failed, "bold red") if grave else ("!", "bold yellow")
        indent = len(sign) + 1
        self._print(self._text(finding.sentence, "bold"), indent=indent, mark=Text(f"{sign} ", style))
        if finding.detail:
            self._print(self._text(finding.detail, "italic", limit=4000 if self.verbose else 160), indent=indent)
        do = self.glyphs.do
        step = indent + len(do) + 1
        self._print(self._text(finding.hint), indent=step, mark=Text(f"{' ' * indent}{do} ", "bold"))
        ids = "" if self.verbose else " ".join(proof.id for proof in finding.evidence)
        about = (finding.words, finding.windows, f"evidence {ids}" if ids else "")
        if any(about):
            self._print(self._text(self.glyphs.dot.join(filter(None, about)), "dim"), indent=indent)
        if self.verbose:
            self._proofs(finding, indent)
        if finding.names:
            self._print(self._names(finding.names), indent=indent)

    def _proofs(self, finding: Finding, indent: int) -> None:
        """Each piece of evidence with its points; those in brackets only order and explain."""
        for proof in finding.evidence:
            points = f"+{proof.points}" if proof.decides else f"({proof.points})"
            of = "" if proof.targets == 1 else f" ({several(proof.targets, 'target')})"
            mark = Text(f"{' ' * indent}{sanitize(proof.id, limit=8):<4}{points:>4}  ", "dim")
            self._print(self._text(f"{proof.text}{of}"), indent=mark.cell_len, mark=mark)

    def _names(self, names: Sequence[str]) -> Text:
        shown = names if self.verbose or len(names) <= NAMES_SHOWN + 1 else names[:NAMES_SHOWN]
        text = Text(style="cyan")
        for name in shown:
            text.append(", " if text else "").append(sanitize(name, limit=260, ascii_only=self.ascii_only))
        if len(shown) < len(names):
            text.append(f" {self.glyphs.more} and {len(names) - len(shown)} more (-v)", "dim")
        return text

    # what is not in it

    def _skipped(self) -> None:
        if not self.run.skipped and not self.run.summary.services_without_probes:
            return
        self.console.print()
        self.console.print(Text("Not probed", "bold"))
        for group in by_reason(self.run.skipped) if self.verbose else by_kind(self.run.skipped, self.glyphs.more):
            self._print(self._text(group.sentence), indent=2)
            if group.names:
                self._print(self._names(group.names), indent=4)
        if services := self.run.summary.services_without_probes:
            self._print(self._text(f"No probe at all for {', '.join(services)}.", "bold yellow"), indent=2)

    def _notes(self) -> None:
        if self.run.notes:
            self.console.print()
            self.console.print(Text("Notes", "bold"))
        for note in self.run.notes:
            self._print(self._text(note.text), indent=2)

    def _verdict_style(self) -> str:
        counts = self.run.summary
        if counts.intercepted or counts.blocked:
            return "bold red"
        return "bold yellow" if counts.suspect else "green"

    def _summary(self) -> Text:
        counts, duration = self.run.summary, duration_of(self.run)
        if not counts.probes:
            return Text("Nothing was probed.", "bold yellow")
        fine = not (counts.unreachable or counts.untrusted or counts.intercepted)
        parts = [
            f"{several(counts.targets, 'target')}, {several(len(ways_of(self.run)), 'route')}: "
            f"{counts.reachable:,} of {several(counts.probes, 'probe')} reached",
            f"{counts.unreachable:,} not reached" if counts.unreachable else "",
            several(counts.untrusted, "untrusted certificate") if counts.untrusted else "",
            several(counts.unexpected_status, "unexpected status", "unexpected statuses")
            if counts.unexpected_status
            else "",
            "" if duration is None else seconds(duration),
            "" if self.run.complete else "INTERRUPTED",
        ]
        grave = counts.unreachable or counts.intercepted
        style = "bold green" if fine and self.run.complete else "bold red" if grave else "bold yellow"
        return self._text(self.glyphs.dot.join(filter(None, parts)), style)


def _padded(text: Text, width: int) -> Text:
    padded = text.copy()
    padded.pad_right(width - text.cell_len)
    return padded


def _width(column: Sequence[Text]) -> int:
    return max(text.cell_len for text in column)


def _blocks(ways: Sequence[Way], widths: dict[Way, int], room: int) -> list[list[Way]]:
    """Columns in as many blocks as it takes, filled from the left; each has one at least."""
    blocks: list[list[Way]] = [[]]
    left = room
    for way in ways:
        if blocks[-1] and widths[way] > left:
            blocks.append([])
            left = room
        blocks[-1].append(way)
        left -= widths[way]
    return blocks
