"""What was left out of a run, in sentences: a line a kind, or a line a reason with every name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prober.catalog import SkippedKind
from prober.report.document import SkippedDoc
from prober.report.sanitize import several

PATTERNS_SHOWN: Final = 3
"""Patterns named in one line."""
_HOSTS: Final = ("wildcard names no single host", "wildcards name no single host", "try prober check HOST…")
_PATHS: Final = ("wildcard in a path", "wildcards in paths", "try prober check URL")


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that are told about together."""

    sentence: str
    names: tuple[str, ...] = ()
    """All of them, where all are wanted."""


def by_kind(skipped: Sequence[SkippedDoc], more: str = "…") -> Iterator[Group]:
    """A sentence a kind (templates: a sentence an option), with a few patterns each. `more` stands for the others.

    Entries of a run that does not know kinds are grouped by their reason.
    """
    for kind, (one, many, do) in ((SkippedKind.WILDCARD_HOST, _HOSTS), (SkippedKind.WILDCARD_PATH, _PATHS)):
        patterns = list(dict.fromkeys(_pattern(each) for each in skipped if each.kind == kind))
        if patterns:
            yield Group(f"{several(len(patterns), one, many)} ({_some(patterns, more)}): {do}")
    templates = [each for each in skipped if each.kind == SkippedKind.TEMPLATE]
    for option in dict.fromkeys(each.option for each in templates):
        wanting = [each for each in templates if each.option == option]
        groups = list(dict.fromkeys(_place(each) for each in wanting))
        verb = "wants" if len(wanting) == 1 else "want"
        yield Group(f"{several(len(wanting), 'template')} {verb} {option or 'a value'} ({_some(groups, more)})")
    known = {kind.value for kind in SkippedKind}
    for group in by_reason([each for each in skipped if each.kind not in known]):
        yield Group(group.sentence)


def by_reason(skipped: Iterable[SkippedDoc]) -> Iterator[Group]:
    """A sentence a reason, the most frequent first, with the names of all hosts."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in skipped:
        groups.setdefault((each.why, each.option or ""), []).append(_host(each))
    for (why, option), hosts in sorted(groups.items(), key=lambda item: -len(item[1])):
        line = f"{several(len(hosts), 'target')}: {why}"
        yield Group(f"{line} ({option})" if option else line, tuple(hosts))


def _some(names: Sequence[str], more: str) -> str:
    """The first few; one left over is named instead of counted."""
    shown = names if len(names) <= PATTERNS_SHOWN + 1 else names[:PATTERNS_SHOWN]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" {more} and {rest} more: -v" if rest else "")


def _host(skipped: SkippedDoc) -> str:
    return str(skipped.target.get("host") or skipped.target.get("id") or "?")


def _pattern(skipped: SkippedDoc) -> str:
    path = str(skipped.target.get("path") or "")
    return _host(skipped) + (path if "*" in path else "")


def _place(skipped: SkippedDoc) -> str:
    """Where a template is from: service and group."""
    parts = (str(skipped.target.get(key) or "") for key in ("service", "group"))
    return " ".join(filter(None, parts)) or _host(skipped)
