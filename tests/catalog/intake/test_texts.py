"""Microsoft 365's JSON, TestCloudConnection's output, tables and lists as text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.catalog.entry import is_host_pattern
from prober.catalog.intake.endpoint_text import read_endpoints
from prober.catalog.intake.findings import Intake, Weight
from prober.catalog.intake.package import UnusableFile
from prober.catalog.intake.reading import read_list
from prober.model import Required, Scheme

RECORDS = [
    {
        "id": 1, "serviceArea": "Exchange", "serviceAreaDisplayName": "Exchange Online",
        "urls": ["outlook.office.com", "*.mail.example"], "ips": ["203.0.113.0/24"], "tcpPorts": "80,443",
        "expressRoute": True, "category": "Optimize", "required": True,
    },
    {
        "id": 9, "serviceArea": "Common", "urls": ["smtp.office365.com"], "tcpPorts": "587", "expressRoute": False,
        "category": "Allow", "required": False, "notes": "SMTP\nclients",
    },
    {"id": 12, "serviceArea": "Skype", "ips": ["203.0.113.0/24"], "udpPorts": "3478", "required": True},
]  # fmt: skip


def listed(tmp_path: Path, content: str | bytes) -> Intake:
    path = tmp_path / "list.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_list(path)


def unclear(intake: Intake) -> dict[str, str]:
    return {remark.place: remark.message for remark in intake.remarks if remark.weight is Weight.UNCLEAR}


def test_microsoft365_records(tmp_path: Path) -> None:
    intake = listed(tmp_path, json.dumps(RECORDS))
    told = [(each.target.address, each.target.scheme.value, each.target.group) for each in intake.entries]
    assert told == [
        ("outlook.office.com:443", "https", "exchange"),
        ("outlook.office.com:80", "http", "exchange"),
        ("*.mail.example:443", "https", "exchange"),
        ("*.mail.example:80", "http", "exchange"),
        ("smtp.office365.com:587", "tls", "common"),
    ]
    assert intake.entries[0].note == "endpoint set 1, Optimize, ExpressRoute"
    assert intake.entries[-1].note == "endpoint set 9, Allow, SMTP clients"
    assert intake.entries[-1].target.required is Required.OPTIONAL
    assert intake.entries[-1].target.scheme is Scheme.TLS
    assert intake.service == "M365"
    assert unclear(intake) == {"id 12": "networks (1) and no URL: catalogs hold names, so nothing came of it"}
    assert {each.place for each in intake.remarks if each.weight is Weight.ADAPTED} == {"id 9, tcpPorts"}


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"id": 1, "serviceArea": "A", "urls": ["a.*.example.com", "b.example"], "tcpPorts": "443"}, "id 1, urls[0]"),
        ({"id": 1, "serviceArea": "A", "urls": "a.example", "tcpPorts": "443"}, "id 1, urls"),
        ({"id": 1, "serviceArea": "A", "urls": ["a.example"], "tcpPorts": "443,x"}, "id 1, tcpPorts"),
        ({"id": 1, "serviceArea": "A", "urls": ["a.example"], "udpPorts": "3478"}, "id 1, tcpPorts"),
        ({"id": 1, "serviceArea": "A", "urls": ["a.example"], "tcpPorts": "443", "required": "yes"}, "id 1, required"),
        ({"id": 1, "serviceArea": 7, "urls": ["a.example"], "tcpPorts": "443"}, "id 1, serviceArea"),
        ({"serviceArea": "A"}, "record 1"),
        (7, "record 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_record_is_named(tmp_path: Path, record: object, place: str) -> None:
    other = {"id": 2, "serviceArea": "A", "urls": ["z.example"], "tcpPorts": "443"}
    intake = listed(tmp_path, json.dumps([record, other]))
    assert place in unclear(intake)
    assert intake.entries[-1].target.host == "z.example"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "not the Microsoft 365 endpoints"),
        ('{"a": 1}', "not the Microsoft 365 endpoints"),
        ("[1,", "not JSON"),
        ("[" * 100_000, "nested too deep"),
        ("some prose about endpoints", "not one of the vendor's lists"),
        ("", "not one of the vendor's lists"),
        (b"\xff\xfe\x00", "neither UTF-8 nor UTF-16"),
        (b"caf\xe9", "neither UTF-8 nor UTF-16"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(UnusableFile, match=message):
        listed(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="cannot be read: No such file"):
        read_list(tmp_path / "none.xlsx")


RULES = """\
Starting connectivity test for workspace 0123
reaching first.example
== Firewall Rule: *.blob.core.windows.net ==
  https://abcde01weustore.blob.core.windows.net/ ... passed
  abcde02weustore.blob.core.windows.net:443 -> passed
  elsewhere.example -> passed
Firewall Rule: "*.ods.opinsights.azure.com"
  0123.ods.opinsights.azure.com passed
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_firewall_rules(tmp_path: Path, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""  # the others write their own
    intake = listed(tmp_path, mark + RULES.encode(encoding))
    told = [(each.target.host, each.target.group, each.path) for each in intake.entries]
    assert told == [
        ("abcde01weustore.blob.core.windows.net", "blob-core-windows-net", "line 4"),
        ("abcde02weustore.blob.core.windows.net", "blob-core-windows-net", "line 5"),
        ("0123.ods.opinsights.azure.com", "ods-opinsights-azure-com", "line 8"),
    ]
    assert {each.target.required for each in intake.entries} == {Required.LEGACY}
    assert unclear(intake) == {"line 6": '"elsewhere.example": does not fall under *.blob.core.windows.net'}
    assert [remark.place for remark in intake.remarks if remark.weight is Weight.ASIDE] == ["line 2"]


def test_a_section_under_something_else_than_a_wildcard_is_named_with_its_hosts(tmp_path: Path) -> None:
    intake = listed(tmp_path, "Firewall Rule: everything\na.example\n")
    assert list(unclear(intake)) == ["line 1", "line 2"]
    assert intake.entries == []


def test_the_day_of_a_file_that_tells_none_is_the_day_it_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "rules.txt"
    path.write_text(RULES)
    os.utime(path, (0, 86400 * 365))
    assert read_list(path).dated == "1971-01-01"


def test_lists_and_tables_as_text(tmp_path: Path) -> None:
    plain = listed(tmp_path, "# comment\na.example\n*.b.example/\n.c.example\nhttp://d.example/x # why\n")
    told = [(each.target.host, each.target.port, each.target.path) for each in plain.entries]
    assert told == [
        ("a.example", 443, "/"),
        ("*.b.example", 443, "/"),
        ("*.c.example", 443, "/"),
        ("c.example", 443, "/"),
        ("d.example", 80, "/x"),
    ]
    table = listed(
        tmp_path, 'Service,Geography,Port,URL\nMDE,US,"80, 443",a.example\nMDE,EU,443,"b.example\nc.example"\n'
    )
    told = [(each.target.host, each.target.port, each.target.geography) for each in table.entries]
    assert told == [
        ("a.example", 80, "US"),
        ("a.example", 443, "US"),
        ("b.example", 443, "EU"),
        ("c.example", 443, "EU"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_are_separated_as_excel_does_it_anywhere(tmp_path: Path, separator: str) -> None:
    table = "\r\n".join(separator.join(cells) for cells in (("Service", "Port", "URL"), ("MDE", "443", "a.example")))
    (entry,) = listed(tmp_path, table).entries
    assert entry.target.host == "a.example"


def test_what_one_list_may_say_is_bounded(tmp_path: Path) -> None:
    ports = ",".join(map(str, range(1, 2001)))
    hosts = " ".join(f"a{n}.example" for n in range(50))
    with pytest.raises(UnusableFile, match="more than 50,000 endpoints"):
        listed(tmp_path, f'Service,Port,URL\nMDE,"{ports}",{hosts}\n')
    with pytest.raises(UnusableFile, match="more than 10,000 places are not understood"):
        listed(tmp_path, "a.example\n" + "nothing here\n" * 6_000)


@given(st.text(max_size=300))
def test_any_text_gives_host_patterns_or_reasons(text: str) -> None:
    reading = read_endpoints(text)
    for named in reading.named:
        assert is_host_pattern(named.host)
        assert named.port is None or 1 <= named.port <= 65535
        assert named.path == "" or named.path.startswith(("/", "?"))
    assert all(failed.why for failed in reading.failed)


@pytest.mark.parametrize(
    ("wanted", "level"), [(True, Required.YES), (False, Required.OPTIONAL), (None, Required.YES), (0, Required.YES)]
)
def test_what_is_not_said_to_be_optional_is_required(tmp_path: Path, wanted: object, level: Required) -> None:
    record = {"id": 1, "serviceArea": "A", "urls": ["a.example"], "tcpPorts": "443", "required": wanted}
    intake = listed(tmp_path, json.dumps([record]))
    assert [entry.target.required for entry in intake.entries] == [level]
    assert bool(unclear(intake)) is not isinstance(wanted, bool)


def test_udp_ports_are_told_and_not_taken(tmp_path: Path) -> None:
    record = {"id": 1, "serviceArea": "A", "urls": ["a.example"], "tcpPorts": "443", "udpPorts": "443"}
    intake = listed(tmp_path, json.dumps([record]))
    assert [(each.weight, each.place) for each in intake.remarks] == [(Weight.ASIDE, "udpPorts")]
    assert [entry.target.address for entry in intake.entries] == ["a.example:443"]


def test_numbers_without_end_are_refused_in_our_own_words(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="a number of thousands of digits"):
        listed(tmp_path, f'[{{"serviceArea": "A", "id": {"9" * 5000}}}]')


def test_the_web_service_as_csv_keeps_ports_and_requirement(tmp_path: Path) -> None:
    text = (
        "id,serviceArea,serviceAreaDisplayName,urls,ips,tcpPorts,udpPorts,expressRoute,category,required,notes\n"
        '1,Exchange,EO,"outlook.office.com,outlook.live.com",203.0.113.0/24,"80,443",443,True,Optimize,True,\n'
        "9,Exchange,EO,smtp.office365.com,,587,,False,Allow,False,SMTP\n"
    )
    intake = listed(tmp_path, text)
    assert [(each.target.address, each.target.required.value) for each in intake.entries] == [
        ("outlook.office.com:80", "yes"),
        ("outlook.office.com:443", "yes"),
        ("outlook.live.com:80", "yes"),
        ("outlook.live.com:443", "yes"),
        ("smtp.office365.com:587", "optional"),
    ]
    adapted = [remark.message for remark in intake.remarks if remark.weight is Weight.ADAPTED]
    assert adapted == ['"Exchange": no service of the catalogs; counted as MDE if none is given']
    unread = {remark.message for remark in intake.remarks if remark.weight is Weight.ASIDE}
    assert 'a column not read: "udpPorts"' in unread
    assert 'a column not read: "ips"' in unread
