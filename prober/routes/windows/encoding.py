"""A file's octets become text: Windows writes UTF-16, UTF-8, its ANSI or its console's code page, mostly unmarked."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Final

MAX_FILE: Final = 16 * 1024 * 1024
"""Octets of one file."""
OEM: Final = "cp850"
"""What a console writes in Western Europe; 437 in the United States. They differ in few letters."""

_SAMPLE: Final = 4096
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32LE"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32BE"),
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16LE"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16BE"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text."""

    text: str
    """Without byte-order mark; line ends as they were."""
    encoding: str
    """`UTF-16LE`, `UTF-8`, `ASCII`, or the name of the code page."""
    remarks: tuple[str, ...] = ()
    """A sentence each, where the encoding or a character is in doubt."""


def decode(data: bytes, *, code_page: str = "cp1252") -> Decoded:
    """The text of a file. Never fails: octets that mean nothing become U+FFFD, and a remark says so.

    A byte-order mark decides; without one, zero octets in every other place are UTF-16, what can be UTF-8 is UTF-8, and
    the rest is in `code_page` (see `code_page_problem`).
    """
    for mark, codec, name in _BOMS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], codec, name, offset=len(mark))
    wide = _wide(data)
    if wide is not None:
        codec, name = wide
        return _decoded(data, codec, name, f"No byte-order mark; taken for {name} by its zero octets.")
    if data.isascii():
        return Decoded(data.decode("ascii"), "ASCII")
    try:
        return Decoded(data.decode("utf-8"), "UTF-8")
    except UnicodeDecodeError as error:
        remark = (
            f"Not UTF-8 (octet 0x{data[error.start]:02x} at offset {error.start}), read in code page {code_page}: "
            "a file does not say which code page it is in."
        )
        return _decoded(data, code_page, code_page, remark)


def code_page_problem(name: str) -> str | None:
    """Why this is no code page to read texts in, or None."""
    try:
        found = codecs.lookup(name)
        ascii_kept = bytes(range(0x20, 0x7F)).decode(name, "replace") == "".join(map(chr, range(0x20, 0x7F)))
    except (LookupError, ValueError, UnicodeError):
        return "it is not a code page known here; expected one like cp1252, cp850 or cp932"
    if not ascii_kept or found.name.startswith(("utf", "idna", "punycode", "raw", "unicode", "undefined")):
        return "it is not a code page; expected one like cp1252, cp850 or cp932"
    return None


def _wide(data: bytes) -> tuple[str, str] | None:
    """UTF-16 without a mark, by where the zero octets are: most letters of these files are ASCII."""
    sample = data[:_SAMPLE]
    half = len(sample) // 2
    if half < 2:
        return None
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    if high * 5 >= half * 2 and low * 20 <= half:
        return "utf-16-le", "UTF-16LE"
    if low * 5 >= half * 2 and high * 20 <= half:
        return "utf-16-be", "UTF-16BE"
    return None


def _decoded(data: bytes, codec: str, name: str, *remarks: str, offset: int = 0) -> Decoded:
    remarks += ("Regedit does not take UTF-16BE.",) if codec == "utf-16-be" else ()
    try:
        return Decoded(data.decode(codec), name, remarks)
    except UnicodeDecodeError as error:
        at = error.start + offset
        return Decoded(
            data.decode(codec, "replace"), name, (*remarks, f"Octets at offset {at} mean nothing in {name}.")
        )
