"""Octets of a PAC script become text, as Chromium does it: charset parameter, then byte-order mark, then ISO-8859-1.

Pure. What cannot be decoded is replaced and remarked upon: a script's characters
beyond ASCII mostly stand in its comments.
"""

from __future__ import annotations

import codecs
import re
import zlib
from dataclasses import dataclass
from typing import Final

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARACTER_SETS: Final = re.compile(
    r"utf-(8|16|32)(-[bl]e)?|ascii|iso8859-\d+|cp\d+|koi8-[rut]|mac-\w+|shift_jis\w*|euc_\w+|gb\w+|big5\w*|iso2022_\w+|tis-620"
)
"""Python's names of what is a character set; it has codecs of other kinds too (`idna`, `unicode_escape`, `hex`)."""
_LONGEST_NAME: Final = 40
_WINDOW: Final = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""`wbits` of zlib: with gzip's header, or with whichever there is."""
_REPLACED: Final = "\ufffd"


class ContentCodingError(Exception):
    """A body cannot be decompressed, or becomes too large; carries a sentence."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with how it was read."""

    text: str
    encoding: str
    """The codec's name as Python has it: `utf-8`, `utf-16-le`, `iso8859-1`."""
    remarks: tuple[str, ...]


def decode(body: bytes, charset: str | None) -> Decoded:
    """The text of a body; `charset` is the parameter of its media type (RFC 9110 section 8.3.2). Never fails."""
    remarks: list[str] = []
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if body.startswith(mark)), None)
    named = _codec(charset) if charset is not None else None
    if charset is not None and named is None:
        remarks.append(f"the charset {charset[:_LONGEST_NAME]!r} is not known here and was passed over")
    if named is not None and marked is not None and not marked.startswith(named):
        remarks.append(f"the byte-order mark says {marked}, the charset parameter {named}: the parameter was taken")
    encoding = named or marked or "iso8859-1"
    text = body.decode(encoding, errors="replace").removeprefix("\ufeff")
    lost = text.count(_REPLACED)
    if lost:
        remarks.append(f"{lost} characters are not {encoding} and were replaced")
    return Decoded(text, encoding, tuple(remarks))


def _codec(charset: str) -> str | None:
    """Python's name of a character set, or None."""
    try:
        name = codecs.lookup(charset.strip(" \t\"'")[:_LONGEST_NAME]).name
    except (LookupError, ValueError):
        return None
    return name if _CHARACTER_SETS.fullmatch(name) else None


def decompress(body: bytes, coding: str, limit: int) -> bytes:
    """A body without its content coding (RFC 9110 section 8.4), `limit` octets at most. Raises ContentCodingError."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in _WINDOW:
        raise ContentCodingError(
            f"the answer has the content coding {coding[:_LONGEST_NAME]!r}, which nobody asked for"
        )
    inflater = zlib.decompressobj(_WINDOW[coding])
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise ContentCodingError(f"the answer says it is {coding} and is not") from None
    if len(plain) > limit:
        raise ContentCodingError(f"the script is larger than {limit:,} bytes once its {coding} is undone")
    if not inflater.eof:
        raise ContentCodingError(f"the answer ends in the middle of its {coding}")
    return plain
