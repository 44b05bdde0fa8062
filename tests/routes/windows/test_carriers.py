from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.routes.windows.carriers import MAX_COMPLAINTS, read_device
from prober.routes.windows.encoding import MAX_FILE

CORPUS = Path(__file__).parent / "corpus"
FILES = [(path.name, path.read_bytes()) for path in sorted(CORPUS.iterdir())]
HEAD = b"Windows Registry Editor Version 5.00\r\n\r\n"
KEY = b"[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\DataCollection]\r\n"
COLLECTION = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\DataCollection"
QUERY = COLLECTION.encode() + b"\r\n    TelemetryProxyServer    REG_SZ    query:2\r\n"


def static(*files: tuple[str, bytes]) -> tuple[object, str]:
    """The static proxy after all files, and where it stands."""
    device = read_device(files)
    assert device.complaints == []
    found = device.registry.get(COLLECTION, "TelemetryProxyServer")
    assert found is not None
    return found.data, str(found.place)


def test_later_files_win_over_earlier_ones() -> None:
    export = HEAD + KEY + b'"TelemetryProxyServer"="export:1"\r\n'
    assert static(("a.reg", export), ("b.txt", QUERY)) == ("query:2", "b.txt:2")
    assert static(("b.txt", QUERY), ("a.reg", export)) == ("export:1", "a.reg:4")


def test_a_later_file_takes_away() -> None:
    device = read_device([("b.txt", QUERY), ("a.reg", HEAD + KEY + b'"TelemetryProxyServer"=-\r\n')])
    assert len(device.registry) == 0


def test_everything_in_one_device() -> None:
    device = read_device(FILES)
    assert device.shown is not None
    assert device.sensor is not None
    assert device.linux == "http://px:8080/"
    assert device.environment["HTTPS_PROXY"] == "px:81"
    assert len(device.advanced) == 3
    fatal = {complaint.place.file for complaint in device.complaints if complaint.fatal}
    assert device.carriers.keys() | fatal == {name for name, _ in FILES}
    assert not device.carriers.keys() & fatal


@pytest.mark.parametrize("name", ["x", "x.reg", "x.txt", "x.json", "SensorConfiguration.json.bak", "C:\\x\\y.reg"])
def test_the_name_is_only_a_hint(name: str) -> None:
    assert static((name, HEAD + KEY + b'"TelemetryProxyServer"="export:1"\r\n'))[0] == "export:1"


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("C:\\MDI\\2.1\\SensorConfiguration.json", b"{}", "MDI sensor configuration"),
        ("etc/mdatp_managed.json", b"{}", "mdatp_managed.json"),
        ("x.json", b' \n{"EDR": {}}', "mdatp_managed.json"),
        ("x.reg", b'hello\r\n"a"="b"', "registry export"),
    ],
)
def test_where_the_content_leaves_it_open_the_name_decides(name: str, data: bytes, kind: str) -> None:
    assert read_device([(name, data)]).carriers == {name: kind}


def test_a_file_beyond_measure_is_refused() -> None:
    device = read_device([("big.reg", HEAD + b" " * MAX_FILE)])
    (complaint,) = device.complaints
    assert complaint.fatal
    assert complaint.message == (
        f"{MAX_FILE + 40:,} octets: a file has at most 16,777,216. Export only the keys that matter."
    )


def test_complaints_of_one_file_have_an_end() -> None:
    device = read_device([("x.reg", HEAD + b"x\r\n" * 1000), ("y.reg", HEAD + b"x\r\n")])
    assert len(device.complaints) == MAX_COMPLAINTS + 2
    assert device.complaints[MAX_COMPLAINTS].message == "There is more to complain of; it was left out."


def test_code_pages_are_parameters() -> None:
    export = b"REGEDIT4\r\n" + KEY + b'"TelemetryProxyServer"="b\x81ro:1"\r\n'
    for code_page, text in (("cp850", "büro:1"), ("cp1252", "b\N{REPLACEMENT CHARACTER}ro:1"), ("cp1251", "bЃro:1")):
        device = read_device([("x.reg", export)], code_page=code_page)
        found = device.registry.get(COLLECTION, "TelemetryProxyServer")
        assert found is not None
        assert found.data == text
    shown = read_device([("n", b"WinHTTP:\n\n  a: px:80\n  b: *.b\xa3ro\n")], oem_code_page="cp852").shown
    assert shown is not None
    assert shown.bypass == "*.b\N{LATIN SMALL LETTER U WITH ACUTE}ro"


def test_what_is_no_code_page_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match='"utf-7": it is not a code page'):
        read_device([], code_page="utf-7")


def test_of_an_encrypted_password_only_that_it_exists_is_kept() -> None:
    section = {"Url": "http://px:1", "UserName": "svc", "EncryptedUserPasswordData": {"EncryptedBytes": "c2VjcmV0"}}
    for empty in ({"EncryptedBytes": ""}, {"EncryptedBytes": None, "SecretVersion": "x"}, None, {}):
        document = {"SensorProxyConfiguration": section | {"EncryptedUserPasswordData": empty}}
        sensor = read_device([("x.json", json.dumps(document).encode())]).sensor
        assert sensor is not None
        assert not sensor.has_password
    device = read_device([("x.json", json.dumps({"SensorProxyConfiguration": section}).encode())])
    assert device.sensor is not None
    assert device.sensor.has_password
    assert "c2VjcmV0" not in repr(device)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"SensorProxyConfiguration": []}, '"SensorProxyConfiguration" is no object: expected Url and UserName in it.'),
        (
            {"SensorProxyConfiguration": {"Url": 1}},
            '"Url" in "SensorProxyConfiguration" is no text and was left out.',
        ),
        ({"cloudService": 1}, '"cloudService" is no object: expected "proxy" in it.'),
        ({"cloudService": {"proxy": []}}, '"cloudService.proxy" is no text and was left out.'),
    ],
)
def test_json_of_the_wrong_shape(document: object, message: str) -> None:
    device = read_device([("x.json", json.dumps(document).encode())])
    assert [complaint.message for complaint in device.complaints] == [message]


def test_environment_texts() -> None:
    text = (
        "export HTTPS_PROXY='http://a:1'\nHTTPS_PROXY=http://b:2\nhttps_proxy=http://c:3\n"
        "set HTTP_PROXY=d:4\nno_proxy=\nALL_PROXY_X=1\nXHTTP_PROXY=1\nnO_ProXy=x\n"
    )
    device = read_device([("env", text.encode())])
    assert device.environment == {"HTTPS_PROXY": "http://c:3", "HTTP_PROXY": "d:4", "NO_PROXY": ""}
    assert [(each.place.line, each.message) for each in device.complaints] == [
        (2, "HTTPS_PROXY stands above with another value; this one is taken."),
        (3, "https_proxy stands above with another value; this one is taken."),
        (8, "NO_PROXY differs from no_proxy above, which comes first."),
    ]
    assert read_device([("env", b"HTTP_PROXY=" + b"x" * 40_000)]).environment == {}


@given(st.lists(st.tuples(st.sampled_from(["a", "b.reg", "c.json"]), st.binary(max_size=200)), max_size=3))
def test_any_octets_are_read_or_refused(files: list[tuple[str, bytes]]) -> None:
    device = read_device(files)
    complained = {complaint.place.file for complaint in device.complaints if complaint.fatal}
    assert {name for name, _ in files} == device.carriers.keys() | complained


@settings(deadline=None)
@given(st.sampled_from(FILES), st.data())
def test_a_damaged_file_is_read_or_refused(file: tuple[str, bytes], data: st.DataObject) -> None:
    """Cut, with octets overwritten, or a piece of another file put in."""
    name, octets = file
    at = data.draw(st.integers(0, len(octets)))
    piece = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([octets for _, octets in FILES])))
    gap = data.draw(st.integers(0, 40))
    device = read_device([(name, octets[:at] + piece + octets[at + gap :])])
    for complaint in device.complaints:
        assert complaint.message.endswith((".", "…"))
        assert complaint.place.file == name
    assert device.carriers or any(complaint.fatal for complaint in device.complaints)


def test_printouts_without_end_are_cut() -> None:
    log = b"WinHTTP:\n    a: px:1\n    b: (none)\n" * 1000
    assert read_device([("log", log + b"WinHTTP:\n    a: late:2\n    b: (none)\n")]).shown == (
        read_device([("log", log)]).shown
    )
