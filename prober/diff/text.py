"""A comparison as text for terminals and tickets, and as Markdown. What came over the wire is escaped here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from prober.diff.document import DiffDoc, DifferenceDoc, RowDoc
from prober.diff.kinds import Kind, Severity
from prober.report.sanitize import sanitize

NAMES_SHOWN: Final = 6
_MARKS: Final = {
    Severity.REGRESSION: ("✘", "X"),
    Severity.WARNING: ("!", "!"),
    Severity.IMPROVEMENT: ("✔", "+"),
    Severity.INFORMATION: ("·", "."),
}
_HEAD: Final = ("egress", "service", "pairs", "reached", "worse", "warnings", "better", "info")
_LONG: Final = 4000


def diff_text(document: DiffDoc, *, width: int = 100, verbose: int = 0, ascii_only: bool = False) -> str:
    """Summary, with several egress points the table, then each difference; ends with a line end."""
    return "\n".join(_Text(width, verbose, ascii_only).lines(document)) + "\n"


class _Text:
    def __init__(self, width: int, verbose: int, ascii_only: bool) -> None:
        self._width = width
        self._verbose = verbose
        self._ascii = ascii_only

    def lines(self, document: DiffDoc) -> Iterator[str]:
        """All of it."""
        yield from self._wrapped(document.summary.text, "", "")
        if len({row.egress for row in document.table}) > 1:
            yield ""
            yield from self._table(document.table)
        heading = ""
        for difference in document.differences:
            kind = Kind(difference.kind)
            if kind.about.heading != heading:
                heading = kind.about.heading
                yield ""
                yield f"{heading} ({kind})"
            yield from self._difference(difference, kind.severity)
        if document.notes:
            yield ""
            yield "Notes"
            for note in document.notes:
                yield from self._wrapped(note, "  ", "  ")

    def _difference(self, difference: DifferenceDoc, severity: Severity) -> Iterator[str]:
        mark = _MARKS[severity][self._ascii]
        yield from self._wrapped(difference.sentence, f"{mark} ", "  ")
        if difference.detail:
            yield from self._wrapped(difference.detail, "  ", "  ", limit=_LONG if self._verbose else 160)
        if difference.hint:
            yield from self._wrapped(difference.hint, "  -> " if self._ascii else "  → ", "    ")
        if difference.words:
            yield from self._wrapped(difference.words, "  ", "  ")
        names = list(dict.fromkeys(_host(pair.host, pair.port) for pair in difference.pairs))
        if difference.targets > 1:
            shown = names if self._verbose or len(names) <= NAMES_SHOWN + 1 else names[:NAMES_SHOWN]
            more = f" and {len(names) - len(shown)} more (-v)" if len(shown) < len(names) else ""
            yield from self._wrapped(", ".join(sanitize(name, limit=260) for name in shown) + more, "  ", "  ", 100_000)

    def _table(self, rows: Sequence[RowDoc]) -> Iterator[str]:
        cells = [_HEAD, *(row_cells(row, ascii_only=self._ascii) for row in rows)]
        widths = [max(len(line[place]) for line in cells) for place in range(len(_HEAD))]
        for line in cells:
            first = (cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True))
            rest = (cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True))
            yield "  ".join((*first, *rest)).rstrip()

    def _wrapped(self, text: str, first: str, rest: str, limit: int = _LONG) -> list[str]:
        safe = sanitize(text, limit=limit, ascii_only=self._ascii)
        return textwrap.wrap(
            safe,
            max(self._width, 40),
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )


def row_cells(row: RowDoc, *, ascii_only: bool = False) -> tuple[str, ...]:
    """A row of the table of egress points and services; `9 → 3` where the number reached is another one."""
    arrow = "->" if ascii_only else "→"
    same = row.reached_before == row.reached_after
    reached = f"{row.reached_after}" if same else f"{row.reached_before} {arrow} {row.reached_after}"
    counts = (row.regressions, row.warnings, row.improvements, row.information)
    names = (sanitize(name, limit=40, ascii_only=ascii_only) for name in (row.egress, row.service))
    return (*names, str(row.pairs), reached, *(str(count) if count else "-" for count in counts))


def diff_markdown(document: DiffDoc) -> str:
    """The same as Markdown: the summary, the table, a list for each severity, and the targets folded away."""
    lines = [_escaped(document.summary.text), ""]
    if document.table:
        lines += [f"| {' | '.join(_HEAD)} |", "|---|---|---:|---:|---:|---:|---:|---:|"]
        lines += [f"| {' | '.join(_escaped(cell) for cell in row_cells(row))} |" for row in document.table]
        lines.append("")
    for severity in Severity:
        told = [each for each in document.differences if each.severity == severity]
        if told:
            lines += [f"### {severity.value.capitalize()}", "", *(_item(each) for each in told), ""]
    lines += [f"*{_escaped(note)}*\n" for note in document.notes]
    return "\n".join(lines).rstrip("\n") + "\n"


def _item(difference: DifferenceDoc) -> str:
    heading = Kind(difference.kind).about.heading
    parts = [f"- **{heading}**: {_escaped(difference.sentence)}"]
    parts += [f"  {_escaped(text)}" for text in (difference.hint, difference.words) if text]
    if difference.targets > 1:
        names = dict.fromkeys(_host(pair.host, pair.port) for pair in difference.pairs)
        parts.append(f"  <details><summary>targets</summary>{', '.join(map(_escaped, names))}</details>")
    return "\n".join(parts)


def _escaped(text: str) -> str:
    """On one line, with nothing left that Markdown or HTML would act on."""
    safe = sanitize(text, limit=_LONG).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]|#~!" else letter for letter in safe)


def _host(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == 443 else f"{name}:{port}"
