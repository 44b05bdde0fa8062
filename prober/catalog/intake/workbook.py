"""Sheets of an .xlsx workbook as text: what a cell shows, which cells are merged, which hold a formula.

openpyxl is not used here, for two reasons measured with version 3.1: in its read-only mode it knows no merged cells,
and otherwise it makes an object for every cell that a merged range claims, 17 billion for one attribute of 20 bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prober.catalog.intake.package import Package, UnusableFile

MAX_SHEETS: Final = 100
MAX_CELLS: Final = 100_000
"""Cells with something in them, over all sheets. The vendor's lists have some 3,000."""
MAX_MERGED: Final = 10_000
MAX_SHARED: Final = 100_000
MAX_TEXT: Final = 32_767
"""Characters of a cell, as Excel has it."""

_CELL: Final = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})")
_MAX_ROW: Final = 1_048_576
_MAX_COLUMN: Final = 16_384
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T.*)?")


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell."""

    text: str
    formula: bool = False
    """Its text was computed by whatever program saved the file last."""
    error: bool = False
    """It shows an error such as `#REF!`."""


@dataclass(slots=True)
class Sheet:
    """The cells of a sheet by row and column, both counted from 1."""

    name: str
    cells: dict[int, dict[int, Cell]] = field(default_factory=dict)
    merged: list[tuple[int, int, int]] = field(default_factory=list)
    """Ranges merged downwards: first column, first row, last row."""
    hidden: bool = False

    def rows(self) -> Iterator[tuple[int, dict[int, Cell]]]:
        """The rows that hold something, from the top, with merged cells filled downwards.

        A range counts in its first column only: merged sideways it is one cell, a heading for instance. Raises
        UnusableFile where ranges overlap without end.
        """
        numbers = sorted(self.cells)
        filled: dict[int, dict[int, Cell]] = {}
        count = 0
        for column, first, last in self.merged:
            above = self.cells.get(first, {}).get(column)
            if above is None:
                continue
            below = numbers[bisect_right(numbers, first) : bisect_right(numbers, last)]
            count += len(below)
            if count > MAX_CELLS:
                raise UnusableFile(f"{self.name}: merged cells stand for more than {MAX_CELLS:,} cells")
            for row in below:
                filled.setdefault(row, {})[column] = above
        for row in numbers:
            yield row, self.cells[row] | filled.get(row, {})


@dataclass(frozen=True, slots=True)
class Workbook:
    """What a workbook says."""

    sheets: tuple[Sheet, ...]
    modified: str | None
    """The day it was saved last, as its properties have it (`2026-07-03`)."""


def address(row: int, column: int) -> str:
    """A cell as a spreadsheet names it: `E7`."""
    letters = ""
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return f"{letters}{row}"


def read_workbook(data: bytes) -> Workbook:
    """The sheets in `data`, hidden ones too. Raises UnusableFile with a sentence."""
    package = Package(data)
    main = next((path for kind, path in package.relations("").values() if kind == "officeDocument"), "xl/workbook.xml")
    relations = package.relations(main)
    strings = _shared_strings(package, relations)
    reader = _Reader(package, strings)
    sheets = []
    for name, relation, hidden in _sheet_names(package, main):
        kind, path = relations.get(relation, ("", ""))
        if kind == "worksheet":  # charts and dialogs are sheets too
            sheets.append(reader.sheet(name, path))
            sheets[-1].hidden = hidden
    if not sheets:
        raise UnusableFile("not an .xlsx workbook: it has no sheet")
    return Workbook(tuple(sheets), _modified(package))


def _sheet_names(package: Package, main: str) -> list[tuple[str, str, bool]]:
    found: list[tuple[str, str, bool]] = []

    def start(element: str, attributes: Mapping[str, str]) -> None:
        if element == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            found.append((attributes.get("name", "")[:100], relation, attributes.get("state", "visible") != "visible"))

    package.parse(main, start, _nothing, _nothing)
    if len(found) > MAX_SHEETS:
        raise UnusableFile(f"{len(found)} sheets, more than {MAX_SHEETS}: not a list of endpoints")
    return found


def _shared_strings(package: Package, relations: Mapping[str, tuple[str, str]]) -> list[str]:
    path = next((path for kind, path in relations.values() if kind == "sharedStrings"), None)
    if path is None or not package.has(path):
        return []
    strings: list[str] = []
    text = _RichText()

    def start(element: str, _: Mapping[str, str]) -> None:
        if element == "si":
            if len(strings) == MAX_SHARED:
                raise UnusableFile(f"more than {MAX_SHARED:,} texts: not a list of endpoints")
            text.clear()
        text.start(element)

    def end(element: str) -> None:
        text.end(element)
        if element == "si":
            strings.append(text.take())

    package.parse(path, start, end, text.add)
    return strings


def _modified(package: Package) -> str | None:
    path = next((path for kind, path in package.relations("").values() if kind == "core-properties"), None)
    if path is None or not package.has(path):
        return None
    pieces: list[str] = []
    inside = False

    def start(element: str, _: Mapping[str, str]) -> None:
        nonlocal inside
        inside = element == "modified"

    def end(_: str) -> None:
        nonlocal inside
        inside = False

    package.parse(path, start, end, lambda text: pieces.append(text) if inside and len(pieces) < 10 else None)
    match = _DATE.fullmatch("".join(pieces).strip())
    return match.group(1) if match else None


class _RichText:
    """Collects the runs of a text (`t`), without the phonetic guides for readers of Japanese (`rPh`)."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._open = False
        self._guide = 0

    def clear(self) -> None:
        self._pieces, self._length, self._open, self._guide = [], 0, False, 0

    def start(self, element: str) -> None:
        self._guide += element == "rPh"
        self._open = element == "t" and not self._guide

    def end(self, element: str) -> None:
        self._guide -= element == "rPh"
        if element == "t":
            self._open = False

    def add(self, text: str) -> None:
        if self._open:
            self.put(text)

    def put(self, text: str) -> None:
        self._length += len(text)
        if self._length > 8 * MAX_TEXT:  # each character may be an escape of seven
            raise UnusableFile(f"a cell holds more than {MAX_TEXT:,} characters: not a list of endpoints")
        self._pieces.append(text)

    def take(self) -> str:
        text = _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), "".join(self._pieces))
        self.clear()
        return text


class _Reader:
    """Reads sheets; what they hold together is bounded."""

    def __init__(self, package: Package, strings: list[str]) -> None:
        self._package = package
        self._strings = strings
        self._cells = 0
        self._merged = 0
        self._sheet = Sheet("")
        self._at = (0, 0)
        self._kind = ""
        self._formula = False
        self._value = False
        self._text = _RichText()

    def sheet(self, name: str, path: str) -> Sheet:
        self._sheet = Sheet(name)
        self._at = (0, 0)
        self._package.parse(path, self._start, self._end, self._characters)
        return self._sheet

    def _start(self, element: str, attributes: Mapping[str, str]) -> None:
        self._text.start(element)
        if element == "c":
            self._open_cell(attributes)
        elif element == "row":
            number = attributes.get("r", "")
            self._at = (int(number) if number.isdigit() and len(number) <= 7 else self._at[0] + 1, 0)
        elif element == "v":
            self._value = True
        elif element == "f":
            self._formula = True
        elif element == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def _end(self, element: str) -> None:
        self._text.end(element)
        if element == "v":
            self._value = False
        elif element == "c":
            self._close_cell()

    def _characters(self, text: str) -> None:
        if self._value:
            self._text.put(text)
        else:
            self._text.add(text)

    def _open_cell(self, attributes: Mapping[str, str]) -> None:
        reference = attributes.get("r")
        self._at = self._place(reference) if reference is not None else (self._at[0], self._at[1] + 1)
        self._kind = attributes.get("t", "n")
        self._formula = self._value = False
        self._text.clear()

    def _close_cell(self) -> None:
        text, (row, column) = self._text.take(), self._at
        if self._kind == "s":
            index = int(text) if text.isascii() and text.isdigit() and len(text) <= 7 else len(self._strings)
            if index >= len(self._strings):
                raise UnusableFile(
                    f"{self._sheet.name}!{address(row, column)} names a text that the file does not have"
                )
            text = self._strings[index]
        elif self._kind == "n" and text.endswith(".0"):
            text = text[:-2]
        if not text and not self._formula:
            return  # a format without content
        self._cells += 1
        if self._cells > MAX_CELLS:
            raise UnusableFile(f"more than {MAX_CELLS:,} cells: not a list of endpoints")
        cells = self._sheet.cells.setdefault(row, {})
        cells[column] = Cell(text[:MAX_TEXT], formula=self._formula, error=self._kind == "e")

    def _merge(self, reference: str) -> None:
        self._merged += 1
        if self._merged > MAX_MERGED:
            raise UnusableFile(f"more than {MAX_MERGED:,} merged ranges: not a list of endpoints")
        first, _, last = reference.partition(":")
        (top, left), (bottom, _) = self._place(first), self._place(last or first)
        if bottom > top:
            self._sheet.merged.append((left, top, bottom))

    def _place(self, reference: str) -> tuple[int, int]:
        match = _CELL.fullmatch(reference)
        row, column = 0, 0
        if match:
            row = int(match.group(2))
            for letter in match.group(1).upper():
                column = column * 26 + ord(letter) - ord("A") + 1
        if not (1 <= row <= _MAX_ROW and 1 <= column <= _MAX_COLUMN):
            raise UnusableFile(f"{self._sheet.name}: there is no cell {reference[:20]!r}")
        return row, column


def _nothing(_: str) -> None:
    pass
