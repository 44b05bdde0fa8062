"""A console's output cut into the printouts of one program each: people collect several into one file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from prober.routes.windows.registry_query import KEY_LINE


class Printout(StrEnum):
    """What was printed."""

    QUERY = "reg query"
    SHOWN = "netsh winhttp show proxy"
    ADVANCED = "netsh winhttp show advproxy"


@dataclass(slots=True)
class Section:
    """One printout, from its title or first key on."""

    kind: Printout
    lines: list[tuple[int, str]] = field(default_factory=list)
    """Numbers from 1, and texts; they follow one another."""


MAX_SECTIONS = 1_000


def sections(lines: Iterable[str]) -> list[Section]:
    """The printouts in a text, the first thousand of them.

    netsh leaves "WinHTTP" in its title in every language; keys stand at the margin. What stands before the first of
    them belongs to nobody.
    """
    found: list[Section] = []
    for number, line in enumerate(lines, start=1):
        if KEY_LINE.fullmatch(line):
            if not found or found[-1].kind is not Printout.QUERY:
                found.append(Section(Printout.QUERY))
        elif "winhttp" in line.lower() and line[:1].strip() and "{" not in line:
            found.append(Section(Printout.SHOWN))
        if len(found) > MAX_SECTIONS:
            del found[MAX_SECTIONS:]
            break
        if found:
            found[-1].lines.append((number, line))
    for section in found:
        if section.kind is Printout.SHOWN and any(line.lstrip().startswith("{") for _, line in section.lines):
            section.kind = Printout.ADVANCED
    return [section for section in found if _says_something(section)]


def _says_something(section: Section) -> bool:
    """Not only a prompt that names the command, nor a word about WinHTTP in a letter."""
    if section.kind is not Printout.SHOWN:
        return True
    return any(line[:1].isspace() and line.strip() for _, line in section.lines)
