from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.routes.windows.device import Registry
from prober.routes.windows.registry_file import MAX_KEY_DELETES, MAX_LINE, MAX_VALUE, read_registry_file

V5 = "Windows Registry Editor Version 5.00"
KEY = r"[HKEY_LOCAL_MACHINE\K]"

Complaints = list[tuple[int | None, str]]


def read(text: str, registry: Registry | None = None) -> tuple[Registry, Complaints, tuple[int, str] | None]:
    complaints: Complaints = []
    registry = Registry() if registry is None else registry
    refused = read_registry_file(
        text,
        file="x.reg",
        registry=registry,
        complain=lambda line, message: complaints.append((line, message)),
        code_page="cp1252",
    )
    return registry, complaints, refused


def value(line: str, head: str = V5) -> Any:
    """The data of one value line without complaints, or None where it gives none."""
    registry, complaints, refused = read(f"{head}\n\n{KEY}\n{line}\n")
    assert (complaints, refused) == ([], None)
    found = list(registry)
    return found[0].data if found else None


def complaint(*lines: str) -> tuple[int | None, str]:
    """The only one, of value lines that give no value."""
    registry, complaints, _ = read("\n".join([V5, "", KEY, *lines]))
    assert len(registry) == 0
    assert len(complaints) == 1, complaints
    return complaints[0]


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ('"x"=""', ""),
        ('"x"="a;b" ; c', "a;b"),
        (r'"x"="\\\\server\\share"', r"\\server\share"),
        (r'"x"="say \"hi\""', 'say "hi"'),
        ('"x"="\ttab\x0bvt\u2028ls"', "\ttab\x0bvt\u2028ls"),
        ('@="default"', "default"),
        (' \t@ = "default"', "default"),
        ('"x"=dword:0000001f', 31),
        ('"x"=DWORD:1F', 31),
        ('"x"=dword: f;c', 15),
        ('"x"=dword:ffffffff', 0xFFFFFFFF),
        ('"x"=hex:', b""),
        ('"x"=hex:0,f,10', b"\0\x0f\x10"),
        ('"x"=hex:01,02,', b"\x01\x02"),
        ('"x"=hex:01,02, ; c', b"\x01\x02"),
        ('"x"=hex:01 ; c', b"\x01"),
        ('"x"=HEX(3):0A', b"\n"),
        ('"x"=hex:\\\n  01,\\\n02', b"\x01\x02"),
        ('"x"=hex:01,\\\n', b"\x01"),
        ('"x"=hex(5):00,00,01,00', 256),
        ('"x"=hex(b):01,00,00,00,00,00,00,80', 0x8000000000000001),
        ('"x"=hex(7):61,00,00,00,00,00,62,00,00,00', ("a",)),
        ('"x"=hex(ffff):01', b"\x01"),
        ('"x"=-', None),
        ('"x"= - ; c', None),
    ],
)
def test_data(line: str, data: Any) -> None:
    if line.endswith("\\\n"):  # a value whose next line is missing is none
        assert complaint(line.rstrip("\n"))[0] == 4
    else:
        assert value(line) == data


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ('"x"=hex(1):61,fc,00', "aü"),
        ('"x"=hex(2):25,54,25,00', "%T%"),
        ('"x"=hex(7):61,00,62,00,00', ("a", "b")),
    ],
)
def test_texts_in_regedit4_are_in_the_code_page(line: str, data: Any) -> None:
    assert value(line, "REGEDIT4") == data


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ('"x"=dword:', 'The data of "x" cannot be read: expected 1 to 8 hex digits.'),
        ('"x"=dword:123456789', 'The data of "x" cannot be read: expected 1 to 8 hex digits.'),
        ('"x"=dword:1 2', 'The data of "x" cannot be read: expected 1 to 8 hex digits.'),
        ('"x"=hex:012', 'The hex data of "x" cannot be read; the value was left out.'),
        ('"x"=hex:01 02', 'The hex data of "x" cannot be read; the value was left out.'),
        ('"x"=hex:01,zz', 'The hex data of "x" cannot be read; the value was left out.'),
        ('"x"=hex:01,,02', 'The hex data of "x" cannot be read; the value was left out.'),
        ('"x"=hex:01\\', 'The hex data of "x" cannot be read; the value was left out.'),
        ('"x"=hex(z):01', 'The data of "x" cannot be read: expected a quoted text, "dword:" or "hex:".'),
        ('"x"=', 'The data of "x" cannot be read: expected a quoted text, "dword:" or "hex:".'),
        ('"x"=-1', 'The data of "x" cannot be read: expected a quoted text, "dword:" or "hex:".'),
        ("@", '"(Default)" has no = behind it.'),
        ('"x"', '"x" has no = behind it.'),
        ('"x', "The value's name has no closing quote."),
        ("x=1", "Neither a key in brackets nor a value nor a comment."),
        ("  0a,0b,\\", "Hex data without a value: the line before it was lost."),
    ],
)
def test_what_cannot_be_read_is_complained_of_with_its_line(line: str, begins: str) -> None:
    assert complaint(line) == (4, begins)


def test_a_torn_value_takes_its_lines_with_it_and_is_one_complaint() -> None:
    line, message = complaint('"x"=hex:01,02,', "  03,04,\\", "  05,06", "07")
    assert line == 4
    assert "goes on after line 4, which has lost the \\ at its end; 2 octets were read" in message
    assert complaint('"x"=hex:zz,\\', "  03,04,\\", "  05,06")[0] == 4


def test_comments_and_blank_lines_may_stand_within_hex_data() -> None:
    assert value('"x"=hex:01,\\ ; one\n\n  ; two\n  02,\\\n\n03') == b"\x01\x02\x03"


def test_an_earlier_value_stays_where_a_later_one_cannot_be_read() -> None:
    registry, complaints, _ = read(f'{V5}\n{KEY}\n"x"="kept"\n"x"=dword:z\n"y"="read on"\n')
    assert [each.data for each in registry] == ["kept", "read on"]
    assert [line for line, _ in complaints] == [4]


def test_names_compare_without_letter_case() -> None:
    registry, complaints, _ = read(
        f'{V5}\n{KEY}\n"X"="1"\n[hkey_local_machine\\k]\n"x"="2"\n[HKEY_LOCAL_MACHINE\\K\\]\n"y"="3"\n'
    )
    assert complaints == []
    found = registry.get(r"HKLM\k", "X")
    assert found is not None
    assert (found.data, found.key, str(found.place)) == ("2", r"HKEY_LOCAL_MACHINE\k", "x.reg:5")
    assert len(registry) == 2


def test_a_deleted_key_goes_with_all_below_it_and_nothing_beside_it() -> None:
    registry, complaints, _ = read(
        f'{V5}\n{KEY}\n"a"="1"\n[HKEY_LOCAL_MACHINE\\K\\L]\n"b"="2"\n[HKEY_LOCAL_MACHINE\\KL]\n"c"="3"\n'
        '[-HKEY_LOCAL_MACHINE\\k]\n"d"="no key is open"\n'
    )
    assert [each.name for each in registry] == ["c"]
    assert complaints == []


@pytest.mark.parametrize("head", ["REGEDIT5", "REGEDIT", "  REGEDIT3", "Windows Registry Editor Version 6.00"])
def test_of_an_unknown_header_regedit_imports_nothing(head: str) -> None:
    registry, complaints, refused = read(f'\n{head}\n{KEY}\n"a"="1"\n')
    assert (len(registry), complaints) == (0, [])
    assert refused is not None
    assert refused[0] == 2


def test_a_comment_before_the_header_is_remarked() -> None:
    registry, complaints, _ = read(f'; for the Büro\n{V5}\n{KEY}\n"a"="1"\n')
    assert len(registry) == 1
    assert complaints == [(2, "Regedit expects the header before anything else, comments too.")]


def test_a_bracket_in_a_comment_is_remarked() -> None:
    registry, complaints, _ = read(f'{V5}\n{KEY} ; see [1]\n"a"="1"\n')
    assert complaints == [(2, 'The key goes up to the last "]" of the line, which stands in a comment here.')]
    assert next(iter(registry)).key == r"HKEY_LOCAL_MACHINE\K] ; see [1"


def test_values_without_a_key_are_complained_of_once() -> None:
    _, complaints, _ = read(f'{V5}\n"a"="1"\n"b"="2"\n')
    assert complaints == [(2, "Values without a key above them were left out.")]


def test_no_data_is_quoted_in_a_complaint() -> None:
    _, complaints, _ = read(f'{V5}\n{KEY}\n"p"=http://svc:hunter2@px:80\n"q"="http://svc:hunter2@px\n')
    assert len(complaints) == 2
    assert "hunter2" not in repr(complaints)


def test_bounds() -> None:
    long = f'"x"="{"a" * MAX_LINE}"'
    big = '"y"=hex:' + "00," * 200_000 + "\\\n" + ("00," * 200_000 + "\\\n") * 6 + "00"
    deletes = "\n".join([r"[-HKEY_LOCAL_MACHINE\Z]"] * (MAX_KEY_DELETES + 5))
    registry, complaints, _ = read(f'{V5}\n{KEY}\n{long}\n{big}\n"z"="read on"\n{deletes}\n')
    assert [each.name for each in registry] == ["z"]
    assert [(line, message[:30]) for line, message in complaints] == [
        (3, "The line has 1,000,006 charact"),
        (9, f'"y" is longer than {MAX_VALUE:,} o'[:30]),
        (12 + MAX_KEY_DELETES + 1, "More than 200 keys are deleted"),
    ]


@pytest.mark.parametrize(
    "line",
    ["00" + " " * 300_000 + "x", '"x"=hex:00' + " " * 300_000 + "x", '"x"' + " " * 300_000, "[" + "]" * 300_000 + "x",
     '"x"="a"' + " " * 300_000 + "x", '"x"=dword:1' + " " * 300_000 + "x", '"' + "\\" * 300_001,
     '"x"=hex:' + "0," * 200_000 + "x", '"x"=' + "-" * 300_000],
    ids=range(9),
)  # fmt: skip
def test_no_line_takes_long(line: str) -> None:
    begun = time.process_time()
    _, complaints, _ = read(f"{V5}\n{KEY}\n{line}\n")
    assert time.process_time() - begun < 2
    assert all(number == 3 for number, _ in complaints)
    assert complaints


# A writer of its own, against which the reader is held: regedit's form, but wrapped at random.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=12)
STRINGS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=30)
SUBKEYS = st.text(st.characters(codec="utf-8", exclude_characters="\\[]\r\n;\0"), min_size=1, max_size=8)
ANSI = st.text(st.sampled_from("abc äöü;\"\\"), max_size=20)  # fmt: skip
ANSI_NAMES = st.text(st.sampled_from("abcüé \\\""), max_size=8)  # fmt: skip


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(kind: int, data: Any, codec: str) -> bytes:
    """The octets of a value as hex data carry them."""
    if kind == 7:
        return "".join(f"{each}\0" for each in (*data, "")).encode(codec)
    if isinstance(data, str):
        return (data + "\0").encode(codec)
    if isinstance(data, int):
        return data.to_bytes(8 if kind == 11 else 4, "big" if kind == 5 else "little")
    return bytes(data)


@st.composite
def value_lines(draw: st.DrawFn, names: st.SearchStrategy[str], strings: st.SearchStrategy[str], codec: str) -> Any:
    """A value line in one of its forms, with what it is to be read as."""
    name = draw(names)
    kind = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 0x1F]))
    if kind in (1, 2):
        data: Any = draw(strings)
    elif kind == 7:
        data = tuple(draw(st.lists(strings.filter(bool), max_size=4)))
    elif kind in (4, 5, 11):
        data = draw(st.integers(0, 2**64 - 1 if kind == 11 else 2**32 - 1))
    else:
        data = draw(st.binary(max_size=90))
    head = ("@" if not name else quoted(name)) + draw(st.sampled_from(["=", " = "]))
    if kind == 1 and draw(st.booleans()):
        return head + quoted(data), name, kind, data
    if kind == 4 and draw(st.booleans()):
        return f"{head}dword:{data:08x}", name, kind, data
    octets = written(kind, data, codec)
    pieces = [f"{octet:02x}," for octet in octets[:-1]] + [f"{octet:02x}" for octet in octets[-1:]]
    for cut in sorted(draw(st.sets(st.integers(1, max(1, len(pieces) - 1)), max_size=5)), reverse=True):
        if cut < len(pieces):
            pieces.insert(cut, "\\\n" + draw(st.sampled_from(["  ", "", "\t"])))
    label = "hex:" if kind == 3 and draw(st.booleans()) else f"hex({kind:x}):"
    return head + label + "".join(pieces), name, kind, data


def files(v5: bool) -> st.SearchStrategy[Any]:
    lines = value_lines(NAMES, STRINGS, "utf-16-le") if v5 else value_lines(ANSI_NAMES, ANSI, "cp1252")
    return st.lists(st.tuples(SUBKEYS, st.lists(lines, max_size=4)), max_size=4)


@settings(deadline=None)
@given(st.booleans().flatmap(lambda v5: st.tuples(st.just(v5), files(v5))), st.sampled_from(["\r\n", "\n", "\r"]))
def test_a_written_file_reads_back(file: Any, end: str) -> None:
    v5, keys = file
    text, expected = (V5 if v5 else "REGEDIT4") + "\n\n", Registry()
    wanted: dict[tuple[str, str], Any] = {}
    for subkey, lines in keys:
        key = rf"HKEY_USERS\S-1-5-18\{subkey}".rstrip("\\")
        text += f"[{key}]\n"
        for line, name, kind, data in lines:
            text += line + "\n"
            wanted[key.casefold(), name.casefold()] = (kind, data.rstrip("\0") if isinstance(data, str) else data)
        text += "\n"
    registry, complaints, refused = read(text.replace("\n", end), expected)
    assert (complaints, refused) == ([], None)
    assert {(each.key.casefold(), each.name.casefold()): (each.type, each.data) for each in registry} == wanted


FRAGMENTS = st.sampled_from(
    [V5, "REGEDIT4", KEY, "[-HKLM\\K]", '"x"=', '"x"="', "hex:", "hex(7):", "01,", "02", "\\", "\n", "\r", " ", ";",
     "]", "[", "@=", "-", "dword:", "1", '"', "=", "\0", "é", "\ufeff", "str:"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=120), st.lists(FRAGMENTS, max_size=40).map("".join)), st.booleans())
def test_any_text_is_read_and_complaints_have_a_line(text: str, headed: bool) -> None:
    text = f"{V5}\n{KEY}\n{text}" if headed else text
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    registry, complaints, refused = read(text)
    assert all(line is not None and 1 <= line <= lines for line, _ in complaints)
    assert refused is None or 1 <= refused[0] <= lines
    assert all(each.place.line is not None and 1 <= each.place.line <= lines for each in registry)
