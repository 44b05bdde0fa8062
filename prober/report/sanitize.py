"""Text from the wire made fit to be shown: no control characters, no reordering, no invisible characters."""

from __future__ import annotations

import unicodedata
from typing import Final, TextIO

_SHOWN_AS: Final = str.maketrans(
    {"…": "...", "×": "x", "·": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "≠": "!=", "≤": "<="}
)
_UNFIT: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: controls, formats (bidirectional, zero width), surrogates, private, unassigned, line breaks."""
MAX_SHOWN: Final = 400


def sanitize(text: str, *, limit: int = MAX_SHOWN, ascii_only: bool = False) -> str:
    """`text` on one line, with what a terminal or a reader could be fooled by written as an escape.

    All white space, line breaks too, becomes single spaces; other unfit characters become `\\x1b`, `\\u202e`. The
    answer has at most `limit` characters. With `ascii_only` nothing outside ASCII is left.
    """
    text = text[: limit * 2]  # whatever is escaped only gets longer
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_shown, " ".join(text.split())))
    if ascii_only and not text.isascii():
        text = text.translate(_SHOWN_AS).encode("ascii", "backslashreplace").decode()
    if len(text) > limit:
        text = text[: limit - 3] + "..." if ascii_only else text[: limit - 1] + "…"
    return text


def _shown(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    return character.encode("unicode_escape").decode() if category in _UNFIT else character


def takes_unicode(stream: TextIO) -> bool:
    """Whether more than ASCII can safely be written to a stream."""
    encoding = getattr(stream, "encoding", None) or ""
    return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig")


def several(number: int, one: str, many: str = "") -> str:
    """`1 target`, `1,400 targets`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def seconds(value: float) -> str:
    """A duration for people: `0.42 s`, `8.4 s`, `2 min 05 s`, `1 h 02 min`."""
    if value < 10:
        return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def duration(value: float) -> str:
    """How long a stage or a probe took, given in seconds: `0.8 ms`, `42 ms`, `1.24 s`."""
    if value < 0.01:
        return f"{value * 1000:.1f} ms"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
