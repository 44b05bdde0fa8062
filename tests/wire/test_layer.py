"""What a peer said is shown bounded and harmless; what looks like HTTP is decided by bytes, not by segments."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prober.wire.layer import DETAIL_LIMIT, NotTls, http_like, printable

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        (b"plain", "plain"),
        ("grün ✓", "grün ✓"),
        (b"a\r\nb\t\x1b[31m\x00\x7f", r"a\r\nb\t\x1b[31m\x00\x7f"),
        ("\u202eevil", r"\u202eevil"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("\udc80", r"\udc80"),
        ("\u2028\x85\ufeff", r"\u2028\x85\ufeff"),
    ],
)
def test_printable(given_: bytes | str, shown: str) -> None:
    assert printable(given_) == shown


def test_printable_is_cut_with_a_mark() -> None:
    assert printable("x" * DETAIL_LIMIT) == "x" * DETAIL_LIMIT
    assert printable("x" * (DETAIL_LIMIT + 1)) == "x" * (DETAIL_LIMIT - 1) + "…"
    assert len(printable(b"\x00" * 10_000)) == DETAIL_LIMIT


@given(st.one_of(st.binary(max_size=600), st.text(st.characters(), max_size=600)), st.integers(1, 400))
@example(BIDI, 300)
def test_no_control_or_bidi_character_gets_through(data: bytes | str, limit: int) -> None:
    shown = printable(data, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") or c in BIDI for c in shown)


@pytest.mark.parametrize(
    ("first", "verdict"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"http/1.0", True),
        (b"<html>", True),
        (b"\r\n\t <!DOCTYPE", True),
        (b"", None),
        (b"H", None),
        (b"HTTP", None),
        (b"\r\n ", None),
        (b" " * 63, None),
        (b" " * 64, False),
        (b" " * 64 + b"<html>", False),
        (b"HTTQ", False),
        (b"SSH-2.0", False),
        (b"\x00", False),
    ],
)
def test_http_like(first: bytes, verdict: bool | None) -> None:
    assert http_like(first) is verdict
    assert NotTls(first).looks_like_http is (verdict is True)


@given(st.binary(max_size=100))
def test_a_verdict_once_given_stands(data: bytes) -> None:
    verdicts = [http_like(data[:size]) for size in range(len(data) + 1)]
    given_ = [verdict for verdict in verdicts if verdict is not None]
    assert len(set(given_)) <= 1
    assert None not in verdicts[len(verdicts) - len(given_) :]
