"""The vendor's spreadsheets and tables of endpoints, commercial and government, into entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from prober.catalog.entry import Entry, placeholders_in
from prober.catalog.errors import shown
from prober.catalog.intake import columns as words
from prober.catalog.intake.columns import GOVERNMENT, Column, Heading
from prober.catalog.intake.endpoint_text import Named, Reading, read_endpoints
from prober.catalog.intake.findings import Intake, Weight
from prober.catalog.intake.workbook import Cell, Sheet, Workbook, address, read_workbook
from prober.catalog.vocabulary import GEOGRAPHIES_ALWAYS_IN
from prober.model import DEFAULT_PORTS, Required, Scheme, Target

_CLEAR_PORT: Final = 80
_MAX_NOTE: Final = 400
_YES: Final = frozenset({"yes", "y", "x", "true", "required", "optional", "supported"})
_NO: Final = frozenset({"no", "n", "n a", "false", "not applicable"})
_TICKS: Final = frozenset("✓✔☑✅√●•")
_CROSSES: Final = frozenset("-–—✗✘☒✕×○")


def read_spreadsheet(data: bytes, file: str, title: str, clouds: Sequence[str] = ()) -> Intake:
    """The entries of a workbook. `clouds` hold for rows that do not say; without, a workbook that names a government
    cloud anywhere is the government list, and any other the commercial one.

    Raises UnusableFile if it cannot be read at all.
    """
    return read_sheets(read_workbook(data), file, title, clouds)


def read_sheets(workbook: Workbook, file: str, title: str, clouds: Sequence[str] = ()) -> Intake:
    """As `read_spreadsheet`, of sheets that have been read."""
    intake = Intake(file, title, workbook.modified, "MDE", "Endpoints of Microsoft Defender for Endpoint")
    rows: list[_Row] = []
    for sheet in workbook.sheets:
        rows += _rows(sheet, intake)
    if not rows and not intake.count(Weight.UNCLEAR):
        intake.remark(
            Weight.UNCLEAR, "", "no sheet has a table with a column Endpoint/URL and another one that is known"
        )
    default = tuple(clouds) or (GOVERNMENT if _is_government(rows) else ("commercial",))
    for row in rows:
        intake.spend(sum(len(cell.text) for cell in row.cells.values()))
        _entries(row, default, intake)
    for text, place in intake.foreign.items():
        message = f"{shown(one_line(text))}: no service of the catalogs; counted as {intake.service} if none is given"
        intake.remark(Weight.ADAPTED, place, message)
    return intake


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table, below its headings."""

    sheet: str
    number: int
    heading: Heading
    cells: Mapping[int, Cell]
    section: tuple[str, ...] = ()
    """The service that the last line across the table named."""

    def text(self, column: Column) -> str:
        """What stands in a column; empty if there is no such column."""
        number = self.heading.column(column)
        cell = None if number is None else self.cells.get(number)
        return cell.text.strip() if cell else ""

    def place(self, column: Column) -> str:
        """Where that is: `Sheet!E7`."""
        return f"{self.sheet}!{address(self.number, self.heading.column(column) or 1)}"


def _rows(sheet: Sheet, intake: Intake) -> list[_Row]:
    rows: list[_Row] = []
    heading: Heading | None = None
    section: tuple[str, ...] = ()
    before = 0
    for number, cells in sheet.rows():
        found = words.heading(cells)
        if found is not None:
            heading, section = found, ()
            for column, text in found.unread:
                intake.remark(
                    Weight.ASIDE, f"{sheet.name}!{address(number, column)}", f"a column not read: {shown(text)}"
                )
        elif heading is None:
            before += len(cells)
        else:
            row = _Row(sheet.name, number, heading, _usable(sheet, number, heading, cells, intake), section)
            if row.text(Column.ENDPOINT):
                rows.append(row)
            else:
                texts = {cell.text for cell in cells.values()} - {""}
                section = words.services(min(texts)) if len(texts) == 1 else section
                _without_endpoint(row, cells, intake)
    if heading is None and before:
        intake.remark(Weight.ASIDE, sheet.name, f"no column Endpoint/URL: {before} cells are not read")
    if sheet.hidden and rows:
        intake.remark(Weight.ADAPTED, sheet.name, "a hidden sheet: its endpoints are taken as well")
    return rows


def _usable(sheet: Sheet, number: int, heading: Heading, cells: Mapping[int, Cell], intake: Intake) -> dict[int, Cell]:
    """The cells without formulas and errors: what they show is another program's opinion."""
    usable: dict[int, Cell] = {}
    for column, cell in cells.items():
        place = f"{sheet.name}!{address(number, column)}"
        known = column in heading.columns or column in heading.systems
        if cell.formula and known:
            intake.unclear(place, cell.text, "a formula: only text that was typed is taken")
        elif cell.error and known:
            intake.unclear(place, cell.text, "an error of the spreadsheet")
        elif not (cell.formula or cell.error):
            usable[column] = cell
    return usable


def _without_endpoint(row: _Row, cells: Mapping[int, Cell], intake: Intake) -> None:
    """A row of a table that names nothing: a heading or a sentence, unless it has a port."""
    lost = cells.get(row.heading.column(Column.ENDPOINT) or 0)
    if lost is not None and (lost.formula or lost.error):
        return  # named already
    if row.text(Column.PORT) or row.text(Column.REQUIRED):
        intake.remark(Weight.UNCLEAR, row.place(Column.ENDPOINT), "the row names no endpoint")
        return
    texts = {" ".join(cell.text.split()) for cell in cells.values()} - {""}
    if texts:
        first = f"{row.sheet}!{address(row.number, min(cells))}"
        intake.remark(Weight.ASIDE, first, f"no endpoint: {shown(min(texts))}")


def _is_government(rows: Sequence[_Row]) -> bool:
    told = [words.geographies(row.text(Column.GEOGRAPHY)) or [] for row in rows]
    named = {geography for each in told for geography, _ in each}
    return bool(named & (GEOGRAPHIES_ALWAYS_IN - {"WW"}))


def _entries(row: _Row, default: tuple[str, ...], intake: Intake) -> None:
    reading = read_endpoints(row.text(Column.ENDPOINT))
    place = row.place(Column.ENDPOINT)
    for failed in reading.failed:
        intake.unclear(place, failed.text, failed.why)
    for adapted in dict.fromkeys(named.adapted for named in reading.named if named.adapted):
        intake.remark(Weight.ADAPTED, place, f"{shown(row.text(Column.ENDPOINT))}: {adapted}")
    if not reading.named:
        if not reading.failed:
            intake.unclear(place, row.text(Column.ENDPOINT), "no host name")
        return
    numbers = _ports(row, intake)
    common, note = _shared(row, reading, intake)
    told = _clouds(row, intake)
    for service, (geography, clouds) in product(_services(row, intake), _geographies(row, intake)):
        here = replace(common, service=service, geography=geography, cloud=told or clouds or default)
        for named in reading.named:
            for port in _of_named(named, numbers):
                intake.add(_entry(named, port, here, note, (intake.file, place)))


def _services(row: _Row, intake: Intake) -> tuple[str, ...]:
    """The services a row belongs to: its category, its column or the line above says so; else an empty one."""
    agent = words.agent(row.text(Column.CATEGORY))
    text = row.text(Column.SERVICE)
    found = (agent,) if agent else words.services(text) or (row.section if not text else ())
    if text and not found:
        intake.foreign.setdefault(text, row.place(Column.SERVICE))
    return found or ("",)


def _ports(row: _Row, intake: Intake) -> list[int]:
    text = row.text(Column.PORT)
    numbers = words.ports(text)
    if numbers is None:
        intake.unclear(row.place(Column.PORT), text, "expected TCP ports; the port of the scheme is taken")
    return numbers or []


def _geographies(row: _Row, intake: Intake) -> list[tuple[str, tuple[str, ...]]]:
    text = row.text(Column.GEOGRAPHY)
    if not text:
        return [("WW", ())]
    found = words.geographies(text)
    if found is None:
        intake.unclear(
            row.place(Column.GEOGRAPHY), text, "no geography of the catalogs; WW is taken, so that it is not lost"
        )
        return [("WW", ())]
    return found


def _clouds(row: _Row, intake: Intake) -> tuple[str, ...]:
    """What a column Cloud says; nothing where there is none."""
    text = row.text(Column.CLOUD)
    found = words.clouds(text)
    if found is None:
        intake.unclear(row.place(Column.CLOUD), text, "no clouds of the catalogs: the geography decides")
    return found or ()


def _of_named(named: Named, numbers: Sequence[int]) -> list[int]:
    """The ports of an endpoint: its own, else the row's, else its scheme's."""
    if named.port is not None:
        return [named.port]
    if numbers:
        return list(numbers)
    return [_CLEAR_PORT if named.scheme == "http" else DEFAULT_PORTS[Scheme.HTTPS]]


def _shared(row: _Row, reading: Reading, intake: Intake) -> tuple[Target, str]:
    """What all endpoints of a row have in common, as a target without host; and their note."""
    level = words.required(row.text(Column.REQUIRED))
    if level is None:
        text = row.text(Column.REQUIRED)
        intake.unclear(row.place(Column.REQUIRED), text, "expected Required or Optional; required is taken")
    families, os_note = _systems(row, intake)
    notes = [*reading.notes, row.text(Column.COMMENT)]
    unknown = row.text(Column.GEOGRAPHY)
    if unknown and words.geographies(unknown) is None:
        notes.append(f"geography in the source: {unknown}")
    target = Target(
        id="",
        scheme=Scheme.HTTPS,
        host="",
        port=0,
        group=words.group_name(row.text(Column.CATEGORY), row.text(Column.DESCRIPTION), row.sheet),
        os=families,
        os_note=os_note,
        required=Required(level or "yes"),
    )
    return target, one_line("; ".join(note for note in dict.fromkeys(notes) if note))


def _systems(row: _Row, intake: Intake) -> tuple[tuple[str, ...], str]:
    """The families a row is for; and, where it is for a part of Windows only, the headings that say which."""
    if not row.heading.systems:
        text = row.text(Column.OS)
        families = words.families(text)
        if families is None:
            intake.unclear(row.place(Column.OS), text, "expected operating systems; any is taken, the words are kept")
        return (families, "") if families is not None else ((), one_line(text))
    found: dict[str, None] = {}
    windows: list[str] = []
    for column, (family, heading) in row.heading.systems.items():
        cell = row.cells.get(column)
        told = words.folded(cell.text) if cell else ""
        mark = cell.text.strip()[:1] if cell and not told else ""
        if told in _YES or mark in _TICKS:
            found[family] = None
            windows += [heading] if family == "windows" else []
        elif cell is not None and not (told in _NO or (not told and (not mark or mark in _CROSSES))):
            place = f"{row.sheet}!{address(row.number, column)}"
            intake.unclear(place, cell.text, f"expected Yes or nothing under {shown(heading)}; taken as nothing")
    every = [heading for family, heading in row.heading.systems.values() if family == "windows"]
    return tuple(found), "" if windows == every else one_line("; ".join(windows))


def _entry(named: Named, port: int, common: Target, note: str, origin: tuple[str, str]) -> Entry:
    # Beside `80/443` a URL's own scheme says nothing of the other port.
    own = named.scheme if named.port is not None or port not in (_CLEAR_PORT, DEFAULT_PORTS[Scheme.HTTPS]) else ""
    clear = own == "http" or (port == _CLEAR_PORT and own != "https")
    return entry_of(named, port, Scheme.HTTP if clear else Scheme.HTTPS, common, note, origin)


def entry_of(named: Named, port: int, scheme: Scheme, common: Target, note: str, origin: tuple[str, str]) -> Entry:
    """An entry without an id: an endpoint with what its neighbours share. `origin` is the file and the place in it."""
    target = replace(
        common,
        scheme=scheme,
        host=named.host,
        port=port,
        path="/" if scheme is Scheme.TLS else named.path or "/",
        inspection_bypass=False if scheme is Scheme.HTTP else common.inspection_bypass,
    )
    names = placeholders_in(target.host, target.path)
    return Entry(target, note=note, file=origin[0], path=origin[1], placeholders=names)


def one_line(text: str) -> str:
    """Text fit for a value of a catalog: one printable line of 400 characters at most."""
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return line if len(line) <= _MAX_NOTE else line[: _MAX_NOTE - 1] + "…"
