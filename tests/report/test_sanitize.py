"""What a stranger sends cannot move the cursor, reorder a line or hide in it."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.report.sanitize import sanitize, seconds, several, takes_unicode

ANY = st.text(st.characters(categories=None), max_size=300) | st.text(
    st.sampled_from("\x1b[31m\u202e\u2066\u200b\x9b\x00\n\r\t\u2028é漢 a=@\ud800\U000e0041"), max_size=300
)


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(ANY, st.integers(4, 200), st.booleans())
def test_nothing_unfit_is_left(text: str, limit: int, ascii_only: bool) -> None:
    shown = sanitize(text, limit=limit, ascii_only=ascii_only)
    assert len(shown) <= limit
    assert {unicodedata.category(character) for character in shown}.isdisjoint(
        {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    shown.encode("ascii" if ascii_only else "utf-8")


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=100))
def test_what_is_fit_stays(text: str) -> None:
    assert sanitize(text, limit=100) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\r\n\tc", "a b c"),
        ("CN=\u202egpj.exe", "CN=\\u202egpj.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("a\u2028b", "a b"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("", ""),
        ("\n", ""),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_ascii() -> None:
    assert sanitize("Ä … 3 × 4 · ≠", ascii_only=True) == "\\xc4 ... 3 x 4 - !="


def test_too_long() -> None:
    assert sanitize("x" * 50, limit=10) == "x" * 9 + "…"
    assert sanitize("x" * 50, limit=10, ascii_only=True) == "x" * 7 + "..."


@pytest.mark.parametrize(
    ("encoding", "unicode"), [("utf-8", True), ("UTF8", True), ("latin-1", False), ("ascii", False)]
)
def test_takes_unicode(encoding: str, unicode: bool) -> None:
    assert takes_unicode(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) is unicode


def test_a_stream_without_encoding_gets_ascii() -> None:
    assert not takes_unicode(io.StringIO())


def test_numbers_for_people() -> None:
    assert several(1, "target") == "1 target"
    assert several(1400, "target") == "1,400 targets"
    assert several(2, "status", "statuses") == "2 statuses"
    assert [seconds(value) for value in (0.42, 8.4, 59.4, 125, 3725)] == [
        "0.42 s",
        "8.4 s",
        "59 s",
        "2 min 05 s",
        "1 h 02 min",
    ]
