"""The reader of workbooks: what openpyxl writes it reads back, and nothing hostile costs more than an error."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.catalog.intake import package as packages
from prober.catalog.intake.package import UnusableFile
from prober.catalog.intake.reading import read_list
from prober.catalog.intake.workbook import address, read_workbook

from .workbooks import commercial, one_sheet, packed, parts, row

SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def sheet_xml(inner: str, prolog: str = "") -> bytes:
    return f'{prolog}<worksheet xmlns="{MAIN}">{inner}</worksheet>'.encode()


@pytest.fixture
def good(tmp_path: Path) -> dict[str, bytes]:
    return parts(one_sheet(tmp_path / "good.xlsx", row("a.example")).read_bytes())


def refused(members: dict[str, bytes], *, sheet: bytes) -> str:
    data = packed({**members, SHEET: sheet})
    before = time.perf_counter()
    with pytest.raises(UnusableFile) as caught:
        _ = [list(each.rows()) for each in read_workbook(data).sheets]
    assert time.perf_counter() - before < 20
    return str(caught.value)


def test_texts_numbers_and_the_day_it_was_saved(tmp_path: Path) -> None:
    book = read_workbook(commercial(tmp_path / "c.xlsx").read_bytes())
    assert [sheet.name for sheet in book.sheets] == [
        "Overview",
        "Microsoft Defender URLs",
        "Defender Portal URLs",
        "Microsoft Defender Processes",
    ]
    cells = book.sheets[1].cells
    assert cells[3][4].text == "80"
    assert cells[4][5].text == "www.microsoft.com/pkiops/*\nwww.microsoft.com/pki/*"
    assert book.modified is not None
    assert len(book.modified) == 10


def test_merged_cells_are_filled_downwards_and_not_sideways(tmp_path: Path) -> None:
    rows = dict(read_workbook(commercial(tmp_path / "c.xlsx").read_bytes()).sheets[1].rows())
    assert {rows[number][1].text for number in range(3, 9)} == {"Microsoft Defender for Endpoint"}
    assert list(rows[1]) == [1]
    assert list(rows[9]) == [1]


def test_formulas_and_errors_are_marked(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["B2"] = '=HYPERLINK("https://evil.example","a.example")'
    sheet["C3"] = "#REF!"
    stream = io.BytesIO()
    book.save(stream)
    cells = read_workbook(stream.getvalue()).sheets[0].cells
    assert cells[2][2].formula
    assert cells[3][3].error


def test_inline_rich_and_escaped_texts(good: dict[str, bytes]) -> None:
    inner = (
        '<sheetData><row r="2"><c r="A2" t="inlineStr"><is><r><t>a.</t></r><r><t>example</t></r>'
        "<rPh><t>no</t></rPh></is></c>"
        '<c t="str"><v>b_x000D_</v></c><c r="D2" t="b"><v>1</v></c></row><row><c><v>443.0</v></c></row></sheetData>'
    )
    cells = read_workbook(packed({**good, SHEET: sheet_xml(inner)})).sheets[0].cells
    assert {column: cell.text for column, cell in cells[2].items()} == {1: "a.example", 2: "b\r", 4: "1"}
    assert cells[3][1].text == "443"


def with_shared(members: dict[str, bytes], strings: str, inner: str, target: str = "sharedStrings.xml") -> bytes:
    """A workbook as Excel writes it: texts in a part of their own (openpyxl puts them into the cells)."""
    relations = "xl/_rels/workbook.xml.rels"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    added = f'<Relationship Type="{kind}" Target="{target}" Id="rId99"/></Relationships>'.encode()
    changed = {
        relations: members[relations].replace(b"</Relationships>", added),
        "xl/SharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>'.encode(),
        SHEET: sheet_xml(inner),
    }
    return packed({**members, **changed})


@pytest.mark.parametrize("target", ["sharedStrings.xml", "/xl/sharedStrings.xml", "../xl/sharedStrings.xml"])
def test_texts_that_cells_share(good: dict[str, bytes], target: str) -> None:
    strings = "<si><t>URL</t></si><si><r><t>a.</t></r><r><t>example</t></r><rPh><t>no</t></rPh></si><si/>"
    cells = "".join(f'<c t="s"><v>{index}</v></c>' for index in (0, 1, 1, 2))
    book = read_workbook(with_shared(good, strings, f"<sheetData><row>{cells}</row></sheetData>", target))
    assert [cell.text for cell in book.sheets[0].cells[1].values()] == ["URL", "a.example", "a.example"]


def test_too_many_texts(good: dict[str, bytes]) -> None:
    with pytest.raises(UnusableFile, match="more than 100,000 texts"):
        read_workbook(with_shared(good, "<si/>" * 100_001, "<sheetData/>"))


def test_a_text_that_many_cells_share_counts_each_time(good: dict[str, bytes], tmp_path: Path) -> None:
    strings = f"<si><t>URL</t></si><si><t>Port</t></si><si><t>{'and ' * 8000}</t></si>"
    head = '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>'
    rows = '<row><c t="s"><v>2</v></c></row>' * 500
    path = tmp_path / "shared.xlsx"
    path.write_bytes(with_shared(good, strings, f"<sheetData>{head}{rows}</sheetData>"))
    with pytest.raises(UnusableFile, match="rows with more than 4,194,304 characters"):
        read_list(path)


def test_cells_as_far_out_as_excel_goes_cost_nothing(good: dict[str, bytes]) -> None:
    inner = (
        '<dimension ref="A1:XFD1048576"/><sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    rows = list(read_workbook(packed({**good, SHEET: sheet_xml(inner)})).sheets[0].rows())
    assert [(number, list(cells)) for number, cells in rows] == [(1048576, [16384])]


def test_a_merged_range_of_17_billion_cells_costs_nothing(good: dict[str, bytes]) -> None:
    merged = '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    inner = f'<sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData>{merged}'
    rows = list(read_workbook(packed({**good, SHEET: sheet_xml(inner)})).sheets[0].rows())
    assert len(rows) == 1


def test_overlapping_merged_ranges_are_bounded(good: dict[str, bytes]) -> None:
    cells = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in range(1, 101))
    merged = '<mergeCell ref="A1:A1048576"/>' * 6000
    message = refused(good, sheet=sheet_xml(f"<sheetData>{cells}</sheetData><mergeCells>{merged}</mergeCells>"))
    assert "merged cells stand for more than 100,000 cells" in message


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    "prolog", [ENTITIES, EXTERNAL, "<!DOCTYPE x>", '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">']
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(good: dict[str, bytes], prolog: str, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>{prolog}<worksheet xmlns="{MAIN}"><sheetData/></worksheet>'
    assert "declares a document type" in refused(good, sheet=text.encode(encoding))


def test_zip_bomb_is_refused_before_it_fills_the_memory(good: dict[str, bytes]) -> None:
    data = packed({**good, SHEET: sheet_xml("<sheetData>" + " " * (packages.MAX_UNPACKED_BYTES + 1) + "</sheetData>")})
    assert len(data) < 1024 * 1024
    tracemalloc.start()
    try:
        with pytest.raises(UnusableFile, match="unpacks to more than 64 MiB"):
            read_workbook(data)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_member_that_lies_about_its_size_is_refused(good: dict[str, bytes]) -> None:
    data = bytearray(packed(good))
    place = data.rfind(b"PK\x01\x02", 0, data.rfind(SHEET.encode()))
    data[place + 24 : place + 28] = (10).to_bytes(4, "little")  # uncompressed size in the directory
    with pytest.raises(UnusableFile):
        read_workbook(bytes(data))


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("<a>" * 100 + "</a>" * 100, "nested deeper than 64"),
        ("<sheetData>", "no well-formed XML"),
        ('<sheetData><row><c r="A1" t="s"><v>99</v></c></row></sheetData>', "names a text that the file does not have"),
        ('<sheetData><row><c r="AAAA1"><v>1</v></c></row></sheetData>', "there is no cell 'AAAA1'"),
        ('<sheetData><row><c r="XFE1"><v>1</v></c></row></sheetData>', "there is no cell 'XFE1'"),
        ('<sheetData><row><c r="A1"><v>' + "1" * 300_000 + "</v></c></row></sheetData>", "more than 32,767 characters"),
        ("<sheetData>" + "<row><c><v>1</v></c></row>" * 100_001 + "</sheetData>", "more than 100,000 cells"),
        ("<mergeCells>" + '<mergeCell ref="A1:A2"/>' * 10_001 + "</mergeCells>", "more than 10,000 merged"),
        ('<mergeCells><mergeCell ref="A0:A2"/></mergeCells>', "there is no cell 'A0'"),
    ],
)
def test_broken_sheets(good: dict[str, bytes], inner: str, message: str) -> None:
    assert message in refused(good, sheet=sheet_xml(inner))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an .xlsx file"),
        (b"PK\x03\x04 cut off", "not an .xlsx file, or cut short"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 100, "save it as .xlsx"),
        (packed({"xl/other.xml": b"<a/>"}), "xl/workbook.xml is missing"),
        (packed({f"{n}": b"" for n in range(2001)}), "more than 2000"),
        (packed({"xl/workbook.xml": b"<workbook/>"}), "it has no sheet"),
        (packed({"xl/workbook.xml": b"<workbook/>"}, zipfile.ZIP_LZMA), "packed in a way"),
    ],
)
def test_no_workbooks(data: bytes, message: str) -> None:
    with pytest.raises(UnusableFile, match=message):
        read_workbook(data)


def test_encrypted_member(good: dict[str, bytes]) -> None:
    data = bytearray(packed(good))
    place = -1
    while (place := data.find(b"PK\x01\x02", place + 1)) >= 0:
        data[place + 8] |= 1
    with pytest.raises(UnusableFile, match="with a password"):
        read_workbook(bytes(data))


@pytest.mark.parametrize(
    ("row_", "column", "name"), [(1, 1, "A1"), (7, 26, "Z7"), (7, 27, "AA7"), (1048576, 16384, "XFD1048576")]
)
def test_addresses(row_: int, column: int, name: str) -> None:
    assert address(row_, column) == name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_read_or_refused(good: dict[str, bytes], data: st.DataObject) -> None:
    whole = packed(good, zipfile.ZIP_STORED)
    place = data.draw(st.integers(0, len(whole) - 1))
    junk = data.draw(st.binary(max_size=6))
    damaged = whole[:place] + junk + whole[place + data.draw(st.integers(0, 6)) :]
    try:
        read_workbook(damaged)
    except UnusableFile as error:
        assert str(error)  # noqa: PT017 # either outcome is right; anything else is a bug


def test_two_rows_merged_are_two_rows(tmp_path: Path) -> None:
    path = one_sheet(tmp_path / "two.xlsx", row("a.example", geography="EU"), row("b.example", geography=None))
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("B2:B3")  # type: ignore[union-attr] # it has a sheet
    book.save(path)
    assert [entry.target.geography for entry in read_list(path).entries] == ["EU", "EU"]


def test_what_is_outside_the_file_is_not_followed(good: dict[str, bytes]) -> None:
    """A link to elsewhere is no part, not even where a part of that name exists."""
    name = "xl/_rels/workbook.xml.rels"
    linked = good[name].replace(b"<Relationship ", b'<Relationship TargetMode="External" ')
    with pytest.raises(UnusableFile, match="it has no sheet"):
        read_workbook(packed({**good, name: linked}))
