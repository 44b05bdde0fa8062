"""What `reg query KEY /s` prints: keys at the margin, below each its values as name, type and data.

Names and types stand between runs of four blanks (a tab in old versions). The unnamed value is a word in brackets that
differs from language to language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from prober.routes.windows.device import Place, Registry, RegistryType, RegistryValue
from prober.routes.windows.registry_data import Data, from_octets
from prober.routes.windows.registry_file import MAX_VALUE, MAX_VALUES, Complain
from prober.routes.windows.registry_keys import full_key

KEY_LINE: Final = re.compile(r"(?:HKEY_[A-Z_]+|HK(?:LM|CU|CR|U|CC))(?:\\.*)?", re.IGNORECASE)
"""A line that is a key's path: nothing else begins like that at the margin."""
TYPE: Final = re.compile(r"(?: {2}|\t)(REG_[A-Z_0-9]+)(?=[ \t]|$)")
"""What tells a row of a value: its type, with blanks or a tab before it."""
_UNNAMED: Final = re.compile(r"\(.+\)|<.+>")
_NUMBER: Final = re.compile(r"(0x)?([0-9a-f]{1,16})(?:[ \t]*\(.*\))?", re.IGNORECASE)
_NUMBERS: Final = (RegistryType.DWORD, RegistryType.DWORD_BIG_ENDIAN, RegistryType.QWORD)
_ALIASES: Final = {"REG_DWORD_LITTLE_ENDIAN": RegistryType.DWORD, "REG_QWORD_LITTLE_ENDIAN": RegistryType.QWORD}


def read_registry_query(lines: Iterable[tuple[int, str]], *, file: str, registry: Registry, complain: Complain) -> None:
    """Puts the values of a printout into `registry`. Lines come with their numbers.

    Lines at the margin that are no keys (prompts, counts, messages) end the key before them.
    """
    key: str | None = None
    unnamed = False
    count = 0
    for number, line in lines:
        if not line.strip():
            continue
        if KEY_LINE.fullmatch(line):
            found = full_key(line.strip())
            key = None if isinstance(found, str) else found[0]
            unnamed = False
            if isinstance(found, str):
                complain(number, f"Not read, with the values below it: {found}.")
            continue
        if not line[0].isspace():
            key = None
            continue
        row = TYPE.search(line)
        name = line[: row.start()].strip() if row else ""
        if row is None or not name or key is None:
            complain(
                number, "Not a value: expected name, type and data below a key." if key else "A value without key."
            )
            continue
        data = line[row.end() :]
        data = data[4:] if data.startswith("    ") else data.lstrip()
        if not unnamed and _UNNAMED.fullmatch(name):
            # A value that is truly called so is listed after the unnamed one, if there is one.
            unnamed = True
            if _UNNAMED.fullmatch(data.strip()):
                continue  # "(value not set)", in whatever language
            name = ""
        kind, read = _data(number, name, row[1], data, complain)
        count += 1
        if count == MAX_VALUES:
            complain(number, f"More than {MAX_VALUES:,} values; the rest were left out.")
        if read is not None and count < MAX_VALUES:
            registry.put(RegistryValue(key, name, kind, read, Place(file, number)))


def _data(number: int, name: str, word: str, text: str, complain: Complain) -> tuple[int, Data | None]:
    shown = f'"{name[:60] or "(Default)"}"'
    kind = _ALIASES.get(word) or RegistryType.__members__.get(word.removeprefix("REG_"))
    if kind is None:
        complain(number, f"The type of {shown} is not known here; the value was left out.")
        return RegistryType.NONE, None
    if kind in (RegistryType.SZ, RegistryType.EXPAND_SZ):
        return kind, text
    if kind is RegistryType.MULTI_SZ:
        return kind, tuple(part for part in text.split("\\0") if part)
    if kind in _NUMBERS:
        found = _NUMBER.fullmatch(text.strip())
        if found is None or (found[1] is None and not found[2].isdigit()):
            complain(number, f"The data of {shown} is not a number such as 0x1; the value was left out.")
            return kind, None
        return kind, int(found[2], 16 if found[1] else 10)
    digits = re.sub(r"[\s,]+", "", text)
    if len(digits) % 2 or not re.fullmatch(r"[0-9A-Fa-f]*", digits) or len(digits) > 2 * MAX_VALUE:
        complain(number, f"The data of {shown} is not an even number of hex digits; the value was left out.")
        return kind, None
    return kind, from_octets(kind, bytes.fromhex(digits))[0]
