"""`.reg` files: what regedit and `reg export` write, what people write by hand, and what mail programs make of either.

Lines are applied in order, so the last one wins and `-` takes away. Whatever cannot be read is a complaint with its
line; nothing is guessed, above all no octet of a value whose lines were torn apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from prober.routes.windows.device import Place, Registry, RegistryType, RegistryValue
from prober.routes.windows.registry_data import Data, from_octets, multiple
from prober.routes.windows.registry_keys import full_key

VERSION_5: Final = "Windows Registry Editor Version 5.00"
VERSION_4: Final = "REGEDIT4"

MAX_LINE: Final = 1_000_000
"""Characters of one line."""
MAX_VALUE: Final = 1_048_576
"""Octets of one value: what Windows stores at most in its usual format."""
MAX_VALUES: Final = 200_000
MAX_KEY_DELETES: Final = 200
"""Each looks through all values there are."""

Complain = Callable[[int | None, str], None]
"""Takes a line (from 1) and a sentence."""

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_KEY: Final = re.compile(r"\[(-?)(.*)\][^\]]*", re.DOTALL)
_QUOTED: Final = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "0": "\0", "\\": "\\", '"': '"'}
_REST: Final = re.compile(r"[ \t]*(?:;.*)?", re.DOTALL)
_DWORD: Final = re.compile(r"dword:[ \t]*([0-9a-f]{1,8})", re.IGNORECASE)
_HEX: Final = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:", re.IGNORECASE)
_STR: Final = re.compile(r"str(?:\(([127])\))?:", re.IGNORECASE)
_OCTETS: Final = re.compile(r"[ \t]*(?:[0-9a-f]{1,2}[ \t]*(?:,[ \t]*|$))*", re.IGNORECASE)
_BARE_HEX: Final = re.compile(r"[0-9a-f]{1,2}(?:[ \t]*,[ \t]*[0-9a-f]{1,2})*(?:[ \t]*,)?(?:[ \t]*\\)?", re.IGNORECASE)
"""For a line without blanks around it: the patterns here take no more time than a line is long."""
_CONTINUED: Final = re.compile(r"\\[ \t]*(?:;.*)?", re.DOTALL)


def lines_of(text: str) -> list[str]:
    """The lines of a text that ends them with CR LF, LF or CR; other separators of Unicode are letters here."""
    return _LINE_END.split(text)


def read_registry_file(
    text: str, *, file: str, registry: Registry, complain: Complain, code_page: str
) -> tuple[int, str] | None:
    """Applies a .reg file to `registry`. A line and a sentence are why regedit would import nothing of it.

    `code_page` is the encoding of hex-coded texts in a REGEDIT4 file.
    """
    return _Reader(lines_of(text), file, registry, complain, code_page).read()


class _Reader:
    """One file on its way into the registry."""

    def __init__(self, lines: list[str], file: str, registry: Registry, complain: Complain, code_page: str) -> None:
        self._lines = lines
        self._file = file
        self._registry = registry
        self._complain = complain
        self._next = 0
        self._key: str | None = None
        self._homeless = True
        """Whether values below no key have yet to be complained of."""
        self._deletes = 0
        self._values = 0
        self._code_page = code_page
        self._codec = "utf-16-le"

    @property
    def _line(self) -> int:
        """The line that was taken last, from 1."""
        return self._next

    def _take(self) -> str | None:
        """The next line without leading blanks; None at the end. Lines that are too long are left out."""
        while self._next < len(self._lines):
            line = self._lines[self._next].lstrip(" \t\ufeff")
            self._next += 1
            if len(line) <= MAX_LINE:
                return line
            self._complain(self._line, f"The line has {len(line):,} characters and was left out.")
        return None

    def read(self) -> tuple[int, str] | None:
        """All of it, line by line."""
        if (refused := self._begin()) is not None:
            return refused
        while (line := self._take()) is not None:
            if not line or line.startswith(";"):
                continue
            if line.startswith("["):
                self._begin_key(line)
            elif line[0] in '"@':
                self._value(line)
            elif _BARE_HEX.fullmatch(line.rstrip()):
                self._complain(self._line, "Hex data without a value: the line before it was lost.")
            elif self._header(line):
                self._key, self._homeless = None, True  # files that were joined into one
            else:
                self._complain(self._line, "Neither a key in brackets nor a value nor a comment.")
        return None

    def _begin(self) -> tuple[int, str] | None:
        """The header; a line and a sentence if it is one that regedit does not know."""
        remarks = False
        while (line := self._take()) is not None and (not line or line.startswith(";")):
            remarks = remarks or bool(line)
        head = line or ""
        if self._header(head):
            if remarks:
                self._complain(self._line, "Regedit expects the header before anything else, comments too.")
        elif head.upper().startswith(("REGEDIT", "WINDOWS REGISTRY EDITOR")):
            return self._line, f'Unknown header: regedit imports nothing from such a file. Expected "{VERSION_5}".'
        else:
            self._next = max(0, self._next - 1)
            self._complain(self._next + 1, f'The header is missing; read as if "{VERSION_5}" stood here.')
        return None

    def _header(self, line: str) -> bool:
        """Whether this is one, and then texts in hex are in its encoding from here on."""
        head = line.rstrip().upper()
        if head == VERSION_5.upper():
            self._codec = "utf-16-le"
        elif head == VERSION_4:
            self._codec = self._code_page
        else:
            return False
        return True

    def _begin_key(self, line: str) -> None:
        self._key, self._homeless = None, False
        found = _KEY.fullmatch(line)
        if found is None:
            self._complain(self._line, "The key has no closing bracket; the values below it were left out.")
            return
        delete, path = found.groups()
        key = full_key(path)
        if isinstance(key, str):
            self._complain(self._line, f"Not read, with the values below it: {key}.")
            return
        path, remark = key
        if remark:
            self._complain(self._line, f"{remark}.")
        if re.search(r"\][ \t]*;", path):
            self._complain(self._line, 'The key goes up to the last "]" of the line, which stands in a comment here.')
        if not delete:
            self._key = path
        elif self._deletes < MAX_KEY_DELETES:
            self._deletes += 1
            self._registry.drop_key(path)
        elif self._deletes == MAX_KEY_DELETES:
            self._deletes += 1
            self._complain(self._line, f"More than {MAX_KEY_DELETES:,} keys are deleted; the rest were left out.")

    def _value(self, line: str) -> None:
        at = self._line
        if line[0] == "@":
            name, rest = "", line[1:]
        else:
            found = _QUOTED.match(line)
            if found is None:
                self._complain(at, "The value's name has no closing quote.")
                return
            name, rest = self._unescaped(found[1]), line[found.end() :]
        rest = rest.lstrip(" \t")
        if not rest.startswith("="):
            self._complain(at, f"{_called(name)} has no = behind it.")
            return
        # The lines of a value are taken even where it has no key, so that they are not complained of one by one.
        self._assign(at, name, rest[1:].strip(" \t"))

    def _assign(self, at: int, name: str, text: str) -> None:
        if text.startswith("-") and _REST.fullmatch(text, 1):
            if (key := self._home(at)) is not None:
                self._registry.drop(key, name)
            return
        kind, data = self._data(at, name, text)
        if data is not None and (key := self._home(at)) is not None:
            self._values += 1
            if self._values <= MAX_VALUES:
                self._registry.put(RegistryValue(key, name, kind, data, Place(self._file, at)))
            elif self._values == MAX_VALUES + 1:
                self._complain(at, f"More than {MAX_VALUES:,} values; the rest were left out.")

    def _home(self, at: int) -> str | None:
        """The key in force; if there is none, that is complained of once."""
        if self._key is None and self._homeless:
            self._complain(at, "Values without a key above them were left out.")
            self._homeless = False
        return self._key

    def _data(self, at: int, name: str, text: str) -> tuple[int, Data | None]:
        """The type and data; None where there is none, and that was complained of."""
        if text.startswith('"'):
            return RegistryType.SZ, self._quoted(at, name, text)
        if found := _DWORD.match(text):
            if _REST.fullmatch(text, found.end()):
                return RegistryType.DWORD, int(found[1], 16)
        elif found := _HEX.match(text):
            kind = RegistryType.BINARY if found[1] is None else int(found[1], 16)
            return kind, self._hex(at, name, kind, text[found.end() :])
        elif found := _STR.match(text):
            kind = int(found[1] or "1")
            self._complain(at, f'{_called(name)} is written with "str:", which only Wine\'s tools know.')
            data = self._quoted(at, name, text[found.end() :])
            return kind, multiple(data) if data is not None and kind == RegistryType.MULTI_SZ else data
        expected = "1 to 8 hex digits" if text[:6].lower() == "dword:" else 'a quoted text, "dword:" or "hex:"'
        self._complain(at, f"The data of {_called(name)} cannot be read: expected {expected}.")
        return RegistryType.NONE, None

    def _quoted(self, at: int, name: str, text: str) -> str | None:
        found = _QUOTED.match(text)
        if found is None:
            self._complain(at, f"The text of {_called(name)} has no closing quote on its line.")
            return None
        if not _REST.fullmatch(text, found.end()):
            self._complain(at, f"The text of {_called(name)} goes on after its closing quote.")
            return None
        return self._unescaped(found[1])

    def _unescaped(self, text: str) -> str:
        if "\\" not in text:
            return text
        if any(letter not in _ESCAPES for letter in _ESCAPE.findall(text)):
            self._complain(
                self._line, "A backslash stands alone: they are written twice inside quotes, and this one is dropped."
            )
        return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)

    def _hex(self, at: int, name: str, kind: int, text: str) -> Data | None:
        octets = bytearray()
        while True:
            end = self._octets(octets, name, text)
            if end is None:
                return None
            if not end:
                break
            following = self._continuation()
            if following is None:
                self._complain(at, f"The data of {_called(name)} breaks off after {len(octets)} octets: the line that "
                                   f"should follow line {self._line} is missing; the value was left out.")  # fmt: skip
                return None
            text = following
        if self._torn(at, name, len(octets)):
            return None
        data, remark = from_octets(kind, bytes(octets), codec=self._codec)
        if remark:
            self._complain(at, f"{_called(name)} is {remark}.")
        return data

    def _octets(self, octets: bytearray, name: str, text: str) -> bool | None:
        """Adds a line's octets; whether the data goes on, or None where it cannot be read."""
        found = _OCTETS.match(text)
        listed = found[0] if found else ""
        rest = text[len(listed) :]
        goes_on, last = bool(_CONTINUED.fullmatch(rest)), None
        if not goes_on and not _REST.fullmatch(rest):
            last = re.match(r"([0-9a-f]{1,2})[ \t]*(?:;.*)?$", rest, re.IGNORECASE | re.DOTALL)
            if last is None:
                self._complain(self._line, f"The hex data of {_called(name)} cannot be read; the value was left out.")
                self._skip_bare(rest)
                return None
        digits = listed + (last[1] if last else "")
        octets += bytes(int(each, 16) for each in re.findall(r"[0-9a-fA-F]{1,2}", digits))
        if len(octets) > MAX_VALUE:
            self._complain(self._line, f"{_called(name)} is longer than {MAX_VALUE:,} octets and was left out.")
            self._skip_bare("\\" if goes_on else "")
            return None
        return goes_on

    def _continuation(self) -> str | None:
        """The line with more data, comments and blank lines passed over; None (and nothing taken) if there is none."""
        before = self._next
        while (line := self._take()) is not None:
            if not line or line.startswith(";"):
                continue
            if _OCTETS.match(line[:64]) and re.match(r"[0-9a-fA-F]{1,2}[ \t]*([,;\\]|$)", line):
                return line
            break
        self._next = before
        return None

    def _torn(self, at: int, name: str, read: int) -> bool:
        """Whether bare hex follows a value that has ended: its backslash was eaten on the way."""
        ended = self._line
        if not self._skip_bare("\\"):
            return False
        self._complain(at, f"The data of {_called(name)} goes on after line {ended}, which has lost the \\ at its end; "
                           f"{read} octets were read and the value was left out.")  # fmt: skip
        return True

    def _skip_bare(self, rest: str) -> bool:
        """Passes over lines of bare hex, if the one before them may go on in them."""
        before = self._next
        if rest.rstrip().endswith("\\"):
            while self._next < len(self._lines) and _BARE_HEX.fullmatch(self._lines[self._next].strip()):
                self._next += 1
        return self._next > before


def _called(name: str) -> str:
    """A value's name for a message."""
    return f'"{name[:60] or "(Default)"}"'
