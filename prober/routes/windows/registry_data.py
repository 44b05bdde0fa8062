"""Octets of a registry value become what its type means: numbers, texts, lists of texts."""

from __future__ import annotations

from prober.routes.windows.device import RegistryType

Data = str | int | bytes | tuple[str, ...]
_NUMBERS = {
    RegistryType.DWORD: (4, "little"),
    RegistryType.DWORD_BIG_ENDIAN: (4, "big"),
    RegistryType.QWORD: (8, "little"),
}
_TEXTS = (RegistryType.SZ, RegistryType.EXPAND_SZ, RegistryType.MULTI_SZ)


def type_name(number: int) -> str:
    """`REG_SZ`, or `type 0x1f` for one that has no name."""
    try:
        return f"REG_{RegistryType(number).name}"
    except ValueError:
        return f"type 0x{number:x}"


def from_octets(number: int, octets: bytes, *, codec: str = "utf-16-le") -> tuple[Data, str | None]:
    """The data of a value written as octets, and a remark if they do not fit the type (then they are kept as they are).

    The remark goes on after "it is". `codec` is that of texts: UTF-16LE, or the code page of a REGEDIT4 file.
    """
    if number in _NUMBERS:
        size, order = _NUMBERS[RegistryType(number)]
        if len(octets) != size:
            return octets, f"{type_name(number)} of {len(octets)} octets instead of {size}"
        return int.from_bytes(octets, "little" if order == "little" else "big"), None
    if number not in _TEXTS:
        return octets, None
    try:
        text, remark = octets.decode(codec), None
    except UnicodeDecodeError as error:
        text = octets.decode(codec, "replace")
        remark = f"{type_name(number)} that is no text in {codec} at octet {error.start}"
    if number == RegistryType.MULTI_SZ:
        return multiple(text), remark
    return text.rstrip("\0"), remark


def multiple(text: str) -> tuple[str, ...]:
    """The texts of a REG_MULTI_SZ: separated by NUL, ended by an empty one."""
    return tuple(text.partition("\0\0")[0].strip("\0").split("\0")) if text.strip("\0") else ()
