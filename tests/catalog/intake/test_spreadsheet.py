"""The vendor's tables, commercial and government, into entries; every cell that is not understood is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.catalog.entry import Entry
from prober.catalog.intake.findings import Intake, Weight
from prober.catalog.intake.reading import read_list
from prober.model import Required, Scheme

from .workbooks import MDE, commercial, government, one_sheet, row


@pytest.fixture
def listed(tmp_path: Path) -> Intake:
    return read_list(commercial(tmp_path / "mde-urls-commercial.xlsx"))


def by_host(intake: Intake) -> dict[tuple[str, int], Entry]:
    return {(entry.target.host, entry.target.port): entry for entry in intake.entries}


def unclear(intake: Intake) -> dict[str, str]:
    found: dict[str, str] = {}
    for remark in intake.remarks:
        if remark.weight is Weight.UNCLEAR:
            found[remark.place] = "\n".join([*found.get(remark.place, "").splitlines(), remark.message])
    return found


def test_all_endpoints_of_the_commercial_layout(listed: Intake) -> None:
    assert [entry.target.address + entry.target.path for entry in listed.entries] == [
        "crl.microsoft.com:80/",
        "www.microsoft.com:80/pkiops/*",
        "www.microsoft.com:80/pki/*",
        "*.wns.windows.com:443/",
        "x.cp.wd.microsoft.com:443/",
        "winatp-gw-cus.microsoft.com:443/",
        "winatp-gw-eus.microsoft.com:443/",
        "automatedirstrprdneu.blob.core.windows.net:443/",
        "*.update.microsoft.com:80/",
        "*.update.microsoft.com:443/",
        "*.oms.opinsights.azure.com:443/",
        "security.microsoft.com:443/",
    ]
    assert unclear(listed) == {}
    assert listed.service == "MDE"


def test_attributes_come_from_their_columns(listed: Intake) -> None:
    found = by_host(listed)
    gateway = found["winatp-gw-eus.microsoft.com", 443]
    assert (gateway.target.geography, gateway.target.group) == ("US", "c2")
    assert gateway.target.os == ("windows", "macos", "linux")
    assert gateway.target.os_note == ""
    assert gateway.path == "Microsoft Defender URLs!E7"
    assert found["automatedirstrprdneu.blob.core.windows.net", 443].target.group == "autoir-blob"
    updates = found["*.update.microsoft.com", 80]
    assert updates.target.scheme is Scheme.HTTP
    assert updates.target.required is Required.OPTIONAL
    assert updates.note == "see notes; Optional with WSUS"
    old = found["*.oms.opinsights.azure.com", 443].target
    assert old.os == ("windows",)
    assert old.os_note == "Windows 7, 8.1; Windows Server 2008 R2, 2012 R2, 2016 (MMA Based)"
    assert found["x.cp.wd.microsoft.com", 443].target.os == ("macos", "linux")
    assert {entry.target.cloud for entry in listed.entries} == {("commercial",)}


def test_what_is_no_table_is_named_as_an_aside(listed: Intake) -> None:
    asides = {remark.place: remark.message for remark in listed.remarks if remark.weight is Weight.ASIDE}
    assert list(asides) == ["Overview", "Microsoft Defender URLs!A9", "Microsoft Defender Processes"]
    assert asides["Microsoft Defender URLs!A9"] == 'no endpoint: "Updates below"'


def test_government_layout_decides_the_clouds(tmp_path: Path) -> None:
    listed = read_list(government(tmp_path / "mde-urls-gov.xlsx"))
    assert unclear(listed) == {}
    told = [(entry.target.host, entry.target.geography, entry.target.cloud) for entry in listed.entries]
    everywhere = ("gcc", "gcc-high", "dod")
    assert told == [
        ("www.microsoft.com", "USGov", everywhere),
        ("winatp-gw-usmt.microsoft.com", "GCC", ("gcc",)),
        ("winatp-gw-usgt.microsoft.com", "GCCHigh", ("gcc-high",)),
        ("winatp-gw-usgt.microsoft.com", "DoD", ("dod",)),
        ("*.endpoint.security.microsoft.com", "WW", everywhere),
    ]


def test_clouds_given_by_hand_hold_where_the_list_says_nothing(tmp_path: Path) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row("a.example"), row("b.example", geography="GCC")), ["dod"])
    assert [entry.target.cloud for entry in listed.entries] == [("dod",), ("gcc",)]


@pytest.mark.parametrize(
    ("given", "place", "message"),
    [
        (row("a.example, not a host"), "List!E2", '"not": no host name: it has no dot'),
        (row("autodiscover.*.example.com"), "List!E2", "a wildcard is *. before a name here"),
        (row("*"), "List!E2", '"*": no host name'),
        (row("203.0.113.7"), "List!E2", "no host name"),
        (row("ftp://a.example"), "List!E2", "the scheme ftp cannot be probed"),
        (row("https://user:secret@a.example/"), "List!E2", "an address with a user in it"),
        (row("a.example:99999"), "List!E2", "no port"),
        (row("<your tenant>.a.example"), "List!E2", "no host name"),
        (row("n/a"), "List!E2", '"n/a": no host name'),
        (row(None), "List!E2", "the row names no endpoint"),
        (row("a.example", geography="Mars"), "List!B2", '"Mars": no geography of the catalogs; WW is taken'),
        (row("a.example", port="443-450"), "List!D2", '"443-450": expected TCP ports'),
        (row("a.example", port="UDP 123"), "List!D2", "expected TCP ports"),
        (row("a.example", required="Perhaps"), "List!G2", '"Perhaps": expected Required or Optional'),
        (("x", "WW", "", 443, "a.example", "", "Required", "Now"), "List!H2", '"Now": expected Yes or nothing'),
        (row("=CONCATENATE(A1)"), "List!E2", "a formula: only text that was typed is taken"),
        (row("a.example", port="#REF!"), "List!D2", "an error of the spreadsheet"),
    ],
)  # fmt: skip
def test_every_cell_that_is_not_understood_is_named(
    tmp_path: Path, given: tuple[object, ...], place: str, message: str
) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", given, row("z.example")))
    assert message in unclear(listed)[place]
    assert "secret" not in unclear(listed)[place]
    assert "z.example" in {entry.target.host for entry in listed.entries}


def test_an_unknown_geography_keeps_its_word_in_the_note(tmp_path: Path) -> None:
    (entry,) = read_list(one_sheet(tmp_path / "a.xlsx", row("a.example", geography="Canada"))).entries
    assert (entry.target.geography, entry.note) == ("WW", "geography in the source: Canada")


@pytest.mark.parametrize("words", ["US Gov (DoD)", "US (pilot only)"])
def test_an_aside_that_says_more_than_the_geography_is_not_passed_over(tmp_path: Path, words: str) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row("a.example", geography=words)))
    assert list(unclear(listed)) == ["List!B2"]


def test_several_geographies_in_a_cell_are_an_entry_each(tmp_path: Path) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row("a.example", geography="US, EU")))
    assert [entry.target.geography for entry in listed.entries] == ["US", "EU"]


def test_a_star_without_a_dot_is_written_as_two_names(tmp_path: Path) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row("*ecs.office.com")))
    assert [entry.target.host for entry in listed.entries] == ["*.ecs.office.com", "ecs.office.com"]
    assert [remark.weight for remark in listed.remarks] == [Weight.ADAPTED]


def test_an_endpoint_that_stands_twice_is_one_entry_with_the_stronger_requirement(tmp_path: Path) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row("a.example", required="Optional"), row("A.example.")))
    (entry,) = listed.entries
    assert entry.target.required is Required.YES


def test_the_streamlined_layout_with_one_column_of_systems(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(("Service", "Port", "Endpoint/URLs", "Endpoint/URL Description", "Type", "Comments", "OS"))
    sheet.append(("Core", 443, "*.endpoint.security.microsoft.com", "", "Required", "", "All"))
    sheet.append(
        (
            "Web",
            443,
            "*.smartscreen.microsoft.com *.smartscreen-prod.microsoft.com",
            "",
            "Optional",
            "",
            "Windows, macOS",
        )
    )
    book.save(tmp_path / "s.xlsx")
    listed = read_list(tmp_path / "s.xlsx")
    assert [(entry.target.host, entry.target.os) for entry in listed.entries] == [
        ("*.endpoint.security.microsoft.com", ()),
        ("*.smartscreen.microsoft.com", ("windows", "macos")),
        ("*.smartscreen-prod.microsoft.com", ("windows", "macos")),
    ]


def test_templates_become_placeholders(tmp_path: Path) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row("<workspace id>.ods.opinsights.azure.com")))
    (entry,) = listed.entries
    assert entry.target.host == "{workspace_id}.ods.opinsights.azure.com"
    assert entry.placeholders == ("workspace_id",)


def test_a_workbook_without_any_table_says_so(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.save(tmp_path / "empty.xlsx")
    listed = read_list(tmp_path / "empty.xlsx")
    assert list(unclear(listed).values()) == [
        "no sheet has a table with a column Endpoint/URL and another one that is known"
    ]


def services(intake: Intake) -> dict[str, str]:
    return {entry.target.host: entry.target.service for entry in intake.entries}


def test_each_row_has_the_service_of_its_column_or_of_its_agent(listed: Intake) -> None:
    found = services(listed)
    assert found["winatp-gw-cus.microsoft.com"] == "MDE"
    assert found["*.update.microsoft.com"] == "MDAV"
    assert found["*.oms.opinsights.azure.com"] == "MMA"  # its category says so, whatever the service


def test_a_line_across_the_table_names_the_service_of_the_rows_below_it(tmp_path: Path) -> None:
    def bare(host: str, service: str | None = None) -> tuple[object, ...]:
        return (service, "WW", "Common", 443, host, "", "Required", "Yes")

    rows = [
        bare("a.example"),
        ("Microsoft Defender Antivirus (MDAV)",),
        bare("b.example"),
        bare("c.example", "Microsoft Defender for Endpoint US"),
        bare("g.example", "Contoso"),
        ("Updates",),
        bare("d.example"),
        bare("e.example", "MDE MDAV"),
        bare("f.example", "Contoso"),
    ]
    listed = read_list(one_sheet(tmp_path / "a.xlsx", *rows))
    told = [(entry.target.host[0], entry.target.service) for entry in listed.entries]
    assert told == [
        ("a", ""),
        ("b", "MDAV"),
        ("c", "MDE"),
        ("g", ""),
        ("d", ""),
        ("e", "MDE"),
        ("e", "MDAV"),
        ("f", ""),
    ]
    adapted = [(remark.place, remark.message) for remark in listed.remarks if remark.weight is Weight.ADAPTED]
    assert adapted == [("List!A6", '"Contoso": no service of the catalogs; counted as MDE if none is given')]
    assert unclear(listed) == {}


@pytest.mark.parametrize(
    "mark", ["a.example\u00b9", "a.example\u2020 ", "a.example [12]", "a.example\u00b2\u00b3, a.example"]
)
def test_marks_of_footnotes_are_no_part_of_a_host(tmp_path: Path, mark: str) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row(mark)))
    assert [entry.target.host for entry in listed.entries] == ["a.example"]
    assert listed.remarks == []


def test_signs_are_not_folded_into_letters(tmp_path: Path) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row("a.example\u2122"), row("z.example")))
    assert "it has a sign" in unclear(listed)["List!E2"]
    assert services(listed).keys() == {"z.example"}


def test_a_sentence_is_named_once(tmp_path: Path) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row("needed by Edge before version ten on a.example 9.9.9.9")))
    first, second = unclear(listed)["List!E2"].splitlines()
    assert "a sentence: 7 words are no host names" in first
    assert second == '"9.9.9.9": no host name'
    assert services(listed).keys() == {"a.example"}


@pytest.mark.parametrize(
    ("endpoint", "port", "expected"),
    [
        ("http://a.example", "80, 443", [("http", 80), ("https", 443)]),
        ("https://a.example", "80, 443", [("http", 80), ("https", 443)]),
        ("http://a.example", 8080, [("http", 8080)]),
        ("http://a.example:443", 80, [("http", 443)]),
        ("https://a.example:80", 443, [("https", 80)]),
        ("http://a.example", None, [("http", 80)]),
    ],
)
def test_scheme_and_port_fit_together(
    tmp_path: Path, endpoint: str, port: object, expected: list[tuple[str, int]]
) -> None:
    listed = read_list(one_sheet(tmp_path / "a.xlsx", row(endpoint, port=port)))
    assert [(entry.target.scheme.value, entry.target.port) for entry in listed.entries] == expected


def test_ticks_and_crosses_under_an_operating_system(tmp_path: Path) -> None:
    def under(*marks: object) -> tuple[object, ...]:
        return (MDE, "WW", "Common", 443, f"{len(marks)}.example", "", "Required", *marks)

    listed = read_list(
        one_sheet(tmp_path / "a.xlsx", under("\u2713"), under("\u2717", None, "\u2014", "\u2714"), under("-", "?"))
    )
    assert [entry.target.os for entry in listed.entries] == [("windows",), ("macos",), ()]
    assert list(unclear(listed)) == ["List!I4"]


def test_a_hidden_sheet_is_taken_and_named(tmp_path: Path) -> None:
    import openpyxl

    path = one_sheet(tmp_path / "a.xlsx", row("a.example"))
    book = openpyxl.load_workbook(path)
    for title, state in (("Old", "hidden"), ("Older", "veryHidden")):
        sheet = book.create_sheet(title)
        sheet.sheet_state = state
        sheet.append(("Port", "URL"))
        sheet.append((443, f"{title.lower()}.example"))
    book.save(path)
    listed = read_list(path)
    assert list(services(listed)) == ["a.example", "old.example", "older.example"]
    assert [(remark.weight, remark.place) for remark in listed.remarks] == [
        (Weight.ADAPTED, "Old"),
        (Weight.ADAPTED, "Older"),
    ]


def test_columns_by_other_names_and_columns_that_are_not_read(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "List"
    sheet.append(("URL(s) (FQDN)", "Port(s)", "Geography (tenant)", "Wildcard?", None, "Notes"))
    sheet.append(("a.example", 8443, "Europe (EU)", "no", None, "text"))
    sheet.append(("b.example", 443, "Worldwide (WW), US", "no", None, None))
    book.save(tmp_path / "a.xlsx")
    listed = read_list(tmp_path / "a.xlsx")
    told = [(entry.target.address, entry.target.geography, entry.note) for entry in listed.entries]
    assert told == [("a.example:8443", "EU", "text"), ("b.example:443", "WW", ""), ("b.example:443", "US", "")]
    assert [(remark.weight, remark.place) for remark in listed.remarks] == [(Weight.ASIDE, "List!D1")]


def test_a_column_cloud_alone_is_the_geography_and_beside_it_the_cloud(tmp_path: Path) -> None:
    import openpyxl

    def read(*rows: tuple[object, ...]) -> Intake:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for each in rows:
            sheet.append(list(each))
        book.save(tmp_path / "a.xlsx")
        return read_list(tmp_path / "a.xlsx")

    def told(listed: Intake) -> list[tuple[str, tuple[str, ...]]]:
        return [(entry.target.geography, entry.target.cloud) for entry in listed.entries]

    assert told(read(("URL", "Cloud"), ("a.example", "GCC High"))) == [("GCCHigh", ("gcc-high",))]
    both = read(
        ("URL", "Cloud", "Region"),
        ("a.example", "gcc, DoD", "WW"),
        ("b.example", None, "DoD"),
        ("c.example", "x", "EU"),
    )
    assert told(both) == [("WW", ("gcc", "dod")), ("DoD", ("dod",)), ("EU", ("gcc", "gcc-high", "dod"))]
    assert list(unclear(both)) == ["Sheet!B4"]
