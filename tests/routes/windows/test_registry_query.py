from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.routes.windows.device import Registry
from prober.routes.windows.registry_query import read_registry_query

KEY = r"HKEY_LOCAL_MACHINE\SOFTWARE\K"
Complaints = list[tuple[int | None, str]]


def read(text: str) -> tuple[Registry, Complaints]:
    complaints: Complaints = []
    registry = Registry()
    read_registry_query(
        enumerate(text.split("\n"), start=1),
        file="q.txt",
        registry=registry,
        complain=lambda line, message: complaints.append((line, message)),
    )
    return registry, complaints


@pytest.mark.parametrize(
    ("row", "name", "kind", "data"),
    [
        ("    a    REG_SZ    text", "a", 1, "text"),
        ("    a b    REG_SZ    x    REG_SZ    y", "a b", 1, "x    REG_SZ    y"),
        ("    a    REG_SZ    ", "a", 1, ""),
        ("    a    REG_SZ", "a", 1, ""),
        ("    (Default)    REG_SZ    text", "", 1, "text"),
        ("    (par défaut)    REG_DWORD    0x7", "", 4, 7),
        ("    (Standaard)    REG_EXPAND_SZ    %T%", "", 2, "%T%"),
        ("    a    REG_DWORD    0x1", "a", 4, 1),
        ("    a    REG_DWORD    0xffffffff (4294967295)", "a", 4, 0xFFFFFFFF),
        ("    a    REG_DWORD    12", "a", 4, 12),
        ("    a    REG_DWORD_BIG_ENDIAN    0x1f", "a", 5, 31),
        ("    a    REG_QWORD    0x100000000", "a", 11, 2**32),
        ("    a    REG_BINARY    0aFF", "a", 3, b"\x0a\xff"),
        ("    a    REG_BINARY    0a ff", "a", 3, b"\x0a\xff"),
        ("    a    REG_BINARY    ", "a", 3, b""),
        (r"    a    REG_MULTI_SZ    x\0y z\0\0", "a", 7, ("x", "y z")),
        ("\ta\tREG_SZ\tb", "a", 1, "b"),
        ("    a    REG_RESOURCE_LIST    01", "a", 8, b"\x01"),
    ],
)
def test_rows(row: str, name: str, kind: int, data: Any) -> None:
    registry, complaints = read(f"{KEY}\n{row}\n")
    assert complaints == []
    (value,) = registry
    assert (value.key, value.name, value.type, value.data, str(value.place)) == (KEY, name, kind, data, "q.txt:2")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("    a    REG_FOO    x", 'The type of "a" is not known here; the value was left out.'),
        ("    a    REG_DWORD    x1", 'The data of "a" is not a number such as 0x1; the value was left out.'),
        ("    a    REG_DWORD    ff", 'The data of "a" is not a number such as 0x1; the value was left out.'),
        ("    a    REG_BINARY    123", 'The data of "a" is not an even number of hex digits; the value was left out.'),
        ("    a    REG_BINARY    zz", 'The data of "a" is not an even number of hex digits; the value was left out.'),
        ("    going on", "Not a value: expected name, type and data below a key."),
        ("    REG_SZ    x", "Not a value: expected name, type and data below a key."),
    ],
)
def test_what_cannot_be_read_is_complained_of_with_its_line(row: str, message: str) -> None:
    registry, complaints = read(f"\n{KEY}\n{row}\n    next    REG_SZ    read\n")
    assert complaints == [(3, message)]
    assert [value.name for value in registry] == ["next"]


def test_a_value_that_is_not_set_is_none() -> None:
    registry, complaints = read(f"{KEY}\n    (Default)    REG_SZ    (value not set)\n    (x)    REG_SZ    y\n")
    assert [(value.name, value.data) for value in registry] == [("(x)", "y")]
    assert complaints == []


def test_a_line_at_the_margin_ends_a_key() -> None:
    registry, complaints = read(
        f"{KEY}\n    a    REG_SZ    1\nEnd of search: 1 match(es) found.\n    b    REG_SZ    2\n"
    )
    assert [value.name for value in registry] == ["a"]
    assert complaints == [(4, "A value without key.")]


def test_a_root_that_is_none_takes_its_values_along() -> None:
    registry, complaints = read("HKEY_OTHER\\K\n    a    REG_SZ    1\n")
    assert len(registry) == 0
    assert complaints[0][0] == 1
    assert complaints[0][1].startswith("Not read, with the values below it: ")


def test_no_line_takes_long() -> None:
    begun = time.process_time()
    read(f"{KEY}\n    a{' ' * 300_000}REG\n    a    REG_DWORD    {' ' * 300_000}x\n")
    assert time.process_time() - begun < 1


@given(st.text(max_size=100))
def test_any_text_is_read(text: str) -> None:
    _, complaints = read(f"{KEY}\n{text}")
    assert all(line is not None and 1 <= line <= text.count("\n") + 2 for line, _ in complaints)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z]([A-Za-z ]?[A-Za-z])*", fullmatch=True),
        st.one_of(st.binary(max_size=40), st.integers(0, 2**32 - 1), st.text("aü;= %", max_size=20)),
        max_size=5,
    )
)
def test_a_printout_reads_back(values: dict[str, bytes | int | str]) -> None:
    rows = []
    for name, data in values.items():
        if isinstance(data, bytes):
            rows.append(f"    {name}    REG_BINARY    {data.hex().upper()}")
        elif isinstance(data, int):
            rows.append(f"    {name}    REG_DWORD    {data:#x}")
        else:
            rows.append(f"    {name}    REG_SZ    {data}")
    registry, complaints = read("\n".join(["", KEY, *rows, ""]))
    assert complaints == []
    last = {name.casefold(): data for name, data in values.items()}
    assert {value.name.casefold(): value.data for value in registry} == last
