"""Lists as text: a table with commas (CSV), or one endpoint a line, as `prober targets export` writes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from prober.catalog.intake.columns import heading
from prober.catalog.intake.endpoint_text import read_endpoints
from prober.catalog.intake.findings import Intake
from prober.catalog.intake.package import UnusableFile
from prober.catalog.intake.spreadsheet import entry_of, read_sheets
from prober.catalog.intake.workbook import MAX_CELLS, MAX_TEXT, Cell, Sheet, Workbook
from prober.model import Scheme, Target

MAX_LINES: Final = 100_000


def is_table(text: str) -> bool:
    """Whether the first line has the headings of a table."""
    first = _first_line(text)
    cells = next(csv.reader([first], delimiter=_delimiter(first)), []) if len(first) <= MAX_TEXT else []
    return heading({number: Cell(cell) for number, cell in enumerate(cells, start=1)}) is not None


def read_table(text: str, file: str, title: str, clouds: Sequence[str] = ()) -> Intake:
    """The entries of a table, read as a workbook of one sheet. Raises UnusableFile."""
    sheet = Sheet("table")
    count = 0
    try:
        lines = io.StringIO(text.lstrip(), newline="")
        for number, row in enumerate(csv.reader(lines, delimiter=_delimiter(_first_line(text))), start=1):
            cells = {column: Cell(cell) for column, cell in enumerate(row, start=1) if cell.strip()}
            count += len(cells)
            if count > MAX_CELLS:
                raise UnusableFile(f"more than {MAX_CELLS:,} cells: not a list of endpoints")
            if cells:
                sheet.cells[number] = cells
    except csv.Error as error:
        raise UnusableFile(f"not a table: {error}") from None
    return read_sheets(Workbook((sheet,), None), file, title, clouds)


def _first_line(text: str) -> str:
    return text.lstrip().partition("\n")[0].rstrip("\r")


def _delimiter(first: str) -> str:
    """What separates the headings most often: Excel writes semicolons where the comma is the decimal sign."""
    return max(",;\t", key=first.count)


def is_list(text: str) -> bool:
    """Whether the first line that is no comment names an endpoint and nothing else."""
    for line in text.splitlines()[:1000]:
        if content := _content(line):
            reading = read_endpoints(_undotted(content))
            return bool(reading.named) and not reading.failed
    return False


def read_plain(text: str, file: str, title: str, clouds: Sequence[str] = ()) -> Intake:
    """The endpoints of a list, one a line; `#` begins a comment. `.name` is `*.name` and the name, as squid has it."""
    intake = Intake(file, title, None, "OWN", "A list of endpoints")
    common = Target(id="", scheme=Scheme.HTTPS, host="", port=0, group="list", cloud=tuple(clouds) or ("commercial",))
    lines = text.splitlines()
    for number, line in enumerate(lines[:MAX_LINES], start=1):
        reading = read_endpoints(_undotted(_content(line)))
        for failed in reading.failed:
            intake.unclear(f"line {number}", failed.text, failed.why)
        for named in reading.named:
            scheme = Scheme.HTTP if named.scheme == "http" or named.port == 80 else Scheme.HTTPS
            port = named.port or (80 if scheme is Scheme.HTTP else 443)
            intake.add(entry_of(named, port, scheme, common, "", (file, f"line {number}")))
    if len(lines) > MAX_LINES:
        intake.unclear(f"line {MAX_LINES + 1}", lines[MAX_LINES][:80], f"more than {MAX_LINES} lines")
    return intake


def _content(line: str) -> str:
    content = line.strip()
    return "" if content.startswith("#") else content.partition(" #")[0].strip()


def _undotted(content: str) -> str:
    return f"*{content} {content[1:]}" if content.startswith(".") else content
