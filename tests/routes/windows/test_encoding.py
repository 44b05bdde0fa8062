from __future__ import annotations

import codecs

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prober.routes.windows.encoding import code_page_problem, decode

HEAD = "Windows Registry Editor Version 5.00\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (codecs.BOM_UTF16_LE + HEAD.encode("utf-16-le"), "UTF-16LE", HEAD),
        (codecs.BOM_UTF16_BE + HEAD.encode("utf-16-be"), "UTF-16BE", HEAD),
        (HEAD.encode("utf-16-le"), "UTF-16LE", HEAD),
        (HEAD.encode("utf-16-be"), "UTF-16BE", HEAD),
        ("é=ü; 中文 ; a b c d e f".encode("utf-16-le"), "UTF-16LE", "é=ü; 中文 ; a b c d e f"),
        (codecs.BOM_UTF8 + HEAD.encode(), "UTF-8", HEAD),
        ("Büro".encode(), "UTF-8", "Büro"),
        (HEAD.encode(), "ASCII", HEAD),
        ("Büro".encode("cp1252"), "cp1252", "Büro"),
        (b"", "ASCII", ""),
        (b"\0", "ASCII", "\0"),
        (codecs.BOM_UTF32_LE + "a".encode("utf-32-le"), "UTF-32LE", "a"),
    ],
)
def test_encodings(data: bytes, encoding: str, text: str) -> None:
    found = decode(data)
    assert (found.encoding, found.text) == (encoding, text)


@pytest.mark.parametrize(
    ("data", "remarks"),
    [
        (codecs.BOM_UTF16_LE + HEAD.encode("utf-16-le"), ()),
        (HEAD.encode("utf-16-le"), ("No byte-order mark; taken for UTF-16LE by its zero octets.",)),
        (codecs.BOM_UTF16_BE + HEAD.encode("utf-16-be"), ("Regedit does not take UTF-16BE.",)),
        (codecs.BOM_UTF16_LE + b"a\0b", ("Octets at offset 4 mean nothing in UTF-16LE.",)),
        (codecs.BOM_UTF8 + b"a\xff", ("Octets at offset 4 mean nothing in UTF-8.",)),
        (
            b"B\xfcro",
            (
                "Not UTF-8 (octet 0xfc at offset 1), read in code page cp1252: "
                "a file does not say which code page it is in.",
            ),
        ),
    ],
)
def test_doubts_are_said(data: bytes, remarks: tuple[str, ...]) -> None:
    assert decode(data).remarks == remarks


def test_the_code_page_is_a_parameter() -> None:
    assert decode(b"B\x81ro", code_page="cp850").text == "Büro"
    assert decode(b"B\x81ro").text == "B\N{REPLACEMENT CHARACTER}ro"


@pytest.mark.parametrize("name", ["cp1252", "cp850", "cp437", "cp932", "windows-1250", "iso8859-15"])
def test_code_pages(name: str) -> None:
    assert code_page_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", "cp9999", "utf-8", "utf-16", "hex", "rot13", "idna", "cp037", "base64", "\0", "a" * 500]
)
def test_what_is_no_code_page(name: str) -> None:
    assert code_page_problem(name)


@given(st.binary(max_size=300), st.sampled_from(["cp1252", "cp850", "cp932"]))
def test_any_octets_are_read(data: bytes, code_page: str) -> None:
    assert len(decode(data, code_page=code_page).text) <= len(data)


@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_marked_texts_come_back(text: str) -> None:
    assume(not text.startswith("\0"))  # a mark of UTF-16LE with a zero behind it is that of UTF-32LE
    assert decode(codecs.BOM_UTF16_LE + text.encode("utf-16-le")).text == text
    assert decode(codecs.BOM_UTF8 + text.encode()).text == text
