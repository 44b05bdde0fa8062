"""Registry paths as people and programs write them, brought to the one form that exports have."""

from __future__ import annotations

import re
from typing import Final

ROOTS: Final = (
    "HKEY_LOCAL_MACHINE",
    "HKEY_CURRENT_USER",
    "HKEY_CLASSES_ROOT",
    "HKEY_USERS",
    "HKEY_CURRENT_CONFIG",
)
ABBREVIATED: Final = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCU": "HKEY_CURRENT_USER",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKU": "HKEY_USERS",
    "HKCC": "HKEY_CURRENT_CONFIG",
}
MAX_KEY: Final = 32_767
"""Characters of a path."""

_PASTED: Final = re.compile(r"^(?:Microsoft\.PowerShell\.Core\\)?(?:Registry::|Computer\\)", re.IGNORECASE)


def full_key(text: str) -> tuple[str, str | None] | str:
    """A path with its root in full, and a remark if that took something; a text is the reason why it is none.

    `HKLM\\…`, PowerShell's `HKLM:\\…` and `Registry::…`, and regedit's `Computer\\…` are known.
    """
    if len(text) > MAX_KEY:
        return f"the key's path is longer than {MAX_KEY:,} characters"
    path = _PASTED.sub("", text).rstrip("\\")
    root, separator, rest = path.partition("\\")
    name = root.upper()
    if name in ROOTS:
        remark = None if path == text.rstrip("\\") else f"{name} is written in a form that .reg files do not have"
        return name + separator + rest, remark
    name = name.removesuffix(":")
    if name in ABBREVIATED:
        full = ABBREVIATED[name]
        return full + separator + rest, f"{root[:5]} is not accepted in .reg files; taken for {full}"
    return f"the key does not begin with {', '.join(ROOTS[:-1])} or {ROOTS[-1]}"
