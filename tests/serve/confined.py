"""Run a program under a unit's filter of system calls: `python confined.py UNIT PROGRAM [ARGUMENT…]`.

As systemd.exec(5) has SystemCallFilter=: the first list allows, later ones add, those with `~` take away, and what is
not allowed fails with SystemCallErrorNumber=. What is in `@…` says the systemd of this machine.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

LIBRARY: Final = "libseccomp.so.2"
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
"""Of seccomp(2): the low 16 bits are the error."""


def sets_of_systemd() -> dict[str, list[str]]:
    """Every `@…` with its members, some of which are such sets as well."""
    asked = ["systemd-analyze", "syscall-filter", "--no-pager"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        word = line.strip()
        if line.startswith("@"):
            members = found.setdefault(word, [])
        elif line.startswith(" ") and word and not word.startswith("#"):
            members.append(word)
    return found


def calls_of(words: Iterable[str], sets: Mapping[str, list[str]]) -> set[str]:
    """System calls by name. KeyError for a set that is not known."""
    found: set[str] = set()
    for word in words:
        found |= calls_of(sets[word], sets) if word.startswith("@") else {word}
    return found


def allowed(unit: str, sets: Mapping[str, list[str]]) -> set[str]:
    """What a unit (its text) lets its program call. ValueError if its first list takes away."""
    found: set[str] = set()
    for line in unit.splitlines():
        key, _, value = line.partition("=")
        if key != "SystemCallFilter":
            continue
        if not value.startswith("~"):
            found |= calls_of(value.split(), sets)
        elif found:
            found -= calls_of(value[1:].split(), sets)
        else:
            raise ValueError(f"a list of what is forbidden comes first: {line}")
    return found


def confine(names: Iterable[str]) -> None:
    """From now on this process and its children can call nothing else. Raises OSError."""
    library = ctypes.CDLL(LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ERRNO | errno.EPERM)))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == -1:  # of another kind of processor, or newer than the library
            continue
        _done(library.seccomp_rule_add(context, ctypes.c_uint32(_ALLOW), number, 0), name)
    _done(library.seccomp_load(context), "the filter")
    library.seccomp_release(context)


def _done(status: int, what: str) -> None:
    if status < 0:
        raise OSError(-status, f"{what}: {os.strerror(-status)}")


if __name__ == "__main__":
    confine(allowed(Path(sys.argv[1]).read_text(encoding="utf-8"), sets_of_systemd()))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  # a program of the test's
